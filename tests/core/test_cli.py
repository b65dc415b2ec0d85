"""The command line through its public doors: typer's runner, and real processes where signals matter."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import fast3dis_core
from fast3dis_core import cli
from fast3dis_core.checkpoints import Provenance, save_checkpoint
from fast3dis_core.cli import exits, scene_run, staging
from fast3dis_core.cli.exits import exit_code
from fast3dis_core.cli.jobs import plan_jobs, share_out
from fast3dis_core.config import ModelConfig
from fast3dis_core.errors import Cancelled, CheckpointError, DeviceMemoryError, ExportError, Fast3disError
from fast3dis_core.exports import outputs, read_ply
from fast3dis_core.exports.archive import read_npz
from fast3dis_core.model.fast3dis import Fast3DIS

ROOT = Path(__file__).parents[2]
SMALL = ("--resolution", "56", "--device", "cpu", "--weights", "random", "--objectness-threshold", "0")


def photo(path, seed=0, size=(80, 60)):
    blocks = np.random.default_rng(seed).integers(0, 256, (size[1] // 10, size[0] // 10, 3), np.uint8)
    Image.fromarray(np.kron(blocks, np.ones((10, 10, 1), np.uint8))).save(path, quality=90)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        photo(folder / f"view{index}.jpg", seed=index)
    return folder


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "FAST3DIS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def process(*arguments, **changes):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **changes}
    code = "from fast3dis_core.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def names(folder):
    return sorted(os.listdir(folder))


# --- help ------------------------------------------------------------------------------------------------


def test_help_needs_neither_torch_nor_numpy():
    code = (
        "import sys\nfrom fast3dis_core import cli\n"
        "try:\n    cli.app(['segment', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'cv2', 'PIL', 'huggingface_hub'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Exit codes: 0 done" in " ".join(done.stdout.split())


def test_every_exit_code_is_told():
    text = run("--help").stdout
    assert {exit_code(kind("")) for kind in Fast3disError.__subclasses__()} == {2, 3, 4, 5, 6, 7, 130}
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 130):
        assert f" {code} " in " ".join(text.split())


def test_the_version_is_told_also_without_the_script():
    assert run("--version").stdout.split() == ["fast3dis-viewer", fast3dis_core.__version__]
    done = subprocess.run(
        [sys.executable, "-m", "fast3dis_core", "--version"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"fast3dis-viewer {fast3dis_core.__version__}\n")


# --- one folder ------------------------------------------------------------------------------------------


def test_every_output_of_a_run_reads_back(photos, tmp_path):
    out = tmp_path / "deep" / "out"
    done = run("segment", photos, "--out", out, *SMALL, "--json")
    assert done.exit_code == 0, done.stderr
    (told,) = json.loads(done.stdout)["results"]
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert told["result"] == report["result"]
    assert names(out) == sorted(outputs.OUTPUTS)
    assert report["input"]["photos"] == ["view0.jpg", "view1.jpg", "view2.jpg"]
    assert report["model"]["heads"] == "untrained heads"
    assert "untrained heads" in report["model"]["status"].lower()
    assert "untrained heads" in done.stderr.lower()
    assert report["result"]["units"] == "scene units"
    assert report["peak_memory_bytes"]["machine"] > 1e7
    assert set(report["seconds"]) >= {"Reading photos", "Geometry pass", "Feature pass", "Writing scene.ply"}

    result = read_npz(out / "reconstruction.npz")
    shown = result.shown(0.0)
    assert [item["query"] for item in report["result"]["instances"]] == [item.query for item in shown]
    assert names(out / "instances") == sorted(f"instance_{item.query:03d}.ply" for item in shown)
    for item in shown[:3]:
        vertices = read_ply(out / "instances" / f"instance_{item.query:03d}.ply").vertices
        assert len(vertices) == len(item.pixels)
    assert len(read_ply(out / "scene.ply").vertices) == report["result"]["points"]["valid"]
    for index, view in enumerate(("view0", "view1", "view2")):
        ids = np.array(Image.open(out / "masks" / f"{view}.png"))
        assert ids.shape == tuple(report["input"]["network_size"])
        assert set(np.unique(ids)) <= {0, *(item.query + 1 for item in shown if index in result.views_seen(item))}


def test_exports_are_what_was_asked_for(photos, tmp_path):
    assert run("segment", photos, "-o", tmp_path / "out", *SMALL, "--exports", "scene, report").exit_code == 0
    assert names(tmp_path / "out") == ["report.json", "scene.ply"]


@pytest.mark.slow
def test_same_input_same_result(photos, tmp_path):
    for name in ("a", "b"):
        assert run("segment", photos, "--out", tmp_path / name, *SMALL, "--exports", "ply,scene").exit_code == 0
    for file in (tmp_path / "a").rglob("*.ply"):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.slow
def test_paper_mode_keeps_every_point(photos, tmp_path):
    done = run("segment", photos, "--out", tmp_path / "out", *SMALL, "--paper", "--exports", "report")
    assert done.exit_code == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert report["config"]["inference"]["minimum_points"] == 0
    assert report["result"]["points"]["valid"] == report["result"]["points"]["total"]


def test_dry_run_tells_the_views_and_writes_nothing(photos, tmp_path):
    done = run("segment", photos, "--out", tmp_path / "out", "--max-views", 2, "--dry-run", "--resolution", 56)
    assert done.exit_code == 0
    assert "2 views of 56 x 42 pixels: view0.jpg, view2.jpg" in done.stdout
    assert "needs less" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_larger_than_the_device_is_told_before_it_starts(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(scene_run, "memory_there", lambda device: 360_000_000)
    done = run("segment", photos, "--out", tmp_path / "out", "--dry-run", "--resolution", 56, "--device", "cpu")
    assert done.exit_code == 0
    assert "There are 0.4 GB, perhaps too little: a lower --resolution or --max-views needs less." in done.stderr
    monkeypatch.setattr(scene_run, "memory_there", lambda device: 200_000_000)
    done = run("segment", photos, "--out", tmp_path / "out", "--dry-run", "--resolution", 56, "--device", "cpu")
    assert "There are 0.2 GB, too little: " in done.stderr


def test_a_dry_run_knows_which_devices_are_there(photos, tmp_path):
    refused = run("segment", photos, "--out", tmp_path / "out", "--dry-run", "--device", "gpu")
    assert (refused.exit_code, "Unknown device 'gpu'" in refused.stderr) == (2, True)


# --- results are whole, and nobody's files are lost -------------------------------------------------------


@pytest.mark.slow
def test_existing_results_are_kept_unless_overwriting(photos, tmp_path):
    out = tmp_path / "out"
    (out / "instances").mkdir(parents=True)
    (out / "instances" / "instance_999.ply").write_text("older")
    (out / "notes.txt").write_text("mine")
    done = run("segment", photos, "--out", out, *SMALL, "--exports", "scene")
    assert done.exit_code == 6
    assert "holds results already (instances)" in done.stderr
    assert names(out) == ["instances", "notes.txt"]
    assert run("segment", photos, "--out", out, *SMALL, "--exports", "scene", "--overwrite").exit_code == 0
    assert names(out) == ["notes.txt", "scene.ply"]
    assert (out / "notes.txt").read_text() == "mine"
    assert names(tmp_path) == ["out", "photos"]


@pytest.mark.slow
@pytest.mark.parametrize("failing", ["write_scene_ply", "write_overlays", "describe"])
@pytest.mark.parametrize("error", [ExportError("The disk is full."), Cancelled(), DeviceMemoryError("No memory.")])
def test_a_failure_while_writing_leaves_everything_as_it_was(photos, tmp_path, monkeypatch, failing, error):
    def fail(*_args, **_kwargs):
        raise error

    out = tmp_path / "out"
    out.mkdir()
    (out / "scene.ply").write_text("older")
    place = scene_run if failing == "describe" else outputs
    monkeypatch.setattr(place, failing, fail)
    done = run("segment", photos, "--out", out, *SMALL, "--overwrite")
    assert done.exit_code == exit_code(error)
    assert names(out) == ["scene.ply"]
    assert (out / "scene.ply").read_text() == "older"
    assert names(tmp_path) == ["out", "photos"]


@pytest.mark.parametrize("step", range(6))
def test_a_failed_move_is_undone(tmp_path, monkeypatch, step):
    target = tmp_path / "out"
    target.mkdir()
    for name in ("scene.ply", "report.json"):
        (target / name).write_text(f"older {name}")
    real, moves = os.replace, []

    def replace(source, place):
        moves.append(place)
        if len(moves) == step + 1:
            raise OSError(5, "Input/output error")
        real(source, place)

    monkeypatch.setattr(staging.os, "replace", replace)
    names_of_run = ("scene.ply", "scene.glb", "report.json")
    interrupts = exits.Interrupts()
    try:
        with staging.staged_folder(target, names_of_run, interrupts, overwrite=True) as folder:
            for name in ("scene.glb", "scene.ply"):
                (folder / name).write_text("newer")
    except ExportError:
        assert names(target) == ["report.json", "scene.ply"]
        assert all((target / name).read_text() == f"older {name}" for name in names(target))
    else:
        assert step >= 4  # two older away, two newer in: then no move is left to fail
        assert names(target) == ["scene.glb", "scene.ply"]
    assert names(tmp_path) == ["out"]


def test_results_are_collected_on_the_disk_of_an_existing_folder(tmp_path):
    target = tmp_path / "mounted"
    target.mkdir()
    (target / "mine.txt").write_text("kept")
    with staging.staged_folder(target, ("scene.ply",), exits.Interrupts()) as folder:
        assert folder.parent == target  # its parent may be another disk: there is no rename between disks
        (folder / "scene.ply").write_text("points")
    assert names(target) == ["mine.txt", "scene.ply"]
    with staging.staged_folder(tmp_path / "new", ("scene.ply",), exits.Interrupts()) as folder:
        assert folder.parent == tmp_path
    assert names(tmp_path) == ["mounted", "new"]


def test_parents_made_for_nothing_go_again(photos, tmp_path):
    (photos / "view1.jpg").write_bytes(b"no photo")
    done = run("segment", photos, "--out", tmp_path / "a" / "b" / "c", *SMALL)
    assert done.exit_code == 3
    assert names(tmp_path) == ["photos"]


# --- bad input -------------------------------------------------------------------------------------------


def spoil_empty(folder):
    for file in folder.iterdir():
        file.unlink()


def spoil_text(folder):
    spoil_empty(folder)
    (folder / "notes.txt").write_text("no photo")


def spoil_depth(folder):
    (folder / "room").mkdir()
    for file in folder.glob("*.jpg"):
        file.rename(folder / "room" / file.name)


def spoil_jpeg(folder):
    content = (folder / "view1.jpg").read_bytes()
    (folder / "view1.jpg").write_bytes(content[: len(content) // 2])


def spoil_all(folder):
    spoil_empty(folder)
    folder.rmdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_empty, "an empty folder"),
        (spoil_text, "1 other file or folder, such as notes.txt"),
        (spoil_depth, "in the folder room inside"),
        (spoil_jpeg, "--skip-bad"),
        (spoil_all, "found nothing"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_bad_input_is_one_line_and_writes_nothing(photos, tmp_path, spoil, words, as_json):
    spoil(photos)
    before = names(tmp_path)
    done = run("segment", photos, "--out", tmp_path / "out", *SMALL, *(["--json"] if as_json else []))
    assert done.exit_code == 3
    lines = [line for line in done.stderr.splitlines() if line.startswith("fast3dis: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in done.stderr
    assert names(tmp_path) == before
    if as_json:
        told = json.loads(done.stdout)
        assert told["exit_code"] == 3
        assert told["results"][0]["error"]["message"] in lines[0]
    else:
        assert done.stdout == ""


def test_bad_photo_can_be_skipped(photos, tmp_path):
    spoil_jpeg(photos)
    done = run("segment", photos, "--out", tmp_path / "out", *SMALL, "--exports", "report", "--skip-bad")
    assert done.exit_code == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert report["input"]["photos"] == ["view0.jpg", "view2.jpg"]
    (note,) = report["input"]["notes"]
    assert "view1.jpg" in note
    assert "repair" not in note  # nothing is left to do
    assert "view1.jpg" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--size", "nanoo"), 2, "did you mean 'nano'"),
        (("--size", "mono-large"), 2, "has no cameras"),
        (("--size", "large"), 4, "fast3dis weights download large --accept-license"),
        (("--weights", "missing.safetensors"), 4, "missing.safetensors"),
        (("--device", "gpu"), 2, "auto, cpu, cuda"),
        (("--precision", "half"), 2, "float32 or bfloat16"),
        (("--mask-threshold", "2"), 2, "between 0 and 1"),
        (("--exports", "ply,obj"), 2, "found obj"),
        (("--exports", ","), 2, "found none"),
        (("--geometry", "posed"), 3, "cameras"),
        (("--geometry", "given"), 3, "cameras"),
        (("--geometry", "guessed"), 2, ""),
        (("--max-views", "0"), 2, ""),
        (("--resolution", "3"), 2, ""),
    ],
)
def test_bad_settings_say_what_was_expected(photos, tmp_path, monkeypatch, options, code, words):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    done = run("segment", photos, "--out", tmp_path / "out", "--resolution", 56, "--device", "cpu", *options)
    assert done.exit_code == code, done.stderr
    assert words in " ".join(done.stderr.split())
    assert names(tmp_path) == ["photos"]


def test_output_that_cannot_be_a_folder(photos, tmp_path):
    (tmp_path / "out").write_text("a file")
    done = run("segment", photos, "--out", tmp_path / "out", *SMALL)
    assert done.exit_code == 6
    assert "expected a folder" in done.stderr
    done = run("segment", photos, "--out", tmp_path / "out" / "below", *SMALL)
    assert done.exit_code == 6
    assert (tmp_path / "out").read_text() == "a file"
    done = run("segment", photos, "--out", tmp_path / ("x" * 300), *SMALL)
    assert done.exit_code == 6
    assert "longer than this disk allows" in done.stderr
    assert "Reading photos" not in done.stderr


@pytest.mark.slow
def test_messages_name_the_folder_that_was_asked_for(photos, tmp_path, monkeypatch):
    def fail(path, *_args, **_kwargs):
        raise ExportError(f"The disk of {Path(path).parent} is full.")

    monkeypatch.setattr(outputs, "write_scene_ply", fail)
    done = run("segment", photos, "--out", tmp_path / "out", *SMALL)
    assert f"The disk of {tmp_path / 'out'} is full." in done.stderr


@pytest.mark.slow
def test_checkpoint_is_used_and_reported(photos, tmp_path):
    torch.manual_seed(1)
    config = ModelConfig.for_size("nano", num_queries=5)
    path = tmp_path / "five.safetensors"
    provenance = Provenance(data_version="rooms-1", steps=3, license="Apache-2.0")
    save_checkpoint(path, Fast3DIS(config), provenance, dtype=torch.float16)
    done = run("segment", photos, "--out", tmp_path / "out", *SMALL, "--weights", path, "--exports", "report")
    assert done.exit_code == 0, done.stderr
    model = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))["model"]
    assert model["config"]["num_queries"] == 5
    assert model["provenance"]["data_version"] == "rooms-1"
    assert model["status"] == "trained"
    path.write_bytes(path.read_bytes()[:-10])
    done = run("segment", photos, "--out", tmp_path / "new", *SMALL, "--weights", path)
    assert done.exit_code == 4
    assert "is truncated" in done.stderr
    assert not (tmp_path / "new").exists()


# --- several folders -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_several_folders_load_one_model_and_outlive_a_bad_one(photos, tmp_path, monkeypatch):
    loads = []
    from fast3dis_core.inference import steps

    real = steps.load_model
    monkeypatch.setattr(steps, "load_model", lambda *args, **kwargs: loads.append(args) or real(*args, **kwargs))
    (tmp_path / "empty").mkdir()
    twin = tmp_path / "other" / "photos"
    twin.mkdir(parents=True)
    photo(twin / "only.png")
    folders = [photos, tmp_path / "empty", twin]
    done = run("segment", *folders, "--out", tmp_path / "out", *SMALL, "--exports", "report", "--json")
    assert done.exit_code == 3
    assert len(loads) == 1
    assert names(tmp_path / "out") == ["photos", "photos-2"]
    results = json.loads(done.stdout)["results"]
    assert [("error" in result) for result in results] == [False, True, False]
    assert f"{tmp_path / 'empty'}: " in done.stderr


folder_names = st.lists(st.sampled_from(["a", "A", "b", "a-2", "A-2", "b-3"]), min_size=2, max_size=8)


@given(folder_names)
def test_outputs_never_collide(parts):
    jobs = plan_jobs([Path(str(index)) / part for index, part in enumerate(parts)], Path("out"))
    targets = [str(job.target).casefold() for job in jobs]
    assert len(set(targets)) == len(targets)
    assert all(job.target.parent == Path("out") for job in jobs)


@given(folder_names, st.integers(1, 5))
def test_ranks_share_every_folder_once(parts, world):
    jobs = plan_jobs([Path(str(index)) / part for index, part in enumerate(parts)], Path("out"))
    shares = [share_out(jobs, {"RANK": str(rank), "WORLD_SIZE": str(world)}) for rank in range(world)]
    assert sorted(job.title for share in shares for job in share) == sorted(job.title for job in jobs)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert share_out(jobs, {}) == jobs


@pytest.mark.parametrize("values", [("1", "1"), ("-1", "2"), ("x", "2"), (None, "2"), ("0", None)])
def test_ranks_that_make_no_sense(photos, tmp_path, monkeypatch, values):
    for name, value in zip(("RANK", "WORLD_SIZE"), values, strict=True):
        if value is not None:
            monkeypatch.setenv(name, value)
    done = run("segment", photos, "--out", tmp_path / "out", *SMALL)
    assert done.exit_code == 2
    assert "as torchrun sets them" in done.stderr


@pytest.mark.slow
def test_a_rank_does_its_share_only(photos, tmp_path, monkeypatch):
    twin = tmp_path / "twin"
    twin.mkdir()
    photo(twin / "only.png")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = run("segment", photos, twin, "--out", tmp_path / "out", *SMALL, "--exports", "scene")
    assert done.exit_code == 0
    assert names(tmp_path / "out") == ["twin"]


# --- signals ---------------------------------------------------------------------------------------------


def wait_for(stream, words):
    seen = ""
    while words not in seen:
        line = stream.readline()
        assert line, f"ended before {words!r}: {seen}"
        seen += line
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", ["Loading the model:", "Geometry pass:", "Writing instances:"])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_signal_stops_the_run_and_leaves_nothing(tmp_path, number, after, as_json):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(8):
        photo(folder / f"{index}.png", seed=index, size=(400, 300))
    running = process(
        "segment", folder, "--out", tmp_path / "a" / "out", "--resolution", 224, *SMALL[2:], *["--json"] * as_json
    )
    wait_for(running.stderr, after)
    running.send_signal(number)
    told = wait_for(running.stderr, "Interrupted")
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    if as_json:
        assert json.loads(out)["exit_code"] == 130
    else:
        assert out == ""
    assert "Traceback" not in told + err
    assert names(tmp_path) == ["photos"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_names_that_are_no_text(tmp_path):
    folder, out = (os.fsdecode(os.fsencode(tmp_path) + name) for name in (b"/in\xff", b"/out\xff"))
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this disk takes text names only")
    photo(os.path.join(folder, os.fsdecode(b"p\xff.jpg")))
    running = process("segment", folder, "--out", out, *SMALL, PYTHONIOENCODING="utf-8:strict")
    running.stdout.reconfigure(errors="surrogateescape")
    told, err = running.communicate(timeout=100)
    assert running.returncode == 0, err
    assert out in told
    assert names(out) == sorted(outputs.OUTPUTS)


def test_second_signal_stops_at_once():
    with exits.Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_work_that_never_looks_up_is_interrupted_where_it_is():
    with exits.Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            threading.Event().wait(600)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_moving_into_place_is_not_interrupted():
    with exits.Interrupts() as interrupts:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            interrupts.check()
        with pytest.raises(Cancelled):
            interrupts.check()


def test_error_kinds_have_their_codes():
    assert exit_code(CheckpointError("")) == 4
    assert exit_code(Fast3disError("")) == 1


def test_files_in_the_world_of_the_folder(tmp_path):
    """Cameras of the capture come back as they were given, and points move with them."""
    sample = Path(__file__).parents[2] / "resources" / "samples" / "study"
    wanted = ["--geometry", "given", "--resolution", "56", "--max-views", "3", "--exports", "transforms,report"]
    result = run("segment", sample, "--out", tmp_path / "out", "--frame", "folder", *wanted)
    assert result.exit_code == 0, result.stderr
    given = json.loads((sample / "transforms.json").read_text())["frames"]
    by_name = {Path(frame["file_path"]).stem: np.array(frame["transform_matrix"]) for frame in given}
    written = json.loads((tmp_path / "out" / "transforms" / "transforms.json").read_text())["frames"]
    assert len(written) == 3
    for frame in written:
        matrix = np.array(frame["transform_matrix"])
        np.testing.assert_allclose(matrix, by_name[Path(frame["file_path"]).stem], atol=1e-4)


def test_the_folders_world_needs_cameras_of_the_folder(photos, tmp_path):
    result = run("segment", photos, "--out", tmp_path / "out", "--frame", "folder")
    assert result.exit_code == 2
    assert "add --geometry posed or given" in result.stderr
