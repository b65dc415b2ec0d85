"""Downloads from a hub on this machine: whole, resumed, given up, refused, damaged, and how long that takes."""

import dataclasses
import errno
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download
from typer.testing import CliRunner

from fast3dis_core import cli, downloads, hub_cache, official_weights
from fast3dis_core.downloads import arrived_bytes, download
from fast3dis_core.errors import Cancelled, CheckpointError, DownloadError
from fast3dis_core.official_weights import LICENSE_TERMS, OFFICIAL_WEIGHTS, find_weights
from fast3dis_core.transfers import Meter, Transfer, duration, megabytes
from tests.model_hub import COMMIT, CONFIG, WEIGHTS, environment, model_hub, point_to, small_weights, use_endpoint

ROOT = Path(__file__).parents[2]
SMALL = OFFICIAL_WEIGHTS[0]
CONTENT = small_weights()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "home" / "hub"


@pytest.fixture
def hub(cache, monkeypatch):
    """A hub that has size small, and a program that knows no other one."""
    with model_hub() as hub:
        point_to(monkeypatch, hub, cache)
        hub.publish(SMALL.repository, CONTENT, b'{"model_name": "da3-small"}')
        yield hub


@pytest.fixture
def hurried(monkeypatch):
    """Tries that follow each other at once."""
    monkeypatch.setattr(downloads, "PAUSES", (0.02,) * 4)
    monkeypatch.setattr(downloads, "FIRST_PAUSES", (0.02,) * 2)


def ended_early(hub, share):
    """A download that is cancelled when so much has arrived; what the watcher saw."""
    seen = []

    def stop(step, fraction):
        if fraction >= share:
            raise Cancelled

    with pytest.raises(Cancelled):
        download(SMALL, report=stop, watch=seen.append)
    return seen


def until(condition, words, patience=60):
    """Come back when it holds; the patience is for programs that hang, not a measure of anything."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, words
        time.sleep(0.01)


def refused(match, **download_options):
    with pytest.raises(DownloadError, match=match) as caught:
        download(SMALL, **download_options)
    return str(caught.value)


# --- the whole way -----------------------------------------------------------------------------------------


def test_a_download_arrives_is_verified_and_found_by_everybody(hub, cache):
    hub.speed = 1.5e6
    steps, seen = [], []
    verified = download(SMALL, report=lambda step, fraction: steps.append((step, fraction)), watch=seen.append)
    assert verified.sha256 == verified.recorded_sha256 == SHA256
    assert verified.path.read_bytes() == CONTENT
    assert find_weights("small") == verified.path
    assert Path(hf_hub_download(SMALL.repository, WEIGHTS)) == verified.path, "where huggingface_hub looks for it"
    assert verified.path.with_name(CONFIG).is_file()
    fractions = [fraction for step, fraction in steps if step == "Downloading DA3-SMALL"]
    assert fractions == sorted(fractions)
    assert any(0.2 < fraction < 0.8 for fraction in fractions)
    assert ("Computing SHA-256", 1.0) in steps
    middle = next(transfer for transfer in seen if transfer.speed and transfer.done < transfer.total)
    assert middle.total == len(CONTENT)
    assert 5e5 < middle.speed < 3e6
    assert middle.words.startswith(f"{megabytes(middle.done)} of {megabytes(len(CONTENT))}, ")
    assert middle.words.endswith("left")
    assert not list(cache.rglob("*.incomplete"))


def test_what_is_asked_of_hub_and_storage(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    download(SMALL)
    told = [(asked.method, asked.name, asked.token) for asked in hub.asked]
    assert told == [
        ("HEAD", CONFIG, "Bearer hf_mine"),
        ("GET", CONFIG, "Bearer hf_mine"),
        ("HEAD", WEIGHTS, "Bearer hf_mine"),
        ("GET", WEIGHTS, None),  # the storage is somebody else
    ], "and nothing besides: no telemetry"
    assert {asked.agent for asked in hub.asked} == {"fast3dis-viewer"}
    hub.asked.clear()
    download(SMALL)
    assert [asked.method for asked in hub.asked] == ["HEAD", "HEAD"], "it is here already"


def test_weights_without_config(hub):
    del hub.files[f"{SMALL.repository}/{CONFIG}"]
    assert download(SMALL).identity.sizes == ("small",)


def test_a_system_without_links_has_the_content_at_its_name(hub, monkeypatch):
    def no_links(self, target):
        raise OSError("a privilege is missing")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    verified = download(SMALL)
    assert not verified.path.is_symlink()
    assert verified.path.read_bytes() == CONTENT
    assert verified.sha256 == SHA256


def test_non_commercial_weights_ask_before_anything_is_sent(hub):
    large = next(weights for weights in OFFICIAL_WEIGHTS if weights.size == "large")
    with pytest.raises(CheckpointError, match=r"CC BY-NC 4\.0 .*no commercial use.* --accept-license"):
        download(large)
    assert hub.asked == []


# --- cancelled, resumed ------------------------------------------------------------------------------------


def test_a_cancelled_download_is_no_file_and_goes_on_where_it_stopped(hub):
    hub.speed = 4e6
    ended_early(hub, 0.4)
    assert find_weights("small") is None
    kept = arrived_bytes(SMALL)
    assert 0.3 * len(CONTENT) < kept < 0.9 * len(CONTENT)
    until(lambda: not hub.sending, "nothing goes on behind the user's back")

    seen = []  # at the same speed: who watches looks ten times a second
    assert download(SMALL, watch=seen.append).sha256 == SHA256
    assert [asked.range for asked in hub.downloads()] == [None, f"bytes={kept}-"]
    assert min(transfer.done for transfer in seen if transfer.total) >= kept
    assert arrived_bytes(SMALL) == 0


@pytest.mark.parametrize("silent", ["hub", "storage"])
def test_cancel_acts_while_nobody_answers(hub, monkeypatch, silent):
    asked = []

    def stop(step, fraction):
        asked.append(step)
        if len(asked) > 5:
            raise Cancelled

    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as ear:  # takes calls, says nothing
        if silent == "storage":
            hub.open.clear()
        else:
            use_endpoint(monkeypatch, f"http://127.0.0.1:{ear.getsockname()[1]}")
        with pytest.raises(Cancelled):
            download(SMALL, report=stop)
    # a connection of the hub may linger
    until(lambda: not hub.sending and threading.active_count() <= threads + 1, "nothing goes on behind the user's back")


def test_a_server_without_ranges_starts_again_and_says_so(hub):
    hub.speed = 4e6
    ended_early(hub, 0.4)
    hub.ranges, seen = False, []
    assert download(SMALL, watch=seen.append).sha256 == SHA256
    assert "The server cannot go on where it stopped: it starts again" in {transfer.notice for transfer in seen}


def test_a_partial_file_of_another_content_is_no_obstacle(hub, cache, hurried):
    folder = cache / "models--depth-anything--DA3-SMALL" / "blobs"
    folder.mkdir(parents=True)
    (folder / f"{SHA256}.incomplete").write_bytes(b"x" * (len(CONTENT) + 5))
    assert download(SMALL).sha256 == SHA256
    assert hub.downloads()[0].range is None


def test_two_programs_do_not_write_one_file(hub, cache):
    hub.open.clear()
    first, second = [], []
    other = threading.Thread(target=lambda: first.append(download(SMALL)))
    other.start()
    until(lambda: hub.sending, "the first one downloads")

    def meanwhile(transfer):
        if transfer.notice.startswith("Another program"):
            hub.open.set()
        second.append(transfer)

    assert download(SMALL, watch=meanwhile).sha256 == SHA256
    other.join()
    assert first[0].path == find_weights("small")
    assert any(transfer.notice.startswith("Another program") for transfer in second)
    assert len(hub.downloads()) == 1


# --- lines that break, hubs that are busy ------------------------------------------------------------------


def test_a_broken_connection_is_taken_up_again_and_told(hub, hurried):
    hub.cuts = [len(CONTENT) // 3, len(CONTENT) // 3]
    seen = []
    assert download(SMALL, watch=seen.append).sha256 == SHA256
    starts = [int(asked.range.removeprefix("bytes=")[:-1]) for asked in hub.downloads() if asked.range]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_a_connection_that_always_breaks_ends_with_an_error_and_keeps_what_came(hub, hurried):
    hub.cuts = [2**17, *[0] * 20]
    message = refused("the connection broke")
    assert "Try again: it goes on where it stopped" in message
    assert f"{megabytes(arrived_bytes(SMALL))} are here" in message
    assert len(hub.downloads()) == 1 + len(downloads.PAUSES)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again_while_everybody_sees_it(hub, status):
    hub.refusals = [(status, {"Retry-After": "1", "X-Error-Message": "Slow down"})]
    seen, began = [], time.monotonic()
    assert download(SMALL, watch=seen.append).sha256 == SHA256
    assert time.monotonic() - began >= 0.9, "it waits as long as it was asked to"
    notices = {transfer.notice for transfer in seen}
    assert f"{status} Slow down. Trying again in 1 s (1 of 2)" in notices
    assert seen[-1].notice == ""


def test_a_hub_that_stays_busy_is_given_up_in_seconds(hub):
    hub.refusals = [(503, {})] * 20
    message = refused("found: 503 Service Unavailable")
    assert len(hub.asked) == 1 + len(downloads.FIRST_PAUSES)
    assert sum(downloads.FIRST_PAUSES) < 8
    assert "Try again later" in message
    hub.refusals = [(429, {"Retry-After": "600"})]
    assert "which asks to wait 10 min" in refused("429 Too Many Requests")


def test_cancel_acts_between_two_tries(hub):
    hub.refusals = [(503, {"Retry-After": "50"})]
    seen = []

    def stop(step, fraction):
        if any("Trying again in" in transfer.notice for transfer in seen):
            raise Cancelled

    with pytest.raises(Cancelled):
        download(SMALL, report=stop, watch=seen.append)
    assert len(hub.asked) == 1, "the pause was not waited for"


def test_nobody_there(hub, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    use_endpoint(monkeypatch, nobody)
    seen = []
    message = refused("could not be downloaded", watch=seen.append)
    assert any("Trying again in" in transfer.notice for transfer in seen)
    for words in (WEIGHTS, SMALL.repository, nobody.removeprefix("http://"), "HF_ENDPOINT", SMALL.page, "--weights"):
        assert words in message
    assert "\n" not in message
    use_endpoint(monkeypatch, "nonsense")
    refused("the address nonsense")


def test_names_that_do_not_resolve_and_proxies(hub, monkeypatch, hurried):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    use_endpoint(monkeypatch, "https://hub.invalid")
    with monkeypatch.context() as context:
        context.setattr(socket, "getaddrinfo", unknown)
        assert "hub.invalid: " in refused("Check the connection")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    refused(r"hub\.invalid: .*Check the connection, the proxy|Check the proxy that HTTPS_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", "quux://127.0.0.1:1")
    refused("Check the proxy that HTTPS_PROXY")


def test_a_proxy_is_used(hub, monkeypatch):
    """The hub plays a proxy: it is asked for the hub's address, which has no server."""
    use_endpoint(monkeypatch, "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", hub.endpoint)
    hub.refusals = [(418, {"X-Error-Message": "asked through a proxy"})]
    refused("418 asked through a proxy")
    assert hub.asked[0].path == f"http://hub.invalid/{SMALL.repository}/resolve/main/{CONFIG}"


# --- refusals, damage, disks -------------------------------------------------------------------------------


def test_absent_repository(hub):
    hub.files.clear()
    message = refused("found: 404 Not found")
    assert SMALL.page in message


def test_gated_repository_and_token(hub, monkeypatch):
    hub.token = "hf_right"
    message = refused("Access to this model is restricted")
    assert "Accept the conditions" in message
    assert "HF_TOKEN" in message
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert download(SMALL).sha256 == SHA256


def test_an_invalid_token(hub, monkeypatch):
    hub.refusals = [(401, {"X-Error-Message": "Invalid credentials"})]
    assert "may have expired" in refused("401 Invalid credentials")


def test_offline_mode(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("HF_HUB_OFFLINE forbids downloads")
    assert hub.asked == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    download(SMALL)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert download(SMALL).sha256 == SHA256, "it is here"


def test_a_network_that_wants_a_login_first(hub):
    hub.refusals = [(200, {"Content-Type": "text/html"})]
    assert "a login in the browser" in refused("without commit and hash")


@pytest.mark.parametrize("lie", ["flipped", "short", "long"])
def test_what_arrives_must_be_what_was_announced(hub, hurried, lie):
    hub.lies[WEIGHTS] = {"flipped": CONTENT[:-1] + b"\1", "short": CONTENT[:-100], "long": CONTENT + b"more"}[lie]
    refused(f"SHA-256 [0-9a-f]* where {SHA256} was" if lie == "flipped" else f"bytes where {len(CONTENT):,} were")
    assert find_weights("small") is None
    hub.lies.clear()
    assert download(SMALL).sha256 == SHA256


def test_announced_weights_of_something_else(hub):
    hub.publish("depth-anything/DA3-BASE", b"<html>sign in</html>")
    base = next(weights for weights in OFFICIAL_WEIGHTS if weights.size == "base")
    with pytest.raises(CheckpointError, match="a web page"):
        download(base)


def test_a_disk_that_is_too_small_is_said_before(hub, monkeypatch):
    free = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    message = refused(f"{len(CONTENT):,} bytes are to come, 1,000 are free")
    assert "HF_HOME" in message
    assert hub.downloads() == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up(hub, cache, monkeypatch):
    real = hub_cache.places_of

    def on_a_full_disk(repository, name, **what):
        places = real(repository, name, **what)
        return dataclasses.replace(places, partial=Path("/dev/full")) if name == WEIGHTS else places

    monkeypatch.setattr("fast3dis_core.hub.places_of", on_a_full_disk)
    assert "Free some space" in refused("the disk of .* is full")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written(hub, cache):
    cache.mkdir(parents=True)
    cache.chmod(0o500)
    refused("cannot be written")


def test_a_cache_that_is_a_file(hub, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("no folder")
    assert os.strerror(errno.ENOTDIR) in refused("cannot be written")


# --- the command line --------------------------------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(cli.app, ["weights", *map(str, arguments)])


def test_command_shows_license_and_size_first_then_bytes_and_hash(hub):
    done = run("download", "small", "--json")
    assert done.exit_code == 0, done.stderr
    assert f"({megabytes(SMALL.approximate_bytes)})" in done.stderr.splitlines()[0]
    assert f"License Apache-2.0: {LICENSE_TERMS['Apache-2.0']}" in done.stderr
    assert json.loads(done.stdout)["sha256"] == SHA256
    assert run("path", "small").stdout.strip() == json.loads(done.stdout)["path"]
    refused_ = run("download", "large")
    assert refused_.exit_code == 4
    assert "fast3dis weights download large --accept-license" in refused_.stderr
    unknown = run("download", "huge")
    assert unknown.exit_code == 4
    assert "Unknown weights 'huge'" in unknown.stderr


def test_accepted_license_downloads(hub, monkeypatch):
    licensed = dataclasses.replace(SMALL, license="CC BY-NC 4.0")
    monkeypatch.setattr(official_weights, "OFFICIAL_WEIGHTS", (licensed,))
    assert run("download", "small").exit_code == 4
    assert run("download", "small", "--accept-license").exit_code == 0


def test_an_unfinished_download_is_listed(hub):
    hub.speed = 4e6
    ended_early(hub, 0.4)
    kept = arrived_bytes(SMALL)
    (line,) = [line for line in run("list").stdout.splitlines() if " DA3-SMALL " in line]
    assert line.endswith(f"no, {megabytes(kept)} of it")
    assert json.loads(run("list", "--json").stdout)["official"][0]["arrived_bytes"] == kept


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
def test_ctrl_c_ends_the_command_at_once_and_the_next_one_goes_on(hub, tmp_path):
    """Programs of their own, as a user starts them."""
    home = tmp_path / "own"
    command = [sys.executable, "-c", "from fast3dis_core.cli import main; main()", "weights", "download", "small"]
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    surroundings |= environment(hub, home)
    hub.speed = 3e5
    program = subprocess.Popen(
        command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while hub.sent < 2**17:
        time.sleep(0.01)
        assert program.poll() is None, program.communicate()
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "what has arrived is kept, and the same command goes on from there" in said
    assert "Traceback" not in said
    hub.speed = None
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert SHA256 in done.stdout
    assert int(hub.downloads()[-1].range.removeprefix("bytes=")[:-1]) >= 2**17
    found = subprocess.run(
        [*command[:3], "weights", "path", "small"],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip().startswith(str(home))
    assert COMMIT in found.stdout


# --- the meter ---------------------------------------------------------------------------------------------


def test_meter_tells_speed_and_time_left():
    now = [0.0]
    meter = Meter(clock=lambda: now[0])
    assert meter.now() == Transfer()
    meter.begin(50_000_000, 150_000_000)
    assert meter.now().words == "50 MB of 150 MB"
    for _ in range(10):
        now[0] += 0.5
        meter.add(5_000_000)
    assert meter.now().speed == pytest.approx(1e7, rel=0.15)
    assert meter.now().words.startswith("100 MB of 150 MB, 10 MB/s, about 5 s left")
    now[0] += 1000.0
    assert meter.now().speed < 1e5, "it falls while nothing comes"


def test_words_for_bytes_and_seconds():
    assert [megabytes(count) for count in (0, 1_500_000, 541_000_000, 6_760_000_000)] == [
        "0 MB",
        "1.5 MB",
        "541 MB",
        "6.8 GB",
    ]
    assert [duration(seconds) for seconds in (0.2, 35, 240, 4800)] == ["1 s", "35 s", "4 min", "1 h 20 min"]
