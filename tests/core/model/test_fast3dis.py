"""The whole network on tiny images: nano is small enough to run as it is."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from fast3dis_core.config import ModelConfig
from fast3dis_core.model.fast3dis import Fast3DIS, patch_grid
from fast3dis_core.model.lora import LoraLinear
from fast3dis_core.model.prediction_heads import mask_logits, objectness
from fast3dis_core.reconstruction import AnchorOverride
from fast3dis_core.scene import PosedCameras, SceneGeometry
from tests.core.model.encoded import random_geometry

HEIGHT, WIDTH = 28, 42


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    network = Fast3DIS(ModelConfig.for_size("nano", num_queries=7)).eval()
    generator = torch.Generator().manual_seed(4)
    for name, parameter in network.named_parameters():  # leave no layer at the zero it starts from
        if "lora_b" in name or ".refinement.4." in name or ".shift.4." in name:
            nn.init.normal_(parameter, std=0.02, generator=generator)
    return network


@pytest.fixture
def images():
    return torch.rand(1, 4, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(5))


def run(network, images, **options):
    with torch.no_grad():
        encoded = network.encode(images, **options)
        return encoded, network.decode(encoded)


def assert_same_trace(one, other, *, scale=1.0, tolerance=1e-4):
    for layer, twin in zip(one.layers, other.layers, strict=True):
        torch.testing.assert_close(layer.anchors * scale, twin.anchors, rtol=tolerance, atol=tolerance * scale)
        torch.testing.assert_close(layer.queries, twin.queries, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(objectness(layer), objectness(twin), rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(layer.mask_embeddings, twin.mask_embeddings, rtol=tolerance, atol=tolerance)


def test_both_passes_are_bit_equal_before_training(images):
    fresh = Fast3DIS(ModelConfig.for_size("nano", num_queries=3)).eval()
    seen = []
    transformer = fresh.backbone.any_view.backbone.pretrained
    transformer.register_forward_hook(lambda _module, _inputs, output: seen.append(output.features))
    run(fresh, images)
    geometry_features, feature_features = seen
    assert all(torch.equal(one, other) for one, other in zip(geometry_features, feature_features, strict=True))


def test_trained_adapters_reach_the_features_and_leave_the_geometry(network, images):
    plain = Fast3DIS(network.config).eval()
    plain.load_state_dict(
        {**network.state_dict(), **{k: v * 0 for k, v in network.state_dict().items() if "lora_b" in k}}
    )
    adapted, _ = run(network, images)
    frozen, _ = run(plain, images)
    assert torch.equal(adapted.geometry.depth, frozen.geometry.depth)
    assert torch.equal(adapted.geometry.world_to_camera, frozen.geometry.world_to_camera)
    assert (adapted.mask_features - frozen.mask_features).abs().max() > 1e-3


def test_adapters_sit_on_every_linear_of_the_blocks(network):
    transformer = network.backbone.any_view.backbone.pretrained
    linears = [layer for layer in transformer.blocks.modules() if isinstance(layer, nn.Linear)]
    assert len(linears) == 4 * len(transformer.blocks)
    assert all(isinstance(layer, LoraLinear) and layer.lora_a.shape[0] == 16 for layer in linears)
    assert not any(isinstance(layer, LoraLinear) for layer in network.backbone.any_view.head.modules())


def test_nothing_is_computed_twice_or_for_nobody(network, images):
    calls = {}

    def count(name):
        return lambda *_: calls.__setitem__(name, calls.get(name, 0) + 1)

    handles = [module.register_forward_hook(count(name)) for name, module in network.named_modules()]
    run(network, images)
    for handle in handles:
        handle.remove()
    inside = "backbone.model.backbone.pretrained."
    assert calls[inside + "patch_embed.proj"] == 1
    assert calls[inside + "blocks.0"] == 2
    assert calls["backbone.model.head"] == 1
    assert calls["backbone.model.cam_dec"] == 1
    assert "backbone.model.cam_enc" not in calls
    assert not [name for name in calls if "_aux" in name]


def test_the_reference_view_is_chosen_once(network, images, monkeypatch):
    from fast3dis_core.model.depth_anything3 import vision_transformer

    chosen = []
    original = vision_transformer.select_reference

    def spy(*arguments, **options):
        chosen.append(original(*arguments, **options))
        return chosen[-1]

    monkeypatch.setattr(vision_transformer, "select_reference", spy)
    run(network, images)
    assert len(chosen) == 1


def test_order_of_the_views_behind_the_first_changes_nothing_else(network, images):
    order = torch.tensor([0, 2, 3, 1])
    encoded, trace = run(network, images)
    shuffled, other = run(network, images[:, order])
    assert_same_trace(trace, other, tolerance=2e-3)
    torch.testing.assert_close(encoded.geometry.depth[:, order], shuffled.geometry.depth, rtol=1e-4, atol=1e-4)
    masks = mask_logits(trace.layers[-1], encoded.mask_features)
    permuted = mask_logits(other.layers[-1], shuffled.mask_features)
    torch.testing.assert_close(masks[:, order], permuted, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("factor", [0.01, 30.0])
def test_scale_of_the_scene_changes_no_mask_and_no_score(network, images, factor):
    geometry = random_geometry(4, HEIGHT, WIDTH)
    motion = geometry.world_to_camera.clone()
    motion[..., :3, 3] *= factor
    scaled = replace(geometry, depth=geometry.depth * factor, world_to_camera=motion)
    encoded, trace = run(network, images, geometry=geometry)
    larger, other = run(network, images, geometry=scaled)
    assert_same_trace(trace, other, scale=factor, tolerance=1e-3)
    torch.testing.assert_close(
        encoded.geometry.points() * factor, larger.geometry.points(), rtol=1e-3, atol=1e-3 * factor
    )
    masks = mask_logits(trace.layers[-1], encoded.mask_features)
    torch.testing.assert_close(masks, mask_logits(other.layers[-1], larger.mask_features), rtol=1e-3, atol=1e-3)


def test_batch_equals_single(network):
    scenes = torch.rand(2, 3, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(6))
    together, trace = run(network, scenes)
    for index in range(2):
        alone, single = run(network, scenes[index : index + 1])
        torch.testing.assert_close(together.geometry.depth[index], alone.geometry.depth[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(together.mask_features[index], alone.mask_features[0], rtol=1e-3, atol=1e-3)
        for layer, twin in zip(trace.layers, single.layers, strict=True):
            torch.testing.assert_close(layer.anchors[index], twin.anchors[0], rtol=2e-3, atol=2e-3)
            torch.testing.assert_close(layer.mask_embeddings[index], twin.mask_embeddings[0], rtol=2e-3, atol=2e-3)


def test_chunks_of_views_change_nothing(network, images):
    whole, trace = run(network, images)
    pieces, other = run(network, images, chunk_views=3)
    torch.testing.assert_close(whole.mask_features, pieces.mask_features, rtol=1e-4, atol=1e-4)
    assert_same_trace(trace, other)


def test_gradients_reach_what_is_trained_and_nothing_else(network, images):
    trainable = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    frozen = {name for name, _ in network.named_parameters()} - trainable
    assert frozen == {name for name in frozen if name.startswith("backbone.") and "lora" not in name}
    assert {name for name in trainable if name.startswith("backbone.")} == {
        name for name, _ in network.named_parameters() if "lora" in name
    }
    network.zero_grad()
    encoded, trace = network(images, geometry=random_geometry(4, HEIGHT, WIDTH))
    generator = torch.Generator().manual_seed(7)
    loss = torch.zeros(())
    for layer in trace.layers:
        masks = mask_logits(layer, encoded.mask_features)
        for value in (layer.anchors, layer.objectness_logits, masks):
            loss = loss + (value * torch.randn(value.shape, generator=generator)).mean()
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    network.zero_grad(set_to_none=True)
    assert not [name for name in frozen if gradients[name] is not None]
    dead = [name for name in trainable if gradients[name] is None or not gradients[name].abs().sum() > 0]
    # DA3 features are taken from the out layers, so blocks always matter; nothing may be dead
    assert not dead


def test_geometry_pass_builds_no_graph(network, images):
    encoded = network.encode(images)
    assert encoded.mask_features.requires_grad
    assert not encoded.geometry.depth.requires_grad
    assert not encoded.geometry.world_to_camera.requires_grad


def test_world_is_view_0(network, images):
    encoded, _ = run(network, images)
    assert torch.equal(encoded.geometry.world_to_camera[0, 0], torch.eye(4))


def test_posed_mode_returns_the_given_cameras(network, images):
    given = random_geometry(4, HEIGHT, WIDTH)
    cameras = PosedCameras(intrinsics=given.intrinsics, world_to_camera=given.world_to_camera)
    encoded, _ = run(network, images, cameras=cameras)
    torch.testing.assert_close(encoded.geometry.intrinsics, given.intrinsics)
    moved = encoded.geometry.world_to_camera @ given.world_to_camera[:, :1]
    torch.testing.assert_close(moved, given.world_to_camera, rtol=1e-4, atol=1e-4)


def test_given_geometry_is_kept_as_it_is(network, images):
    geometry = random_geometry(4, HEIGHT, WIDTH)
    encoded, _ = run(network, images, geometry=geometry)
    assert isinstance(encoded.geometry, SceneGeometry)
    assert encoded.geometry.depth is geometry.depth


def test_an_override_replaces_the_anchor_and_pinning_holds_it(network, images):
    encoded, before = run(network, images)
    place = tuple(float(value) for value in encoded.frame.center[0] + 0.2)
    with torch.no_grad():
        free = network.decode(encoded, [AnchorOverride(query=2, position=place)])
        held = network.decode(encoded, [AnchorOverride(query=2, position=place, pinned=True)])
    torch.testing.assert_close(free.layers[0].anchors[0, 2], torch.tensor(place))
    others = [0, 1, 3, 4, 5, 6]
    assert torch.equal(free.layers[0].anchors[0, others], before.layers[0].anchors[0, others])
    assert not torch.allclose(free.layers[-1].anchors[0, 2], torch.tensor(place), atol=1e-4)
    for layer in held.layers:
        torch.testing.assert_close(layer.anchors[0, 2], torch.tensor(place), rtol=1e-4, atol=1e-4)


def test_one_view_is_enough(network):
    encoded, trace = run(network, torch.rand(1, 1, 3, HEIGHT, WIDTH))
    assert encoded.mask_features.shape[1] == 1
    assert all(layer.anchors.isfinite().all() for layer in trace.layers)


def test_patch_grid():
    assert patch_grid(torch.empty(1, 1, 3, 28, 42)) == (2, 3)
