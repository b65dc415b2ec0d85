"""Predictions of other systems: read as they write them, refused where they do not fit, and never run."""

import json
import os
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.evaluation.imports import (
    SYSTEMS,
    ImportedScene,
    ImportTarget,
    LabelledPoints,
    VertexMasks,
    import_scene,
    write_imported,
)
from tests.core.evaluation import foreign_files as foreign
from tests.core.evaluation.foreign_files import FRAMES, SCENE, VIEWS, ply_columns, run_lengths, write_ply


@pytest.fixture(scope="module")
def scan():
    return foreign.scan()


def assert_masks(found, scan, scores):
    assert isinstance(found.found, VertexMasks)
    assert (found.scene_id, found.found.masks.dtype, found.scores.dtype) == (SCENE, np.bool_, np.float32)
    np.testing.assert_array_equal(found.found.masks, scan.masks)
    np.testing.assert_allclose(found.scores, scores)


def assert_points(found, scan, scores, *, first=1):
    """All pixels are there, in order; instances are true ids less `first`."""
    assert isinstance(found.found, LabelledPoints)
    assert (found.found.world, found.found.frames) == ("predicted", FRAMES)
    np.testing.assert_allclose(found.found.points, scan.points.reshape(-1, 3), atol=1e-5)
    np.testing.assert_array_equal(found.found.instances, scan.pixel_ids.ravel() - first)
    np.testing.assert_allclose(found.found.world_to_camera, scan.cameras, atol=1e-5)
    np.testing.assert_allclose(found.scores, scores)


def test_every_system_has_a_name_and_others_are_refused(scan, tmp_path):
    assert set(SYSTEMS) == {"iggt", "panst3r", "sam3d", "segment3d", "maskclustering", "submission", "ply", "npz"}
    with pytest.raises(ConfigError, match=r"iggt, panst3r.*found 'dust3r'"):
        import_scene("dust3r", tmp_path, scan.target)


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_an_empty_folder_is_named_with_a_remedy(system, scan, tmp_path):
    with pytest.raises(DatasetError) as error:
        import_scene(system, tmp_path, scan.target)
    assert str(tmp_path) in str(error.value)
    assert SCENE in str(error.value)
    assert "; " in str(error.value)


def test_iggt(scan, tmp_path):
    foreign.write_iggt(tmp_path, scan)
    found = import_scene("iggt", tmp_path, scan.target)
    assert_points(found, scan, np.ones(4), first=0)  # label 0 is a cluster
    assert any("all 1" in note for note in found.notes)


def test_iggt_leaves_out_pixels_without_a_point(scan, tmp_path):
    place = foreign.write_iggt(tmp_path, scan)
    with np.load(place / "predictions.npz") as archive:
        arrays = dict(archive)
    arrays["world_points_from_depth"][0, 0, 0] = np.nan
    arrays["world_points_from_depth"][0, 0, 1] = np.inf
    arrays["depth"][1, 2, 3] = 0
    np.savez(place / "predictions.npz", **arrays)
    found = import_scene("iggt", tmp_path, scan.target).found
    assert len(found.points) == scan.pixel_ids.size - 3
    assert np.isfinite(found.points).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extrinsic": lambda value: value[:3]}, "cameras of 4 views, found 3|found 3"),
        ({"extrinsic": lambda value: value * 2}, "rigid"),
        ({"depth": lambda value: value[..., 0]}, r"shape \(4, 24, 32, 1\)"),
        ({"depth": lambda value: value * 2}, "median error of 50%"),
        ({"world_points_from_depth": lambda value: value[:2]}, "4 photos of the scene"),
        ({"world_points_from_depth": lambda value: value[..., :2]}, r"S, H, W, 3"),
        ({"world_points_from_depth": lambda value: value.astype(object)}, "none that reads"),
        ({"extrinsic": None}, "found .*world_points_from_depth"),
    ],
)
def test_iggt_refusals(change, message, scan, tmp_path):
    place = foreign.write_iggt(tmp_path, scan)
    with np.load(place / "predictions.npz") as archive:
        arrays = dict(archive)
    for name, edit in change.items():
        if edit is None:
            del arrays[name]
        else:
            arrays[name] = edit(arrays[name])
    np.savez(place / "predictions.npz", **arrays)
    with pytest.raises(DatasetError, match=message) as error:
        import_scene("iggt", tmp_path, scan.target)
    assert "predictions.npz" in str(error.value)
    assert "IGGT" in str(error.value)


def test_iggt_wants_world_to_camera(scan, tmp_path):
    place = foreign.write_iggt(tmp_path, scan)
    with np.load(place / "predictions.npz") as archive:
        arrays = dict(archive)
    arrays["extrinsic"] = np.linalg.inv(scan.cameras)[:, :3]
    np.savez(place / "predictions.npz", **arrays)
    with pytest.raises(DatasetError, match="world-to-camera"):
        import_scene("iggt", tmp_path, scan.target)


def test_iggt_wants_a_mask_for_each_photo(scan, tmp_path):
    masks = foreign.write_iggt(tmp_path, scan) / "dbscan_masks"
    (masks / "mask_002.npy").rename(masks / "mask_009.npy")
    with pytest.raises(DatasetError, match=r"mask_000.npy to mask_003.npy.* found 4 masks"):
        import_scene("iggt", tmp_path, scan.target)
    (masks / "mask_009.npy").rename(masks / "mask_002.npy")
    np.save(masks / "mask_001.npy", scan.pixel_ids[0].astype(float))
    with pytest.raises(DatasetError, match=r"mask_001.npy: expected a mask of integers"):
        import_scene("iggt", tmp_path, scan.target)
    np.save(masks / "mask_001.npy", scan.pixel_ids[0, 1:])
    with pytest.raises(DatasetError, match=r"shape \(24, 32\)"):
        import_scene("iggt", tmp_path, scan.target)


def test_panst3r(scan, tmp_path):
    foreign.write_panst3r(tmp_path, scan)
    found = import_scene("panst3r", tmp_path, scan.target)
    assert_points(found, scan, [0.9, 0.6, 0.3])
    assert any("stuff" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segment_ids": np.array([15, 5, 11])}, r"\[10\] without a score"),
        ({"segment_ids": np.array([15, 5, 5])}, "differ"),
        ({"segment_ids": np.array([15, 5, 10, 0]), "segment_scores": np.ones(4)}, "not 0"),
        ({"segment_scores": np.array([1, 2.0])}, r"shape \(3\)"),
        ({"segment_scores": np.array([1, 2, np.nan])}, "1 with NaN"),
        ({"pan": np.zeros((VIEWS, 2, 2), int)}, r"pan of integers"),
        ({"pan": np.array([{}])}, "none that reads"),
    ],
)
def test_panst3r_refusals(change, message, scan, tmp_path):
    foreign.write_panst3r(tmp_path, scan, **change)
    with pytest.raises(DatasetError, match=message):
        import_scene("panst3r", tmp_path, scan.target)


def test_panst3r_wants_points_before_its_cameras(scan, tmp_path):
    turned = np.diag([-1.0, 1, -1, 1]) @ scan.cameras
    foreign.write_panst3r(tmp_path, scan, world_to_camera=turned)
    with pytest.raises(DatasetError, match="most of them behind: are these camera to world"):
        import_scene("panst3r", tmp_path, scan.target)


@pytest.mark.parametrize("suffix", [".pth", ".npy"])
def test_sam3d(suffix, scan, tmp_path):
    foreign.write_sam3d(tmp_path, scan, suffix=suffix)
    assert_masks(import_scene("sam3d", tmp_path, scan.target), scan, np.ones(3))


def test_sam3d_wants_one_file(scan, tmp_path):
    for suffix in (".pth", ".npy"):
        foreign.write_sam3d(tmp_path, scan, suffix=suffix)
    with pytest.raises(DatasetError, match="found both"):
        import_scene("sam3d", tmp_path, scan.target)


@pytest.mark.parametrize("suffix", [".pth", ".npy"])
def test_sam3d_of_another_mesh_is_refused(suffix, scan, tmp_path):
    foreign.write_sam3d(tmp_path, scan, suffix=suffix)
    smaller = ImportTarget(scene_id=SCENE, vertices=scan.vertices[1:])
    with pytest.raises(DatasetError, match=r"the 599 vertices of the scan of SAM3D, found 600; predict on the mesh"):
        import_scene("sam3d", tmp_path, smaller)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i8"])
def test_groups_of_any_integers(kind, tmp_path):
    groups = np.array([3, 0, 120, 3, 0], kind)
    torch.save(groups, tmp_path / f"{SCENE}.pth")
    found = import_scene("sam3d", tmp_path, ImportTarget(scene_id=SCENE, vertices=np.zeros((5, 3))))
    assert found.found.masks.tolist() == [(groups == group).tolist() for group in (0, 3, 120)]


def repacked(path, old, new):
    """Replace bytes in the description of a file by torch.save."""
    with zipfile.ZipFile(path) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    assert any(old in content for content in parts.values())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(old, new))


def test_groups_stored_by_an_older_numpy(scan, tmp_path):
    foreign.write_sam3d(tmp_path, scan)
    repacked(tmp_path / f"{SCENE}.pth", b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert_masks(import_scene("sam3d", tmp_path, scan.target), scan, np.ones(3))


class Runs:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_nothing_in_a_pth_is_run(scan, tmp_path):
    marker = tmp_path / "was run"
    for content in (Runs(marker), np.array([Runs(marker)], dtype=object), [np.arange(3), Runs(marker)]):
        torch.save(content, tmp_path / f"{SCENE}.pth")
        with pytest.raises(DatasetError, match=r"was not opened|that reads") as error:
            import_scene("sam3d", tmp_path, scan.target)
        assert ".npy" in str(error.value) or "run it" in str(error.value)
    assert not marker.exists()
    for system in ("segment3d", "npz"):
        with (tmp_path / f"{SCENE}.npz").open("wb") as file:
            np.savez(file, pred_masks=np.array([Runs(marker)], object), pred_scores=np.zeros(1))
        with pytest.raises(DatasetError):
            import_scene(system, tmp_path, scan.target)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        np.zeros(5),
        np.array(["a"]),
        np.array([{}]),
        {"group": np.zeros(5, int)},
        [1, 2],
        torch.zeros(5),
        np.zeros((5, 1), int),
        np.zeros(5, [("a", int)]),
        np.array([1 + 1j]),
    ],
    ids=lambda content: type(content).__name__,
)
def test_other_content_of_a_pth_is_refused(content, tmp_path):
    torch.save(content, tmp_path / f"{SCENE}.pth")
    with pytest.raises(DatasetError, match=r"SAM3D, found"):
        import_scene("sam3d", tmp_path, ImportTarget(scene_id=SCENE, vertices=np.zeros((5, 3))))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_are_refused_or_read_never_worse(data, tmp_path_factory):
    """Single bytes changed in the description: read, or refused with our error."""
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / f"{SCENE}.pth"
    torch.save(np.arange(20, dtype=np.int16), path)
    with zipfile.ZipFile(path) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = next(name for name in parts if name.endswith("data.pkl"))
    content = bytearray(parts[name])
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with zipfile.ZipFile(path, "w") as archive:
        for entry, part in (parts | {name: bytes(content)}).items():
            archive.writestr(entry, part)
    try:
        found = import_scene("sam3d", folder, ImportTarget(scene_id=SCENE, vertices=np.zeros((20, 3))))
        assert found.found.masks.shape[1] == 20
    except DatasetError:
        pass


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_damaged_pth_is_refused(content, scan, tmp_path):
    (tmp_path / f"{SCENE}.pth").write_bytes(content)
    with pytest.raises(DatasetError, match=r"scene0000_00.pth: expected an array of integers"):
        import_scene("sam3d", tmp_path, scan.target)


@pytest.mark.parametrize("demo", [False, True])
def test_segment3d(demo, scan, tmp_path):
    foreign.write_segment3d(tmp_path, scan, demo=demo)
    found = import_scene("segment3d", tmp_path, scan.target)
    assert_masks(found, scan, [0.9, 0.8, 0.7])
    equal = found.with_equal_scores()
    assert_masks(equal, scan, np.ones(3))
    assert equal.notes != found.notes


def test_mask_clustering(scan, tmp_path):
    foreign.write_mask_clustering(tmp_path, scan)
    assert_masks(import_scene("maskclustering", tmp_path, scan.target), scan, np.ones(3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pred_masks": np.zeros((599, 3), bool)}, "600 vertices of the scan"),
        ({"pred_masks": np.zeros((3, 600), bool)}, "600 vertices of the scan"),  # the wrong way round
        ({"pred_masks": np.full((600, 3), 2)}, "of 0 and 1"),
        ({"pred_masks": np.zeros(600, bool)}, r"shape \(V, K\)"),
        ({"pred_score": np.ones(4)}, r"shape \(3\)"),
        ({"pred_score": np.array([1, np.inf, 1])}, "finite pred_score"),
        ({"pred_score": np.array(["a", "b", "c"])}, "pred_score of numbers"),
    ],
)
def test_mask_archives_refusals(change, message, scan, tmp_path):
    content = {"pred_masks": scan.masks.T, "pred_score": np.ones(3)}
    np.savez(tmp_path / f"{SCENE}.npz", **(content | change))
    with pytest.raises(DatasetError, match=message) as error:
        import_scene("maskclustering", tmp_path, scan.target)
    assert f"{SCENE}.npz" in str(error.value)
    assert "MaskClustering" in str(error.value)


def test_an_archive_that_lacks_names_lists_what_it_has(scan, tmp_path):
    np.savez(tmp_path / f"{SCENE}.npz", masks=scan.masks.T, confidence=np.ones(3))
    with pytest.raises(DatasetError, match=r"pred_masks, pred_scores or masks_binary, scores.*found masks, confidence"):
        import_scene("segment3d", tmp_path, scan.target)
    (tmp_path / f"{SCENE}.npz").write_bytes((tmp_path / f"{SCENE}.npz").read_bytes()[:200])
    with pytest.raises(DatasetError, match="none that reads"):
        import_scene("segment3d", tmp_path, scan.target)


@pytest.mark.parametrize("runs", [False, True])
def test_submission(runs, scan, tmp_path):
    foreign.write_submission(tmp_path, scan, runs=runs)
    assert_masks(import_scene("submission", tmp_path, scan.target), scan, [0.9, 0.8, 0.7])


@settings(max_examples=60, deadline=None)
@given(mask=st.lists(st.booleans(), min_size=1, max_size=40))
def test_runs_are_read_back(mask, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "0.json").write_text(json.dumps(run_lengths(np.array(mask))))
    (folder / f"{SCENE}.txt").write_text("0.json 1 0.5\n")
    found = import_scene("submission", folder, ImportTarget(scene_id=SCENE, vertices=np.zeros((len(mask), 3))))
    assert found.found.masks.tolist() == [mask]


def test_an_empty_submission_is_no_error(scan, tmp_path):
    (tmp_path / f"{SCENE}.txt").write_text("\n")
    assert import_scene("submission", tmp_path, scan.target).found.masks.shape == (0, 600)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("predicted_masks/a.txt 3", "lines MASK LABEL CONFIDENCE"),
        ("predicted_masks/a.txt 3 high", "lines MASK LABEL CONFIDENCE"),
        ("predicted_masks/a.txt 3 nan", "finite confidences"),
        ("../a.txt 3 0.5", "inside the folder"),
        ("/etc/hostname 3 0.5", "inside the folder"),
        ("predicted masks/a.txt 3 0.5", "LABEL"),
        ("predicted_masks/missing.txt 3 0.5", "none that reads"),
        ("predicted_masks/short.txt 3 0.5", "600 vertices of the scan of a benchmark submission, found 2"),
        ("predicted_masks/words.txt 3 0.5", "one integer per vertex"),
        ("predicted_masks/short.json 3 0.5", "found 2"),
        ("predicted_masks/outside.json 3 0.5", "leave the mesh"),
        ("predicted_masks/zero.json 3 0.5", "leave the mesh"),
        ("predicted_masks/odd.json 3 0.5", "counts '1 2 3'"),
        ("predicted_masks/list.json 3 0.5", r"counts \[1, 2\]"),
        ("predicted_masks/a.txt 3 0.5\npredicted_masks/a.txt 4 0.4", "a.txt more than once"),
    ],
)
def test_submission_refusals(line, message, scan, tmp_path):
    masks = tmp_path / "predicted_masks"
    masks.mkdir()
    (masks / "a.txt").write_text("1\n" * 600)
    (masks / "short.txt").write_text("1\n0\n")
    (masks / "words.txt").write_text("1.5\n" * 600)
    for name, length, counts in (
        ("short", 2, "1 2"),
        ("outside", 600, "600 2"),
        ("zero", 600, "0 2"),
        ("odd", 600, "1 2 3"),
        ("list", 600, [1, 2]),
    ):
        (masks / f"{name}.json").write_text(json.dumps({"length": length, "counts": counts}))
    (tmp_path / f"{SCENE}.txt").write_text(f"{line}\n")
    with pytest.raises(DatasetError, match=message):
        import_scene("submission", tmp_path, scan.target)


@pytest.mark.parametrize("order", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("scores", [False, True])
def test_ply_of_the_scan(order, scores, scan, tmp_path):
    write_ply(tmp_path / f"{SCENE}.ply", ply_columns(scan, scores=scores), order=order)
    found = import_scene("ply", tmp_path, scan.target)
    assert_masks(found, scan, [0.25, 0.5, 0.75] if scores else np.ones(3))
    assert any("vertices are those of the scan" in note for note in found.notes)


@pytest.mark.parametrize("change", ["fewer", "another order"])
def test_ply_of_other_points(change, scan, tmp_path):
    rows = np.arange(0, 600, 2) if change == "fewer" else np.arange(600)[::-1]
    columns = {name: values[rows] for name, values in ply_columns(scan).items()}
    write_ply(tmp_path / f"{SCENE}.ply", columns)
    found = import_scene("ply", tmp_path, scan.target)
    assert isinstance(found.found, LabelledPoints)
    assert found.found.world == "gt"
    np.testing.assert_array_equal(found.found.instances, scan.ids[rows] - 1)
    np.testing.assert_allclose(found.found.points, scan.vertices[rows], atol=1e-6)
    np.testing.assert_allclose(found.scores, [0.25, 0.5, 0.75])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("float instance", lambda scan: scan.ids + 0.5, "integers as instances"),
        ("float instance", lambda scan: np.where(scan.ids, np.nan, 0), "integers as instances"),
        ("float score", lambda scan: np.arange(600.0), "one finite score for each instance"),
        ("float score", lambda scan: np.full(600, np.nan), "one finite score for each instance"),
        ("double x", lambda scan: np.where(scan.ids, np.inf, 0), "finite points"),
    ],
)
def test_ply_refusals(name, values, message, scan, tmp_path):
    columns = {key: value for key, value in ply_columns(scan).items() if key.split()[1] != name.split()[1]}
    write_ply(tmp_path / f"{SCENE}.ply", columns | {name: values(scan)}, order="binary_little_endian")
    with pytest.raises(DatasetError, match=message):
        import_scene("ply", tmp_path, scan.target)


def test_a_ply_without_instances_or_cut_off(scan, tmp_path):
    path = tmp_path / f"{SCENE}.ply"
    columns = ply_columns(scan)
    del columns["int instance"]
    write_ply(path, columns)
    with pytest.raises(DatasetError, match=r"the property instance of .*found x, y, z, score"):
        import_scene("ply", tmp_path, scan.target)
    for order in ("ascii", "binary_little_endian"):
        write_ply(path, ply_columns(scan), order=order)
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(DatasetError, match="PLY points"):
            import_scene("ply", tmp_path, scan.target)


def test_npz_of_a_predicted_world(scan, tmp_path):
    foreign.write_npz(tmp_path, scan)
    found = import_scene("npz", tmp_path, scan.target)
    assert_points(found, scan, [0.9, 0.8, 0.7])
    assert found.system == "npz"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": np.array("camera")}, "found 'camera'"),
        ({"frame": np.array(3)}, "frame as text"),
        ({"frames": None}, "frames and world_to_camera"),
        ({"frames": np.array(["0.jpg", "20.jpg", "40.jpg", "61.jpg"])}, "found 61.jpg"),
        ({"frames": np.array(["0.jpg", "20.jpg", "40.jpg", "0.jpg"])}, "each once"),
        ({"frames": np.array(["0.jpg", "20.jpg"])}, "cameras of 2 frames"),
        ({"world_to_camera": np.zeros((4, 4, 4))}, "rigid world_to_camera"),
        ({"scores": np.ones(2)}, "instances 0 to 1"),
        ({"scores": np.ones((3, 1))}, "scores of numbers"),
        ({"points": np.zeros((5, 3))}, r"shape \(5\)"),
        ({"instance": np.zeros((5, 2))}, "instance of integers"),
        ({"points": None}, "found instance, scores"),
    ],
)
def test_npz_refusals(change, message, scan, tmp_path):
    foreign.write_npz(tmp_path, scan, **change)
    with pytest.raises(DatasetError, match=message):
        import_scene("npz", tmp_path, scan.target)


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_every_import_survives_our_own_archive(system, scan, tmp_path):
    writers = {
        "iggt": foreign.write_iggt,
        "panst3r": foreign.write_panst3r,
        "sam3d": foreign.write_sam3d,
        "segment3d": foreign.write_segment3d,
        "maskclustering": foreign.write_mask_clustering,
        "submission": foreign.write_submission,
        "ply": lambda folder, scan: write_ply(folder / f"{SCENE}.ply", ply_columns(scan)),
        "npz": foreign.write_npz,
    }
    writers[system](tmp_path, scan)
    found = import_scene(system, tmp_path, scan.target)
    again = import_scene("npz", write_imported(tmp_path, found).parent, scan.target)
    assert (again.system, again.notes, again.scene_id) == (system, found.notes, SCENE)
    np.testing.assert_array_equal(again.scores, found.scores)
    assert type(again.found) is type(found.found)
    for name, value in vars(found.found).items():
        if isinstance(value, np.ndarray) and name != "world_to_camera":
            np.testing.assert_array_equal(getattr(again.found, name), value)
        elif isinstance(value, np.ndarray):
            np.testing.assert_allclose(getattr(again.found, name), value, atol=1e-12)
        else:
            assert getattr(again.found, name) == value


def test_values_that_do_not_fit_are_our_own_mistake():
    points = {"points": np.zeros((2, 3), np.float32), "instances": np.array([0, 1], np.int32)}
    with pytest.raises(ValueError, match="none for the true one"):
        LabelledPoints(**points, world="gt", frames=("a",), world_to_camera=np.eye(4)[None])
    fitting = LabelledPoints(**points, world="gt", frames=(), world_to_camera=np.zeros((0, 4, 4)))
    for found in (fitting, VertexMasks(masks=np.zeros((2, 9), bool))):
        with pytest.raises(ValueError, match="a finite score for each instance"):
            ImportedScene(scene_id="a", system="b", found=found, scores=np.ones(1, np.float32))
