"""The evidence panel: every number it says against a plain sum, its choices, and the marks in the photo."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.evidence import LOOK_WORDS, SHORT_WORDS, TAB, EvidencePresenter
from app.session.session import Inspection, Origin, Session
from fast3dis_core.query_evidence import query_evidence
from tests.app.standins import UNFILTERED, Recorder
from tests.app.test_hijacks import CLAIMS
from tests.core.test_query_evidence import EVIDENCE, HEADS, LAYERS, MUTED, RESULT, VIEWS, plain_sight


class Desk:
    def __init__(self):
        self.session, self.actions = Session(UNFILTERED), Actions()
        self.panel, self.photo, self.copied = Recorder(), Recorder(), []
        self.presenter = EvidencePresenter(self.session, self.actions, self.panel, self.photo, self.copied.append)
        self.session.open(RESULT, Origin(folder=Path("room")))
        self.look(tab=TAB)

    def look(self, **changes):
        self.session.show(replace(self.session.display, **changes))

    def inspect(self, query=0):
        self.session.inspect(Inspection(reconstruction=RESULT, claims=CLAIMS, evidence=EVIDENCE))
        self.look(selection=frozenset({query}))


@pytest.fixture
def desk():
    return Desk()


def test_every_line_is_the_plain_mean_and_they_sum_to_one(desk):
    desk.inspect(0)
    title, finding, rows = desk.panel.told("set_evidence")
    assert title == "Query 0"
    weights = EVIDENCE.weights[:, 0].astype(float)
    assert [row[0] for row in rows] == [-1, *range(VIEWS)]
    for view, name, share, *_ in rows:
        assert share == pytest.approx(weights[:, view + 1].mean(), abs=1e-6)
        assert view < 0 or RESULT.names[view] in name
    assert sum(row[2] for row in rows) == pytest.approx(1, abs=1e-5)
    assert f"{weights[:, 0].mean():.1%} on no view" in finding


def test_attention_on_hidden_views_is_stated_and_marked(desk):
    desk.inspect(1)  # its anchor lies a meter behind the wall
    _, finding, rows = desk.panel.told("set_evidence")
    known = query_evidence(RESULT, EVIDENCE, 1)
    assert known.hidden > 0.1
    assert finding.startswith(f"{known.hidden:.1%} of its attention is on views where a surface hides the anchor")
    hidden = {view for view in range(VIEWS) if "occluded" in known.looks[:, view]}
    assert {row[0] for row in rows if row[4]} == hidden
    assert all("hidden by a surface" in row[5] for row in rows if row[4])


def test_layers_are_counted_by_how_each_camera_sees_the_anchor_they_read_at(desk):
    """Every number of the last column, and the whole sentence, against plain loops over layers and views."""
    for query in range(6):
        desk.inspect(query)
        _, finding, rows = desk.panel.told("set_evidence")
        masses = dict.fromkeys(("hidden", "left out", "nowhere"), 0.0)
        for view, _, _, words, _, whole in rows[1:]:
            counts = {}
            for layer in range(LAYERS):
                look = plain_sight(RESULT, RESULT.anchors[layer, query], view)
                look = "muted" if (query, view) == MUTED and look not in ("outside", "behind") else look
                counts[look] = counts.get(look, 0) + 1
                weight = float(EVIDENCE.weights[layer, query, 1 + view].astype(float).mean()) / LAYERS
                masses["hidden"] += weight * (look == "occluded")
                masses["left out"] += weight * (look in ("outside", "behind", "muted"))
            if len(counts) == 1:
                assert words == whole == LOOK_WORDS[next(iter(counts))]
            else:
                parts = dict(reversed(part.split(" ", 1)) for part in words.split(" · "))
                assert parts == {SHORT_WORDS[look]: str(count) for look, count in counts.items()}
                assert all(f"{LOOK_WORDS[look]} in {count}" in whole for look, count in counts.items())
        masses["nowhere"] = float(EVIDENCE.weights[:, query, 0].astype(float).mean())
        assert finding == (
            f"{masses['hidden']:.1%} of its attention is on views where a surface hides the anchor, "
            f"{masses['nowhere']:.1%} on no view at all, {masses['left out']:.1%} on views that do not show it: the "
            "decoder leaves those out."
        )


def test_a_layer_and_a_head_can_be_looked_at_alone(desk):
    desk.inspect(0)
    desk.presenter.choose_layer(2)
    desk.presenter.choose_head(HEADS)
    assert desk.panel.told("set_choices") == (LAYERS, HEADS, 2, HEADS)
    for view, _, share, *_ in desk.panel.told("set_evidence")[2]:
        assert share == pytest.approx(EVIDENCE.weights[1, 0, view + 1, HEADS - 1], abs=1e-6)


def test_crosshairs_are_where_the_layers_read_in_the_current_view(desk):
    desk.inspect(0)
    for view in range(VIEWS):
        desk.presenter.choose_view(view)
        marks = desk.photo.told("set_crosshairs")
        places = [place for place in EVIDENCE.positions[:, 0, view] if not np.isnan(place[0])]
        assert [mark[:2] for mark in marks] == [pytest.approx(place, abs=1e-4) for place in places]
        assert [mark[3] for mark in marks] == [number == len(places) - 1 for number in range(len(places))]
        if marks:
            assert marks[-1][2] == f"{EVIDENCE.weights[:, 0, view + 1].astype(float).mean():.0%}"


def test_crosshairs_go_with_the_tab_and_the_selection(desk):
    desk.inspect(0)
    seen = np.flatnonzero(EVIDENCE.visible[:, 0].any(axis=0))
    desk.presenter.choose_view(int(seen[0]))
    assert desk.photo.told("set_crosshairs")
    desk.look(tab="Anchors")
    assert desk.photo.told("set_crosshairs") == ()
    desk.look(tab=TAB)
    assert desk.photo.told("set_crosshairs")
    desk.look(selection=frozenset({0, 1}))
    assert desk.photo.told("set_crosshairs") == ()
    assert "Select one query" in desk.panel.told("set_empty")


def test_it_says_why_it_is_empty():
    desk = Desk()
    assert desk.panel.told("set_empty") == "Measuring …"
    desk.session.open(RESULT, Origin(folder=Path("room"), answers=False))
    assert "saved without features" in desk.panel.told("set_empty")
    desk.session.open(RESULT, Origin(folder=Path("room"), masks="missing"))
    assert "Open a result with masks" in desk.panel.told("set_empty")


def test_the_csv_is_copied(desk):
    assert not desk.actions.state("copy_evidence").enabled
    desk.inspect(0)
    desk.actions.trigger("copy_evidence")
    assert desk.copied[0].count("\n") == 1 + LAYERS * HEADS * (1 + VIEWS)


def test_nothing_is_worked_out_twice(desk):
    desk.inspect(0)
    calls = desk.panel.calls.count("set_evidence")
    desk.look(view=2)
    desk.look(hovered=3)
    assert desk.panel.calls.count("set_evidence") == calls
