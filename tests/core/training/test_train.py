"""Whole runs of a tiny model: the same again, resumed, killed, stopped, refused."""

import csv
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fast3dis_core.checkpoints import identify, load_checkpoint
from fast3dis_core.datasets.rendered import RoomCache
from fast3dis_core.datasets.windows import Window, cut
from fast3dis_core.errors import CheckpointError, ConfigError, TrainingError
from fast3dis_core.evaluation.average_precision import pooled
from fast3dis_core.evaluation.multi_view import LabelledMasks, multi_view_records
from fast3dis_core.evaluation.predict import predict_scene
from fast3dis_core.inference.steps import load_model
from fast3dis_core.scene import scene
from fast3dis_core.training.batches import TrainingBatches, plan_step
from fast3dis_core.training.beginning import build_stage
from fast3dis_core.training.run_directory import RunDirectory
from fast3dis_core.training.scenes import needed_rooms, training_scenes
from fast3dis_core.training.stage_geometry import GeometryStage
from fast3dis_core.training.train import longer, train
from tests.core.training.tiny import SIZE, begin, tiny_config

ROOT = Path(__file__).resolve().parents[3]
STAGES = ("geometry", "instances")

pytestmark = [pytest.mark.usefixtures("tiny_size"), pytest.mark.slow]


def run_to(run, cache, **options):
    return train(run, cache=cache, device="cpu", **options)


def tensors(run):
    return run.load().tensors


def assert_equal(first, second):
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_forty_steps_straight_equal_twenty_and_twenty_resumed(stage, tmp_path, room_cache):
    config = tiny_config(stage=stage, steps=40)
    straight, halves = (begin(tmp_path / name, config) for name in ("straight", "halves"))
    assert run_to(straight, room_cache).reason == "finished"
    first = run_to(halves, room_cache, until_step=20)
    assert (first.reason, first.counters.step) == ("until", 20)
    second = run_to(halves, room_cache)
    assert (second.reason, second.counters.step, second.counters.scenes_seen) == ("finished", 40, 80)
    assert_equal(tensors(straight), tensors(halves))
    told = [
        [{name: text for name, text in row.items() if name != "seconds"} for row in rows(run.log)]
        for run in (straight, halves)
    ]
    assert told[0] == told[1]
    assert [int(row["step"]) for row in told[0]] == list(range(2, 41, 2))


def changed_names(run, cache):
    """Tensors that differ from the run's beginning, and those that do not."""
    stage = build_stage(run.config(), run.weights(), device=torch.device("cpu"), precision="float32")
    before = {f"stage.{name}": value.clone() for name, value in stage.state().items()}
    run_to(run, cache)
    after = tensors(run)
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    return changed, before.keys() - changed


@pytest.mark.parametrize("posed", [0.0, 1.0])
def test_geometry_trains_all_of_the_backbone_that_is_used(posed, tmp_path, room_cache):
    _, kept = changed_names(begin(tmp_path, tiny_config(stage="geometry", steps=2, posed_share=posed)), room_cache)
    # of the four ray branches that published files hold, only the last is ever read
    unread = {name for name in kept if any(f"_aux.{branch}." in name for branch in range(3))}
    assert kept - unread
    waiting = ".camera_token" if posed else ".cam_enc."  # given cameras replace the learned token
    assert all(waiting in name for name in kept - unread)


def test_instances_train_adapters_and_everything_behind_the_backbone(tmp_path, room_cache):
    changed, kept = changed_names(begin(tmp_path, tiny_config(steps=2)), room_cache)
    rooms = {name.split(".")[1] for name in changed}
    assert rooms == {"backbone", "pixel_decoder", "anchor_generator", "anchor_decoder", "heads"}
    assert all("lora_" in name for name in changed if name.startswith("stage.backbone."))
    assert "stage.anchor_decoder.position_encoding.frequencies" in kept


def test_the_last_step_is_logged_however_short_the_run(tmp_path, room_cache):
    run = begin(tmp_path, tiny_config(stage="geometry", steps=3, log_every=50))
    run_to(run, room_cache)
    assert [row["step"] for row in rows(run.log)] == ["3"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_directory_holds_everything(stage, tmp_path, room_cache):
    config = tiny_config(stage=stage, steps=4, save_every=1, validate_every=2, picture_every=4)
    run = begin(tmp_path / "deep" / "run", config)
    outcome = run_to(run, room_cache)
    assert run.config() == config
    assert len(list((run.folder / "checkpoints").iterdir())) == 2
    environment = json.loads((run.folder / "environment.jsonl").read_text())
    assert environment["torch"] == torch.__version__
    assert environment["processes"] == 1
    (logged, last) = rows(run.log)
    assert all(math.isfinite(float(value)) for name, value in logged.items() if not name.startswith("gap"))
    assert float(last["learning_rate"]) < float(logged["learning_rate"])
    validated = rows(run.validation)
    assert [row["step"] for row in validated] == ["2", "4"]
    assert outcome.figures == pytest.approx({k: float(validated[-1][k]) for k in outcome.figures}, rel=1e-4)
    height = config.high_size[0]
    picture = np.array(Image.open(run.picture(4)))
    assert picture.shape == (3 * height, config.validation_views * config.high_size[1], 3)
    assert not run.picture(2).exists()
    if stage == "instances":
        checkpoint = load_checkpoint(outcome.export)
        assert not checkpoint.heads_only
        assert checkpoint.provenance.scenes_seen == 8
        assert checkpoint.provenance.metrics["matched_iou"] == outcome.figures["matched_iou"]
    else:
        assert identify(outcome.export).kind == "depth-anything-3"


def test_instances_begin_from_trained_geometry(tmp_path, room_cache):
    geometry = run_to(begin(tmp_path / "geometry", tiny_config(stage="geometry", steps=2)), room_cache)
    run = begin(tmp_path / "instances", tiny_config(steps=2), weights=str(geometry.export))
    outcome = run_to(run, room_cache)
    trained = {
        name.removeprefix("stage.backbone."): value
        for name, value in tensors(RunDirectory(tmp_path / "geometry")).items()
    }
    exported = load_checkpoint(outcome.export).state
    frozen = [name for name in exported if name.startswith("backbone.") and "lora_" not in name]
    assert frozen
    assert all(torch.equal(exported[name], trained[name.removeprefix("backbone.")]) for name in frozen)
    # and geometry may go on from the finished model
    again = begin(tmp_path / "again", tiny_config(stage="geometry", steps=1), weights=str(outcome.export))
    stage = build_stage(again.config(), again.weights(), device=torch.device("cpu"), precision="float32")
    name = "model.backbone.pretrained.blocks.0.attn.qkv.weight"
    assert torch.equal(stage.state()[f"backbone.{name}"], trained[name])
    geometry.export.write_bytes(b"another file")
    with pytest.raises(CheckpointError, match="expected the weights this run began from"):
        run_to(run, room_cache)


def test_a_run_killed_between_two_states_goes_on_from_the_last(tmp_path, room_cache):
    config = tiny_config(steps=6, save_every=2, log_every=1)
    straight, killed = (begin(tmp_path / name, config) for name in ("straight", "killed"))
    run_to(straight, room_cache)
    run_to(killed, room_cache, until_step=4)
    # what a kill in step 6 leaves: rows of steps without a state, one of them cut, and a file half written
    (killed.folder / "checkpoints" / "state-00000004.safetensors").unlink()
    with killed.log.open("a") as file:
        file.write(killed.log.read_text().splitlines()[-1].replace("4,", "5,", 1) + "\n6,0.12")
    part = killed.folder / "checkpoints" / ".fast3dis-0123.part"
    part.write_bytes(b"half")
    run_to(killed, room_cache)
    assert_equal(tensors(straight), tensors(killed))
    assert [row["step"] for row in rows(killed.log)] == ["1", "2", "3", "4", "5", "6"]
    assert not part.exists()


def test_time_budget_saves_and_ends(tmp_path, room_cache):
    run = begin(tmp_path, tiny_config(steps=100_000, rooms=1))
    run_to(run, room_cache, until_step=1, render_ahead=False)
    outcome = run_to(run, room_cache, minutes=1.5 / 60, render_ahead=False)
    assert outcome.reason == "time"
    assert 1 < outcome.counters.step < 100_000
    assert run.load().counters.step == outcome.counters.step


def test_not_a_number_stops_with_the_step_and_the_culprit(tmp_path, room_cache, monkeypatch):
    run = begin(tmp_path, tiny_config(stage="geometry", steps=4, save_every=1))
    honest = GeometryStage.loss

    def poisoned(self, sample, plan, **options):
        loss = honest(self, sample, plan, **options)
        if plan.step < 2:
            return loss
        return replace(loss, terms={**loss.terms, "ray": loss.terms["ray"] * torch.nan})

    monkeypatch.setattr(GeometryStage, "loss", poisoned)
    with pytest.raises(TrainingError, match=r"Step 2: .*NaN or infinity in loss term ray\. The weights were not"):
        run_to(run, room_cache)
    assert run.load().counters.step == 2
    assert all(bool(value.isfinite().all()) for value in tensors(run).values())


def test_infinite_gradient_names_the_parameter(tmp_path, room_cache, monkeypatch):
    run = begin(tmp_path, tiny_config(steps=2))
    honest = torch.Tensor.backward

    def poisoned(self, *arguments, **options):
        honest(self, *arguments, **options)
        culprit.grad[0, 0] = torch.inf

    from fast3dis_core.training import train as module

    scenes = training_scenes(run.config(), room_cache)
    trainer = module.Trainer(run, run.config(), scenes, ranks=module.Ranks(), device=torch.device("cpu"))
    culprit = trainer.stage.trained["heads.mask.2.weight"]
    before = culprit.detach().clone()
    monkeypatch.setattr(torch.Tensor, "backward", poisoned)
    with pytest.raises(TrainingError, match=r"Step 0: .*gradient of heads\.mask\.2\.weight"):
        trainer.run(2, module.Interruption(), workers=0, report=lambda *_: None)
    assert torch.equal(culprit, before)


def test_a_longer_schedule_keeps_what_is_learned(tmp_path, room_cache):
    run = begin(tmp_path, tiny_config(steps=2))
    run_to(run, room_cache)
    assert longer(run, 4).steps == 4
    assert run_to(run, room_cache).counters.step == 4
    with pytest.raises(ConfigError, match="4 steps behind it"):
        longer(run, 3)


def test_refused_beginnings(tmp_path, room_cache):
    with pytest.raises(ConfigError, match="holds no run"):
        run_to(RunDirectory(tmp_path / "nothing"), room_cache)
    run = begin(tmp_path / "run", tiny_config())
    with pytest.raises(ConfigError, match="holds a run already"):
        begin(tmp_path / "run", tiny_config())
    with pytest.raises(ConfigError, match="cannot be shared out evenly"):
        run_to(begin(tmp_path / "odd", tiny_config(scenes_per_step=3)), room_cache)
    run_to(run, room_cache, until_step=1)
    (state,) = (run.folder / "checkpoints").iterdir()
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        run_to(run, room_cache)


def test_rooms_rendered_ahead_are_those_that_are_read(tmp_path, room_cache):
    config = tiny_config(steps=8, scenes_per_step=2, rooms=5, high_share=0.25)
    groups = needed_rooms(config, first_step=0)
    both = groups[(config.low_size, config.high_size)]
    assert len([seed for seed in both if seed < 5]) == 4  # two steps of two scenes at the high resolution
    assert set(groups) == {(config.low_size, config.high_size), (config.low_size,)}
    assert sum(len(seeds) for seeds in groups.values()) == 5 + config.validation_rooms
    assert set(needed_rooms(config, first_step=7)) == {(config.high_size,)}


WORKER = """
import sys
sys.path.insert(0, {root!r})
import torch
torch.set_num_threads(1)
from tests.core.training import tiny
tiny.register()
from fast3dis_core.cli import main
main()
"""


def command(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER.format(root=str(ROOT)), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_sigterm_saves_and_exits(tmp_path, room_cache):
    config = tiny_config(steps=100_000, rooms=1, log_every=1)
    run = begin(tmp_path, config)
    run_to(run, room_cache, until_step=1)
    process = command("train", tmp_path, "--resume", "--cache", room_cache, "--device", "cpu", "--no-render-ahead")
    try:
        deadline = time.monotonic() + 60
        while len(rows(run.log)) < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted after step" in out
    state = run.load()
    assert state.counters.step >= 3
    assert len(rows(run.log)) == state.counters.step


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_two_processes_do_what_one_does(stage, tmp_path, room_cache):
    """Gloo, two ranks of one pass each, against one process with two passes a step: four steps within 1e-5."""
    config = tiny_config(stage=stage, steps=4, scenes_per_step=4, scenes_per_forward_high=2, warm_up_share=0.5)
    alone, shared = (begin(tmp_path / name, config) for name in ("alone", "shared"))
    run_to(alone, room_cache)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    processes = [
        command(
            "train", shared.folder, "--resume", "--cache", room_cache, "--device", "cpu",
            RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        told = [process.communicate(timeout=100) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], told
    assert [bool(out) for out, _ in told] == [True, False]
    one, two = tensors(alone), tensors(shared)
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-5, atol=1e-5)
    first, second = rows(alone.log)[-1], rows(shared.log)[-1]
    assert float(second["total"]) == pytest.approx(float(first["total"]), rel=1e-4)


@pytest.mark.slow
def test_four_rooms_are_learned_by_heart(tmp_path, room_cache):
    """Loss, matching, decoder and assembly of masks together: nothing short of all of them gets there."""
    config = tiny_config(
        model={"num_queries": 40, "channels": 64, "num_layers": 3}, loss={"minimum_cells": 20}, rooms=4, steps=400,
        learning_rate=2e-3, scenes_per_step=4, scenes_per_forward=4, low_size=[84, 112], low_views=[2, 2],
        high_share=0.0, given_geometry_share=1.0, augment=False, log_every=400,
    )  # fmt: skip
    run = begin(tmp_path, config)
    run_to(run, room_cache)
    stage = build_stage(config, {}, device=torch.device("cpu"), precision="float32")
    state = {name.removeprefix("stage."): value for name, value in tensors(run).items() if name.startswith("stage.")}
    stage.load_state(state)
    rooms = RoomCache(room_cache, views=config.room_views)
    window = Window(views=(0, 1), mirrored=False)
    samples = [cut([rooms.room(seed, config.low_size)], [window]) for seed in range(4)]
    scores = [stage.validate(sample, given=sample.geometry).figures for sample in samples]
    assert np.mean([score["matched_iou"] for score in scores]) > 0.8
    assert np.mean([score["matched_above_half"] for score in scores]) > 0.9
    assert max(score["hijack_rate"] for score in scores) == 0  # one to one
    assert min(score["matched_objectness"] for score in scores) > 0.5
    assert max(score["unmatched_objectness"] for score in scores) < 0.2
    assert learned_ap50(run.folder / "model.safetensors", samples, smallest=20 * 16) > 0.9


def learned_ap50(weights, samples, *, smallest):
    """Multi-view AP50 of the exported weights, by the doors of inference and evaluation; pixels, not mask cells."""
    model = load_model(SIZE, weights=str(weights), device="cpu")
    records = []
    for number, sample in enumerate(samples):
        found = predict_scene(model, scene(sample, 0), scene_id=str(number), method="fast3dis", geometry="given")
        labelled = LabelledMasks(
            scene_id=found.scene_id,
            gt_ids=sample.instance_ids[0].numpy(),
            masks=found.masks,
            scores=found.scores,
            objectness=found.objectness,
        )
        records += multi_view_records(labelled, min_region_size=smallest)
    return pooled(records)["ap50"]


@pytest.mark.parametrize("stage", STAGES)
def test_half_precision_is_for_the_transformer_and_stays_near(stage, room_cache):
    config = tiny_config(stage=stage)
    batch = TrainingBatches(config, training_scenes(config, room_cache))[0, 0]
    found = {}
    for precision in ("float32", "bfloat16"):
        half = build_stage(config, {}, device=torch.device("cpu"), precision=precision)
        generator = torch.Generator().manual_seed(0)
        loss = half.loss(batch.sample, plan_step(config, 0), progress=0.3, generator=generator)
        loss.total.backward()
        assert loss.total.dtype == torch.float32
        assert all(value.dtype == torch.float32 for value in half.trained.values())
        assert all(bool(value.grad.isfinite().all()) for value in half.trained.values() if value.grad is not None)
        found[precision] = {name: float(value) for name, value in loss.terms.items()}
    assert found["bfloat16"] == pytest.approx(found["float32"], rel=0.1, abs=0.02)
    assert found["bfloat16"] != found["float32"]
