from dataclasses import replace

import pytest
import torch

from fast3dis_core.geometry.cameras import project
from fast3dis_core.model.anchor_decoder import AnchorDecoder, decoder_cameras, sample_at_anchors
from tests.core.model.encoded import random_scene


def make_decoder(channels=16, layers=4):
    decoder = AnchorDecoder(channels=channels, num_layers=layers, num_heads=4, ffn_channels=32)
    for layer in decoder.layers:  # a refinement that starts at zero would hide mistakes
        torch.nn.init.normal_(layer.refinement[-1].weight, std=0.02)
    return decoder.eval()


def run(decoder, scene, **options):
    anchors = scene.frame.normalize(scene.initial_anchors)
    cameras = decoder_cameras(scene.geometry, scene.frame)
    with torch.no_grad():
        return decoder(scene.initial_queries, anchors, scene.features, cameras, **options)


def permuted(scene, order):
    return replace(
        scene,
        geometry=replace(
            scene.geometry,
            **{
                name: getattr(scene.geometry, name)[:, order]
                for name in ("depth", "confidence", "intrinsics", "world_to_camera")
            },
        ),
        features=tuple(level[:, order] for level in scene.features),
        mask_features=scene.mask_features[:, order],
    )


def test_normalized_cameras_agree_with_eq_3():
    scene = random_scene(queries=40)
    pixels, depth = project(scene.initial_anchors, scene.geometry.intrinsics, scene.geometry.world_to_camera)
    cameras = decoder_cameras(scene.geometry, scene.frame)
    unit, near = project(scene.frame.normalize(scene.initial_anchors), cameras.intrinsics, cameras.normalized_to_camera)
    height, width = scene.geometry.depth.shape[-2:]
    torch.testing.assert_close((unit + 1) / 2 * torch.tensor([width, height]), pixels, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(near * scene.frame.scale, depth, rtol=1e-4, atol=1e-5)


def test_samples_are_the_features_under_the_anchor():
    scene = random_scene(views=1, height=28, width=42, queries=1)
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    ramp = torch.stack([columns + 0.5, rows + 0.5])[None, None]  # cell centers in cells; (1, 1, 2, 4, 6)
    target = torch.tensor([[3.2 * 7, 1.9 * 7]])  # pixel
    ray = torch.linalg.inv(scene.geometry.intrinsics[0, 0]) @ torch.tensor([*target[0], 1.0])
    rotation, shift = scene.geometry.world_to_camera[0, 0, :3, :3], scene.geometry.world_to_camera[0, 0, :3, 3]
    anchor = rotation.T @ (2.0 * ray - shift)
    samples, visible = sample_at_anchors(
        ramp, scene.frame.normalize(anchor[None, None]), decoder_cameras(scene.geometry, scene.frame)
    )
    assert visible.all()
    torch.testing.assert_close(samples[0, 0, 0], torch.tensor([3.2, 1.9]), rtol=1e-3, atol=1e-3)


def test_order_of_views_changes_nothing():
    scene, decoder = random_scene(views=5), make_decoder()
    order = torch.tensor([0, 3, 1, 4, 2])
    for (queries, anchors), (other_queries, other_anchors) in zip(
        run(decoder, scene), run(decoder, permuted(scene, order)), strict=True
    ):
        torch.testing.assert_close(queries, other_queries, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(anchors, other_anchors, rtol=1e-4, atol=1e-5)


def test_batch_equals_single():
    one, two, decoder = random_scene(seed=1), random_scene(seed=2), make_decoder()
    both = replace(
        one,
        geometry=replace(
            one.geometry,
            **{
                name: torch.cat([getattr(one.geometry, name), getattr(two.geometry, name)])
                for name in ("depth", "confidence", "intrinsics", "world_to_camera")
            },
        ),
        frame=replace(
            one.frame,
            center=torch.cat([one.frame.center, two.frame.center]),
            scale=torch.cat([one.frame.scale, two.frame.scale]),
        ),
        features=tuple(torch.cat(pair) for pair in zip(one.features, two.features, strict=True)),
        mask_features=torch.cat([one.mask_features, two.mask_features]),
        initial_anchors=torch.cat([one.initial_anchors, two.initial_anchors]),
        initial_queries=torch.cat([one.initial_queries, two.initial_queries]),
    )
    together = run(decoder, both)
    for index, single in enumerate((one, two)):
        for (queries, anchors), (alone, spots) in zip(together, run(decoder, single), strict=True):
            torch.testing.assert_close(queries[index], alone[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(anchors[index], spots[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", [(0.0, 0.0, -1e4), (1e6, 1e6, 1e6), (0.0, 0.0, 0.0)])
def test_an_anchor_nobody_sees_is_harmless(place):
    scene, decoder = random_scene(views=2), make_decoder()
    outside = scene.frame.normalize(scene.initial_anchors).clone()
    outside[:, 1] = torch.tensor(place) * 1.0
    if place == (0.0, 0.0, 0.0):  # exactly in the optical center of camera 0
        motion = scene.geometry.world_to_camera[0, 0]
        outside[:, 1] = scene.frame.normalize((-motion[:3, :3].T @ motion[:3, 3])[None, None])[0, 0]
    outside.requires_grad_()
    cameras = decoder_cameras(scene.geometry, scene.frame)
    trace = decoder(scene.initial_queries, outside, scene.features, cameras)
    sum(queries.sum() + anchors.sum() for queries, anchors in trace).backward()
    assert all(queries.isfinite().all() and anchors.isfinite().all() for queries, anchors in trace)
    assert outside.grad.isfinite().all()


def test_unseen_views_have_no_influence():
    """A view whose camera looks away may hold anything."""
    scene, decoder = random_scene(views=3), make_decoder(layers=1)
    motion = scene.geometry.world_to_camera.clone()
    motion[:, 2] = torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0])) @ motion[:, 2]  # turned by half a circle
    turned = replace(scene, geometry=replace(scene.geometry, world_to_camera=motion))
    noise = [level.clone() for level in scene.features]
    for level in noise:
        level[:, 2] = 100.0
    for (queries, _), (other, _) in zip(
        run(decoder, turned), run(decoder, replace(turned, features=tuple(noise))), strict=True
    ):
        torch.testing.assert_close(queries, other, rtol=0.0, atol=0.0)


def test_pinned_anchors_stay_and_the_others_move():
    scene, decoder = random_scene(), make_decoder()
    pinned = torch.tensor([True, False, False, True, False])
    start = scene.frame.normalize(scene.initial_anchors)
    for _, anchors in run(decoder, scene, pinned=pinned):
        assert torch.equal(anchors[:, pinned], start[:, pinned])
        assert not torch.equal(anchors[:, ~pinned], start[:, ~pinned])


def test_levels_are_taken_in_turn():
    scene, decoder = random_scene(), make_decoder(layers=5)
    read = []
    handles = [
        layer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[2].clone())) for layer in decoder.layers
    ]
    trace = run(decoder, scene)
    for handle in handles:
        handle.remove()
    spots = [scene.frame.normalize(scene.initial_anchors)] + [anchors for _, anchors in trace]
    cameras = decoder_cameras(scene.geometry, scene.frame)
    for index, samples in enumerate(read):
        expected, _ = sample_at_anchors(scene.features[index % 3], spots[index], cameras)
        assert torch.equal(samples, expected)


def test_cost_of_cross_attention_does_not_depend_on_image_size():
    """The layer sees N x S samples, whatever the size of the maps they were read from."""
    decoder, shapes = make_decoder(), []
    decoder.layers[0].cross_attention.register_forward_pre_hook(
        lambda _, inputs: shapes.append([tuple(value.shape) for value in inputs])
    )
    run(decoder, random_scene(height=28, width=42))
    run(decoder, random_scene(height=140, width=210))
    assert shapes[0] == shapes[1]
    assert shapes[0][1] == (1, 5, 3, 16)
