"""What `fast3dis segment` writes when only some instances, another scale, or thinned points are asked for."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fast3dis_core import cli
from fast3dis_core.exports import read_npz, read_ply

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


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--scale", "0", "--scale: expected a number above 0"),
        ("--voxel-size", "-1", "--voxel-size: expected a number above 0"),
        ("--queries", "3,sofa", "--queries: expected numbers such as 3,12,40"),
    ],
)
def test_values_of_no_sense_are_refused_before_anything_is_read(tmp_path, option, value, words):
    result = run(*SMALL, "--out", tmp_path / "out", f"{option}={value}")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()
