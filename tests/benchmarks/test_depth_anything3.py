"""The geometry pass against a plain reading of the same network, in one run, taking turns."""

import statistics
import time

import pytest
import torch

from fast3dis_core.model.depth_anything3 import DepthAnything3
from fast3dis_core.model.depth_anything3.any_view import normalize_images
from tests.benchmarks.plain_depth_anything3 import PlainDepthAnything3

VIEWS = 8
REPEATS = 3


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # processor time is then the same whatever else the machine does
    yield
    torch.set_num_threads(threads)


def seconds(function, images):
    clock = time.perf_counter if images.is_cuda else time.process_time
    start = clock()
    with torch.inference_mode():
        function(images)
        if images.is_cuda:
            torch.cuda.synchronize()
    return clock() - start


def measured_ratio(model, images, figure):
    plain = PlainDepthAnything3(model.any_view)
    pairs = [
        (seconds(lambda x: plain(normalize_images(x)), images), seconds(model, images)) for _ in range(REPEATS + 1)
    ][1:]  # the first pair warms up
    ratio = statistics.median(theirs / ours for theirs, ours in pairs)
    name = f"geometry pass, {images.device.type}, {VIEWS} views of {images.shape[-2]} x {images.shape[-1]}"
    figure(name, min(ours for _, ours in pairs), "s")
    figure(f"{name}, plain reading / ours", ratio, "")
    return ratio


def test_the_plain_reading_is_the_same_network():
    model = DepthAnything3("nano").eval()
    images = torch.rand(2, 4, 3, 56, 42)
    with torch.inference_mode():
        depth, confidence, ray, ray_confidence, camera_to_world, intrinsics = PlainDepthAnything3(model.any_view)(
            normalize_images(images)
        )
        ours = model(images, rays=True)
    for plain, value in (
        (depth, ours.depth),
        (confidence, ours.confidence),
        (ray, ours.ray),
        (ray_confidence, ours.ray_confidence),
    ):
        torch.testing.assert_close(plain, value.flatten(0, 1), rtol=1e-4, atol=2e-5)
    identity = camera_to_world @ ours.world_to_camera
    torch.testing.assert_close(identity, torch.eye(4).expand_as(identity), rtol=0, atol=1e-4)
    torch.testing.assert_close(intrinsics, ours.intrinsics, rtol=1e-4, atol=1e-3)


@pytest.mark.slow
@pytest.mark.benchmark
@pytest.mark.parametrize(("height", "width", "least"), [(112, 84, 1.15), (252, 196, 1.1)])
def test_geometry_pass_is_faster_on_a_cpu(one_thread, figure, height, width, least):
    model = DepthAnything3("small").eval()
    assert measured_ratio(model, torch.rand(1, VIEWS, 3, height, width), figure) > least


@pytest.mark.gpu
@pytest.mark.benchmark
def test_geometry_pass_is_faster_on_a_gpu(figure):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = DepthAnything3("small").eval().cuda()
    assert measured_ratio(model, torch.rand(1, VIEWS, 3, 504, 378, device="cuda"), figure) > 1.05
