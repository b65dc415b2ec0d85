"""Anchors: moves, pins and layers are edits; the ledger and health say what is measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.anchor_drag import AnchorDrag
from app.presenters.anchors import AnchorsPresenter
from app.presenters.chips import chips
from app.session.session import Inspection, Origin, Session
from fast3dis_core.anchor_health import measure_anchors, reach
from fast3dis_core.curation import curate
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import UNFILTERED, Recorder
from tests.app.test_hijacks import CLAIMS, EVIDENCE
from tests.scenes import replaced, synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
QUERY = RESULT.instances[0].query
LAST = len(RESULT.anchors) - 1


class Probe:
    def __init__(self):
        self.dragged = []

    def drag(self, override):
        self.dragged.append(override)


class Desk:
    def __init__(self):
        self.session, self.actions, self.panel, self.probe = Session(UNFILTERED), Actions(), Recorder(), Probe()
        self.drag = AnchorDrag(self.session, self.probe)
        self.presenter = AnchorsPresenter(self.session, self.actions, self.drag, self.panel)
        self.session.open(RESULT, Origin(folder=Path("room")))

    def choose(self, *queries):
        self.session.show(replace(self.session.display, selection=frozenset(queries)))

    @property
    def overrides(self):
        return self.session.edits.overrides

    def anchor(self):
        args, kwargs = self.panel.last["set_anchor"]
        return (*args, kwargs)


@pytest.fixture
def desk():
    return Desk()


def test_a_drag_is_followed_and_becomes_one_edit(desk):
    desk.drag.move(QUERY, (0.0, 1.0, 2.0))
    desk.drag.move(QUERY, (0.0, 1.5, 2.0))
    assert desk.probe.dragged == [
        AnchorOverride(query=QUERY, position=(0.0, 1.0, 2.0)),
        AnchorOverride(query=QUERY, position=(0.0, 1.5, 2.0)),
    ]
    assert desk.session.undo_label is None
    desk.drag.drop(QUERY, (0.0, 1.5, 2.0))
    assert desk.overrides == (AnchorOverride(query=QUERY, position=(0.0, 1.5, 2.0)),)
    assert desk.session.undo_label == f"Move anchor {QUERY}"
    desk.session.undo()
    assert desk.overrides == ()


def test_a_drag_that_is_given_up_leaves_nothing(desk):
    desk.drag.move(QUERY, (0.0, 1.0, 2.0))
    desk.drag.abandon()
    assert desk.probe.dragged[-1] is None
    assert desk.session.undo_label is None


def test_pinning_holds_an_anchor_where_the_shown_layer_left_it(desk):
    desk.choose(QUERY)
    desk.actions.trigger("pin")
    (override,) = desk.overrides
    assert override.pinned
    assert np.allclose(override.position, RESULT.anchors[-1, QUERY])
    desk.drag.move(QUERY, (1.0, 1.0, 1.0))
    assert desk.probe.dragged[-1].pinned, "a pinned anchor stays pinned while it is dragged"
    desk.drag.abandon()
    desk.actions.trigger("pin")
    assert not desk.overrides[0].pinned
    desk.actions.trigger("reset_anchor")
    assert desk.overrides == ()


def test_numbers_and_nudges_move_the_selected_anchor(desk):
    desk.choose(QUERY)
    desk.presenter.place((3.0, 2.0, 1.0))
    for _ in range(3):
        desk.presenter.nudge((0.5, 0.0, 0.0))
    assert desk.overrides[0].position == (4.5, 2.0, 1.0)
    desk.session.undo()
    assert desk.overrides[0].position == (3.0, 2.0, 1.0), "nudges in a row are one step"


def test_nothing_moves_without_one_selected_anchor(desk):
    desk.choose(QUERY, RESULT.instances[1].query)
    desk.presenter.nudge((1.0, 0.0, 0.0))
    desk.presenter.place((1.0, 0.0, 0.0))
    assert desk.overrides == ()
    assert not desk.actions.state("pin").enabled
    assert desk.anchor()[1] is None


def test_layers_are_walked_and_end_at_both_ends(desk):
    assert desk.panel.told("set_layers") == (LAST, LAST)
    desk.actions.trigger("layer_up")
    assert desk.session.display.layer == -1
    for expected in [*range(LAST - 1, -1, -1), 0]:
        desk.actions.trigger("layer_down")
        assert desk.session.display.layer == expected
    desk.presenter.set_layer(LAST)
    assert desk.session.display.layer == -1, "the last layer stays the last"


def test_the_ledger_has_every_query_and_health_comes_with_the_inspection(desk):
    assert [row[0] for row in desk.panel.told("set_rows")] == list(range(8))
    assert all(row[4] is None for row in desk.panel.told("set_rows"))
    health = measure_anchors(curate(RESULT, UNFILTERED))
    desk.session.inspect(Inspection(reconstruction=RESULT, claims=CLAIMS, evidence=EVIDENCE, health=health))
    for row, item in zip(desk.panel.told("set_rows"), health, strict=True):
        lengths = (item.surface_distance, item.centroid_distance)
        assert row[4:] == (item.inside, *lengths, item.active_layers, item.duplicates)
    text, _ = desk.panel.told("set_summary")
    away = sum(item.inside is False for item in health)
    assert f"{away} anchors away" in text
    never = sum((RESULT.objectness[:, query] < 0.3).all() for query in range(8))
    assert f"{never} never active" in text
    used = int((RESULT.objectness[-1] >= UNFILTERED.objectness_threshold).sum())
    assert text.startswith(f"{used} of 8 queries used")


def test_figures_of_anchors_are_those_of_the_network_alone(desk):
    """The last two queries are the user's own, and sit on an anchor of the network each."""
    prompts = tuple(AnchorPrompt(position=(0.0, 0.0, 3.0)) for _ in range(2))
    anchors = np.array(RESULT.anchors)
    anchors[-1, 6:] = anchors[-1, :2]
    result = replaced(RESULT, anchors=anchors)
    desk.session.edit("new", replace(desk.session.edits, interventions=Interventions(prompts=prompts)))
    desk.session.replace(result)
    health = measure_anchors(curate(result, UNFILTERED))
    desk.session.inspect(Inspection(reconstruction=result, claims=CLAIMS, evidence=EVIDENCE, health=health))
    own = anchors[-1, :6]
    near = np.linalg.norm(own[:, None] - own[None], axis=-1) <= reach(result)
    strong = result.objectness[-1, :6] >= 0.3
    double = sum(strong[query] and (near[query] & strong).sum() > 1 for query in range(6))
    never = sum((result.objectness[:, query] < 0.3).all() for query in range(6))
    away = sum(health[query].inside is False for query in range(6))
    used = int((result.objectness[-1, :6] >= UNFILTERED.objectness_threshold).sum())
    assert desk.panel.told("set_summary")[0] == (
        f"{used} of 6 queries used · 2 of your own · {away} {'anchor' if away == 1 else 'anchors'} away from "
        f"{'its' if away == 1 else 'their'} instance · {double} on another anchor · {never} never active"
    )


def test_scores_of_the_ledger_are_those_of_the_layer_shown(desk):
    for layer in (0, LAST):
        desk.presenter.set_layer(layer)
        desk.session.replace(replaced(RESULT))
        assert [row[2] for row in desk.panel.told("set_rows")] == pytest.approx(RESULT.objectness[layer].tolist())


def test_the_way_of_refinement_is_the_distance_from_where_it_was_put(desk):
    """Put at a place, and taken elsewhere by the layers: the length between both, in the units shown."""
    desk.choose(QUERY)
    desk.presenter.place((1.0, 0.5, 2.0))
    for scale, units in ((None, "scene units"), (2.0, "m")):
        desk.session.edit("scale", replace(desk.session.edits, scale=scale))
        way = float(np.linalg.norm(RESULT.anchors[-1, QUERY].astype(float) - (1.0, 0.5, 2.0))) * (scale or 1.0)
        assert desk.anchor()[0] == f"Anchor {QUERY} · moved by hand, refined by {way:.2f} {units}"


def test_full_capacity_is_a_warning(desk):
    _, warning = desk.panel.told("set_summary")
    assert ("All queries" in warning) == all(item.objectness >= 0.3 for item in RESULT.instances)
    desk.session.edit("x", replace(desk.session.edits, objectness_threshold=0.99))
    assert desk.panel.told("set_summary")[1] == ""


def test_previews_leave_the_numbers_alone(desk):
    calls = desk.panel.calls.count("set_rows")
    desk.session.preview(synthetic_reconstruction(queries=8))
    assert desk.panel.calls.count("set_rows") == calls


def test_positions_are_those_of_the_layer_shown(desk):
    desk.choose(QUERY)
    for layer in (0, LAST):
        desk.presenter.set_layer(layer)
        title, position, _ = desk.anchor()
        assert title == f"Anchor {QUERY}"
        assert np.allclose(position, RESULT.anchors[layer, QUERY])


def test_anchors_on_each_other_are_counted(desk):
    anchors = np.array(RESULT.anchors)
    active = [query for query in range(8) if RESULT.objectness[-1, query] >= 0.3][:2]
    anchors[-1, active[1]] = anchors[-1, active[0]]
    result = replaced(RESULT, anchors=anchors)
    desk.session.replace(result)
    health = measure_anchors(curate(result, UNFILTERED))
    desk.session.inspect(Inspection(reconstruction=result, claims=CLAIMS, evidence=EVIDENCE, health=health))
    spread = np.linalg.norm(anchors[-1][:, None] - anchors[-1][None], axis=-1) <= reach(result)
    strong = RESULT.objectness[-1] >= 0.3
    double = sum(strong[query] and (spread[query] & strong).sum() > 1 for query in range(8))
    assert double >= 2
    assert f"{double} on another anchor" in desk.panel.told("set_summary")[0]


def test_a_chip_warns_when_every_query_is_used(desk):
    keys = [chip[0] for chip in chips(desk.session, (1, 1))]
    assert ("capacity" in keys) == bool((RESULT.objectness[-1] >= UNFILTERED.objectness_threshold).all())
    desk.session.edit("x", replace(desk.session.edits, objectness_threshold=0.05))
    found = {chip[0]: chip[1] for chip in chips(desk.session, (1, 1))}
    assert found["capacity"] == "All 8 queries used: objects may be missing"
    desk.session.edit("x", replace(desk.session.edits, objectness_threshold=0.9))
    assert "capacity" not in {chip[0] for chip in chips(desk.session, (1, 1))}


def test_an_anchor_can_be_pinned_while_it_is_dragged(desk):
    desk.drag.move(QUERY, (0.0, 1.0, 2.0))
    desk.actions.trigger("pin")
    assert desk.probe.dragged[-1] == AnchorOverride(query=QUERY, position=(0.0, 1.0, 2.0), pinned=True)
    assert desk.session.undo_label is None
    desk.drag.drop(QUERY, (0.0, 1.0, 2.0))
    assert desk.overrides == (AnchorOverride(query=QUERY, position=(0.0, 1.0, 2.0), pinned=True),)


def test_a_drop_that_changes_nothing_ends_its_preview(desk):
    desk.drag.move(QUERY, (0.0, 1.0, 2.0))
    desk.drag.drop(QUERY, (0.0, 1.0, 2.0))
    desk.drag.move(QUERY, (5.0, 1.0, 2.0))
    desk.drag.drop(QUERY, (0.0, 1.0, 2.0))
    assert desk.probe.dragged[-1] is None, "no answer will come that could end it"
    assert desk.drag.state is None


def test_a_true_scale_is_that_of_every_length(desk):
    health = measure_anchors(curate(RESULT, UNFILTERED))
    desk.choose(QUERY)
    before = desk.anchor()
    desk.session.edit("scale", replace(desk.session.edits, scale=2.5))
    desk.session.inspect(Inspection(reconstruction=RESULT, claims=CLAIMS, evidence=EVIDENCE, health=health))
    assert np.allclose(desk.anchor()[1], 2.5 * np.array(before[1]))
    assert desk.anchor()[-1]["units"] == "m"
    assert desk.panel.told("set_units") == "m"
    assert ("units",) in desk.panel.all_told("set_units"), "before a length was known"
    for row, item in zip(desk.panel.told("set_rows"), health, strict=True):
        assert row[5] == pytest.approx(None if item.surface_distance is None else 2.5 * item.surface_distance)
    desk.presenter.place((5.0, -2.5, 10.0))
    assert desk.overrides[0].position == (2.0, -1.0, 4.0), "typed in meters, kept in scene units"
