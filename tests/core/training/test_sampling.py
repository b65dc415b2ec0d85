import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.training.sampling import balanced_cells, draw_points, uncertain_points
from fast3dis_core.training.targets import UNLABELED, SceneTargets, mask_targets
from tests.core.training.batches import generator, painted_ids

seeds = st.integers(0, 2**31)


def random_labels(seed, *, scenes=2, views=3, objects=4):
    drawn = torch.randint(-1, objects, (scenes, views, 5, 6), generator=generator(seed))
    drawn[0, 0] = UNLABELED  # a view that shows nothing known
    return drawn


def targets_of(labels):
    count = int(labels.max()) + 1
    areas = torch.stack([(labels == row).flatten(1).sum(1) for row in range(count)], dim=1)
    return SceneTargets(
        labels=labels, valid=torch.ones_like(labels, dtype=torch.bool), areas=areas, ids=torch.zeros_like(areas)
    )


@given(seeds, st.integers(1, 100))
@settings(max_examples=30, deadline=None)
def test_points_are_labelled_cells_without_repetition(seed, count):
    labels = random_labels(seed)
    points = draw_points(labels, count, generator(seed))
    for index in range(2):
        known = (labels[index] != UNLABELED).flatten()
        cells = points.cells[index][points.drawn[index]]
        assert len(cells) == len(set(cells.tolist())) == min(count, int(known.sum()))
        assert known[cells].all()
        assert torch.equal(labels[index].flatten()[cells], points.labels[index][points.drawn[index]])
        assert points.drawn[index].tolist() == sorted(points.drawn[index].tolist(), reverse=True)


def test_every_cell_is_drawn_equally_often_and_any_leading_part_too():
    labels = torch.zeros(1, 1, 4, 5, dtype=torch.int64)
    source = generator()
    hits = torch.zeros(2, 20)
    for _ in range(2000):
        points = draw_points(labels, 10, source)
        hits[0, points.cells[0]] += 1
        hits[1, points.first(3).cells[0]] += 1
    # 2000 draws: standard deviations are 22 and 16
    assert (hits[0] - 1000).abs().max() < 110
    assert (hits[1] - 300).abs().max() < 80


def test_the_generator_decides():
    labels = random_labels(0)
    one, two, other = (draw_points(labels, 20, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.cells, two.cells)
    assert not torch.equal(one.cells, other.cells)
    assert torch.equal(balanced_cells(targets_of(labels), objects=3, points=4, generator=generator(1))[0],
                       balanced_cells(targets_of(labels), objects=3, points=4, generator=generator(1))[0])  # fmt: skip


@given(seeds, st.integers(0, 40), st.integers(0, 40), st.floats(1, 4), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_uncertain_points_are_those_with_logits_nearest_zero(seed, first, second, oversampling, share):
    available = (first, second)
    drawn = torch.arange(max(available))[None] < torch.tensor(available)[:, None]
    logits = torch.randn(2, 3, max(available), generator=generator(seed))
    chosen, counted = uncertain_points(logits, drawn, oversampling=oversampling, uncertain_share=share)
    for scene, count in enumerate(available):
        number = math.ceil(torch.tensor(count) / oversampling)
        assert counted[scene].sum() == number
        for row in range(3):
            picks = chosen[scene, row][counted[scene]].tolist()
            nearest = logits[scene, row, :count].abs().argsort().tolist()
            uncertain = math.floor(torch.tensor(float(number)) * share)
            assert picks[:uncertain] == nearest[:uncertain]
            assert picks[uncertain:] == list(range(number - uncertain))  # candidates come in random order


def test_full_count_is_that_of_mask2former():
    logits = torch.randn(1, 1, 3 * 12544, generator=generator())
    drawn = torch.ones(1, 3 * 12544, dtype=torch.bool)
    chosen, counted = uncertain_points(logits, drawn, oversampling=3.0, uncertain_share=0.75)
    assert chosen.shape == (1, 1, 12544)
    assert counted.all()
    assert logits[0, 0, chosen[0, 0, :9408]].abs().max() <= logits[0, 0].abs().sort().values[9407]


@given(seeds, st.integers(1, 6), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_points_are_balanced_over_objects_and_views(seed, objects, points):
    labels = random_labels(seed)
    targets = targets_of(labels)
    cells, rows = balanced_cells(targets, objects=objects, points=points, generator=generator(seed))
    for index in range(2):
        present = int(targets.present[index].sum())
        chosen = rows[index].unique()
        chosen = chosen[chosen != UNLABELED].tolist()
        assert len(chosen) == min(objects, present)
        flat = labels[index].flatten()
        for row in chosen:
            mine = cells[index][rows[index] == row]
            assert len(mine) == points
            assert (flat[mine] == row).all()
            shown = [view for view in range(3) if (labels[index, view] == row).any()]
            share = [int((mine // 30 == view).sum()) for view in shown]
            assert sum(share) == points
            assert max(share) - min(share) <= 1
            for view, number in zip(shown, share, strict=True):
                distinct = len(set(mine[mine // 30 == view].tolist()))
                assert distinct == min(number, int((labels[index, view] == row).sum()))


def test_views_that_get_one_point_more_change():
    targets = mask_targets(painted_ids(1), (7, 10), minimum_cells=1)
    source = generator()
    hits = torch.zeros(3)
    for _ in range(100):
        cells, _ = balanced_cells(targets, objects=4, points=1, generator=source)
        hits += torch.bincount(cells[0] // 70, minlength=3)
    assert hits.min() > 90  # 400 points over three views


def test_nothing_labelled_draws_nothing():
    labels = torch.full((2, 3, 5, 6), UNLABELED)
    points = draw_points(labels, 10, generator())
    assert points.cells.shape == (2, 0)
    nothing = SceneTargets(
        labels=labels,
        valid=labels < 0,
        areas=torch.zeros(2, 0, dtype=torch.int64),
        ids=torch.zeros(2, 0, dtype=torch.int64),
    )
    cells, rows = balanced_cells(nothing, objects=4, points=3, generator=generator())
    assert cells.shape == rows.shape == (2, 0)
    chosen, counted = uncertain_points(torch.zeros(2, 0, 0), points.drawn, oversampling=3.0, uncertain_share=0.75)
    assert chosen.shape == (2, 0, 0)
    assert counted.shape == (2, 0)
