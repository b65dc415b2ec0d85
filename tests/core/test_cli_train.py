"""`fast3dis train` and `fast3dis scenes render` as a person meets them: files, exit codes, refusals in one line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from fast3dis_core.checkpoints import load_checkpoint
from fast3dis_core.cli import app
from fast3dis_core.cli.train import merged_settings
from fast3dis_core.config import MODEL_SIZES
from fast3dis_core.datasets.rendered import default_cache
from fast3dis_core.errors import ConfigError
from fast3dis_core.training.run_directory import RunDirectory
from tests.core.training import tiny

pytestmark = pytest.mark.slow

SMALL = ["--seed", "7", "--views", "2", "--height", "28", "--width", "42", "--device", "cpu"]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("rooms")


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """A TOML file of a tiny run of two steps."""
    monkeypatch.setitem(MODEL_SIZES, tiny.SIZE, tiny.ROW)
    path = tmp_path / "tiny.toml"
    path.write_text(
        "steps = 2\nscenes_per_step = 1\nrooms = 1\nroom_views = 2\nlow_views = [2, 2]\nhigh_views = [2, 2]\n"
        "low_size = [28, 42]\nhigh_size = [28, 42]\nvalidation_views = 2\nvalidation_rooms = 1\n"
        "[model]\nsize = 'tiny'\n"
    )
    return path


def test_a_rendered_room_is_an_ordinary_folder(tmp_path):
    done = run("scenes", "render", *SMALL, "--out", tmp_path / "room")
    assert done.exit_code == 0, done.stderr
    assert "objects seen in 2 views" in done.stdout
    assert sorted(path.name for path in (tmp_path / "room").iterdir()) == [
        "depth", "images", "instance", "surface.ply", "transforms.json",
    ]  # fmt: skip
    ids = np.array(Image.open(tmp_path / "room" / "instance" / "view_000.png"))
    assert ids.shape == (28, 42)
    assert len(np.unique(ids)) > 2
    refused = run("scenes", "render", *SMALL, "--out", tmp_path / "room")
    assert refused.exit_code == 6
    assert "holds results already" in refused.stderr
    assert "--overwrite" in refused.stderr  # in the words of the command line
    assert "Rendering" in done.stderr
    assert "Rendering" not in refused.stderr  # told before anything is computed
    assert run("scenes", "render", *SMALL, "--out", tmp_path / "room", "--overwrite").exit_code == 0


def test_a_run_from_the_first_step_to_the_last(settings, cache, tmp_path):
    folder = tmp_path / "run"
    arguments = ["--cache", cache, "--device", "cpu", "--json"]
    begun = run("train", folder, "--config", settings, "--weights", "random", "--until-step", 1, *arguments)
    assert begun.exit_code == 0, begun.stderr
    assert json.loads(begun.stdout)["ended"] == "until"
    resumed = run("train", folder, "--resume", *arguments)
    told = json.loads(resumed.stdout)
    assert (told["ended"], told["step"], told["scenes_seen"]) == ("finished", 2, 2)
    assert told["weights"] == str(folder / "model.safetensors")
    assert 0 <= told["validation"]["matched_iou"] <= 1
    longer = run("train", folder, "--resume", "--steps", 3, *arguments)
    assert json.loads(longer.stdout)["step"] == 3
    assert RunDirectory(folder).config().steps == 3
    whole, half = folder / "model.safetensors", tmp_path / "half.safetensors"
    assert run("weights", "halve", whole, "--out", half).exit_code == 0
    assert half.stat().st_size == pytest.approx(whole.stat().st_size / 2, rel=0.2)
    stored, kept = load_checkpoint(half), load_checkpoint(whole)
    assert (stored.config, stored.provenance) == (kept.config, kept.provenance)
    for name, value in kept.state.items():
        torch.testing.assert_close(stored.state[name], value, rtol=1e-3, atol=1e-6)
    refused = run("weights", "halve", whole, "--out", half)
    assert (refused.exit_code, "exists already" in refused.stderr) == (6, True)
    assert run("weights", "halve", whole, "--out", half, "--overwrite").exit_code == 0


@pytest.mark.usefixtures("settings")
def test_refusals(settings, cache, tmp_path):
    folder = tmp_path / "run"
    nothing = run("train", folder, "--resume", "--cache", cache)
    assert (nothing.exit_code, "holds no run" in nothing.stderr) == (2, True)
    unknown = run("train", folder, "--set", "step=3")
    assert unknown.exit_code == 2
    assert "did you mean 'steps'" in " ".join(unknown.stderr.split())
    missing = run("train", folder, "--size", "base", "--weights", tmp_path / "none.safetensors")
    assert missing.exit_code == 4
    assert not folder.exists()
    assert (
        run("train", folder, "--config", settings, "--weights", "random", "--until-step", 1, "--cache", cache).exit_code
        == 0
    )
    again = run("train", folder, "--config", settings, "--weights", "random", "--cache", cache)
    assert (again.exit_code, "holds a run already" in again.stderr) == (2, True)
    changed = run("train", folder, "--resume", "--set", "seed=3", "--size", "base")
    assert changed.exit_code == 2
    assert "model.size, --set as well" in " ".join(changed.stderr.split())


def test_later_settings_win(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("steps = 5\nseed = 1\n[loss]\npoints = 10\n")
    found = merged_settings(
        file,
        ["seed=2", "loss.overlap_schedule=off", "low_views=[2, 3]", "loss.points = 20"],
        {"steps": 7, "model.size": "base"},
    )
    assert found == {
        "steps": 7,
        "seed": 2,
        "low_views": [2, 3],
        "loss": {"points": 20, "overlap_schedule": "off"},
        "model": {"size": "base"},
    }
    with pytest.raises(ConfigError, match="expected NAME=VALUE"):
        merged_settings(None, ["seed"], {})
    with pytest.raises(ConfigError, match="not a table"):
        merged_settings(file, ["steps.x=1"], {})
    with pytest.raises(ConfigError, match="expected a TOML file"):
        merged_settings(tmp_path / "missing.toml", [], {})


def test_rooms_are_kept_in_the_cache_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "fast3dis" / "rooms"
