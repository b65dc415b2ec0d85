"""Finding weights without the network, and verifying them."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from fast3dis_core import cli
from fast3dis_core.checkpoints import Provenance, save_checkpoint
from fast3dis_core.config import MODEL_SIZES, ModelConfig
from fast3dis_core.errors import CheckpointError
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.official_weights import OFFICIAL_WEIGHTS, find_weights, missing_weights, require_weights, verify
from fast3dis_core.transfers import megabytes
from fast3dis_core.weight_files import WeightIdentity, read_header, usable_size
from tests.model_hub import COMMIT, small_weights

TINY = OFFICIAL_WEIGHTS[0]  # small; the content below stands for it


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty hub cache, and no weights anywhere else."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.delenv("FAST3DIS_WEIGHTS", raising=False)
    return folder


def put_in_cache(cache, weights, content, *, linked=True):
    """The cache as huggingface_hub lays it out: a blob named by its hash, and a snapshot that links to it."""
    folder = cache / f"models--{weights.repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    path = snapshot / "model.safetensors"
    if not linked:
        path.write_bytes(content)
        return path
    (folder / "blobs").mkdir()
    blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    path.symlink_to(blob)
    return path


def run(*arguments):
    return CliRunner().invoke(cli.app, ["weights", *map(str, arguments)])


# --- the table -------------------------------------------------------------------------------------------


def test_table_agrees_with_the_published_key_lists(shipped_golden):
    for weights in OFFICIAL_WEIGHTS:
        keys = json.loads((shipped_golden / "da3" / f"keys_{weights.preset}.json").read_text())
        assert weights.parameters == keys["num_parameters"]
        assert weights.tensors == keys["num_file_keys"]
        exact = 8 + len(json.dumps(keys["file_keys"])) + 4 * weights.parameters
        assert weights.approximate_bytes == pytest.approx(exact, rel=1e-3)


def test_every_size_but_the_bundled_one_has_one_current_file():
    current = [weights.size for weights in OFFICIAL_WEIGHTS if not weights.deprecated]
    assert sorted(current) == sorted(size for size in MODEL_SIZES if size != "nano")


def test_missing_weights_are_named_with_the_line_that_gets_them(cache):
    for weights in OFFICIAL_WEIGHTS:
        if not weights.deprecated:
            with pytest.raises(CheckpointError) as caught:
                require_weights(weights.size)
            for words in (weights.repository, weights.license, megabytes(weights.approximate_bytes)):
                assert words in str(caught.value)
            assert f"`fast3dis weights download {weights.size}" in str(caught.value)
            assert ("--accept-license" in str(caught.value)) == weights.non_commercial
    assert "resources/models" in str(missing_weights("nano"))


# --- finding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["small.safetensors", "DA3-SMALL/model.safetensors", "model.safetensors"])
@pytest.mark.parametrize("way", ["explicit", "environment"])
def test_folders_of_weights_in_every_layout(cache, tmp_path, monkeypatch, layout, way):
    path = tmp_path / "weights" / layout
    path.parent.mkdir(parents=True)
    path.write_bytes(small_weights())
    if way == "explicit":
        assert find_weights("small", tmp_path / "weights") == path
    else:
        monkeypatch.setenv("FAST3DIS_WEIGHTS", str(tmp_path / "weights"))
        assert find_weights("small") == path
        assert find_weights("base") is None


def test_order_is_explicit_environment_cache(cache, tmp_path, monkeypatch):
    cached = put_in_cache(cache, TINY, small_weights())
    assert find_weights("small") == cached
    here, there = tmp_path / "here.safetensors", tmp_path / "there.safetensors"
    here.write_bytes(small_weights())
    there.write_bytes(small_weights())
    monkeypatch.setenv("FAST3DIS_WEIGHTS", str(here))
    assert find_weights("small") == here
    assert find_weights("small", there) == there


def test_named_files_that_are_not_there_are_errors(cache, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="No weight file at"):
        find_weights("small", tmp_path / "none.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"expected model\.safetensors or small\.safetensors"):
        find_weights("small", tmp_path / "empty")
    monkeypatch.setenv("FAST3DIS_WEIGHTS", str(tmp_path / "gone"))
    with pytest.raises(CheckpointError, match="FAST3DIS_WEIGHTS"):
        find_weights("small")


def test_current_release_goes_before_the_deprecated_one(cache):
    current, older = (weights for weights in OFFICIAL_WEIGHTS if weights.size == "large")
    path = put_in_cache(cache, older, b"older")
    assert find_weights("large") == path
    path = put_in_cache(cache, current, b"current")
    assert find_weights("large") == path


# --- verifying, and the commands -------------------------------------------------------------------------


def test_verify_compares_with_the_record_where_there_is_one(cache, tmp_path):
    content = small_weights()
    linked = put_in_cache(cache, TINY, content)
    assert verify(linked, "small").recorded_sha256 == hashlib.sha256(content).hexdigest()
    plain = tmp_path / "small.safetensors"
    plain.write_bytes(content)
    assert verify(plain, "small").recorded_sha256 is None
    with pytest.raises(CheckpointError, match=r"expected weights of size base, found .*size small"):
        verify(plain, "base")
    damaged = bytearray(content)
    damaged[-1] ^= 1
    linked.resolve().write_bytes(damaged)
    with pytest.raises(CheckpointError, match="is damaged: expected SHA-256"):
        verify(linked, "small")


def test_list_shows_license_size_source_and_place(cache):
    path = put_in_cache(cache, TINY, small_weights())
    told = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in told["official"]] == [weights.name for weights in OFFICIAL_WEIGHTS]
    assert told["official"][0]["path"] == str(path)
    lines = run("list").stdout.splitlines()
    for weights in OFFICIAL_WEIGHTS:
        (line,) = [line for line in lines if f" {weights.name}  " in line or f" {weights.name} (dep" in line]
        assert weights.license in line
        assert ("deprecated" in line) == weights.deprecated


def test_path_command(cache):
    done = run("path", "small")
    assert done.exit_code == 4
    assert done.stdout == ""
    path = put_in_cache(cache, TINY, small_weights())
    assert run("path", "small").stdout.strip() == str(path)


@pytest.mark.slow
@pytest.mark.parametrize("heads_only", [False, True])
def test_verify_command_knows_our_own_checkpoints(cache, tmp_path, heads_only):
    path = tmp_path / "five.safetensors"
    provenance = Provenance(backbone="nano", backbone_sha256="0" * 64)
    save_checkpoint(path, Fast3DIS(ModelConfig.for_size("nano", num_queries=5)), provenance, heads_only=heads_only)
    told = json.loads(run("verify", path, "--json").stdout)
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "size nano" in told["found"]
    tensors = load_file(path)
    del tensors[next(key for key in tensors if key.startswith("anchor_generator."))]
    save_file(tensors, path, metadata=dict(read_header(path).metadata))
    done = run("verify", path)
    assert done.exit_code == 4
    assert "1 tensors are missing (first anchor_generator." in done.stderr


def test_verify_command_compares_every_tensor(cache):
    put_in_cache(cache, TINY, small_weights())
    done = run("verify", "small")
    assert done.exit_code == 4
    assert "tensors are missing" in done.stderr
    assert os.listdir(cache) == ["models--depth-anything--DA3-SMALL"]


# --- a file that the user chose ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sizes", "heads", "expected"),
    [
        ("depth-anything-3", ("base",), False, "base"),
        ("depth-anything-3", ("small", "base"), False, "base"),
        ("depth-anything-3", ("small",), False, "small"),
        ("fast3dis-heads", ("small",), True, "small"),
        ("fast3dis-heads", ("base",), False, "choose it as heads"),
        ("fast3dis", ("base",), True, "expected FAST3DIS heads, found the file; choose it as weights"),
        ("depth-anything-3", ("mono-large", "metric-large"), False, "sees one view at a time"),
        ("unknown", (), False, "choose another file"),
        ("unknown", (), True, "expected FAST3DIS heads"),
    ],
)
def test_a_chosen_file_says_its_size_or_what_is_wrong_with_it(kind, sizes, heads, expected):
    identity = WeightIdentity(kind=kind, sizes=sizes, description="the file")
    path = Path("some.safetensors")
    if expected in MODEL_SIZES:
        assert usable_size(path, identity, "base", heads=heads) == expected
    else:
        with pytest.raises(CheckpointError, match=expected):
            usable_size(path, identity, "base", heads=heads)
