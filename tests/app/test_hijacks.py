"""The hijack inspector: every number against a plain recomputation, every action an edit that is undone."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.hijack_pictures import GAP_BID, contested_view, hijack_facts, matrix_csv, matrix_picture, thieves_csv
from app.presenters.hijacks import HijackPresenter
from app.session.session import Inspection, Origin, Session
from fast3dis_core.evidence import AREA_THRESHOLDS, Claims, Evidence
from fast3dis_core.interventions import AnchorPrompt, Interventions
from tests.app.standins import UNFILTERED, Recorder
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
FLOOR = 0.05


def plain_claims():
    """Claims with hard masks: a bid is the objectness where the instance has the pixel."""
    points, count = len(RESULT.cloud.points), 8
    bids = np.zeros((count, points), np.float32)
    for item in RESULT.instances:
        bids[item.query, item.pixels] = item.objectness
    ordered, claimed = np.sort(bids, axis=0), bids > 0
    winner = np.where(claimed.any(0), bids.argmax(0), -1).astype(np.int16)
    taken = np.zeros((count, count), np.int64)
    for query in range(count):
        own = claimed[query] & RESULT.cloud.valid
        taken[query] = np.bincount(winner[own], minlength=count)
    return Claims(
        count=claimed.sum(0).astype(np.uint8),
        best=ordered[-1],
        margin=ordered[-1] - ordered[-2],
        winner=winner,
        taken=taken,
        areas=np.zeros((count, len(AREA_THRESHOLDS)), np.int64),
        valid=np.array(RESULT.cloud.valid),
    )


CLAIMS = plain_claims()
EVIDENCE = Evidence(
    weights=np.zeros((2, 8, 4, 2), np.float32),
    positions=np.zeros((2, 8, 3, 2), np.float32),
    visible=np.ones((2, 8, 3), bool),
)
FACTS = hijack_facts(RESULT, CLAIMS, floor=FLOOR)


def test_figures_are_those_of_a_plain_recomputation():
    sets = {item.query: set(item.pixels.tolist()) for item in RESULT.instances}
    scores = {item.query: item.objectness for item in RESULT.instances}
    for victim, thief, share, pixels in FACTS.thieves:
        higher = [query for query in sets if scores[query] > scores[victim]]
        won = [
            pixel
            for pixel in sets[victim] & sets[thief]
            if max((query for query in [victim, *higher] if pixel in sets[query]), key=scores.get) == thief
        ]
        assert pixels == len(won)
        assert share == pytest.approx(len(won) / len(sets[victim]))
    claimed = np.zeros(len(RESULT.cloud.points), int)
    for pixels in sets.values():
        claimed[sorted(pixels)] += 1
    valid = RESULT.cloud.valid
    assert FACTS.double_claimed == pytest.approx((claimed[valid] > 1).sum() / (claimed[valid] > 0).sum())
    assert FACTS.gaps == pytest.approx(1 - sum(claimed[valid] > 0) / valid.sum()), "all bids here are above the gap bid"
    assert min(scores.values()) > GAP_BID
    diagonal = np.diag(RESULT.overlap) / RESULT.objectness[-1] ** 2
    for i, one in enumerate(FACTS.order):
        for j, other in enumerate(FACTS.order):
            shared = RESULT.overlap[one, other] / (RESULT.objectness[-1, one] * RESULT.objectness[-1, other])
            assert FACTS.shares[i, j] == pytest.approx(
                min(1, shared / (diagonal[one] + diagonal[other] - shared)), rel=1e-4
            )


def test_the_list_is_sorted_and_survives_the_way_to_csv():
    pixels = [count for _, _, _, count in FACTS.thieves]
    assert pixels == sorted(pixels, reverse=True)
    rows = list(csv.reader(io.StringIO(thieves_csv(FACTS, {FACTS.thieves[0][0]: 'a "sofa", red'}))))
    assert len(rows) == len(FACTS.thieves) + 1
    assert rows[1][1] == 'a "sofa", red'
    assert (int(rows[1][0]), int(rows[1][2]), int(rows[1][5])) == (*FACTS.thieves[0][:2], FACTS.thieves[0][3])


def test_the_matrix_goes_to_csv_with_query_numbers_on_both_edges():
    head, *rows = csv.reader(io.StringIO(matrix_csv(FACTS)))
    assert head == ["query", *map(str, range(8))]
    assert [row[0] for row in rows] == head[1:]
    values = np.array([[float(value) for value in row[1:]] for row in rows])
    scores = RESULT.objectness[-1].astype(float)
    shared = RESULT.overlap / np.outer(scores, scores)
    own = np.diag(shared)
    np.testing.assert_allclose(values, np.minimum(shared / (own[:, None] + own - shared), 1), atol=2e-6)


def test_queries_of_the_users_own_are_listed_but_in_no_figure():
    """The last two are the user's: rate, claimed twice and gaps are those of the others alone."""
    points, first = len(RESULT.cloud.points), 6
    claimed, best = np.zeros(points, np.uint8), np.zeros(points, np.float32)
    for item in RESULT.instances:
        if item.query < first:
            claimed[item.pixels] += 1
            best[item.pixels] = np.maximum(best[item.pixels], item.objectness)
    claims = replace(CLAIMS, trained_count=claimed, trained_best=best)
    facts = hijack_facts(RESULT, claims, floor=FLOOR, own=2)
    assert facts.left_out == 2
    assert facts.order == FACTS.order
    assert facts.groups == FACTS.groups
    assert facts.thieves == FACTS.thieves
    surer = [
        query
        for query in range(first)
        if any(
            FACTS.overlaps[query, other] >= 0.5 and RESULT.objectness[-1, other] > RESULT.objectness[-1, query]
            for other in range(first)
        )
    ]
    linked = (FACTS.overlaps[:first, :first] >= 0.5).sum() - first
    assert linked <= 2, "so few are linked that each group is a pair"
    assert facts.rate == pytest.approx(len(surer) / first)
    valid = RESULT.cloud.valid
    assert facts.double_claimed == pytest.approx((claimed[valid] > 1).sum() / (claimed[valid] > 0).sum())
    assert facts.double_claimed != FACTS.double_claimed
    assert facts.gaps == pytest.approx((claimed[valid] == 0).mean())
    assert facts.gaps > FACTS.gaps, "a query of one's own closes no gap of the network"


def test_more_overlap_is_brighter():
    picture = matrix_picture(np.array([[1, 0.001, 0.01], [0.1, 1, 0.5], [0.0, 1.0, 1]]))
    light = picture.astype(int).sum(-1)
    assert light[0, 1] < light[0, 2] < light[1, 0] < light[1, 2] < light[2, 1]
    assert light[2, 0] == light[0, 1], "nothing is as dark as the least"


class Desk:
    def __init__(self):
        self.session, self.actions, self.panel, self.copied = Session(UNFILTERED), Actions(), Recorder(), []
        self.figures = []
        self.presenter = HijackPresenter(
            self.session, self.actions, self.panel, self.copied.append, self.figures.append
        )
        self.session.open(RESULT, Origin(folder=Path("room")))
        self.session.inspect(Inspection(reconstruction=RESULT, claims=CLAIMS, evidence=EVIDENCE))

    def choose(self, number=0):
        self.presenter.choose_theft(number)
        return sorted(FACTS.thieves[number][:2], key=lambda query: -RESULT.objectness[-1, query])


@pytest.fixture
def desk():
    return Desk()


def test_a_theft_and_its_cell_are_one_selection(desk):
    better, weaker = desk.choose()
    assert desk.session.display.selection == {better, weaker}
    places = FACTS.order.index(better), FACTS.order.index(weaker)
    assert desk.panel.told("set_marked") == places
    text, enabled = desk.panel.told("set_pair")
    assert enabled
    assert f"{FACTS.shares[places]:.1%}" in text
    desk.session.show(replace(desk.session.display, selection=frozenset()))
    desk.presenter.choose_cell(*places)
    assert desk.session.display.selection == {better, weaker}


def test_every_text_of_the_panel_is_that_of_a_plain_recomputation(desk):
    """Tool tips of all cells, lines of the list, and what each of a pair wins of the other's claim."""
    masks = {item.query: set(item.pixels.tolist()) for item in RESULT.instances}
    scores = {item.query: item.objectness for item in RESULT.instances}

    def won(victim, thief):
        return sum(max((q for q in masks if pixel in masks[q]), key=scores.get) == thief for pixel in masks[victim])

    _, _, tips = desk.panel.told("set_matrix")
    diagonal = np.diag(RESULT.overlap) / RESULT.objectness[-1].astype(float) ** 2
    for i, one in enumerate(FACTS.order):
        for j, other in enumerate(FACTS.order):
            shared = RESULT.overlap[one, other] / (scores[one] * scores[other])
            part = min(1, shared / (diagonal[one] + diagonal[other] - shared))
            assert tips[i][j] == f"Instance {one} and Instance {other}: {part:.1%} in common"
    lines = [
        (victim, thief, won(victim, thief))
        for victim in masks
        for thief in masks
        if victim != thief and won(victim, thief) >= 0.02 * len(masks[victim])
    ]
    lines.sort(key=lambda line: -line[2])
    assert desk.panel.told("set_thefts") == [
        (f"Instance {victim}", f"Instance {thief}", f"{count / len(masks[victim]):.0%}", f"{count:,}")
        for victim, thief, count in lines
    ]
    for number, (victim, thief, count) in enumerate(lines):
        desk.choose(number)
        wins = f"Instance {thief} wins {count / len(masks[victim]):.0%} of the claim of Instance {victim}."
        assert wins in desk.panel.told("set_pair")[0]


def test_a_pair_is_looked_at_where_it_meets_and_its_pixels_are_counted(desk):
    better, weaker = desk.choose()
    masks = {item.query: set(item.pixels.tolist()) for item in RESULT.instances}
    shared = masks[better] & masks[weaker]
    views = np.bincount([pixel // RESULT.pixels_per_view for pixel in shared])
    assert views[desk.session.display.view] == views.max()
    assert f"{len(shared):,} pixels" in desk.panel.told("set_pair")[0]
    apart = next((one, two) for one in masks for two in masks if one != two and not masks[one] & masks[two])
    assert contested_view(RESULT, apart) == (-1, 0)


def test_a_group_is_chosen_and_only_its_surest_kept(desk):
    scores = np.array(RESULT.objectness)
    order = sorted(range(8), key=lambda query: -scores[-1, query])
    group = tuple(order[:3])
    desk.presenter._facts = replace(desk.presenter._facts, groups=(group,))
    desk.presenter.choose_group(0)
    assert desk.session.display.selection == set(group)
    masks = {item.query: set(item.pixels.tolist()) for item in RESULT.instances}
    shared = set.intersection(*(masks[query] for query in group))
    text, enabled = desk.panel.told("set_pair")
    assert enabled
    assert text == f"Instance {group[0]} is the surest of 3; all of them claim {len(shared):,} pixels."
    desk.presenter.keep_better()
    assert desk.session.edits.hidden == set(group[1:])
    assert desk.session.undo_label == f"Keep Instance {group[0]}, hide 2 others"
    desk.session.undo()
    desk.presenter.merge()
    assert desk.session.edits.merged == (group,)
    desk.session.undo()
    desk.presenter.mute()
    assert desk.session.edits.interventions.muted_queries == set(group[1:])


def test_groups_are_listed_by_their_names(desk):
    listed = desk.panel.told("set_groups")
    assert listed == [", ".join(f"Instance {query}" for query in group) for group in FACTS.groups]


def test_contested_points_are_colored_and_then_as_before(desk):
    desk.session.show(replace(desk.session.display, color_mode="view"))
    desk.presenter.mark_contested(True)
    assert desk.session.display.color_mode == "contested"
    assert desk.panel.told("set_contested") is True
    desk.presenter.mark_contested(False)
    assert desk.session.display.color_mode == "view"


def test_hovering_a_cell_hovers_its_query_everywhere(desk):
    desk.presenter.hover_cell(2, 5)
    assert desk.session.display.hovered == FACTS.order[2]
    desk.presenter.hover_cell(-1, -1)
    assert desk.session.display.hovered is None


def test_keeping_the_better_hides_the_other_and_is_undone(desk):
    _, weaker = desk.choose()
    desk.presenter.keep_better()
    assert desk.session.edits.hidden == {weaker}
    desk.session.undo()
    assert desk.session.edits.hidden == frozenset()


def test_merging_joins_groups_that_were_there(desk):
    better, weaker = desk.choose()
    third = next(query for query in FACTS.order if query not in (better, weaker))
    desk.session.edit("x", replace(desk.session.edits, merged=((weaker, third),)))
    desk.presenter.merge()
    assert [set(group) for group in desk.session.edits.merged] == [{better, weaker, third}]
    assert desk.session.edits.merged[0][0] == better


def test_muting_is_an_intervention(desk):
    _, weaker = desk.choose()
    desk.presenter.mute()
    assert desk.session.edits.interventions.muted_queries == {weaker}
    assert desk.session.undo_label == f"Mute Instance {weaker}"


def test_nothing_can_be_done_without_a_pair(desk):
    desk.session.show(replace(desk.session.display, selection=frozenset({FACTS.order[0]})))
    assert desk.panel.told("set_pair")[-1] is False
    for action in (desk.presenter.keep_better, desk.presenter.merge, desk.presenter.mute):
        action()
    assert desk.session.undo_label is None


def test_the_list_is_copied(desk):
    desk.actions.trigger("copy_thefts")
    assert desk.copied[0].count("\n") == len(FACTS.thieves) + 1
    desk.actions.trigger("copy_matrix")
    assert desk.copied[1] == matrix_csv(FACTS)


def test_figures_go_with_the_result(desk):
    rate = sum(len(group) - 1 for group in FACTS.groups) / len(FACTS.order)
    assert desk.figures[-1] == (
        f"Hijack rate {rate:.1%} · claimed twice {FACTS.double_claimed:.1%} · gaps {FACTS.gaps:.1%}"
    )
    prompts = tuple(AnchorPrompt(position=(0.0, 0.0, 3.0)) for _ in range(2))
    desk.session.edit("new", replace(desk.session.edits, interventions=Interventions(prompts=prompts)))
    desk.session.inspect(Inspection(reconstruction=RESULT, claims=CLAIMS, evidence=EVIDENCE))
    assert desk.figures[-1].endswith(" · without 2 queries of your own")
    desk.session.replace(synthetic_reconstruction(queries=8))
    assert desk.panel.told("set_thefts") == ()
    assert not desk.actions.state("copy_thefts").enabled
