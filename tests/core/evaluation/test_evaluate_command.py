"""`fast3dis evaluate` and `fast3dis card` as a person meets them: files, exit codes, refusals in one line."""

import json

import pytest
import torch
from typer.testing import CliRunner

from fast3dis_core.checkpoints import Provenance, save_checkpoint
from fast3dis_core.cli import app
from fast3dis_core.config import ModelConfig
from fast3dis_core.errors import Cancelled, ConfigError
from fast3dis_core.evaluation import run as evaluation
from fast3dis_core.inference.loading import untrained_network
from fast3dis_core.training.account import account
from fast3dis_core.training.run_directory import CsvLog, RunDirectory
from fast3dis_core.training.settings import training_config
from tests.core.evaluation.rooms import SEEDS

SMALL = ("--scenes", "2", "--views", "3", "--resolution", "70", "--device", "cpu")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "FAST3DIS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def evaluate(rooms, room_cache, tmp_path):
    """The command on two small rooms that are rendered already."""

    def call(*arguments, out=tmp_path / "out", weights="random"):
        return run("evaluate", *SMALL, "--cache", room_cache, "--out", out, "--weights", weights, *arguments)

    return call


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    provenance = Provenance(backbone="nano", data_version="rooms-1", steps=20, scenes_seen=640, license="Apache-2.0")
    save_checkpoint(path, untrained_network(ModelConfig.for_size("nano", num_queries=8)), provenance, dtype=torch.half)
    return path


def test_one_command_from_weights_to_report(evaluate, tmp_path):
    done = evaluate("--pictures", 1)
    assert done.exit_code == 0, done.stderr
    assert "untrained backbone and untrained heads" in done.stderr
    assert "AP50" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "curves-objects.svg", "pictures-objects.png", "predictions", "report-objects.html", "report-objects.md",
        "result-objects.json", "scores", "settings.json",
    ]  # fmt: skip
    result = json.loads((tmp_path / "out" / "result-objects.json").read_text())
    assert result["scenes"] == [str(seed) for seed in SEEDS]
    assert (result["settings"]["height"], result["settings"]["width"]) == (56, 70)
    assert result["settings"]["weights"] == "random"


def test_scored_anew_from_files_without_a_model(evaluate, tmp_path, monkeypatch):
    assert evaluate().exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "predictions").iterdir()}
    monkeypatch.setattr(evaluation, "predict_scene", lambda *_, **__: pytest.fail("everything is predicted"))
    done = evaluate("--protocol", "all", "--json")
    told = json.loads(done.stdout)
    assert told["exit_code"] == 0
    assert told["result"]["protocol"] == "all"
    targets = [
        json.loads((tmp_path / "out" / f"result-{name}.json").read_text())["average_precision"]["multi_view"]["counts"]
        for name in ("objects", "all")
    ]
    assert targets[0]["targets"] < targets[1]["targets"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_duplicates_are_left_out_on_request_and_beside_the_standard(evaluate, tmp_path):
    assert evaluate("--pictures", 1).exit_code == 0
    standard = (tmp_path / "out" / "result-objects.json").read_bytes()
    done = evaluate("--duplicate-overlap", 0.5, "--pictures", 1)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("Duplicates were dropped before scoring")
    assert (tmp_path / "out" / "result-objects.json").read_bytes() == standard
    name = "objects-without-duplicates-0.5"
    filtered = json.loads((tmp_path / "out" / f"result-{name}.json").read_text())
    assert (filtered["duplicate_overlap"], json.loads(standard)["duplicate_overlap"]) == (0.5, 0)
    assert (tmp_path / "out" / f"pictures-{name}.png").exists()
    assert evaluate("--duplicate-overlap", 1).exit_code == 2


def test_other_settings_and_damage_are_told(evaluate, tmp_path):
    assert evaluate().exit_code == 0
    other = evaluate("--geometry", "given")
    assert (other.exit_code, "geometry predicted (now given)" in other.stderr) == (2, True)
    (tmp_path / "out" / "predictions" / f"{SEEDS[1]}.npz").write_bytes(b"PK")
    damaged = evaluate("--json")
    assert damaged.exit_code == 3
    assert json.loads(damaged.stdout)["error"]["kind"] == "DatasetError"
    for wrong, code in ((("--scenes", 201), 2), (("--resolution", 100), 2), (("--size", "metric-large"), 2)):
        assert evaluate(*wrong).exit_code == code
    assert evaluate(weights=tmp_path / "none.safetensors").exit_code == 4


def test_ctrl_c_keeps_what_is_done(evaluate, tmp_path, monkeypatch):
    predict = evaluation.predict_scene

    def second_is_stopped(*arguments, **named):
        if named["scene_id"] == str(SEEDS[1]):
            raise Cancelled
        return predict(*arguments, **named)

    monkeypatch.setattr(evaluation, "predict_scene", second_is_stopped)
    stopped = evaluate()
    assert (stopped.exit_code, "Interrupted" in stopped.stderr) == (130, True)
    kept = [path.name for path in (tmp_path / "out" / "predictions").iterdir()]
    assert kept == [f"{SEEDS[0]}.npz"]
    monkeypatch.setattr(evaluation, "predict_scene", predict)
    assert evaluate().exit_code == 0


@pytest.mark.slow
def test_ranks_share_the_rooms_and_the_first_one_scores(evaluate, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert evaluate().exit_code == 0
    predictions = tmp_path / "out" / "predictions"
    assert [path.name for path in predictions.iterdir()] == [f"{SEEDS[1]}.npz"]
    assert not (tmp_path / "out" / "result-objects.json").exists()
    monkeypatch.setenv("RANK", "0")
    assert evaluate().exit_code == 0
    shared = json.loads((tmp_path / "out" / "result-objects.json").read_text())
    monkeypatch.delenv("RANK")
    monkeypatch.delenv("WORLD_SIZE")
    assert evaluate(out=tmp_path / "alone").exit_code == 0
    alone = json.loads((tmp_path / "alone" / "result-objects.json").read_text())
    assert {**shared["figures"], "seconds_per_scene": 0} == {**alone["figures"], "seconds_per_scene": 0}


@pytest.mark.slow
def test_a_card_from_weights_results_and_runs(evaluate, checkpoint, room_cache, tmp_path):
    for geometry in ("predicted", "given"):
        assert evaluate("--geometry", geometry, weights=checkpoint, out=tmp_path / geometry).exit_code == 0
    assert evaluate(out=tmp_path / "full-seed0").exit_code == 0
    results = [tmp_path / name / "result-objects.json" for name in ("predicted", "given", "full-seed0")]
    trained = small_run(tmp_path / "run")
    arguments = ("--weights", checkpoint, "--cache", room_cache, "--out", tmp_path / "nano.md")
    done = run("card", *results, *arguments, "--run", trained.folder)
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "nano.md").read_text()
    assert text.startswith("Not yet useful: AP25")
    assert done.stdout.splitlines()[0] == text.splitlines()[0]
    assert "(nano.png)" in text
    assert (tmp_path / "nano.png").stat().st_size > 1000
    assert "stage instances: 40 steps, 1,280 scenes, 2 min on my CPU, 1 process of 2 threads" in text
    assert "anchor_weight 0.5 (not 0.0)" in text
    assert "| full | 1 |" in text
    again = run("card", *reversed(results), *arguments, "--run", trained.folder)
    assert again.exit_code == 0
    assert (tmp_path / "nano.md").read_text() == text
    missing = run("card", results[1], *arguments)
    assert (missing.exit_code, "validation rooms with predicted geometry" in missing.stderr) == (3, True)


def small_run(folder):
    """Files of a run of 40 steps, as the trainer leaves them."""
    found = RunDirectory(folder)
    found.begin(training_config({"steps": 40, "learning_rate": 2e-4, "log_every": 20}), {})
    log = CsvLog(found.log, ("step", "seconds", "scenes"), after=0)
    log.add({"step": 20, "seconds": 61.0, "scenes": 640})
    log.add({"step": 40, "seconds": 125.0, "scenes": 1280})
    start = {
        "device": "my CPU", "processes": 1, "threads": 2, "precision": "float32", "torch": "2.13.0",
        "code_commit": "abc",
    }  # fmt: skip
    found.add_environment(start)
    found.add_environment(start)
    return found


def test_a_run_is_summed_up(tmp_path):
    told = account(small_run(tmp_path / "run"))
    assert (told.stage, told.steps, told.scenes_seen, told.seconds) == ("instances", 40, 1280, 125.0)
    assert told.machines == ("my CPU, 1 process of 2 threads, float32, torch 2.13.0",)
    assert told.commits == ("abc",)
    assert told.settings == {"steps": (40, 20_000), "learning_rate": (2e-4, 1e-4)}
    assert told.objective["anchor_weight"] == (0.5, 0.0)
    empty = RunDirectory(tmp_path / "empty")
    empty.begin(training_config({}), {})
    with pytest.raises(ConfigError, match="a run that has made steps"):
        account(empty)
