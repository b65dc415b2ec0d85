"""`fast3dis evaluate` on every data set that is read, each a small tree in its exact format, and on imports."""

import json

import numpy as np
import pytest
from scipy.spatial import cKDTree
from typer.testing import CliRunner

from fast3dis_core.cli import app
from fast3dis_core.datasets.procedural_rooms import write_posed_dataset
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.evaluation.sources import AriaScenes, ScannedScenes, chosen_scenes
from tests.core.datasets import aria_tree, replica_tree, scannet_tree, scannetpp_tree

NETWORK = ("--weights", "random", "--resolution", "56", "--device", "cpu", "--pictures", "1")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "FAST3DIS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def roots(tmp_path_factory, sample):
    """A folder of each data set."""
    made = {name: tmp_path_factory.mktemp(name) for name in ("scannet", "scannetpp", "replica", "aria", "posed")}
    scannet_tree.write_scene(made["scannet"])
    scannetpp_tree.write_scene(made["scannetpp"])
    replica_tree.write_scene(made["replica"])
    aria_tree.write_scene(made["aria"] / "7")
    write_posed_dataset(sample, made["posed"] / "room", surface=False)
    return {"aria-synthetic": made.pop("aria"), "posed-folder": made.pop("posed"), **made}


def evaluate(dataset, root, out, *arguments):
    options = ["evaluate", "--dataset", dataset, "--root", root, "--out", out, *arguments]
    done = CliRunner().invoke(app, [str(option) for option in options])
    result = out / "result-all.json"
    return done, json.loads(result.read_text()) if done.exit_code == 0 and result.is_file() else None


def source_of(dataset, root):
    options = {"views": 3, "long_edge": 56}
    return AriaScenes(root, **options) if dataset == "aria-synthetic" else ScannedScenes(dataset, root, **options)


ALL = ("scannet", "scannetpp", "replica", "aria-synthetic", "posed-folder")


@pytest.mark.parametrize("dataset", ALL)
def test_views_and_surface_of_a_data_set_are_of_one_world(roots, dataset):
    source = source_of(dataset, roots[dataset])
    scene = source.scene_ids[0]
    sample, surface, cameras = source.sample(scene), source.surface(scene), source.cameras(scene)
    assert tuple(cameras) == sample.views.names
    np.testing.assert_allclose(next(iter(cameras.values())), surface.world_to_first, atol=1e-9)
    for camera, ours in zip(cameras.values(), sample.geometry.world_to_camera.numpy(), strict=True):
        np.testing.assert_allclose(ours @ surface.world_to_first, camera, atol=1e-4)
    seen = sample.geometry.points()[sample.geometry.depth > 0].double().numpy()
    distance, _ = cKDTree(surface.in_first()).query(seen)
    assert np.median(distance) < 0.3  # meshes of the trees are coarse
    assert {len(ids) for ids in surface.gt_ids.values()} == {len(surface.points)}
    assert (surface.faces is None) == (surface.cameras is not None)


@pytest.mark.parametrize("dataset", ALL)
def test_perfect_masks_of_another_system_reach_one_on_every_data_set(roots, dataset, tmp_path):
    source = source_of(dataset, roots[dataset])
    scene = source.scene_ids[0]
    surface = source.surface(scene)
    ids = surface.gt_ids["all"]
    masks = np.stack([ids == value for value in np.unique(ids[ids > 0])], axis=1)
    np.savez(tmp_path / f"{scene}.npz", masks=masks, scores=np.linspace(0.9, 0.5, masks.shape[1]).astype(np.float32))
    imported = ("--method", "imported", "--system", "npz", "--predictions", tmp_path, "--protocol", "all")
    views = ("--views", "3", "--resolution", "56", "--pictures", "1")
    done, result = evaluate(dataset, roots[dataset], tmp_path / "out", *imported, *views)
    assert done.exit_code == 0, done.stderr
    assert result["average_precision"]["surface"]["counts"]["targets"] > 0
    assert result["figures"]["surface_ap"] == pytest.approx(1.0)
    assert result["figures"]["ap50"] is None
    text = (tmp_path / "out" / "report-all.md").read_text()
    assert "npz, imported" in text
    assert "| FAST3DIS (reported) | 31.6 | 9.6 | 3.8 |" in text
    known = dataset in ("scannet", "scannetpp", "replica")
    assert ("measured here" in text) == known
    page = (tmp_path / "out" / "report-all.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "data:image/svg+xml;base64," in page
    assert "data:image/png;base64," in page


@pytest.mark.parametrize("method", ["felzenszwalb", "geometry-hdbscan"])
@pytest.mark.parametrize("dataset", ["scannet", "posed-folder"])
def test_geometric_baselines_start_from_the_surface(roots, dataset, method, tmp_path):
    done, result = evaluate(
        dataset,
        roots[dataset],
        tmp_path / "out",
        "--method",
        method,
        "--protocol",
        "all",
        "--pictures",
        "0",
        "--views",
        "3",
        "--resolution",
        "56",
    )
    assert done.exit_code == 0, done.stderr
    assert "3D AP50" in done.stdout
    assert result["model"] is None
    assert result["settings"]["surface"]
    assert result["figures"]["surface_ap50"] is not None
    text = (tmp_path / "out" / "report-all.md").read_text()
    assert "Starts from the true surface itself" in text
    assert "None" not in text
    assert "scores: all 1, the method has none" in text


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ALL)
def test_the_network_sees_the_views_of_every_data_set(roots, dataset, tmp_path):
    arguments = (*NETWORK, "--views", "3", "--protocol", "all")
    done, result = evaluate(dataset, roots[dataset], tmp_path / "out", *arguments)
    assert done.exit_code == 0, done.stderr
    assert result["settings"]["resolution"] == 56
    assert len(result["frames"][result["scenes"][0]]) in (2, 3)
    assert result["average_precision"]["multi_view"]["counts"]["targets"] > 0
    assert sum(result["alignment"]["methods"].values()) == 1
    assert result["alignment"]["icp"] == "point-to-point"
    scanned = dataset in ("scannet", "scannetpp", "replica")
    assert (result["average_precision"]["surface_bound"] is not None) == scanned
    before = (tmp_path / "out" / "predictions").stat().st_mtime_ns
    again, other = evaluate(dataset, roots[dataset], tmp_path / "out", *arguments, "--icp", "none")
    assert again.exit_code == 0, again.stderr
    assert other["alignment"]["icp"] == "none"
    assert (tmp_path / "out" / "predictions").stat().st_mtime_ns == before  # scored anew, not predicted
    given, exact = evaluate(dataset, roots[dataset], tmp_path / "given", *arguments, "--geometry", "given")
    assert given.exit_code == 0, given.stderr
    assert exact["per_scene"][0]["center_rmse"] == pytest.approx(0.0, abs=1e-4)


def test_scenes_are_chosen_by_list_and_count(tmp_path):
    there = ("a", "b", "c")
    listed = tmp_path / "list.txt"
    listed.write_text("c\na\n\nc\n")
    assert chosen_scenes(there, None, None) == there
    assert chosen_scenes(there, None, 2) == ("a", "b")
    assert chosen_scenes(there, listed, None) == ("c", "a")
    assert chosen_scenes(there, listed, 1) == ("c",)
    with pytest.raises(ConfigError, match="there are 2, found 3"):
        chosen_scenes(there, listed, 3)
    listed.write_text("a d")
    with pytest.raises(DatasetError, match="1 of 2 are missing, such as d"):
        chosen_scenes(there, listed, None)
    with pytest.raises(DatasetError, match="found none that read"):
        chosen_scenes(there, tmp_path / "none.txt", None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--dataset", "scannet"), 2, "expected --root"),
        (("--root", "."), 2, "found procedural-rooms, which are rendered"),
        (("--method", "imported"), 2, "goes with --system and --predictions"),
        (("--system", "iggt", "--predictions", "."), 2, "goes with --system and --predictions"),
        (("--method", "imported", "--system", "other", "--predictions", "."), 2, "expected one of iggt"),
        (("--views", "13"), 2, "up to 12 views"),
        (("--dataset", "replica", "--root", "nowhere"), 3, "expected scenes of Replica"),
        (("--dataset", "posed-folder", "--root", "nowhere"), 3, "folders with cameras"),
    ],
)
def test_what_does_not_fit_together_is_told(arguments, code, message, tmp_path):
    options = ["evaluate", "--weights", "random", "--out", str(tmp_path / "out"), *arguments]
    done = CliRunner().invoke(app, options)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr


def test_scenes_without_truth_are_refused_by_name(roots, tmp_path):
    folder = tmp_path / "room"
    write_posed = roots["posed-folder"] / "room"
    folder.mkdir()
    for entry in ("images", "transforms.json"):
        (folder / entry).symlink_to(write_posed / entry)
    done, _ = evaluate("posed-folder", tmp_path, tmp_path / "out", "--method", "felzenszwalb")
    assert (done.exit_code, "starts from a true surface" in done.stderr) == (3, True)
