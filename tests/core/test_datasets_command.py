"""`fast3dis datasets check`: every data set is recognized, and what is missing is said by scene."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from fast3dis_core import cli
from fast3dis_core.datasets.completeness import KINDS, check_folder
from fast3dis_core.errors import Cancelled, ConfigError, DatasetError
from tests.core.datasets import aria_tree, replica_tree, scannet_tree, scannetpp_tree

SCENES = {"aria-synthetic": "17", "scannet": scannet_tree.NAME, "scannetpp": scannetpp_tree.SCENE, "replica": "room0"}
NAMES = {
    "aria-synthetic": "Aria Synthetic Environments",
    "scannet": "ScanNet",
    "scannetpp": "ScanNet++",
    "replica": "Replica",
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """A complete folder of every data set."""
    root = tmp_path_factory.mktemp("sets")
    aria_tree.write_scene(root / "aria-synthetic" / "17", aria_tree.STANDS[:1])
    scannet_tree.write_scene(root / "scannet", layout="extracted")
    scannetpp_tree.write_scene(root / "scannetpp")
    replica_tree.write_scene(root / "replica")
    return {kind: root / kind for kind in KINDS}


@pytest.fixture
def damaged(roots, tmp_path):
    """Copies to break, on demand."""
    return lambda kind: shutil.copytree(roots[kind], tmp_path / kind)


def run(*arguments):
    return CliRunner().invoke(cli.app, ["datasets", "check", *map(str, arguments)])


@pytest.mark.parametrize("kind", KINDS)
def test_complete_folders_are_recognized(roots, kind):
    done = run(roots[kind])
    assert done.exit_code == 0, done.stderr
    assert f"{roots[kind]}: {NAMES[kind]}, 1 of 1 scenes complete" in done.stdout
    assert f"  {SCENES[kind]}  complete: " in done.stdout
    named = run(roots[kind], "--dataset", kind, "--json")
    assert named.exit_code == 0
    facts = json.loads(named.stdout)
    assert (facts["exit_code"], facts["dataset"], facts["name"], facts["complete"]) == (0, kind, NAMES[kind], True)
    (scene,) = facts["scenes"]
    assert scene["scene"] == SCENES[kind]
    assert scene["missing"] == scene["problems"] == []
    assert all(part["found"] for part in [*scene["parts"], *facts["shared"]] if part["needed"])
    frames = {"aria-synthetic": {"rgb": 1}, "scannetpp": {"dslr": 3, "iphone": 3}, "replica": {"rendered": 3}}
    assert scene["frames"] == frames.get(kind, {"color": 3})


NAME = scannet_tree.NAME
MISSING = {
    "aria-synthetic": ("17/depth", "17/object_instances_to_classes.json"),
    "scannet": (
        f"scans/{NAME}/pose", f"scans/{NAME}/{NAME}_vh_clean_2.ply", f"scans/{NAME}/{NAME}.aggregation.json",
        f"scans/{NAME}/{NAME}_vh_clean_2.0.010000.segs.json", f"scans/{NAME}/intrinsic",
    ),
    "scannetpp": tuple(
        f"data/{scannetpp_tree.SCENE}/scans/{name}"
        for name in ("mesh_aligned_0.05.ply", "segments.json", "segments_anno.json", "mesh_aligned_0.05_mask.txt")
    ),
    "replica": (
        "room0/results", "room0/traj.txt", "room_0/habitat/mesh_semantic.ply", "room_0/habitat/info_semantic.json",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "part"), [(kind, part) for kind, parts in MISSING.items() for part in parts])
def test_what_is_missing_is_named(damaged, kind, part):
    root = damaged(kind)
    path = root / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = run(root)
    assert done.exit_code == 3
    assert "0 of 1 scenes complete" in done.stdout
    assert "lacks " in done.stdout
    assert path.name in done.stdout.partition("lacks ")[2]
    facts = json.loads(run(root, "--json").stdout)
    assert (facts["exit_code"], facts["complete"]) == (3, False)
    (scene,) = facts["scenes"]
    assert [name.rpartition("/")[2] for name in scene["missing"]] == [path.name]


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("scannet", "scannetv2-labels.combined.tsv"),
        ("scannetpp", "metadata/instance_classes.txt"),
        ("scannetpp", "metadata/semantic_benchmark/map_benchmark.csv"),
    ],
)
def test_what_all_scenes_lack_is_named_once(damaged, kind, part):
    root = damaged(kind)
    (root / part).unlink()
    done = run(root)
    assert done.exit_code == 3
    assert f"Missing for all scenes: {part}\n" in done.stdout
    assert "1 of 1 scenes complete" in done.stdout


def test_one_of_several_scenes_is_incomplete(damaged):
    root = damaged("scannet")
    other = root / "scans" / "scene0002_00"
    other.mkdir()
    scannet_tree.write_sens(other / f"{NAME}.sens")
    (other / f"{NAME}.sens").rename(other / "scene0002_00.sens")
    (root / "scans" / "notes").mkdir()
    done = run(root)
    assert done.exit_code == 3
    assert "1 of 2 scenes complete" in done.stdout
    lines = done.stdout.splitlines()
    assert lines[1].startswith("  scene0002_00  incomplete: 3 color frames; lacks scene0002_00_vh_clean_2.ply, ")
    assert "without scene0002_00_2d-instance-filt.zip, which is optional" in lines[1]
    assert lines[2].startswith(f"  {NAME}  complete: 3 color frames")


def test_cameras_that_do_not_read_are_told_with_their_file(damaged):
    root = damaged("replica")
    (root / "room0" / "traj.txt").write_text("1 2 3\n")
    done = run(root)
    assert done.exit_code == 3
    assert "incomplete: no frames; " in done.stdout
    assert "traj.txt: expected 16 numbers per frame" in done.stdout


def test_one_camera_of_two_is_enough(damaged):
    root = damaged("scannetpp")
    scene = root / "data" / scannetpp_tree.SCENE
    shutil.rmtree(scene / "iphone" / "rgb")
    done = run(root)
    assert done.exit_code == 0
    assert "complete: 3 dslr frames; " in done.stdout
    assert "extract the video first" in done.stdout
    shutil.rmtree(scene / "iphone")
    done = run(root)
    assert done.exit_code == 0
    assert "extract" not in done.stdout
    shutil.rmtree(scene / "dslr" / "resized_images")
    done = run(root)
    assert done.exit_code == 3
    assert "lacks dslr/resized_images" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_another_data_set_is_refused(roots, kind):
    other = next(name for name in KINDS if name != kind)
    done = run(roots[other], "--dataset", kind, "--json")
    assert done.exit_code == 3
    facts = json.loads(done.stdout)
    assert facts["error"]["kind"] == "DatasetError"
    assert f"expected scenes ({NAMES[kind]}: folders" in facts["error"]["message"]


def test_folders_without_scenes_and_unknown_kinds_are_refused(tmp_path, roots):
    with pytest.raises(DatasetError, match="name the folder that holds them"):
        check_folder(tmp_path)
    with pytest.raises(DatasetError, match="check the path"):
        check_folder(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="scannetpp, replica, found 'kitti'"):
        check_folder(tmp_path, "kitti")
    assert run(tmp_path, "--dataset", "kitti").exit_code == 2


def test_folders_of_two_data_sets_ask_which(tmp_path, roots):
    for kind in ("scannet", "replica"):
        shutil.copytree(roots[kind], tmp_path / "both", dirs_exist_ok=True)
    with pytest.raises(DatasetError, match="scannet and replica; say which with --dataset"):
        check_folder(tmp_path / "both")
    assert check_folder(tmp_path / "both", "replica").complete


def test_it_can_be_stopped(roots):
    def stop(step, fraction):
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        check_folder(roots["replica"], report=stop)
