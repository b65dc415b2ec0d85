"""What `fast3dis segment` writes when only some instances, another scale, or thinned points are asked for."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fast3dis_core import cli
from fast3dis_core.exports import read_npz, read_npz_labels, read_ply

SAMPLE = Path(__file__).parents[2] / "resources" / "samples" / "study"
SMALL = (
    *("--geometry", "given", "--resolution", "56", "--max-views", "2", "--device", "cpu"),
    *("--objectness-threshold", "0.05", "--minimum-points", "0", "--exports", "ply,scene,npz"),
)


def run(*arguments):
    return CliRunner().invoke(cli.app, ["segment", str(SAMPLE), *map(str, arguments)])


def place(path):
    vertices = read_ply(path).vertices
    return np.stack([vertices[axis] for axis in "xyz"], axis=1)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "out"
    result = run(*SMALL, "--out", out)
    assert result.exit_code == 0, result.stderr
    return out


def test_some_instances_only(plain, tmp_path):
    queries = [item.query for item in read_npz(plain / "reconstruction.npz").instances][:2]
    result = run(*SMALL, "--out", tmp_path / "out", "--queries", ", ".join(map(str, queries)))
    assert result.exit_code == 0, result.stderr
    files = sorted(path.name for path in (tmp_path / "out" / "instances").iterdir())
    assert files == sorted(f"instance_{query:03d}.ply" for query in queries)
    for name in files:
        assert np.array_equal(place(tmp_path / "out" / "instances" / name), place(plain / "instances" / name))
    scene = read_ply(tmp_path / "out" / "scene.ply").vertices
    assert set(np.unique(scene["instance"])) <= {-1, *queries}


def test_scale_multiplies_lengths_and_voxels_are_of_that_scale(plain, tmp_path):
    result = run(*SMALL, "--out", tmp_path / "scaled", "--scale", 2.5)
    assert result.exit_code == 0, result.stderr
    np.testing.assert_allclose(place(tmp_path / "scaled" / "scene.ply"), 2.5 * place(plain / "scene.ply"), rtol=1e-6)
    result = run(*SMALL, "--out", tmp_path / "thin", "--scale", 2.5, "--voxel-size", 0.5)
    assert result.exit_code == 0, result.stderr
    thin = place(tmp_path / "thin" / "scene.ply")
    assert 0 < len(thin) < len(place(plain / "scene.ply"))
    assert {tuple(row) for row in thin.tolist()} <= {
        tuple(row) for row in place(tmp_path / "scaled" / "scene.ply").tolist()
    }


def test_meters_of_a_scene_in_meters_are_a_correction_and_everything_says_so(plain, tmp_path):
    assert "units: m" in read_ply(plain / "scene.ply").comments, "the sample has its depth in meters"
    words = "every meter of the scene is written as 0.5 m"
    result = run(*SMALL[:-1], "scene,transforms,report", "--out", tmp_path / "half", "--meters", 0.5)
    assert result.exit_code == 0, result.stderr
    assert f"meters already; with --meters {words}." in " ".join(result.stderr.split())
    np.testing.assert_allclose(place(tmp_path / "half" / "scene.ply"), 0.5 * place(plain / "scene.ply"), rtol=1e-6)
    assert f"correction: {words}" in read_ply(tmp_path / "half" / "scene.ply").comments
    cameras = json.loads((tmp_path / "half" / "transforms" / "transforms.json").read_text())
    assert cameras["fast3dis"]["correction"] == words
    assert json.loads((tmp_path / "half" / "report.json").read_text())["result"]["correction"] == words


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--scale", "0", "--scale: expected a number above 0"),
        ("--voxel-size", "-1", "--voxel-size: expected a number above 0"),
        ("--queries", "3,sofa", "--queries: expected numbers such as 3,12,40"),
        ("--meters", "nan", "--meters: expected a number above 0"),
        ("--merge", "3", "groups of two or more queries"),
        ("--name", "Sofa", "--name: expected a number and its value such as 3=Sofa"),
        ("--color", "3=red", "--color: expected a color such as #c08040"),
    ],
)
def test_values_of_no_sense_are_refused_before_anything_is_read(tmp_path, option, value, words):
    result = run(*SMALL, "--out", tmp_path / "out", f"{option}={value}")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_wishes_about_single_instances_reach_the_files(plain, tmp_path):
    before = read_npz(plain / "reconstruction.npz")
    first, second, third, *others = (item.query for item in before.instances)
    out = tmp_path / "out"
    result = run(
        *(*SMALL[:-1], "ply,scene,npz,report", "--out", out, "--instance-colors", "instance"),
        *("--hide", third, "--merge", f"{first},{second}"),
        *("--name", f"{first}=Große Vase", "--color", f"{first}=#010203", "--meters", 2),
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    names = {path.name for path in (out / "instances").iterdir()}
    assert names == {f"Große Vase_{first:03d}.ply", *(f"instance_{query:03d}.ply" for query in others)}
    vase = read_ply(out / "instances" / f"Große Vase_{first:03d}.ply")
    pixels = np.union1d(*(item.pixels for item in before.instances[:2]))
    assert np.allclose(place(out / "instances" / f"Große Vase_{first:03d}.ply"), 2 * before.cloud.points[pixels])
    assert {"units: m", f"color of query {first}: 1 2 3"} <= set(vase.comments)
    assert (vase.vertices["blue"] == 3).all()
    assert third not in read_ply(out / "scene.ply").vertices["instance"]
    facts = json.loads((out / "report.json").read_text())["result"]
    assert facts["units"] == "m"
    assert {item["name"] for item in facts["instances"] if item["query"] == first} == {"Große Vase"}
    assert read_npz_labels(out / "reconstruction.npz").names == {first: "Große Vase"}


def test_numbers_that_no_instance_has_are_told(plain, tmp_path):
    there = sorted(item.query for item in read_npz(plain / "reconstruction.npz").instances)
    result = run(*SMALL, "--out", tmp_path / "out", "--queries", f"{there[0]},999", "--name", "998=Sofa")
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("No instance"))
    assert "999 (--queries); 998 (--name)" in line
    assert f"there are {', '.join(map(str, there))}." in line


def test_points_of_no_written_instance_can_be_left_out(plain, tmp_path):
    query = read_npz(plain / "reconstruction.npz").instances[0].query
    result = run(*SMALL, "--out", tmp_path / "out", "--queries", query, "--claimed-only")
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(
        place(tmp_path / "out" / "scene.ply"), place(plain / "instances" / f"instance_{query:03d}.ply")
    )


@pytest.mark.parametrize("geometry", ["given", "predicted"])
def test_exactly_these_photos_in_this_order(tmp_path, geometry):
    out, first = tmp_path / "chosen", SAMPLE / "images" / "view_000.jpg"
    options = ("--view", "view_002.jpg", "--view", first, "--geometry", geometry, "--exports", "npz")
    result = run(*SMALL, "--out", out, *options)
    assert result.exit_code == 0, result.stderr
    assert read_npz(out / "reconstruction.npz").names == ("view_002.jpg", "view_000.jpg")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--view", "view_900.jpg"), "expected a photo at"),
        (("--view", "view_000.jpg", "--view", "images/view_000.jpg"), "twice"),
        (("--view", "transforms.json"), "expected a photo (.jpg"),
        (("--anchor", "3"), "such as 3=0.1,0.2,1.5"),
        (("--anchor", "3=1,2"), "such as 3=0.1,0.2,1.5"),
        (("--anchor", "3=1,2,nan"), "such as 3=0.1,0.2,1.5"),
        (("--anchor", "3=1,2,3", "--anchor", "3=1,2,4"), "every query once"),
        (("--anchor", "4000=1,2,3"), "Expected a query between"),
        ((SAMPLE, "--view", "view_000.jpg"), "belongs to one folder"),
        ((SAMPLE, "--anchor", "3=1,2,3"), "belongs to one folder"),
    ],
)
def test_photos_and_anchors_that_are_not_there(tmp_path, options, words):
    result = run(*options, *SMALL, "--out", tmp_path / "out")
    assert result.exit_code != 0
    assert words in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_moved_anchor_is_decoded_and_every_file_says_so(plain, tmp_path):
    moved, options = tmp_path / "moved", ("--anchor", "5=0.5,-0.25,2,pinned", "--exports", "scene,npz,report")
    result = run(*SMALL, "--out", moved, *options)
    assert result.exit_code == 0, result.stderr
    before, after = (read_npz(out / "reconstruction.npz").anchors[:, 5] for out in (plain, moved))
    assert np.allclose(after, (0.5, -0.25, 2.0), atol=1e-6)
    assert not np.allclose(before[-1], after[-1])
    line = "experiment: moved anchor 5 at 0.5 -0.25 2, held through all layers"
    assert line in read_ply(moved / "scene.ply").comments
    assert line not in read_ply(plain / "scene.ply").comments
    told = json.loads((moved / "report.json").read_text())["edits"]
    assert told == [{"edit": "moved anchor", "query": 5, "position": [0.5, -0.25, 2.0], "pinned": True}]
