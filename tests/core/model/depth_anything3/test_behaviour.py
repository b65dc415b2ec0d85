"""What must hold for any weights: independence of batch and order, only needed work, gradients, precision."""

import dataclasses

import pytest
import torch
from scipy.spatial.transform import Rotation

from fast3dis_core.errors import ConfigError, GeometryError
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid
from fast3dis_core.model.depth_anything3 import DepthAnything3, DepthPrediction
from fast3dis_core.model.depth_anything3.camera_head import decode_cameras, encode_cameras
from fast3dis_core.model.depth_anything3.monocular import SAMPLE_SIZE, fill_sky
from fast3dis_core.model.depth_anything3.nested import combine
from fast3dis_core.model.depth_anything3.pose_conditioning import align_to_given, normalize_cameras
from fast3dis_core.model.depth_anything3.ray_pose import cameras_from_rays
from fast3dis_core.scene import PosedCameras
from tests.core.model.depth_anything3.recipe import PRESETS, recipe_images, recipe_model

TINY = PRESETS["tiny-giant"]
CLOSE = {"rtol": 1e-4, "atol": 2e-5}


@pytest.fixture
def model():
    return recipe_model(TINY)


def random_cameras(count, *, seed=0, spread=3.0):
    """Cameras (count, 4, 4) world-to-camera and intrinsics of 70 x 56 pixels."""
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.from_numpy(Rotation.random(count, random_state=seed).as_matrix()).float().reshape(-1, 3, 3)
    center = spread * torch.randn(count, 3, generator=generator)
    world_to_camera = invert_rigid(homogeneous(torch.cat([rotation, center[..., None]], dim=-1)))
    intrinsics = torch.tensor([[60.0, 0, 28], [0, 62, 35], [0, 0, 1]]).expand(count, 3, 3)
    return world_to_camera, intrinsics


def posed(count, **options):
    world_to_camera, intrinsics = random_cameras(count, **options)
    return PosedCameras(world_to_camera=world_to_camera[None], intrinsics=intrinsics[None])


@torch.inference_mode()
def test_a_batch_equals_its_scenes(model):
    images = recipe_images(50, 2, 3, 56, 42)
    together = model(images)
    for entry in range(2):
        alone = model(images[entry : entry + 1])
        for name in ("depth", "confidence", "world_to_camera", "intrinsics", "reference"):
            torch.testing.assert_close(getattr(together, name)[entry], getattr(alone, name)[0], **CLOSE)


@torch.inference_mode()
def test_the_order_of_views_does_not_matter(model):
    images = recipe_images(60, 1, 4, 42, 56)
    order = [2, 0, 3, 1]
    forward, shuffled = model(images, rays=True), model(images[:, order], rays=True)
    assert order[int(shuffled.reference)] == int(forward.reference)
    for name in ("depth", "confidence", "world_to_camera", "ray"):
        torch.testing.assert_close(getattr(shuffled, name), getattr(forward, name)[:, order], **CLOSE)


@torch.inference_mode()
def test_chunks_of_the_head_change_nothing(model):
    images = recipe_images(70, 1, 3, 42, 42)
    whole, parts = model(images), model(images, chunk_views=2)
    torch.testing.assert_close(parts.depth, whole.depth, **CLOSE)
    torch.testing.assert_close(parts.confidence, whole.confidence, **CLOSE)


@torch.inference_mode()
def test_a_shared_embedding_and_reference_give_the_same(model):
    images = recipe_images(80, 1, 3, 42, 56)
    network = model.any_view
    tokens = network.embed(images)
    before = tokens.clone()
    first = network.backbone.pretrained(tokens, grid=(3, 4))
    again = network.backbone.pretrained(tokens, grid=(3, 4), reference=first.reference, strategy="first")
    assert torch.equal(tokens, before)
    assert all(torch.equal(a, b) for a, b in zip(first.features, again.features, strict=True))
    assert torch.equal(model(images, embedded=tokens).depth, model(images).depth)


@torch.inference_mode()
def test_only_what_is_read_is_computed(model):
    ran = set()
    modules = {name: module for name, module in model.model.named_modules() if not list(module.children())}
    handles = [module.register_forward_hook(lambda *_, name=name: ran.add(name)) for name, module in modules.items()]
    images = recipe_images(90, 1, 2, 42, 42)
    try:
        model(images, predict_cameras=False)
        assert not any("_aux" in name or name.startswith("cam_") for name in ran)
        model(images)
        assert not any("_aux" in name or name.startswith("cam_enc") for name in ran)
        assert any(name.startswith("cam_dec") for name in ran)
        model(images, use_ray_pose=True)
        assert any("_aux" in name for name in ran)
    finally:
        for handle in handles:
            handle.remove()


def test_blocks_after_the_last_out_layer_are_not_run():
    short = dataclasses.replace(TINY.backbone, out_layers=(5, 7, 8, 9))
    model = DepthAnything3(dataclasses.replace(TINY, backbone=short)).eval()
    ran = []
    for index, block in enumerate(model.any_view.backbone.pretrained.blocks):
        block.register_forward_hook(lambda *_, index=index: ran.append(index))
    images = torch.rand(1, 3, 3, 42, 42)
    with torch.inference_mode():
        model(images)
        assert ran == list(range(10))
        ran.clear()
        assert list(model(images, export_layers=(11,)).exported) == [11]
    assert ran == list(range(12))


def test_every_parameter_that_is_read_learns():
    torch.manual_seed(1)
    model = DepthAnything3(TINY)
    cameras = posed(3)
    images = torch.rand(1, 3, 3, 70, 56)
    free, given = model(images, rays=True), model(images, cameras=cameras)
    outputs = [free.depth, free.confidence, free.ray, free.ray_confidence, free.world_to_camera, free.intrinsics]
    loss = sum((x / x.detach().abs().mean().clamp(min=1e-6)).square().mean() for x in [*outputs, given.depth])
    loss.backward()
    unread = ("output_conv1_aux.0", "output_conv1_aux.1", "output_conv1_aux.2")
    unread += ("output_conv2_aux.0.0", "output_conv2_aux.1.0", "output_conv2_aux.2.0")
    unread += ("output_conv2_aux.0.5", "output_conv2_aux.1.5", "output_conv2_aux.2.5")
    for name, parameter in model.named_parameters():
        if any(part in name for part in unread):
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_gradients_agree_with_differences():
    torch.manual_seed(2)
    model = DepthAnything3(TINY).double()
    images = torch.rand(1, 3, 3, 28, 42, dtype=torch.float64, requires_grad=True)
    direction = torch.randn_like(images)
    # features only: head and cameras are float32 by design
    network = model.any_view.backbone.pretrained

    def value(x):
        return sum(f.square().mean() for f in network(network.embed(x), grid=(2, 3)).features)

    (gradient,) = torch.autograd.grad(value(images), images)
    step = 1e-5
    with torch.no_grad():
        slope = (value(images + step * direction) - value(images - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-3)


@torch.inference_mode()
def test_autocast_reaches_the_transformer_only(model):
    images = recipe_images(110, 1, 3, 42, 56)
    exact = model(images)
    kinds = {}
    watched = {
        "qkv": model.any_view.backbone.pretrained.blocks[0].attn.qkv,
        "block": model.any_view.backbone.pretrained.blocks[3],
        "conv": model.any_view.head.scratch.output_conv1,
        "camera": model.any_view.cam_dec.fc_t,
    }
    handles = [
        module.register_forward_hook(lambda _m, _i, output, name=name: kinds.__setitem__(name, output.dtype))
        for name, module in watched.items()
    ]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = model(images)
    for handle in handles:
        handle.remove()
    assert kinds == {
        "qkv": torch.bfloat16,
        "block": torch.float32,
        "conv": torch.float32,
        "camera": torch.float32,
    }
    assert low.depth.dtype == low.world_to_camera.dtype == torch.float32
    assert float((low.depth / exact.depth - 1).abs().median()) < 0.02


def test_the_state_is_the_same_after_use(model):
    keys = list(model.state_dict())
    for height in (28, 42, 56):
        with torch.inference_mode():
            model(recipe_images(1, 1, 1, height, 42))
    assert list(model.state_dict()) == keys
    assert not list(model.buffers())


@pytest.mark.parametrize("shape", [(1, 2, 3, 42, 50), (2, 3, 42, 42), (1, 2, 4, 42, 42)])
def test_images_of_another_shape_are_refused(model, shape):
    with pytest.raises(ValueError, match="multiples of 14"):
        model(torch.rand(shape))


def test_impossible_options_are_refused(model):
    images = recipe_images(1, 1, 3, 28, 28)
    with pytest.raises(ConfigError, match="saddle_balanced"):
        model(images, reference_strategy="best")
    with pytest.raises(ConfigError, match="0 to 13"):
        model(images, export_layers=(14,))
    monocular = recipe_model(PRESETS["tiny-metric"])
    with pytest.raises(ConfigError, match="one view at a time"):
        monocular(images, rays=True)
    with pytest.raises(ConfigError, match="one view at a time"):
        _ = monocular.any_view


@pytest.mark.parametrize("views", [1, 2, 3])
@torch.inference_mode()
def test_posed_depth_follows_the_given_scale(model, views):
    images = recipe_images(120, 1, views, 70, 56)
    cameras = posed(views)
    far = cameras.world_to_camera.clone()
    far[..., :3, 3] *= 10
    near = model.forward_posed(images, cameras)
    large = model.forward_posed(images, dataclasses.replace(cameras, world_to_camera=far))
    if views == 3:  # normalization makes both the same to the network
        torch.testing.assert_close(large.depth, 10 * near.depth, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(large.world_to_camera, far)
    torch.testing.assert_close(large.intrinsics, cameras.intrinsics)
    if views == 1:
        torch.testing.assert_close(near.depth, model(images, cameras=_normalized(cameras)).depth)


@torch.inference_mode()
def test_two_given_cameras_fix_the_scale_by_their_baseline(model):
    images, cameras = recipe_images(130, 1, 2, 70, 56), posed(2)
    raw = model(images, cameras=_normalized(cameras))
    aligned = model.forward_posed(images, cameras)
    moved = model.forward_posed(images, cameras, keep_given_scale=False)
    baselines = [
        float((invert_rigid(x)[0, 0, :3, 3] - invert_rigid(x)[0, 1, :3, 3]).norm())
        for x in (raw.world_to_camera, cameras.world_to_camera, moved.world_to_camera)
    ]
    torch.testing.assert_close(aligned.depth * baselines[0] / baselines[1], raw.depth, rtol=1e-4, atol=1e-5)
    assert baselines[2] == pytest.approx(baselines[0], rel=1e-4)
    assert torch.equal(moved.depth, raw.depth)


def test_given_cameras_on_a_line_fix_the_scale_too():
    world_to_camera, intrinsics = random_cameras(4)
    along = torch.arange(4.0)[:, None] * torch.tensor([0.3, -0.1, 0.2])
    rotation = world_to_camera[:, :3, :3]
    on_line = homogeneous(torch.cat([rotation, -rotation @ along[..., None]], dim=-1))
    predicted = on_line.clone()
    predicted[:, :3, 3] *= 2
    prediction = DepthPrediction(depth=torch.ones(1, 4, 2, 2), world_to_camera=predicted[None])
    cameras = PosedCameras(world_to_camera=on_line[None], intrinsics=intrinsics[None])
    torch.testing.assert_close(align_to_given(prediction, cameras).depth, torch.full((1, 4, 2, 2), 0.5))
    moved = align_to_given(prediction, cameras, keep_given_scale=False)
    torch.testing.assert_close(moved.world_to_camera[0], predicted, rtol=1e-4, atol=1e-4)


def test_collapsed_predicted_cameras_are_refused():
    cameras = posed(3)
    collapsed = cameras.world_to_camera.clone()
    collapsed[..., :3, 3] = 0
    prediction = DepthPrediction(depth=torch.ones(1, 3, 2, 2), world_to_camera=collapsed)
    with pytest.raises(GeometryError, match="coincide"):
        align_to_given(prediction, cameras)


def test_normalized_cameras_forget_world_and_scale():
    world_to_camera, _ = random_cameras(5)
    motion, _ = random_cameras(1, seed=9)
    other = world_to_camera @ motion
    other[:, :3, 3] *= 7
    expected = normalize_cameras(world_to_camera[None])
    torch.testing.assert_close(normalize_cameras(other[None]), expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(expected[0, 0], torch.eye(4))
    assert float(invert_rigid(expected)[0, :, :3, 3].norm(dim=-1).median()) == pytest.approx(1, rel=1e-5)


def test_pose_encoding_and_back():
    world_to_camera, intrinsics = random_cameras(64)
    height, width = 70, 56
    encoding = encode_cameras(invert_rigid(world_to_camera), intrinsics, height, width)
    camera_to_world, decoded = decode_cameras(encoding, height, width)
    torch.testing.assert_close(invert_rigid(camera_to_world), world_to_camera, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(decoded, intrinsics.contiguous(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("grid", [(24, 32), (112, 96)], ids=["few rays", "more rays than the last fit takes"])
def test_rays_of_a_camera_give_it_back(grid):
    height, width = 7 * grid[0] // 4, 7 * grid[1] // 4
    world_to_camera, _ = random_cameras(2, seed=4)
    intrinsics = torch.tensor([[1.3 * width, 0, 0.5 * width], [0, 1.2 * height, 0.5 * height], [0, 0, 1]])
    rows, columns = torch.meshgrid(torch.arange(grid[0]) + 0.5, torch.arange(grid[1]) + 0.5, indexing="ij")
    pixels = torch.stack([columns * width / grid[1], rows * height / grid[0], torch.ones_like(rows)], dim=-1)
    camera_to_world = invert_rigid(world_to_camera)
    directions = pixels @ torch.linalg.inv(intrinsics).mT @ camera_to_world[:, None, :3, :3].mT
    origins = camera_to_world[:, None, None, :3, 3].expand_as(directions)
    ray = torch.cat([directions, origins], dim=-1)[None]
    confidence = torch.rand(ray.shape[:-1], generator=torch.Generator().manual_seed(0)) + 1
    found, found_intrinsics = cameras_from_rays(ray, confidence, height, width)
    torch.testing.assert_close(found[0], world_to_camera, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found_intrinsics[0], intrinsics.expand(2, 3, 3), rtol=1e-3, atol=0.05)
    assert torch.equal(cameras_from_rays(ray, confidence, height, width)[0], found)


def test_rays_without_direction_are_refused():
    with pytest.raises(GeometryError, match="use_ray_pose=False"):
        cameras_from_rays(torch.zeros(1, 1, 8, 8, 6), torch.ones(1, 1, 8, 8), 14, 14)


def test_sky_goes_to_the_far_quantile():
    depth = torch.linspace(1, 2, 1000).reshape(1, 1, 20, 50)
    sky = torch.zeros_like(depth)
    sky[..., :3, :] = 1
    filled = fill_sky(depth, sky)
    torch.testing.assert_close(filled[sky > 0], depth[sky == 0].quantile(0.99).expand(150))
    assert torch.equal(filled[sky == 0], depth[sky == 0])
    for flat in (torch.zeros_like(sky), torch.ones_like(sky)):
        assert torch.equal(fill_sky(depth, flat), depth)


def test_quantiles_of_many_pixels_are_repeatable():
    depth = torch.rand(1, 1, 500, 500)
    sky = (torch.rand_like(depth) < 0.3).float()
    assert int((sky == 0).sum()) > SAMPLE_SIZE
    first = fill_sky(depth, sky)
    assert torch.equal(first, fill_sky(depth, sky))
    assert not torch.equal(first, fill_sky(depth, sky, generator=torch.Generator().manual_seed(1)))
    assert float(first[sky > 0].max()) == pytest.approx(0.99, abs=0.005)


def test_nested_combination_recovers_the_scale():
    random = torch.Generator().manual_seed(0)
    depth = torch.rand(1, 2, 20, 30, generator=random) + 0.5
    world_to_camera, intrinsics = random_cameras(2)
    prediction = DepthPrediction(
        depth=depth,
        confidence=torch.rand(depth.shape, generator=random) + 1,
        world_to_camera=world_to_camera[None],
        intrinsics=intrinsics[None],
    )
    sky = torch.zeros_like(depth)
    sky[:, 0, :5] = 1
    focal = 61.0
    result = combine(prediction, 2.5 * depth * 300 / focal, sky)
    assert float(result.scale) == pytest.approx(2.5, rel=1e-5)
    torch.testing.assert_close(result.depth[sky == 0], 2.5 * depth[sky == 0])
    torch.testing.assert_close(result.world_to_camera[..., :3, 3], 2.5 * world_to_camera[None, :, :3, 3])
    assert torch.equal(result.world_to_camera[..., :3, :3], world_to_camera[None, :, :3, :3])
    assert (result.confidence[sky > 0] == 1).all()
    assert result.depth[sky > 0].unique().numel() == 1
    with pytest.raises(GeometryError, match="not sky"):
        combine(prediction, depth, torch.ones_like(depth))


@pytest.mark.slow
@torch.inference_mode()
def test_a_nested_model_takes_given_cameras():
    model = recipe_model(dataclasses.replace(TINY, preset="tiny-nested", metric=PRESETS["tiny-metric"].backbone))
    images, cameras = recipe_images(140, 1, 3, 70, 56), posed(3)
    predicted = model.forward_posed(images, cameras, keep_given_scale=False)
    assert predicted.is_metric
    aligned = model.forward_posed(images, cameras)
    assert not aligned.is_metric  # the given world's unit is not known to be the meter
    ratio = aligned.depth / predicted.depth
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-4, atol=0)
    assert model(images, predict_cameras=False).world_to_camera is None


def _normalized(cameras):
    return dataclasses.replace(cameras, world_to_camera=normalize_cameras(cameras.world_to_camera))
