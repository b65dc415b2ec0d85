import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.config import LossConfig
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.scene import ViewBatch
from fast3dis_core.training.targets import UNLABELED, at_mask_cells, mask_targets, object_centers, sample_targets
from tests.core.training.batches import HEIGHT, WIDTH, painted_ids, random_batch

CELLS = (7, 10)


@given(st.integers(0, 2**31), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_numbers_agree_with_ids_scene_by_scene(seed, minimum):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(-1, 9, (3, 2, 4, 5), generator=generator, dtype=torch.int32) * 1000
    valid = torch.rand(ids.shape, generator=generator) < 0.8
    targets = mask_targets(ids, (4, 5), minimum_cells=minimum, valid=valid)
    assert torch.equal(targets.valid, valid)
    for index in range(3):
        seen = ids[index][valid[index]]
        areas = {int(i): int((seen == i).sum()) for i in seen.unique() if i > 0}
        large = {i: area for i, area in areas.items() if area >= minimum}
        count = len(large)
        assert (
            dict(zip(targets.ids[index].tolist(), targets.areas[index].tolist(), strict=True)).items() >= large.items()
        )
        assert targets.areas[index].tolist() == sorted(targets.areas[index].tolist(), reverse=True)
        assert targets.present[index].sum() == count
        for row in range(count):
            expected = (ids[index] == targets.ids[index, row]) & valid[index]
            assert torch.equal(targets.labels[index] == row, expected)
        known = torch.isin(ids[index], torch.tensor(sorted(large), dtype=torch.int32)) & valid[index]
        assert torch.equal(targets.labels[index] != UNLABELED, known)


def test_a_scene_without_objects_has_none_alone_and_in_a_batch():
    ids = painted_ids()
    ids[1] = 0
    targets = mask_targets(ids, CELLS, minimum_cells=1)
    assert targets.present.tolist() == [[True] * 4, [False] * 4]
    alone = mask_targets(ids[1:], CELLS, minimum_cells=1)
    assert alone.areas.shape == (1, 0)
    assert (alone.labels == UNLABELED).all()


def test_cells_take_the_pixel_under_their_center():
    # 3.5 pixels a cell, as with 14-pixel patches: centers at 1.75, 5.25, 8.75, 12.25
    values = torch.arange(14).repeat(14, 1)
    assert at_mask_cells(values, (4, 4))[0].tolist() == [1, 5, 8, 12]
    nearest = torch.nn.functional.interpolate(values[None, None].float(), (4, 4), mode="nearest-exact")
    assert torch.equal(at_mask_cells(values, (4, 4)), nearest[0, 0].long())


def test_ids_beyond_float32_survive():
    ids = torch.full((1, 1, 4, 4), 2**31 - 1, dtype=torch.int32)
    assert mask_targets(ids, (2, 2), minimum_cells=1).ids.tolist() == [[2**31 - 1]]


def black_views(ids):
    scenes, views, height, width = ids.shape
    return ViewBatch(
        images=torch.zeros(scenes, views, 3, height, width),
        names=tuple(str(view) for view in range(views)),
        source_sizes=torch.zeros(scenes, views, 2, dtype=torch.int64),
        source_to_network=torch.zeros(scenes, views, 3, 3, dtype=torch.float64),
    )


def test_ignored_classes_are_unlabelled():
    ids = painted_ids()
    sample = SceneSample(
        views=black_views(ids),
        instance_ids=ids,
        class_ids=torch.tensor([[0, 1, 2, 1, 2], [0, 2, 2, 2, 1]]),
        class_names=("unlabeled", "structure", "cup"),
    )
    everything = LossConfig(minimum_cells=1)
    kept = sample_targets(sample, CELLS, config=everything)
    assert [sorted(row.tolist()) for row in kept.ids] == [[1, 2, 3, 4]] * 2
    config = LossConfig(minimum_cells=1, ignored_classes=("structure", "unknown here"))
    targets = sample_targets(sample, CELLS, config=config)
    assert [sorted(row.tolist()) for row in targets.ids] == [[0, 2, 4], [1, 2, 3]]
    assert targets.valid.all()


def test_centres_are_means_of_predicted_points():
    encoded, _, _ = random_batch()
    encoded.geometry.depth[0, :, :, 20:30] = 0  # a hole the depth sensor left
    targets = mask_targets(painted_ids(), CELLS, minimum_cells=1)
    centers, known = object_centers(encoded.geometry, encoded.frame, targets)
    assert known.all()
    rows = ((torch.arange(7) + 0.5) * HEIGHT / 7).long()
    columns = ((torch.arange(10) + 0.5) * WIDTH / 10).long()
    for scene in range(2):
        points = encoded.geometry.points()[scene][:, rows][:, :, columns]
        depth = encoded.geometry.depth[scene][:, rows][:, :, columns]
        for row in range(4):
            mean = points[(targets.labels[scene] == row) & (depth > 0)].mean(0)
            expected = (mean - encoded.frame.center[scene]) / encoded.frame.scale[scene]
            torch.testing.assert_close(centers[scene, row], expected, rtol=1e-4, atol=1e-5)


def test_an_object_without_depth_has_no_center():
    encoded, _, _ = random_batch(1)
    targets = mask_targets(painted_ids(1), CELLS, minimum_cells=1)
    hidden = at_mask_cells(painted_ids(1) == targets.ids[0, 2], CELLS)
    assert torch.equal(hidden, targets.labels == 2)
    encoded.geometry.depth[painted_ids(1) == targets.ids[0, 2]] = float("nan")
    centers, known = object_centers(encoded.geometry, encoded.frame, targets)
    assert known.tolist() == [[True, True, False, True]]
    assert centers.isfinite().all()
