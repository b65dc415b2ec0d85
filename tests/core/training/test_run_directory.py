"""Files of a run: states kept whole and few, tables that survive being cut."""

import pytest
import torch

from fast3dis_core.config import TrainingConfig
from fast3dis_core.errors import CheckpointError, ConfigError
from fast3dis_core.training.run_directory import Counters, CsvLog, RunDirectory, State


def state(step, value=0.0):
    return State(
        tensors={"a.b": torch.full((2, 3), value), "count": torch.tensor(step)},
        counters=Counters(step=step, scenes_seen=10 * step, seconds=1.5 * step),
    )


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    directory.begin(TrainingConfig(), {"path": "/x", "sha256": "0"})
    return directory


def test_the_newest_state_comes_back_and_two_are_kept(run):
    assert run.load() is None
    for step in (5, 90, 1000):
        run.save(state(step, value=step))
    found = run.load()
    assert found.counters == Counters(step=1000, scenes_seen=10000, seconds=1500.0)
    assert torch.equal(found.tensors["a.b"], torch.full((2, 3), 1000.0))
    assert found.tensors["count"] == 1000
    names = sorted(path.name for path in (run.folder / "checkpoints").iterdir())
    assert names == ["state-00000090.safetensors", "state-00001000.safetensors"]


def test_a_damaged_state_names_the_older_one(run):
    run.save(state(1))
    run.save(state(2))
    newest = run.folder / "checkpoints" / "state-00000002.safetensors"
    newest.write_bytes(newest.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match=r"delete it; state-00000001\.safetensors is older"):
        run.load()
    newest.unlink()
    assert run.load().counters.step == 1


def test_a_run_is_begun_once(run):
    assert run.config() == TrainingConfig()
    assert run.weights() == {"path": "/x", "sha256": "0"}
    with pytest.raises(ConfigError, match="holds a run already"):
        run.begin(TrainingConfig(), {})
    with pytest.raises(ConfigError, match="holds no run"):
        RunDirectory(run.folder / "other").config()


def test_a_table_goes_on_after_a_cut(tmp_path):
    path = tmp_path / "log.csv"
    log = CsvLog(path, ("step", "loss"), after=0)
    for step in range(1, 6):
        log.add({"step": step, "loss": 1 / step})
    path.write_text(path.read_text() + "6,0.1")  # killed while writing
    log = CsvLog(path, ("step", "loss"), after=3)
    log.add({"step": 4, "loss": float("nan")})
    assert path.read_text() == "step,loss\n1,1\n2,0.5\n3,0.333333\n4,nan\n"
    assert CsvLog(tmp_path / "new.csv", ("step",), after=0).path.read_text() == "step\n"


def test_a_table_of_another_version_is_refused(tmp_path):
    CsvLog(tmp_path / "log.csv", ("step", "loss"), after=0)
    with pytest.raises(ConfigError, match="other columns"):
        CsvLog(tmp_path / "log.csv", ("step", "total"), after=0)
