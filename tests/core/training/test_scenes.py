"""Training on a folder of Aria Synthetic Environments: which scenes, which views, whole runs that resume exactly."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fast3dis_core.checkpoints import load_checkpoint
from fast3dis_core.cli import app
from fast3dis_core.config import LossConfig, TrainingConfig
from fast3dis_core.datasets.aria_synthetic import AriaSyntheticScene
from fast3dis_core.datasets.windows import draw_window, mirror, stack_samples
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.geometry.cameras import unproject
from fast3dis_core.scene import scene
from fast3dis_core.training.batches import batches_from
from fast3dis_core.training.run_directory import RunDirectory
from fast3dis_core.training.scenes import ARIA_STRIDES, AriaScenes, training_scenes
from fast3dis_core.training.settings import read_toml, to_toml, training_config
from fast3dis_core.training.targets import sample_targets
from fast3dis_core.training.train import train
from tests.core.datasets.aria_tree import SOFA, STANDS, TABLE, write_scene
from tests.core.training.tiny import SIZE, begin, tiny_config

NOWHERE = "unused"  # folder of rendered rooms


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Four scenes of two or three frames."""
    folder = tmp_path_factory.mktemp("ase")
    write_scene(folder / "3", STANDS)
    write_scene(folder / "20", STANDS[1:])
    for number in ("100", "101"):
        shutil.copytree(folder / "20", folder / number)
    return folder


def aria_config(root, **changes):
    return tiny_config(
        **{
            "data": "aria-synthetic", "data_root": str(root), "scene_share": 1.0, "steps": 4, "low_views": [2, 2],
            "high_views": [2, 2], "low_size": [28, 28], "high_size": [56, 56], "loss": {"minimum_cells": 2}, **changes,
        }
    )  # fmt: skip


def numbered(folder, numbers):
    for number in numbers:
        (folder / str(number)).mkdir(parents=True)
    return folder


@pytest.mark.usefixtures("tiny_size")
def test_forty_percent_are_chosen_by_number_and_seed_and_the_last_are_kept(tmp_path):
    folder = numbered(tmp_path / "all", range(600))
    config = aria_config(folder, scene_share=0.4, validation_rooms=20)
    listing = AriaScenes(config).listing
    assert listing["validation"] == list(range(580, 600))
    assert max(listing["training"]) < 580
    assert len(listing["training"]) == pytest.approx(0.4 * 580, abs=40)
    assert AriaScenes(config).listing == listing
    other = AriaScenes(dataclasses.replace(config, seed=1)).listing["training"]
    assert len(set(other) & set(listing["training"])) == pytest.approx(0.16 * 580, abs=40)
    # the same scenes are chosen whatever else is in the folder
    fewer = numbered(tmp_path / "some", range(0, 600, 3))
    assert set(AriaScenes(dataclasses.replace(config, data_root=str(fewer))).listing["training"]) == {
        number for number in listing["training"] if number % 3 == 0 and number < 540
    }


@pytest.mark.usefixtures("tiny_size")
def test_a_folder_without_scenes_to_train_on_is_refused(root, tmp_path):
    with pytest.raises(ConfigError, match="expected scenes to train on besides the last 4"):
        training_scenes(aria_config(root, validation_rooms=4), NOWHERE)
    with pytest.raises(DatasetError, match="expected the scenes of Aria"):
        training_scenes(aria_config(tmp_path), NOWHERE)
    scenes = training_scenes(aria_config(root), NOWHERE)
    with pytest.raises(DatasetError, match=r"20: expected at least 3 complete frames.*found 2"):
        scenes.batch([0, 1], [np.random.default_rng(0)] * 2, size=(28, 28), views=3)


@pytest.mark.usefixtures("tiny_size")
def test_incomplete_scenes_are_named_before_the_first_step(root, tmp_path):
    folder = shutil.copytree(root, tmp_path / "ase")
    run = begin(tmp_path / "run", aria_config(folder))
    (folder / "20" / "object_instances_to_classes.json").unlink()
    shutil.rmtree(folder / "101" / "depth")
    (folder / "100" / "trajectory.csv").rename(folder / "100" / "trajectory.txt")  # just as good
    told = r"found 2 of 4 that are not: 20 lacks object_instances_to_classes\.json; 101 lacks depth; unpack"
    with pytest.raises(DatasetError, match=told):
        train(run, cache=NOWHERE, device="cpu")
    assert run.load() is None


@settings(max_examples=60, deadline=None)
@given(available=st.integers(2, 300), count=st.integers(2, 8), seed=st.integers(0, 99))
def test_frames_of_a_window_lie_half_a_second_to_three_apart(available, count, seed):
    count = min(count, available)
    window = draw_window(available, count, np.random.default_rng(seed), strides=ARIA_STRIDES)
    (stride,) = set(np.diff(sorted(window.views)))
    longest = (available - 1) // (count - 1)
    assert min(5, longest) <= stride <= min(30, longest)
    assert min(window.views) >= 0
    assert max(window.views) < available


def test_strides_starts_and_orders_all_occur():
    rng = np.random.default_rng(0)
    windows = [draw_window(100, 3, rng, strides=ARIA_STRIDES) for _ in range(600)]
    assert {sorted(window.views)[1] - min(window.views) for window in windows} == set(range(5, 31))
    assert {min(window.views) for window in windows} > set(range(60))
    in_order = np.mean([list(window.views) == sorted(window.views) for window in windows])
    assert 0.5 < in_order < 0.67  # half, and a sixth of the rest
    assert 0.4 < np.mean([window.mirrored for window in windows]) < 0.6


def test_a_mirrored_scene_is_a_scene(root):
    """Points of the mirrored views are the mirrored points, in one world for all views; ids move with them."""
    sample = AriaSyntheticScene(root / "3", size=(56, 84)).sample([0, 1, 2])
    turned = mirror(sample)
    assert torch.equal(turned.instance_ids.flip(-1), sample.instance_ids)
    assert torch.equal(turned.views.images.flip(-1), sample.views.images)
    assert torch.equal(mirror(turned).geometry.world_to_camera, sample.geometry.world_to_camera)
    points = sample.geometry.points() * torch.tensor([-1.0, 1.0, 1.0])
    known = sample.geometry.depth > 0
    difference = turned.geometry.points().flip(-2) - points
    assert difference[known].abs().max() < 1e-4
    assert torch.linalg.det(turned.geometry.world_to_camera[:, :3, :3]).allclose(torch.ones(3), atol=1e-5)


def test_scenes_with_other_classes_make_one_batch(root, tmp_path):
    folder = shutil.copytree(root / "20", tmp_path / "21")
    (folder / "object_instances_to_classes.json").write_text(json.dumps({str(SOFA): "armchair", "7": "floor"}))
    samples = [AriaSyntheticScene(path, size=(56, 56)).sample([0, 1]) for path in (root / "3", folder)]
    batch = stack_samples(samples)
    assert batch.class_names == ("unlabeled", "armchair", "floor", "sofa", "table")
    for index, single in enumerate(samples):
        own = scene(batch, index)
        for number in np.unique(single.instance_ids).tolist():
            name = batch.class_names[own.class_ids[number]]
            assert name == single.class_names[single.class_ids[number]]
        assert torch.equal(own.instance_ids, single.instance_ids)
        assert torch.equal(own.geometry.world_to_camera, single.geometry.world_to_camera)
    assert not (batch.instance_ids[1] == TABLE).any()
    # a run may ignore further classes, whichever scene they come from
    targets = sample_targets(batch, (56, 56), config=LossConfig(ignored_classes=("floor", "sofa"), minimum_cells=1))
    assert [set(ids.tolist()) - {0} for ids in targets.ids] == [{TABLE}, {SOFA}]


@pytest.mark.usefixtures("tiny_size")
def test_a_batch_is_what_its_step_says(root):
    config = aria_config(root, low_size=[56, 56])
    scenes = training_scenes(config, NOWHERE)
    options = {"rank": 0, "world": 1, "workers": 0, "pin": False}
    first, again = (list(batches_from(config, scenes, first_step=0, **options)) for _ in range(2))
    rest = list(batches_from(config, scenes, first_step=2, **options))
    for one, two in [*zip(first, again, strict=True), *zip(first[2:], rest, strict=True)]:
        assert torch.equal(one.sample.views.images, two.sample.views.images)
        assert torch.equal(one.sample.instance_ids, two.sample.instance_ids)
        assert torch.equal(one.sample.geometry.world_to_camera, two.sample.geometry.world_to_camera)
        assert torch.equal(one.color_seeds, two.color_seeds)
    geometry = first[0].sample.geometry
    assert torch.equal(geometry.world_to_camera[:, 0], torch.eye(4).expand(2, 4, 4))
    points = unproject(geometry.depth, geometry.intrinsics, geometry.world_to_camera)
    # the table is one thing in one place, whichever view it is seen in
    for index in range(2):
        table = first[0].sample.instance_ids[index] == TABLE
        centers = [points[index, view][table[view]].mean(0) for view in range(2)]
        assert (centers[0] - centers[1]).norm() < 0.5


def test_defaults_of_the_data():
    rooms, aria = (training_config(values) for values in ({}, {"data": "aria-synthetic", "data_root": "/somewhere"}))
    assert rooms == TrainingConfig()
    assert (aria.low_size, aria.high_size, aria.low_views) == ((112, 112), (504, 504), (2, 8))
    assert aria.scene_share == 0.4
    assert read_toml(to_toml(aria), source="config.toml") == aria
    wide = training_config({"data": "aria-synthetic", "data_root": "r", "low_size": [84, 112], "high_views": [2, 20]})
    assert (wide.low_size, wide.high_views) == ((84, 112), (2, 20))
    with pytest.raises(ConfigError, match="needs data_root"):
        training_config({"data": "aria-synthetic"})
    with pytest.raises(ConfigError, match="needs no data_root"):
        training_config({"data_root": "somewhere"})
    with pytest.raises(ConfigError, match="data must be one of"):
        training_config({"data": "aria"})


def test_settings_of_earlier_runs_still_read():
    """A run begun before there were data sets in folders has neither of their settings."""
    lines = to_toml(TrainingConfig()).splitlines()
    earlier = "\n".join(line for line in lines if not line.startswith(("data_root", "scene_share")))
    assert len(earlier.splitlines()) == len(lines) - 2
    assert read_toml(earlier, source="config.toml") == TrainingConfig()


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_size")
@pytest.mark.parametrize("stage", ["geometry", "instances"])
def test_four_steps_equal_two_and_two_resumed(stage, root, tmp_path):
    config = aria_config(root, stage=stage, high_share=0.5)
    straight, halves = (begin(tmp_path / name, config) for name in ("straight", "halves"))
    assert train(straight, cache=NOWHERE, device="cpu").reason == "finished"
    assert train(halves, cache=NOWHERE, device="cpu", until_step=2).counters.step == 2
    assert train(halves, cache=NOWHERE, device="cpu").counters.scenes_seen == 8
    one, two = straight.load().tensors, halves.load().tensors
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    told = json.loads((halves.folder / "scenes.json").read_text())
    assert told == {"training": [3, 20, 100], "validation": [101]}


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_size")
def test_a_run_goes_on_only_with_the_scenes_it_began_with(root, tmp_path):
    here = shutil.copytree(root, tmp_path / "ase")
    run = begin(tmp_path / "run", aria_config(here))
    train(run, cache=NOWHERE, device="cpu", until_step=1)
    shutil.copytree(here / "100", here / "102")
    with pytest.raises(ConfigError, match=r"expected the scenes this run began with.*4 for training, 1 for validation"):
        train(run, cache=NOWHERE, device="cpu")
    shutil.rmtree(here / "102")
    assert train(run, cache=NOWHERE, device="cpu", until_step=2).counters.step == 2


def fast3dis(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_size")
def test_the_command_trains_on_a_folder(root, tmp_path):
    settings = tmp_path / "tiny.toml"
    settings.write_text(
        "steps = 2\nscenes_per_step = 2\nlow_views = [2, 2]\nhigh_views = [2, 2]\nlow_size = [28, 28]\n"
        "high_size = [56, 56]\nscenes_per_forward_high = 1\nhigh_share = 0.5\nvalidation_views = 2\n"
        f"validation_rooms = 1\nscene_share = 1.0\n[model]\nsize = '{SIZE}'\nnum_queries = 12\n"
    )
    begun = ["train", tmp_path / "run", "--config", settings, "--weights", "random", "--device", "cpu", "--json"]
    without = fast3dis(*begun, "--data", "aria-synthetic")
    assert (without.exit_code, "needs data_root" in without.stderr) == (2, True)
    first = fast3dis(*begun, "--data", "aria-synthetic", "--data-root", root, "--until-step", 1)
    assert first.exit_code == 0, first.stderr
    moved = shutil.copytree(root, tmp_path / "elsewhere")
    second = fast3dis("train", tmp_path / "run", "--resume", "--data-root", moved, "--device", "cpu", "--json")
    assert second.exit_code == 0, second.stderr
    told = json.loads(second.stdout)
    assert (told["ended"], told["step"], told["scenes_seen"]) == ("finished", 2, 4)
    assert 0 <= told["validation"]["matched_iou"] <= 1
    run = RunDirectory(tmp_path / "run")
    assert run.config().data_root == str(moved)
    assert run.picture(2).exists()
    checkpoint = load_checkpoint(run.folder / "model.safetensors")
    assert checkpoint.provenance.data_version == "aria-synthetic, 3 scenes"
    nowhere = fast3dis("train", tmp_path / "run", "--resume", "--data-root", tmp_path / "none", "--device", "cpu")
    assert nowhere.exit_code != 0
    assert "check the path" in " ".join(nowhere.stderr.split())
