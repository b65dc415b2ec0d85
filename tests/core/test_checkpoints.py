"""Weight files: what is refused and in which words, recognition of sizes, and round trips."""

import dataclasses
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from fast3dis_core.checkpoints import (
    Provenance,
    check_backbone,
    identify,
    load_backbone,
    load_checkpoint,
    read_state,
    restore,
    save_checkpoint,
)
from fast3dis_core.config import MODEL_SIZES, ModelConfig
from fast3dis_core.errors import CheckpointError, ExportError
from fast3dis_core.inference.loading import build_network
from fast3dis_core.model.depth_anything3 import DepthAnything3
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.weight_files import check_shapes, file_sha256, identify_shapes, read_header, stored_name

NORM = "head.scratch.output_conv2_aux.{}.2.weight"  # one LayerNorm under four names
PROVENANCE = Provenance(
    backbone="depth-anything/DA3-BASE",
    backbone_sha256="0" * 64,
    data_version="rooms-1",
    steps=1200,
    scenes_seen=4800,
    code_commit="abc",
    license="Apache-2.0",
    metrics={"ap50": 0.5},
)


class Network(nn.Module):
    """The parts of FAST3DIS that a checkpoint knows: named tensors, a frozen backbone, adapters, a config."""

    def __init__(self, width=4, **changes):
        super().__init__()
        self.config = ModelConfig.for_size("nano", **changes)
        self.backbone = backbone(width)
        self.backbone.model.backbone.pretrained.blocks[0].attn.qkv.lora_a = nn.Parameter(torch.randn(2, width))
        self.heads = nn.Linear(width, 3)


def backbone(width=4):
    """A module with a few of the published names, the shared norm among them."""
    net = nn.Module()
    net.model = nn.Module()
    net.model.backbone = nn.Module()
    net.model.backbone.pretrained = trunk = nn.Module()
    trunk.patch_embed = nn.Module()
    trunk.patch_embed.proj = nn.Conv2d(3, width, 14)
    trunk.blocks = nn.ModuleList([nn.Module()])
    trunk.blocks[0].attn = nn.Module()
    trunk.blocks[0].attn.qkv = nn.Linear(width, 3 * width)
    norm = nn.LayerNorm(width)
    net.model.head = nn.Module()
    net.model.head.scratch = nn.Module()
    branches = [nn.Sequential(nn.Identity(), nn.Identity(), norm) for _ in range(4)]
    net.model.head.scratch.output_conv2_aux = nn.ModuleList(branches)
    return net


def published_shapes(shipped_golden, preset):
    keys = json.loads((shipped_golden / "da3" / f"keys_{preset}.json").read_text())
    return {name: tuple(shape) for name, shape in keys["file_keys"].items()}


def write_hollow(path, shapes, metadata=None):
    """A .safetensors file of the right header and length whose data are a hole: no disk, no memory."""
    entries, end = {"__metadata__": metadata or {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 4 * torch.Size(shape).numel()
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)
    return path


def same_state(first, second):
    left, right = first.state_dict(), second.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


# --- reading ---------------------------------------------------------------------------------------------

tensor_states = st.dictionaries(
    st.text("abc.é", min_size=1, max_size=8),
    st.lists(st.integers(0, 3), max_size=3).map(lambda shape: torch.randn(shape)),
    max_size=5,
)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=tensor_states, suffix=st.sampled_from([".safetensors", ".pt", ".pth"]))
def test_states_read_back_equal(tmp_path, state, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, path, metadata={"note": "kept"})
    elif not state:
        return  # an empty state dict says nothing; it is refused as such
    else:
        torch.save(state, path)
    found, metadata = read_state(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)
    assert metadata == ({"note": "kept"} if suffix == ".safetensors" else {})


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_wrapped_state_dict_is_unwrapped(tmp_path, wrapper):
    torch.save({wrapper: {"weight": torch.ones(2)}, "epoch": 3}, tmp_path / "w.pt")
    state, _ = read_state(tmp_path / "w.pt")
    assert list(state) == ["weight"]


class Trap:
    def __reduce__(self):
        return (os.system, ("touch trapped",))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_pickle_that_runs_code_is_refused_and_not_run(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps({"weight": Trap()}))
    with pytest.raises(CheckpointError, match="pickle"):
        read_state(path)
    torch.save({"weight": Trap()}, tmp_path / "zipped.pt")
    with pytest.raises(CheckpointError, match=r"asks to run \w+\.system"):
        read_state(tmp_path / "zipped.pt")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs pointer"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "a web page"),
        (b"\n <HTML>", "a web page"),
        (b'{"error": "Repository not found"}', "message of a server"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_files_of_another_kind_are_named(tmp_path, content, words, suffix):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as caught:
        read_state(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [640, 896, 1152, 1408, 65536 + 640])
def test_a_header_whose_length_begins_as_a_pickle_does_is_read(tmp_path, length):
    path = tmp_path / "w.safetensors"
    plain = len(json.dumps({"__metadata__": {"note": ""}, "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}))
    write_hollow(path, {"a": ()}, {"note": "x" * (length - plain)})
    assert path.read_bytes()[:2] == length.to_bytes(8, "little")[:2]
    assert read_state(path)[0]["a"].item() == 0


def test_zip_archive_named_safetensors(tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "w.pt")
    (tmp_path / "w.pt").rename(tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"zip archive, as torch\.save writes"):
        read_state(tmp_path / "w.safetensors")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 0.999))
def test_truncation_is_noticed_wherever_it_cuts(tmp_path, suffix, share):
    path = tmp_path / f"weights{suffix}"
    state = {"first": torch.randn(40, 3), "second": torch.randn(7)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"truncated|damaged|empty|without its header|another kind") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


def test_truncated_file_states_both_lengths(tmp_path):
    save_file({"w": torch.zeros(1000)}, tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(whole[:-100])
    with pytest.raises(CheckpointError, match=f"expected {len(whole):,} bytes by its own header"):
        read_state(tmp_path / "w.safetensors")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(min_size=1, max_size=200), suffix=st.sampled_from([".safetensors", ".pt"]))
def test_noise_is_never_weights(tmp_path, content, suffix):
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        read_state(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0.0, 0.999), value=st.integers(0, 255))
def test_a_changed_byte_gives_tensors_or_our_error(tmp_path, suffix, where, value):
    path = tmp_path / f"weights{suffix}"
    state = {"first": torch.ones(4, 3), "second": torch.ones(7)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] = value
    path.write_bytes(content)
    try:
        found, _ = read_state(path)
    except CheckpointError:
        return
    assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())


def test_folder_missing_file_and_other_suffix(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder"):
        read_state(tmp_path)
    with pytest.raises(CheckpointError, match="No weight file at"):
        read_state(tmp_path / "none.safetensors")
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"found \.jpg suffix"):
        read_state(tmp_path / "photo.jpg")


def test_whole_object_is_not_a_state_dict(tmp_path):
    torch.save(torch.ones(3), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="expected a state dict of tensors by name"):
        read_state(tmp_path / "w.pt")


# --- recognition -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [name for name in MODEL_SIZES if name != "nano"])
def test_published_files_are_recognized_without_reading_tensors(tmp_path, shipped_golden, size):
    preset = MODEL_SIZES[size].preset
    path = write_hollow(tmp_path / "model.safetensors", published_shapes(shipped_golden, preset))
    twins = ("metric-large", "mono-large")
    assert identify(path).sizes == (twins if size in twins else (size,))
    (tmp_path / "config.json").write_text(json.dumps({"model_name": preset, "config": {"net": {"name": "x"}}}))
    assert identify(path).sizes == (size,)
    assert identify(path).kind == "depth-anything-3"


def test_contradicting_config_is_an_error_and_a_foreign_one_is_ignored(tmp_path, shipped_golden):
    path = write_hollow(tmp_path / "model.safetensors", published_shapes(shipped_golden, "da3-small"))
    (tmp_path / "config.json").write_text('{"model_name": "da3-base"}')
    with pytest.raises(CheckpointError, match=r"names da3-base, but the tensors are those of .*size small"):
        identify(path)
    (tmp_path / "config.json").write_text('{"architectures": ["Other"]}')
    assert identify(path).sizes == ("small",)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read as JSON"):
        identify(path)


def test_other_weights_are_described(tmp_path):
    save_file({"encoder.weight": torch.ones(2)}, tmp_path / "w.safetensors")
    identity = identify(tmp_path / "w.safetensors")
    assert identity.kind == "unknown"
    assert identity.sizes == ()
    assert "encoder.weight" in identity.description


def test_wrong_size_names_both(tmp_path, shipped_golden):
    wanted, given_shapes = (published_shapes(shipped_golden, f"da3-{size}") for size in ("base", "small"))
    with pytest.raises(CheckpointError, match=r"expected weights of size base, found .*size small .384 wide"):
        check_shapes(
            wanted, given_shapes, size="base", path=Path("f.safetensors"), identity=identify_shapes(given_shapes)
        )


def test_aliases_may_be_missing_and_gaussian_heads_present_but_nothing_else(shipped_golden):
    shapes = published_shapes(shipped_golden, "da3-giant")
    assert any(".gs_head." in key for key in shapes)
    wanted = {key: shape for key, shape in shapes.items() if ".gs_head." not in key}
    for branch in (1, 2, 3):
        for part in ("weight", "bias"):
            key = f"model.head.scratch.output_conv2_aux.{branch}.2.{part}"
            wanted[key] = wanted[stored_name(key)]
    identity = identify_shapes(shapes)
    check_shapes(wanted, shapes, size="giant", path=Path("f"), identity=identity)
    broken = dict(shapes)
    broken.pop("model.cam_dec.fc_fov.0.bias")
    broken["model.surprise"] = (1,)
    broken["model.head.norm.weight"] = (7,)
    with pytest.raises(CheckpointError) as caught:
        check_shapes(wanted, broken, size="giant", path=Path("f"), identity=identity)
    for words in ("1 tensors are missing (first model.cam_dec.fc_fov.0.bias)", "1 are unknown", "(7,) instead of"):
        assert words in str(caught.value)


# --- backbones -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_backbone_fills_every_branch_of_the_shared_norm(tmp_path, suffix):
    source, target = backbone(), backbone()
    nn.init.normal_(source.get_parameter(f"model.{NORM.format(0)}"))
    state = {key: value.clone() for key, value in source.state_dict().items() if stored_name(key) == key}
    state["model.gs_head.weight"] = torch.ones(2)
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    load_backbone(target, path, size="nano")
    assert same_state(source, target)
    assert torch.equal(target.get_parameter(f"model.{NORM.format(3)}"), source.get_parameter(f"model.{NORM.format(0)}"))


def test_backbone_of_another_size_changes_nothing(tmp_path, shipped_golden):
    path = write_hollow(tmp_path / "model.safetensors", published_shapes(shipped_golden, "da3-small"))
    target = backbone()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"expected weights of size base, found .*size small"):
        load_backbone(target, path, size="base")
    assert all(torch.equal(before[key], value) for key, value in target.state_dict().items())


# --- our own checkpoints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("heads_only", [False, True])
def test_checkpoint_round_trip(tmp_path, heads_only):
    source, target = Network(num_queries=7), Network(num_queries=7)
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, source, PROVENANCE, heads_only=heads_only)
    checkpoint = load_checkpoint(path)
    assert checkpoint.config == source.config
    assert checkpoint.provenance == PROVENANCE
    assert checkpoint.heads_only == heads_only
    assert identify(path).kind == ("fast3dis-heads" if heads_only else "fast3dis")
    assert identify(path).sizes == ("nano",)
    if heads_only:
        target.backbone.model.load_state_dict(source.backbone.model.state_dict())
    frozen = {key: value.clone() for key, value in target.backbone.state_dict().items() if "lora" not in key}
    restore(target, checkpoint)
    assert same_state(source, target)
    if heads_only:
        assert all(key.startswith("heads.") or ".lora_" in key for key in checkpoint.state)
        assert all(torch.equal(frozen[key], target.backbone.state_dict()[key]) for key in frozen)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), spread=st.floats(1e-3, 1e3))
def test_half_storage_is_the_nearest_half_and_stays_so(tmp_path, seed, spread):
    torch.manual_seed(seed)
    source, target = Network(), Network()
    for parameter in source.parameters():
        nn.init.normal_(parameter, std=spread)
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_checkpoint(first, source, PROVENANCE, dtype=torch.float16)
    restore(target, load_checkpoint(first))
    for key, value in target.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, source.state_dict()[key].half().float())
    save_checkpoint(second, target, PROVENANCE, dtype=torch.float16)
    assert first.read_bytes() == second.read_bytes()


def test_stored_once_and_in_the_asked_type(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Network(), PROVENANCE, dtype=torch.float16)
    stored = load_file(path)
    assert [key for key in stored if "output_conv2_aux" in key and key.endswith("weight")] == [
        f"backbone.model.{NORM.format(0)}"
    ]
    assert {value.dtype for value in stored.values()} == {torch.float16}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 7e4])
def test_values_that_cannot_be_stored_are_refused_and_the_old_file_stays(tmp_path, value):
    path = tmp_path / "m.safetensors"
    network = Network()
    save_checkpoint(path, network, PROVENANCE)
    before = path.read_bytes()
    with torch.no_grad():
        network.heads.bias[1] = value
    with pytest.raises(CheckpointError, match=r"not written: .*heads\.bias"):
        save_checkpoint(path, network, PROVENANCE, dtype=torch.float16)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_unwritable_target_leaves_nothing(tmp_path):
    with pytest.raises(ExportError):
        save_checkpoint(tmp_path / "missing" / "m.safetensors", Network(), PROVENANCE)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ExportError):
        save_checkpoint(tmp_path / "folder", Network(), PROVENANCE)
    assert os.listdir(tmp_path) == ["folder"]
    assert os.listdir(tmp_path / "folder") == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_damage(tmp_path, value):
    path = tmp_path / "w.safetensors"
    save_checkpoint(path, Network(), PROVENANCE)
    state, metadata = read_state(path)
    state["heads.weight"][1, 2] = value
    save_file(state, path, metadata=metadata)
    with pytest.raises(CheckpointError, match=r"w.safetensors is damaged.*heads\.weight"):
        load_checkpoint(path)
    published = {key: tensor.clone() for key, tensor in backbone().state_dict().items() if stored_name(key) == key}
    published["model.backbone.pretrained.patch_embed.proj.bias"][0] = value
    save_file(published, path)
    target = backbone()
    before = {key: tensor.clone() for key, tensor in target.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"damaged.*proj\.bias"):
        load_backbone(target, path, size="nano")
    assert all(torch.equal(before[key], tensor) for key, tensor in target.state_dict().items())


def test_large_finite_numbers_are_no_damage(tmp_path):
    network = Network()
    network.heads.weight.data.fill_(3e38)  # their sum is beyond float32
    save_checkpoint(tmp_path / "w.safetensors", network, PROVENANCE)
    assert load_checkpoint(tmp_path / "w.safetensors").state["heads.weight"].max() == pytest.approx(3e38)


def test_heads_must_name_their_backbone(tmp_path):
    with pytest.raises(CheckpointError, match="needs the name and SHA-256"):
        save_checkpoint(tmp_path / "h.safetensors", Network(), Provenance(), heads_only=True)
    assert os.listdir(tmp_path) == []


def test_heads_refuse_another_backbone(tmp_path):
    base = tmp_path / "base.safetensors"
    save_file({"w": torch.ones(2)}, base)
    path = tmp_path / "heads.safetensors"
    save_checkpoint(path, Network(), PROVENANCE, heads_only=True)
    with pytest.raises(CheckpointError, match=r"trained on .depth-anything/DA3-BASE, SHA-256 0000"):
        check_backbone(load_checkpoint(path), base)
    right = dataclasses.replace(PROVENANCE, backbone_sha256=file_sha256(base))
    save_checkpoint(path, Network(), right, heads_only=True)
    check_backbone(load_checkpoint(path), base)


def test_network_of_another_config_is_left_alone(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Network(num_queries=7), PROVENANCE)
    target = Network(num_queries=9)
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"num_queries 7 \(expected 9\)"):
        restore(target, load_checkpoint(path))
    assert all(torch.equal(before[key], value) for key, value in target.state_dict().items())


def test_renamed_parameter_is_noticed(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Network(), PROVENANCE)
    target = Network()
    target.objectness = target.heads
    del target.heads
    with pytest.raises(CheckpointError, match=r"2 tensors are missing \(first objectness\.bias\), 2 are unknown"):
        restore(target, load_checkpoint(path))


def rewrite_metadata(path, **changes):
    told = {**json.loads(read_header(path).metadata["fast3dis"]), **changes}
    told = {key: value for key, value in told.items() if value is not None}
    save_file(load_file(path), path, metadata={"fast3dis": json.dumps(told)})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 2}, r"format 1 or older, found 2; a newer fast3dis-viewer wrote it"),
        ({"format_version": None}, "metadata are damaged"),
        ({"config": "nano"}, "metadata are damaged"),
        ({"config": None}, "metadata are damaged"),
        ({"config": {"color": 3}}, r"metadata are damaged .*no setting 'color'"),
        ({"contents": "half"}, "metadata are damaged"),
    ],
)
def test_metadata_of_another_age_or_kind(tmp_path, changes, words):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, Network(), PROVENANCE)
    rewrite_metadata(path, **changes)
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(path)


def test_published_file_is_no_checkpoint(tmp_path):
    path = tmp_path / "base.safetensors"
    save_file(backbone().model.backbone.state_dict(prefix="model.backbone."), path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="expected a FAST3DIS checkpoint, found Depth Anything 3"):
        load_checkpoint(path)


# --- the real networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [name for name in MODEL_SIZES if name != "nano"])
def test_published_files_fill_the_real_networks(shipped_golden, size):
    with torch.device("meta"):
        expected = DepthAnything3(size).state_dict()
    shapes = published_shapes(shipped_golden, MODEL_SIZES[size].preset)
    check_shapes(
        {key: tuple(value.shape) for key, value in expected.items()},
        shapes,
        size=size,
        path=Path("f"),
        identity=identify_shapes(shapes),
    )


@pytest.mark.slow
def test_the_whole_bundled_model_round_trips_in_half(tmp_path):
    config = ModelConfig.for_size("nano", num_queries=11)
    source, target = Fast3DIS(config), Fast3DIS(config)
    path = tmp_path / "nano.safetensors"
    save_checkpoint(path, source, PROVENANCE, dtype=torch.float16)
    assert path.stat().st_size < 2.01 * sum(parameter.numel() for parameter in source.parameters())
    assert identify(path).description.startswith("a FAST3DIS checkpoint, size nano (192 wide, 12 blocks")
    restore(target, load_checkpoint(path))
    for key, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[key].half().float())


@pytest.mark.slow
def test_heads_go_onto_their_own_backbone(tmp_path):
    source = Fast3DIS(ModelConfig.for_size("nano"))
    weights, heads = tmp_path / "backbone.safetensors", tmp_path / "heads.safetensors"
    published = {k: v.clone() for k, v in source.backbone.state_dict().items() if stored_name(k) == k}
    save_file({key: value for key, value in published.items() if ".lora_" not in key}, weights)
    provenance = dataclasses.replace(PROVENANCE, backbone_sha256=file_sha256(weights))
    save_checkpoint(heads, source, provenance, heads_only=True)
    network, status = build_network("nano", weights=weights, heads=heads)
    assert status.trained
    assert same_state(network, source)
    other = tmp_path / "other.safetensors"
    save_file({key: value + 1 for key, value in load_file(weights).items()}, other)
    with pytest.raises(CheckpointError, match="expected the backbone it was trained on"):
        build_network("nano", weights=other, heads=heads)
