"""What if: every change is an edit with its own way back; the table says what plain sets of pixels say."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.chips import chips, dismiss_chip
from app.presenters.what_if import SEEN_BEFORE, WhatIfPresenter
from app.probe import WHAT_IF
from app.run_job import ModelShelf, Scene
from app.session.session import Origin, Session
from app.wishes import DifferenceJob, Wishes
from fast3dis_core.curation import curate
from fast3dis_core.difference import GAINED, LOST, PASSED
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import UNFILTERED, Recorder, StandInSteps, with_instances
from tests.scenes import replaced, synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
FIRST, SECOND, THIRD = (item.query for item in RESULT.instances[:3])


class Muting(StandInSteps):
    """A decoder in which a muted query's pixels go to the first one that is not muted."""

    def assemble(self, views, encoded, trace, mask_threshold, layer, previous, report):
        self._note("assemble")
        muted = trace.interventions.muted_queries
        kept = [item for item in self.reconstruction.instances if item.query not in muted]
        gone = [item.pixels for item in self.reconstruction.instances if item.query in muted]
        if gone:
            pixels = np.unique(np.concatenate([kept[0].pixels, *gone])).astype(np.int32)
            kept[0] = replace(kept[0], pixels=pixels, anchor=kept[0].anchor.copy())
        scores = np.array(self.reconstruction.objectness)
        scores[:, list(muted)] = 0
        return replaced(with_instances(previous, kept), objectness=scores)


STEPS = Muting(RESULT)


def result_of(interventions):
    trace = SimpleNamespace(interventions=interventions)
    return STEPS.assemble(None, None, trace, 0.5, -1, RESULT, None)


class Desk:
    def __init__(self):
        self.session, self.actions, self.panel, self.copied = Session(UNFILTERED), Actions(), Recorder(), []
        self.presenter = WhatIfPresenter(self.session, self.actions, self.panel, self.copied.append)
        self.session.open(RESULT, Origin(folder=Path("room")))
        self.look(tab=WHAT_IF)

    def look(self, **changes):
        self.session.show(replace(self.session.display, **changes))

    def choose(self, *queries):
        self.look(selection=frozenset(queries))

    @property
    def now(self):
        return self.session.edits.interventions

    def answer(self):
        """What the workflow would do: the result of the present wishes beside the untouched one."""
        shown = result_of(self.now)
        self.session.replace(shown)
        scene = Scene(settings=None, views=None, encoded=None, trace=None)
        job = DifferenceJob(
            scene=scene,
            wishes=Wishes(),
            shown=shown,
            seen=curate(shown, self.session.edits),
            reference=RESULT,
            steps=STEPS,
            shelf=ModelShelf(STEPS),
        )
        self.session.compare(job(lambda step, fraction: None))
        return self.session.difference


@pytest.fixture
def desk():
    return Desk()


def test_a_query_is_muted_and_heard_again(desk):
    desk.choose(FIRST)
    desk.actions.trigger("mute_query")
    assert desk.now.muted_queries == {FIRST}
    assert desk.session.undo_label == f"Mute query {FIRST}"
    assert desk.panel.told("set_choices")[0] == (f"Hear query {FIRST}", True)
    desk.actions.trigger("mute_query")
    assert desk.now.none
    desk.session.undo()
    assert desk.now.muted_queries == {FIRST}


def test_several_are_muted_at_once_with_what_is_merged_into_them(desk):
    desk.session.edit("x", replace(desk.session.edits, merged=((FIRST, THIRD),)))
    desk.choose(FIRST, SECOND)
    desk.presenter.mute_queries()
    assert desk.now.muted_queries == {FIRST, SECOND, THIRD}


def test_a_view_is_muted_and_the_panel_says_what_that_cannot_undo(desk):
    desk.look(view=1)
    desk.actions.trigger("mute_view")
    assert desk.now.muted_views == {1}
    forced, note = desk.panel.told("set_forced")
    assert note == SEEN_BEFORE
    assert [chip[1] for chip in forced] == ["View 2 muted"]
    desk.presenter.dismiss(forced[0][0])
    assert desk.now.none
    assert desk.panel.told("set_forced") == ([], "")


def test_the_last_view_cannot_be_muted(desk):
    for view in range(len(RESULT.images) - 1):
        desk.look(view=view)
        desk.presenter.mute_view()
    desk.look(view=len(RESULT.images) - 1)
    assert desk.panel.last["set_choices"][0][2][1] is False


def test_a_link_is_cut_in_one_direction(desk):
    desk.choose(FIRST, SECOND)
    one, other = sorted((FIRST, SECOND))
    links = desk.panel.last["set_choices"][0][1]
    assert links == [(f"Cut {other} → {one}", True), (f"Cut {one} → {other}", True)]
    desk.presenter.cut_link(0)
    assert desk.now.cut_links == {(one, other)}, "the first number hears the second no more"
    assert [chip[1] for chip in desk.panel.told("set_forced")[0]] == [f"{one} does not hear {other}"]
    desk.presenter.cut_link(0)
    assert desk.now.none
    desk.choose(FIRST)
    desk.presenter.cut_link(0)
    assert desk.now.none, "there is no link of one query"


def test_self_attention_is_switched_and_everything_reverted_at_once(desk):
    prompt = AnchorPrompt(position=(0.0, 0.0, 1.0))
    desk.session.edit("x", replace(desk.session.edits, interventions=Interventions(prompts=(prompt,))))
    desk.actions.trigger("self_attention")
    assert not desk.now.self_attention
    desk.choose(FIRST)
    desk.presenter.mute_queries()
    desk.actions.trigger("revert_what_if")
    assert desk.now == Interventions(prompts=(prompt,)), "queries of the user's own stay"
    desk.session.undo()
    assert desk.now.muted_queries == {FIRST}


def test_chips_above_the_scene_say_that_it_is_an_experiment(desk):
    desk.choose(FIRST, SECOND)
    desk.presenter.mute_queries()
    desk.presenter.toggle_attention()
    found = {chip[0]: chip for chip in chips(desk.session, (1, 1))}
    assert found["what_if"][1] == "What if: 2 queries muted, no self-attention"
    assert found["what_if"][2] == "warning"
    dismiss_chip(desk.session, "what_if")
    assert desk.now.none


def test_the_table_is_that_of_plain_sets(desk):
    desk.choose(SECOND)
    desk.presenter.mute_queries()
    difference = desk.answer()
    summary, rows = desk.panel.told("set_changes")
    old = {item.query: set(item.pixels.tolist()) for item in RESULT.instances}
    new = {item.query: set(item.pixels.tolist()) for item in difference.reconstruction.instances}
    assert {row[0] for row in rows} == set(old) | set(new)
    for query, _, became, iou, before, after, score, now in rows:
        one, two = old.get(query, set()), new.get(query, set())
        assert iou == pytest.approx(len(one & two) / len(one | two))
        assert (before, after) == (len(one), len(two))
        assert score == pytest.approx(RESULT.objectness[-1, query])
        assert now == pytest.approx(0 if query == SECOND else RESULT.objectness[-1, query])
        if query == SECOND:
            assert became == f"lost to {FIRST}"
    fates = [row[2] for row in rows]
    expected = [fates.count("new"), fates.count("changed"), fates.count("as before")]
    assert summary.startswith(f"1 lost, {expected[0]} new, {expected[1]} changed, {expected[2]} as before.")
    for kind in (GAINED, LOST, PASSED):
        assert f"{np.count_nonzero(difference.points == kind):,}" in summary


def test_nothing_differs_without_a_change(desk):
    desk.session.compare(replace(desk.answer(), reconstruction=desk.session.reconstruction))
    difference = desk.session.difference
    desk.session.compare(replace(difference, reference=difference.reconstruction))
    assert "Nothing in the decoder differs" in desk.panel.told("set_changes")[0]


def test_the_table_is_copied(desk):
    assert not desk.actions.state("copy_changes").enabled
    desk.choose(SECOND)
    desk.presenter.mute_queries()
    difference = desk.answer()
    desk.actions.trigger("copy_changes")
    rows = list(csv.DictReader(io.StringIO(desk.copied[0])))
    assert [int(row["query"]) for row in rows] == [change.query for change in difference.changes]


def test_coloring_comes_and_goes_back_to_what_it_was(desk):
    desk.look(color_mode="view")
    desk.presenter.color_changes(True)
    assert desk.session.display.color_mode == "difference"
    desk.presenter.color_changes(False)
    assert desk.session.display.color_mode == "view"


def test_it_says_why_nothing_can_be_asked(desk):
    desk.session.open(RESULT, Origin(folder=Path("room"), answers=False))
    assert "saved without features" in desk.panel.told("set_empty")
    assert not desk.actions.state("mute_view").enabled


def test_an_override_alone_makes_no_chip(desk):
    moved = AnchorOverride(query=FIRST, position=(0.0, 0.0, 0.0))
    desk.session.edit("x", replace(desk.session.edits, overrides=(moved,)))
    assert desk.panel.told("set_forced") == ([], "")
