"""Imports on the vertices of a scan: a perfect prediction scores 1 in whatever world it was made."""

import json

import numpy as np
import pytest

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.average_precision import average_precision
from fast3dis_core.evaluation.imports import ImportTarget, import_scene, surface_masks
from tests.core.evaluation import foreign_files as foreign
from tests.core.evaluation.foreign_files import FRAMES, SCENE, VIEWS, ply_columns, write_ply


@pytest.fixture(scope="module")
def scan():
    return foreign.scan()


def figures_of(scan, found):
    encoded = np.where(scan.ids > 0, 1000 + scan.ids, 0)
    return average_precision([{"gt_ids": encoded, "masks": found.masks, "scores": found.scores}])


WRITERS = {
    "iggt": foreign.write_iggt,
    "panst3r": foreign.write_panst3r,
    "sam3d": foreign.write_sam3d,
    "segment3d": foreign.write_segment3d,
    "maskclustering": foreign.write_mask_clustering,
    "submission": foreign.write_submission,
    "ply": lambda folder, scan: write_ply(folder / f"{SCENE}.ply", ply_columns(scan)),
    "npz": foreign.write_npz,
}


@pytest.mark.parametrize("icp", [True, False])
@pytest.mark.parametrize("system", sorted(WRITERS))
def test_a_perfect_prediction_of_any_system_is_perfect(system, icp, scan, tmp_path):
    WRITERS[system](tmp_path, scan)
    found = surface_masks(import_scene(system, tmp_path, scan.target), scan.vertices, scan.truth, icp=icp)
    result = figures_of(scan, found)
    assert (result["ap"], result["ap25"]) == (1.0, 1.0)
    json.dumps(dict(found.figures), allow_nan=False)
    if system in ("iggt", "panst3r", "npz"):
        assert (found.figures["alignment_method"], found.figures["alignment_quality"]) == ("umeyama", "good")
        assert found.figures["center_rmse"] < 1e-4
        assert found.figures["points_that_vote"] == found.figures["points_of_instances"]
        assert ("icp_accepted" in found.figures) == icp
    else:
        assert found.figures == {}


def test_icp_takes_out_what_cameras_got_wrong(scan, tmp_path):
    off = scan.points + np.array([0.06, -0.05, 0.05]) * foreign.SCALE  # all points 9 cm from where cameras say
    foreign.write_npz(tmp_path, scan, points=off.reshape(-1, 3).astype(np.float32))
    imported = import_scene("npz", tmp_path, scan.target)
    with_icp, without = (surface_masks(imported, scan.vertices, scan.truth, icp=icp) for icp in (True, False))
    assert with_icp.figures["icp_accepted"]
    assert with_icp.figures["icp_shift"] == pytest.approx(0.093, abs=5e-3)
    assert figures_of(scan, with_icp)["ap"] == 1.0 > figures_of(scan, without)["ap"]
    # a point nine centimeters off votes for no vertex unless the limit says so
    assert without.figures["points_that_vote"] < with_icp.figures["points_that_vote"]
    wide = surface_masks(imported, scan.vertices, scan.truth, icp=False, max_distance=0.1)
    assert wide.figures["points_that_vote"] > without.figures["points_that_vote"]


def test_a_part_of_the_photos_in_another_order(scan, tmp_path):
    chosen = [3, 0, 2]
    foreign.write_npz(tmp_path, scan, frames=np.array(FRAMES)[chosen], world_to_camera=scan.cameras[chosen])
    found = surface_masks(import_scene("npz", tmp_path, scan.target), scan.vertices, scan.truth)
    assert found.figures["cameras"] == 3
    assert figures_of(scan, found)["ap"] == 1.0


def test_worlds_that_cannot_be_aligned_have_no_masks(scan, tmp_path):
    truth = {name: np.full((4, 4), np.nan) for name in FRAMES}
    foreign.write_npz(tmp_path, scan)
    found = surface_masks(import_scene("npz", tmp_path, scan.target), scan.vertices, truth)
    assert found.masks is None
    assert (found.figures["alignment_method"], found.figures["center_rmse"]) == ("none", None)
    assert found.figures["reason"]


def test_points_in_the_true_world_vote_as_they_are(scan, tmp_path):
    columns = ply_columns(scan)
    rows = np.random.default_rng(0).permutation(600)
    moved = {name: values[rows] for name, values in columns.items()}
    for axis in "xyz":
        moved[f"double {axis}"] = moved[f"double {axis}"] + 0.005
    write_ply(tmp_path / f"{SCENE}.ply", moved)
    found = surface_masks(import_scene("ply", tmp_path, scan.target), scan.vertices, {})
    assert "alignment_method" not in found.figures
    claimed = found.masks.any(axis=0)
    assert claimed[scan.ids > 0].mean() > 0.9
    assert (found.masks & scan.masks).sum() > 0.95 * found.masks.sum()


def test_refusals(scan, tmp_path):
    foreign.write_npz(tmp_path, scan)
    imported = import_scene("npz", tmp_path, scan.target)
    truth = {name: camera for name, camera in scan.truth.items() if name != FRAMES[1]}
    with pytest.raises(EvaluationError, match=rf"all {VIEWS} photos, 1 are missing, such as {FRAMES[1]}"):
        surface_masks(imported, scan.vertices, truth)
    foreign.write_sam3d(tmp_path, scan)
    masks = import_scene("sam3d", tmp_path, ImportTarget(scene_id=SCENE, vertices=scan.vertices))
    with pytest.raises(EvaluationError, match="599 vertices of the scan, found 600"):
        surface_masks(masks, scan.vertices[1:], {})
