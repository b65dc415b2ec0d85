import gc
import weakref

import pytest
import torch

from fast3dis_core.config import ModelConfig
from fast3dis_core.errors import Cancelled, CheckpointError, ConfigError, DeviceMemoryError
from fast3dis_core.inference.loading import WeightsStatus, untrained_network
from fast3dis_core.inference.steps import (
    LoadedModel,
    choose_device,
    choose_precision,
    decode_queries,
    encode_scene,
    load_model,
    memory_errors,
)
from fast3dis_core.reconstruction import AnchorOverride
from fast3dis_core.scene import PosedCameras, ViewBatch, scene
from tests.core.model.encoded import random_geometry


@pytest.fixture(scope="module")
def model():
    network = untrained_network(ModelConfig.for_size("nano", num_queries=6)).eval()
    return LoadedModel(network=network, device=torch.device("cpu"), precision="float32", weights=WeightsStatus())


def photos(views=3, height=28, width=42):
    generator = torch.Generator().manual_seed(1)
    return ViewBatch(
        images=torch.rand(views, 3, height, width, generator=generator),
        names=tuple(f"{index}.jpg" for index in range(views)),
        source_sizes=torch.tensor([[height, width]] * views),
        source_to_network=torch.eye(3, dtype=torch.float64).repeat(views, 1, 1),
    )


def test_encode_then_decode_has_the_shapes_of_one_scene(model):
    encoded = encode_scene(model, photos())
    assert encoded.geometry.depth.shape == (3, 28, 42)
    assert encoded.mask_features.shape == (3, 128, 7, round(42 / 4))
    trace = decode_queries(model, encoded)
    assert len(trace.layers) == model.config.num_layers + 1
    assert trace.layers[-1].anchors.shape == (6, 3)


def test_steps_equal_the_network(model):
    views = photos()
    encoded = encode_scene(model, views, chunk_views=2)
    with torch.no_grad():
        whole, trace = model.network(views.images[None])
    torch.testing.assert_close(encoded.mask_features, whole.mask_features[0], rtol=1e-4, atol=1e-4)
    last = decode_queries(model, encoded).layers[-1]
    torch.testing.assert_close(last.anchors, trace.layers[-1].anchors[0], rtol=1e-3, atol=1e-3)


def test_progress_names_every_pass_and_only_grows(model):
    heard = []
    encode_scene(model, photos(), chunk_views=1, report=lambda step, fraction: heard.append((step, fraction)))
    assert list(dict.fromkeys(step for step, _ in heard)) == ["Geometry pass", "Feature pass", "Pixel decoder"]
    for name in ("Geometry pass", "Feature pass", "Pixel decoder"):
        fractions = [fraction for step, fraction in heard if step == name]
        assert fractions == sorted(fractions)
        assert fractions[0] == 0.0
        assert fractions[-1] == 1.0
        assert len(fractions) > 10


@pytest.mark.parametrize("moment", ["Geometry pass", "Feature pass", "Pixel decoder"])
def test_cancelling_stops_inside_the_pass_and_leaves_no_hook(model, moment):
    asked = []

    def stop(step, fraction):
        asked.append(step)
        if step == moment and fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        encode_scene(model, photos(), report=stop)
    assert asked[-1] == moment
    assert not any(module._forward_pre_hooks for module in model.network.modules())
    encode_scene(model, photos())


def test_geometry_is_told_before_the_features_exist(model):
    order = []
    encode_scene(
        model,
        photos(),
        report=lambda step, fraction: order.append(step),
        on_geometry=lambda geometry: order.append(tuple(geometry.depth.shape)),
    )
    assert order.index((3, 28, 42)) < order.index("Feature pass")


def test_given_cameras_and_given_geometry(model):
    geometry = scene(random_geometry(3), 0)
    cameras = PosedCameras(intrinsics=geometry.intrinsics, world_to_camera=geometry.world_to_camera)
    posed = encode_scene(model, photos(), geometry=cameras)
    torch.testing.assert_close(posed.geometry.intrinsics, geometry.intrinsics)
    given = encode_scene(model, photos(), geometry=geometry)
    assert torch.equal(given.geometry.depth, geometry.depth)


def test_nothing_keeps_the_scene_alive(model):
    encoded = encode_scene(model, photos())
    trace = decode_queries(model, encoded)
    watched = [weakref.ref(encoded.mask_features), weakref.ref(trace.layers[-1].queries)]
    assert not any(reference().requires_grad for reference in watched)
    del encoded, trace
    gc.collect()
    assert [reference() for reference in watched] == [None, None]


def test_bfloat16_features_stay_close(model):
    half = LoadedModel(network=model.network, device=model.device, precision="bfloat16", weights=model.weights)
    exact, rough = encode_scene(model, photos()), encode_scene(half, photos())
    assert torch.equal(exact.geometry.depth, rough.geometry.depth)
    assert rough.mask_features.dtype == torch.float32
    difference = (exact.mask_features - rough.mask_features).norm() / exact.mask_features.norm()
    assert 0 < difference < 0.05


def test_an_unknown_query_is_refused(model):
    encoded = encode_scene(model, photos(views=1))
    with pytest.raises(ConfigError, match="between 0 and 5, found 6"):
        decode_queries(model, encoded, [AnchorOverride(query=6, position=(0.0, 0.0, 0.0))])


@pytest.mark.parametrize(("limit", "threads"), [(1 << 24, 1), (0, 2)])
def test_one_thread_decodes_little_and_gives_the_others_back(model, monkeypatch, limit, threads):
    monkeypatch.setattr("fast3dis_core.inference.steps.LITTLE", limit)
    encoded, before, seen = encode_scene(model, photos()), torch.get_num_threads(), []
    hook = model.network.heads.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    try:
        torch.set_num_threads(2)
        decode_queries(model, encoded)
        with pytest.raises(ConfigError):
            decode_queries(model, encoded, (AnchorOverride(query=99, position=(0, 0, 1)),))
        assert set(seen) == {threads}
        assert torch.get_num_threads() == 2
    finally:
        hook.remove()
        torch.set_num_threads(before)


def test_devices_and_precisions_that_are_not_there():
    with pytest.raises(ConfigError, match="Unknown device"):
        choose_device("gpu")
    with pytest.raises(ConfigError, match="Unknown precision"):
        choose_precision("float16", torch.device("cpu"))
    with pytest.raises(ConfigError, match="no bfloat16"):
        choose_precision("bfloat16", torch.device("mps"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="not available"):
            choose_device("cuda")


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("can't allocate memory: 9 bytes")],
)
def test_out_of_memory_names_three_ways_out(error):
    with pytest.raises(DeviceMemoryError, match=r"--max-views.*--resolution.*--size"), memory_errors():
        raise error


def test_other_runtime_errors_pass():
    with pytest.raises(RuntimeError, match="shape"), memory_errors():
        raise RuntimeError("shape mismatch")


def test_untrained_weights_are_said_in_plain_words(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    loaded = load_model("nano", weights="random", device="cpu")
    assert "untrained heads" in loaded.status
    assert not loaded.weights.trained
    again = load_model("nano", weights="random", device="cpu")
    assert all(
        torch.equal(one, other)
        for one, other in zip(loaded.network.parameters(), again.network.parameters(), strict=True)
    )


def test_missing_weights_of_another_size_are_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("FAST3DIS_WEIGHTS", str(tmp_path))
    with pytest.raises(CheckpointError, match="weights download"):
        load_model("base", device="cpu")
