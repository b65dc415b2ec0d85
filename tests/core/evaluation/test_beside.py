"""Both sides of a comparison: on one cloud, on clouds of different photos and worlds, beside the truth, from files."""

import dataclasses
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from fast3dis_core.baselines.feature_clustering import ClusteringSettings
from fast3dis_core.baselines.geometry_hdbscan import GeometrySettings
from fast3dis_core.counterpart import FeatureSettings, PositionSettings, SurfaceSettings, labelled_result
from fast3dis_core.curation import Curation, curate
from fast3dis_core.errors import Cancelled, DatasetError
from fast3dis_core.evaluation.average_precision import pooled, scene_records
from fast3dis_core.evaluation.beside import set_beside
from fast3dis_core.evaluation.counterpart_files import read_counterpart, read_truth, truth_counterpart
from fast3dis_core.evaluation.counterparts import (
    feature_inputs,
    finish_features,
    from_positions,
    label_features,
    label_surface,
    other_result,
)
from fast3dis_core.exports import write_npz
from fast3dis_core.exports.ply import write_scene_ply
from fast3dis_core.reconstruction import PointCloud
from tests.scenes import replaced, synthetic_reconstruction

RESULT = synthetic_reconstruction(views=4, height=28, width=42, queries=6)
OPEN = Curation(objectness_threshold=0.0, minimum_points=1, confidence_percentile=0.0, depth_edge=0.0)
SEEN = curate(RESULT, OPEN)
AREA = 28 * 42


def moved(result, scale, turn, shift):
    """The same scene in a world of its own."""
    points = (scale * result.cloud.points.astype(np.float64) @ turn.T + shift).astype(np.float32)
    cameras = result.world_to_camera.astype(np.float64).copy()
    cameras[:, :3, :3] = cameras[:, :3, :3] @ turn.T
    cameras[:, :3, 3] = scale * cameras[:, :3, 3] - np.einsum("sij,j->si", cameras[:, :3, :3], shift)
    cloud = PointCloud(
        points=points, colors=result.cloud.colors, confidence=result.cloud.confidence, valid=result.cloud.valid
    )
    return replaced(result, cloud=cloud, world_to_camera=cameras.astype(np.float32))


def test_settings_in_the_window_begin_where_the_baselines_do():
    """They are written apart: the window must not load what the baselines need."""
    for offered, baseline, own in (
        (FeatureSettings(), ClusteringSettings(), {"most_points"}),  # fewer, since somebody waits
        (PositionSettings(), GeometrySettings(), set()),
    ):
        for name, value in dataclasses.asdict(offered).items():
            assert name in own or getattr(baseline, name) == value


def plain_iou(first, second):
    a, b = set(first.tolist()), set(second.tolist())
    return len(a & b) / max(1, len(a | b))


def pairs(beside):
    return {(line.first, line.second) for line in beside.lines if line.verdict in ("same", "changed")}


def test_a_result_beside_itself_is_the_same_in_the_same_colors():
    beside = set_beside(other_result(RESULT, RESULT, title="itself", curation=OPEN), SEEN)
    assert [line.verdict for line in beside.lines] == ["same"] * 6
    assert beside.mean_iou == 1.0
    assert {item.query: item.color for item in SEEN.instances} == dict(beside.colors)


def test_ious_are_those_of_a_plain_recomputation():
    labels = (np.arange(len(RESULT.cloud.points)) // (AREA // 2)).astype(np.int32)  # halves of the photos
    found = labelled_result(RESULT, labels)
    beside = set_beside(other_result(found, RESULT, title="halves"), SEEN)
    ours = {item.query: item.pixels for item in SEEN.shown}
    theirs = {item.query: item.pixels for item in beside.second.shown}
    assert len(theirs) == 8
    for line in beside.lines:
        if line.first is not None and line.second is not None:
            assert line.iou == pytest.approx(plain_iou(ours[line.first], theirs[line.second]))
            assert line.points == (len(ours[line.first]), len(theirs[line.second]))
    unmatched = [color for query, color in beside.colors.items() if query not in {pair[1] for pair in pairs(beside)}]
    assert not set(unmatched) & {item.color for item in SEEN.instances}, "nobody else has these colors"


def test_another_world_is_brought_here_by_the_cameras():
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    found = other_result(moved(RESULT, 2.5, turn, np.array([1.0, -2, 3])), RESULT, title="a run", curation=OPEN)
    valid = RESULT.cloud.valid
    np.testing.assert_allclose(found.reconstruction.cloud.points[valid], RESULT.cloud.points[valid], atol=2e-3)
    np.testing.assert_allclose(found.reconstruction.world_to_camera, RESULT.world_to_camera, atol=2e-3)
    assert "scale 0.400" in found.notes[-1]
    assert [line.verdict for line in set_beside(found, SEEN).lines] == ["same"] * 6


def test_photos_that_only_one_side_has_do_not_count():
    names = (*RESULT.names[2:], "another.jpg")
    part = synthetic_reconstruction(views=3, height=14, width=21, queries=2)
    other = replaced(labelled_result(part, np.repeat(np.arange(3, dtype=np.int32), 14 * 21)), names=names)
    found = other_result(other, RESULT, title="fewer photos")
    assert "2 photos" in found.notes[0]
    rows = found.rows.reshape(4, 28, 42)
    assert (rows[:2] == -1).all()
    assert (rows[2] // (14 * 21) == 0).all()
    assert (rows[3] // (14 * 21) == 1).all()
    beside = set_beside(found, SEEN)
    last = SEEN.keep & (np.arange(4 * AREA) >= 3 * AREA) & other.cloud.valid[np.maximum(found.rows, 0)]
    second = next(line for line in beside.lines if line.second == beside.second.instances[0].query or line.second == 1)
    assert second.points[1] <= AREA
    assert max(line.points[0] for line in beside.lines) <= 2 * AREA
    assert last.any()
    with pytest.raises(DatasetError, match="other photos"):
        other_result(replaced(part, names=("x", "y", "z")), RESULT, title="strangers")


def test_features_that_differ_by_object_are_clustered_apart_and_told():
    features = np.zeros((2, 8, 10, 4), np.float32)
    features[:, :, :5, 0] = features[:, :, 5:, 1] = 1
    features += np.random.default_rng(0).normal(0, 0.01, features.shape).astype(np.float32)
    result = synthetic_reconstruction(views=2, height=28, width=42)
    points = torch.from_numpy(result.cloud.points.reshape(2, 28, 42, 3).copy())
    points[:, :, 21:] += 100  # neighbors in space are neighbors in features
    ones = torch.ones(2, 28, 42)
    encoded = SimpleNamespace(
        mask_features=torch.from_numpy(features).permute(0, 3, 1, 2),
        geometry=SimpleNamespace(depth=ones, confidence=ones, points=lambda: points),
    )
    inputs = feature_inputs(encoded, FeatureSettings(min_cluster_size=300, min_samples=60))
    assert inputs[1].shape == (2, 8, 10, 3)
    np.testing.assert_array_equal(inputs[1][1, 0, 0], points[1, 1, 2], "the pixel in the middle of the cell")
    assert inputs[2].min_cluster_size == round(300 * 160 / 2352)
    labels, cost, sentence = label_features(*inputs)
    found = finish_features(result, (labels, cost, sentence), None)
    assert len(found.reconstruction.instances) == 2
    side = found.reconstruction.instances[0].pixels % 42 < 21
    assert side.mean() in (0, 1)
    assert cost.seconds > 0
    assert "160 of 160 cells" in sentence


def two_planes():
    """A floor and a wall as points in meters, and the camera that saw both."""
    step = np.arange(0, 2, 0.05)
    across, along = (part.ravel() for part in np.meshgrid(step, step))
    floor = np.stack([across, along, 0 * across], axis=-1)
    wall = np.stack([across, 0 * across, along + 0.05], axis=-1)
    points = np.concatenate([floor, wall]).astype(np.float32)
    return points, np.broadcast_to(np.array([1.0, 1.5, 1.5], np.float32), points.shape).copy()


def test_a_fold_parts_a_floor_from_a_wall():
    points, cameras = two_planes()
    labels, _, _ = label_surface(points, cameras, SurfaceSettings(voxel=0.02, threshold=0.05, min_vertices=20))
    half = len(points) // 2
    assert np.bincount(labels[: half - 200]).argmax() != np.bincount(labels[half + 200 :]).argmax()


def test_positions_are_clustered_in_a_process_that_a_cancel_ends():
    found = from_positions(SEEN, PositionSettings(min_cluster_size=20))
    assert found.kind == "positions"
    assert found.cost.seconds > 0
    assert "room" in found.notes[-1], "the units are unknown"
    owned = sum(len(item.pixels) for item in found.reconstruction.instances)
    assert owned <= SEEN.keep.sum()

    def stop(step, fraction):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        from_positions(SEEN, SurfaceSettings(), report=stop)


@pytest.fixture
def folder(tmp_path):
    """True ids: the instances of the result as objects 1 to 6, a strip of structure 9, the rest unlabelled."""
    ids = np.zeros(4 * AREA, np.uint16)
    for item in sorted(RESULT.instances, key=lambda item: item.objectness):
        ids[item.pixels] = item.query + 1
    ids = ids.reshape(4, 28, 42)
    ids[:, :3] = 9
    (tmp_path / "instance").mkdir()
    for view in range(4):
        large = np.kron(ids[view], np.ones((2, 2), np.uint16))
        cv2.imwrite(str(tmp_path / "instance" / f"view_{view:03d}.png"), large)
    classes = {str(value): "ball" for value in range(1, 7)} | {"9": "structure"}
    (tmp_path / "transforms.json").write_text(json.dumps({"instance_classes": classes}))
    return tmp_path, ids


def test_true_ids_are_read_at_the_pixels_of_the_result(folder):
    path, ids = folder
    truth = read_truth(path, RESULT)
    np.testing.assert_array_equal(truth.ids.reshape(4, 28, 42), np.where(ids == 9, -9, ids.astype(int)))
    assert truth.names == dict.fromkeys(range(1, 7), "ball")
    assert read_truth(path / "instance", RESULT) is None
    (path / "instance" / "view_002.png").unlink()
    with pytest.raises(DatasetError, match="view_002"):
        read_truth(path, RESULT)


def test_precision_and_mistakes_are_those_of_the_protocol(folder):
    path, ids = folder
    truth = read_truth(path, RESULT)
    first, second = RESULT.instances[:2]
    strip = np.flatnonzero(ids.ravel() == 9).astype(np.int32)
    strip = strip[RESULT.cloud.valid[strip]]
    twice = dataclasses.replace(
        second, query=first.query, pixels=np.union1d(first.pixels, second.pixels).astype(np.int32)
    )
    wall = dataclasses.replace(second, pixels=strip)
    result = replaced(RESULT, instances=(twice, wall, *RESULT.instances[2:]))
    seen = curate(result, OPEN)
    beside = set_beside(truth_counterpart(result, truth), seen, truth=truth)
    told = {line.first: line.verdict for line in beside.lines if line.first is not None}
    assert told[wall.query] == "ignored"
    assert told[twice.query] in ("merge", "correct", "inexact")
    missed = {line.second for line in beside.lines if line.verdict == "miss"}
    found = {line.second for line in beside.lines if line.verdict == "correct"}
    sizes = np.bincount(truth.ids[seen.keep & (truth.ids > 0)], minlength=7)
    assert not missed & found
    assert missed | found >= set(np.flatnonzero(sizes >= 100).tolist()), "smaller objects are no targets"
    assert beside.second.find(1).name == "ball 1"
    masks = np.zeros((len(seen.shown), 4 * AREA), bool)
    for mask, item in zip(masks, seen.shown, strict=True):
        mask[item.pixels] = True
    plain = np.where(seen.keep & (truth.ids > 0), truth.ids + 1000, 0)
    expected = pooled([scene_records(plain, masks, np.array([item.objectness for item in seen.shown]))])
    own, none = beside.precision
    assert none is None
    assert (own.ap, own.ap50, own.ap25) == (expected["ap"], expected["ap50"], expected["ap25"])
    assert own.objects == expected["counts"]["targets"]


def test_files_of_this_program_come_back(tmp_path):
    write_npz(tmp_path / "reconstruction.npz", RESULT)
    write_scene_ply(tmp_path / "scene.ply", RESULT, threshold=0.0)
    found = read_counterpart(tmp_path / "reconstruction.npz", RESULT)
    assert [line.verdict for line in set_beside(found, SEEN).lines if line.verdict != "same"] == []
    points = set_beside(read_counterpart(tmp_path / "scene.ply", RESULT), SEEN)
    assert len(pairs(points)) >= 4
    write_scene_ply(tmp_path / "thin.ply", RESULT, threshold=0.0, voxel_size=0.05)
    thin = read_counterpart(tmp_path / "thin.ply", RESULT)
    assert "of the points have an imported point within" in thin.notes[-1]
    assert len(pairs(set_beside(thin, SEEN))) >= 4


def test_masks_of_others_come_in_their_archive(tmp_path):
    masks = np.zeros((int(RESULT.cloud.valid.sum()), 2), bool)
    masks[:500, 0] = masks[400:900, 1] = True
    np.savez(tmp_path / "theirs.npz", masks=masks, scores=np.array([0.2, 0.9], np.float32))
    found = read_counterpart(tmp_path / "theirs.npz", RESULT)
    assert sorted(len(item.pixels) for item in found.reconstruction.instances) == [400, 500]
    np.savez(tmp_path / "odd.npz", values=masks)
    with pytest.raises(DatasetError, match=r"odd\.npz"):
        read_counterpart(tmp_path / "odd.npz", RESULT)
    with pytest.raises(DatasetError, match=r"\.f3d, \.npz or \.ply"):
        read_counterpart(tmp_path / "odd.json", RESULT)


def test_what_benchmarks_take_has_no_photos_and_its_refusal_says_what_to_do(tmp_path):
    """Text with masks over the vertices of a scan: neither the file nor its folder can be shown."""
    (tmp_path / "scene0011_00.txt").write_text("predicted_masks/scene0011_00_000.txt 1 0.9\n")
    for path in (tmp_path / "scene0011_00.txt", tmp_path):
        with pytest.raises(DatasetError, match="masks over the vertices of a scan") as refused:
            read_counterpart(path, RESULT)
        assert "fast3dis evaluate --method imported" in str(refused.value)
