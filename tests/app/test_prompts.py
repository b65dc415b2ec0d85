"""Queries of the user's own: made by clicks, offered by score, taken back with their numbers; splits; provenance."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.chips import chips, dismiss_chip
from app.presenters.instance_table import InstanceTablePresenter
from app.presenters.prompts import PromptsPresenter
from app.session.edits import Edits
from app.session.session import Origin, Session
from app.session.stored import from_plain, to_plain
from fast3dis_core.edit_log import edit_lines, edit_log
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import UNFILTERED, Recorder, StandInSteps
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
COUNT = 8


class Probe:
    generated = COUNT

    async def propose(self, position):
        return StandInSteps().propose(None, None, position, (), Interventions())


class Desk:
    def __init__(self):
        self.session, self.actions = Session(UNFILTERED), Actions()
        self.stage, self.note, self.panel = Recorder(), Recorder(), Recorder()
        self.presenter = PromptsPresenter(
            self.session,
            self.actions,
            Probe(),
            stage=self.stage,
            note=self.note,
            panel=self.panel,
            start=lambda work: asyncio.run(work),
        )
        self.session.open(RESULT, Origin(folder=Path("room")))

    @property
    def wishes(self):
        return self.session.edits.interventions


@pytest.fixture
def desk():
    return Desk()


def row_of(item, place=0):
    return int(item.pixels[place])


def test_a_click_makes_a_query_of_the_best_content_and_undo_takes_it_back(desk):
    row = row_of(RESULT.instances[0])
    assert not desk.presenter.pick(row), "a click is the selection's until the key was pressed"
    desk.actions.trigger("new_anchor")
    assert desk.stage.told("set_measuring") is True
    assert "Click a surface" in desk.note.told("tell")
    assert desk.presenter.pick(-1), "beside all is no selection either"
    assert desk.wishes.prompts == ()
    assert desk.presenter.pick(row)
    (prompt,) = desk.wishes.prompts
    assert np.allclose(prompt.position, RESULT.cloud.points[row])
    assert prompt.content == "sampled", "the one of highest objectness"
    assert desk.session.display.selection == {COUNT}
    assert desk.presenter.mode == ""
    choices, chosen = desk.panel.told("set_prompt")
    assert [name for name, _ in choices] == ["sampled", "nearest", "mean"]
    assert [text.rsplit(" ", 1)[1] for _, text in choices] == ["0.60", "0.50", "0.10"]
    assert chosen == "sampled"
    desk.presenter.choose_content("mean")
    assert desk.wishes.prompts == (replace(prompt, content="mean"),)
    desk.session.undo()
    assert desk.wishes.prompts == (), "click and choice are one step"


def test_a_click_in_the_photo_is_a_click_on_its_point(desk):
    item = RESULT.instances[0]
    view, pixel = divmod(row_of(item), RESULT.pixels_per_view)
    y, x = divmod(pixel, RESULT.images.shape[2])
    desk.session.show(replace(desk.session.display, view=view))
    assert not desk.presenter.pick_pixel(x, y)
    desk.actions.trigger("new_anchor")
    assert desk.presenter.pick_pixel(x, y)
    assert np.allclose(desk.wishes.prompts[0].position, RESULT.cloud.points[row_of(item)])


def test_a_query_of_ones_own_is_removed_with_its_number_and_another_is_muted(desk):
    desk.actions.trigger("new_anchor")
    desk.presenter.pick(row_of(RESULT.instances[0]))
    desk.actions.trigger("remove_query")
    assert [prompt.removed for prompt in desk.wishes.prompts] == [True]
    assert desk.wishes.silent(COUNT) == {COUNT}
    desk.session.show(replace(desk.session.display, selection=frozenset({COUNT})))
    assert not desk.actions.state("remove_query").enabled, "it is gone already"
    desk.session.show(replace(desk.session.display, selection=frozenset({3})))
    desk.actions.trigger("remove_query")
    assert desk.wishes.muted_queries == {3}


def test_two_clicks_split_an_instance(desk):
    item = desk.session.curated.shown[0]
    rows = row_of(item), row_of(item, -1)
    elsewhere = next(row for other in RESULT.instances for row in other.pixels if row not in item.pixels)
    desk.actions.trigger("split_anchors")
    assert desk.presenter.pick(rows[0])
    assert item.name in desk.note.told("tell")
    assert desk.presenter.pick(int(elsewhere))
    assert "not " + item.name in desk.note.told("tell")
    assert desk.wishes.prompts == ()
    assert desk.presenter.pick(rows[1])
    first, second = desk.wishes.prompts
    assert np.allclose([first.position, second.position], RESULT.cloud.points[list(rows)])
    assert first.content == second.content == item.query
    assert first.pinned
    assert second.pinned
    assert desk.wishes.muted_queries == {item.query}
    assert desk.session.undo_label == f"Split {item.name} by two anchors"
    desk.session.undo()
    assert desk.wishes == Interventions()


def test_escape_leaves_the_mode_and_then_nothing(desk):
    desk.actions.trigger("split_anchors")
    desk.presenter.pick(row_of(desk.session.curated.shown[0]))
    assert desk.presenter.cancel()
    assert not desk.presenter.cancel()
    assert desk.note.told("tell") == ""
    assert desk.stage.told("set_measuring") is False


def test_experiments_have_a_chip_that_takes_them_back(desk):
    desk.actions.trigger("new_anchor")
    desk.presenter.pick(row_of(RESULT.instances[0]))
    moved = AnchorOverride(query=2, position=(0.0, 1.0, 2.0))
    desk.session.edit("x", replace(desk.session.edits, overrides=(moved,)))
    texts = {key: text for key, text, _, _ in chips(desk.session, (1, 1))}
    keys = list(texts)
    assert max(keys.index("prompts"), keys.index("moved")) < keys.index("queries"), (
        "a narrow window shows the first ones"
    )
    assert texts["prompts"] == "Experiment: 1 new query"
    assert texts["moved"] == "1 anchor moved by hand"
    dismiss_chip(desk.session, "moved")
    dismiss_chip(desk.session, "prompts")
    assert not {"prompts", "moved"} & {key for key, _, _, _ in chips(desk.session, (1, 1))}


def test_the_table_tells_what_did_not_come_from_the_network_alone(desk):
    table = Recorder()
    InstanceTablePresenter(desk.session, Actions(), table)
    query = RESULT.instances[0].query
    moved = AnchorOverride(query=query, position=(0.0, 1.0, 2.0))
    own = Interventions(prompts=(AnchorPrompt(position=(0.0, 0.0, 1.0)),))  # as if query 7 of this result were it
    desk.session.edit("x", replace(desk.session.edits, overrides=(moved,), interventions=own))
    badges = {row[0]: row[-1] for row in table.told("set_rows")}
    assert badges.pop(COUNT - 1) == "experiment"
    assert badges.pop(query) == "moved"
    assert set(badges.values()) <= {""}


def test_edits_of_every_kind_come_back_from_plain_values():
    edits = Edits(
        overrides=(AnchorOverride(query=8, position=(0.1, 0.2, 0.3), pinned=True),),
        interventions=Interventions(
            prompts=(
                AnchorPrompt(position=(0.1, 0.2, 1 / 3), content="sampled"),
                AnchorPrompt(position=(0.1, 0.2, 1 / 3), content=5, pinned=True, removed=True),
            ),
            muted_queries=frozenset({5}),
        ),
    )
    assert from_plain(Edits, to_plain(edits)) == edits


def test_the_log_names_every_change_with_its_number():
    wishes = Interventions(
        prompts=(
            AnchorPrompt(position=(0.5, 0.25, 1.0), content="mean"),
            AnchorPrompt(position=(1.0, 2.0, 3.0), content=4, pinned=True, removed=True),
        ),
        muted_queries=frozenset({4}),
        muted_views=frozenset({2}),
        cut_links=frozenset({(1, 0)}),
        self_attention=False,
    )
    log = edit_log((AnchorOverride(query=3, position=(0.0, 0.0, 1.5)),), wishes, queries=10)
    assert [(entry["edit"], entry.get("query")) for entry in log] == [
        ("new query", 8),
        ("removed query", 9),
        ("moved anchor", 3),
        ("muted query", 4),
        ("muted view", None),
        ("cut link", 1),
        ("self-attention off", None),
    ]
    lines = edit_lines(log)
    assert lines[0] == "experiment: new query 8 at 0.5 0.25 1, content mean"
    assert lines[1].endswith("content of query 4, held through all layers")
    assert lines[2] == "experiment: moved anchor 3 at 0 0 1.5"
    assert all(line.isascii() and "\n" not in line for line in lines)
    assert edit_log((), Interventions(), queries=8) == ()
