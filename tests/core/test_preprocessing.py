"""Preprocessing against the reference's sizes, intrinsics and pixels, and the properties of the plan."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fast3dis_core.errors import ConfigError, ImageFolderError
from fast3dis_core.images import prepare_images
from fast3dis_core.preprocessing import common_crop, plan_resize

METHODS = ("upper_bound_resize", "upper_bound_crop", "lower_bound_resize", "lower_bound_crop")


def test_image(seed, height, width):
    """The deterministic image of the golden vectors: blocks of 14 pixels with noise on top."""
    random = np.random.RandomState(seed)
    blocks = random.randint(0, 256, (-(-height // 14), -(-width // 14), 3))
    noise = random.randint(0, 64, (height, width, 3))
    large = blocks.repeat(14, axis=0).repeat(14, axis=1)[:height, :width]
    return (np.floor(3 * large / 4) + noise).astype(np.uint8)


test_image.__test__ = False


def goldens(golden_file, suffix):
    return golden_file("da3", f"preproc*{suffix}")


def test_golden_single_sizes_and_intrinsics(golden_file):
    for file in goldens(golden_file, ".json"):
        for case in json.loads(file.read_text())["single"]:
            width, height = case["input_wh"]
            for method, expected in case["results"].items():
                if "out_hw" not in expected:
                    with pytest.raises(ImageFolderError):
                        plan_resize(height, width, long_edge=case["process_res"], method=method)
                    continue
                plan = plan_resize(height, width, long_edge=case["process_res"], method=method)
                assert list(plan.size) == expected["out_hw"], (case["input_wh"], method)
                mapped = (plan.matrix() @ np.array(case["K_in"])).astype(np.float32)
                np.testing.assert_allclose(mapped, expected["K_out"], rtol=1e-6, atol=1e-5)


def test_golden_mixed_sizes_and_intrinsics(golden_file):
    for file in goldens(golden_file, ".json"):
        for case in json.loads(file.read_text())["mixed"]:
            arrays = [np.zeros((height, width, 3), np.uint8) for width, height in case["input_wh"]]
            images, matrices = prepare_images(arrays, long_edge=case["process_res"], method=case["method"])
            assert list(images.shape) == case["out_nchw"]
            mapped = (matrices @ torch.tensor(case["K_in"], dtype=torch.float64)).float()
            np.testing.assert_allclose(mapped, case["K_out"], rtol=1e-6, atol=1e-5)


def test_golden_pixels(golden_file):
    for file in goldens(golden_file, ".npz"):
        with np.load(file) as arrays:
            cases = [name.removesuffix("_args") for name in arrays if name.endswith("_args")]
            assert cases
            for case in cases:
                args = json.loads(str(arrays[f"{case}_args"]))
                width, height = args["input_wh"]
                images, _ = prepare_images(
                    [test_image(args["seed"], height, width)], long_edge=args["process_res"], method=args["method"]
                )
                found = (images[0] * 255).permute(1, 2, 0).numpy()  # (H, W, 3)
                assert np.abs(found - arrays[f"{case}_u8"]).max() <= 1.001, case


@pytest.mark.parametrize("method", METHODS)
@given(height=st.integers(30, 2000), width=st.integers(30, 2000), long_edge=st.integers(40, 700))
def test_sides_are_multiples_of_14_and_near_the_bound(method, height, width, long_edge):
    try:
        plan = plan_resize(height, width, long_edge=long_edge, method=method)
    except ImageFolderError:
        assert max(height, width) / min(height, width) > long_edge / 15
        return
    assert plan.size[0] % 14 == 0
    assert plan.size[1] % 14 == 0
    bounded = max(plan.size) if method.startswith("upper") else min(plan.size)
    assert -14 < bounded - long_edge <= 7
    corners = plan.matrix() @ np.array([[0, width], [0, height], [1, 1]])
    assert (corners[:2, 0] <= 1e-9).all()
    assert corners[0, 1] >= plan.size[1] - 1e-9
    assert corners[1, 1] >= plan.size[0] - 1e-9


def test_a_network_sized_image_passes_unchanged():
    array = test_image(7, 84, 112)
    images, matrices = prepare_images([array], long_edge=112)
    assert torch.equal((images[0] * 255).round().to(torch.uint8), torch.from_numpy(array).permute(2, 0, 1))
    assert torch.equal(matrices[0], torch.eye(3, dtype=torch.float64))


def test_the_matrix_says_where_pixels_went():
    array = np.zeros((300, 400, 3), np.uint8)
    array[120:160, 280:320] = 255  # a square around (300, 140)
    other = np.zeros((400, 300, 3), np.uint8)
    images, matrices = prepare_images([array, other], long_edge=140)
    weight = images[0].mean(dim=0).double()
    x, y = torch.arange(weight.shape[1]) + 0.5, torch.arange(weight.shape[0]) + 0.5
    center = torch.stack([(weight * x).sum(), (weight * y[:, None]).sum()]) / weight.sum()
    expected = matrices[0] @ torch.tensor([300.0, 140.0, 1.0], dtype=torch.float64)
    np.testing.assert_allclose(center, expected[:2], atol=0.05)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6))
def test_common_crop_is_centered_and_common(patches):
    sizes = [(14 * height, 14 * width) for height, width in patches]
    crop = common_crop(sizes)
    for view, (height, width) in enumerate(sizes):
        top, left = crop.offset(view)
        assert (2 * top + crop.size[0], 2 * left + crop.size[1]) == (height, width)
        assert crop.apply(view, np.zeros((height, width))).shape == crop.size
        assert 0 <= crop.lost(view) < 1


def test_order_of_the_batch_does_not_matter():
    arrays = [test_image(seed, height, width) for seed, (height, width) in enumerate([(90, 120), (120, 90), (70, 130)])]
    images, matrices = prepare_images(arrays, long_edge=112)
    turned, turned_matrices = prepare_images(arrays[::-1], long_edge=112)
    assert torch.equal(images, turned.flip(0))
    assert torch.equal(matrices, turned_matrices.flip(0))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([], "found none"),
        ([np.zeros((100, 20000, 3), np.uint8)], "image 0: expected a short side"),
        ([np.zeros((50, 50, 3), np.float32)], "image 0: expected a uint8 array"),
        ([np.zeros((50, 50), np.uint8)], "image 0: expected a uint8 array"),
    ],
)
def test_unusable_arrays_are_named(arrays, message):
    with pytest.raises(ImageFolderError, match=message):
        prepare_images(arrays)


@pytest.mark.parametrize("setting", [{"method": "stretch"}, {"long_edge": 10}])
def test_impossible_settings_are_config_errors(setting):
    with pytest.raises(ConfigError):
        prepare_images([np.zeros((50, 50, 3), np.uint8)], **setting)
