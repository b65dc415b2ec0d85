"""Single functions against vectors of the reference implementation."""

import numpy as np
import torch

from fast3dis_core.geometry.alignment import umeyama, umeyama_ransac
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid
from fast3dis_core.model.depth_anything3.camera_head import decode_cameras, encode_cameras
from fast3dis_core.model.depth_anything3.dpt import position_code
from fast3dis_core.model.depth_anything3.pose_conditioning import normalize_cameras
from fast3dis_core.model.depth_anything3.ray_pose import cameras_from_rays
from fast3dis_core.model.depth_anything3.reference_view import select_reference
from fast3dis_core.model.depth_anything3.rope import rotary_tables, rotate
from fast3dis_core.model.depth_anything3.vision_transformer import GatedMlp
from tests.conftest import GOLDEN
from tests.core.model.depth_anything3.recipe import read_case, reference_first


def close(actual, expected, *, rtol=1e-5, atol=2e-6):
    expected = torch.from_numpy(np.asarray(expected))
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol, check_dtype=False)


def check_pose(golden):
    height, width = golden["HW"].tolist()
    transform, intrinsics = torch.from_numpy(golden["E"]), torch.from_numpy(golden["K"])
    close(encode_cameras(transform, intrinsics, height, width), golden["pose_enc"])
    close(invert_rigid(transform), golden["E_inv"])
    camera_to_world, decoded = decode_cameras(torch.from_numpy(golden["raw_enc"]), height, width)
    close(camera_to_world[..., :3, :], golden["raw_c2w"])
    close(invert_rigid(camera_to_world)[..., :3, :], golden["raw_w2c"])
    close(decoded, golden["raw_K"])
    for name in golden:
        if name.startswith("norm") and name.endswith("_in"):
            close(normalize_cameras(torch.from_numpy(golden[name])), golden[name.replace("_in", "_out")])


def check_refview(golden):
    tokens = torch.from_numpy(golden["tokens"])
    for name in golden:
        if name.startswith("idx_"):
            strategy = name.removeprefix("idx_")
            reference = select_reference(tokens[:, :, 0], strategy)
            assert reference.tolist() == golden[name].tolist(), strategy
            close(reference_first(tokens[:, :, 0, :2], reference), golden[f"reordered_{strategy}"])


def check_rope(golden):
    tokens = torch.from_numpy(golden["tokens"])
    cosine, sine = rotary_tables(torch.from_numpy(golden["pos_yx"]), tokens.shape[-1])
    close(rotate(tokens, cosine[:, None], sine[:, None]), golden["out"])


def check_uvpe(golden):
    for name in golden:
        if not name.endswith("_args"):
            channels, h, w, height, width = golden[f"{name}_args"].tolist()
            close(position_code(channels, h, w, aspect=width / height, like=torch.empty(0)), golden[name])


def check_swiglu(golden):
    module = GatedMlp(golden["x"].shape[-1])
    names = {"w12.weight": "w12", "w12.bias": "b12", "w3.weight": "w3", "w3.bias": "b3"}
    module.load_state_dict({name: torch.from_numpy(golden[ours]) for name, ours in names.items()})
    close(module(torch.from_numpy(golden["x"])), golden["y"])


def check_umeyama(golden):
    for name in golden:
        if not name.endswith("_s"):
            continue
        case = name.removesuffix("_s")
        given = torch.from_numpy(golden[f"{case}_input_ext"])
        predicted = homogeneous(torch.from_numpy(golden[f"{case}_pred_ext"]))
        source, target = (invert_rigid(x.double())[:, :3, 3] for x in (given, predicted))
        similarity = (umeyama_ransac if case.endswith("ransac") else umeyama)(source, target)
        close(similarity.scale, golden[name])
        close(similarity.rotation, golden[f"{case}_r"])
        close(similarity.translation, golden[f"{case}_t"])
        close(similarity.move_cameras(given), golden[f"{case}_aligned"], atol=1e-5)


def check_raypose(golden):
    ray, confidence = torch.from_numpy(golden["ray"]), torch.from_numpy(golden["ray_conf"])
    height, width = golden["HW"].tolist()
    world_to_camera, intrinsics = cameras_from_rays(ray, confidence, height, width)
    close(world_to_camera[..., :3, :], golden["extrinsics"], atol=1e-4)
    close(intrinsics, golden["intrinsics"], atol=1e-2)
    close(invert_rigid(world_to_camera), golden["c2w"], atol=1e-4)
    focal = 2 * intrinsics[..., [0, 1], [0, 1]] / torch.tensor([width, height])
    close(focal, golden["focal"], atol=1e-4)
    close(2 * intrinsics[..., :2, 2] / torch.tensor([width, height]), golden["pp"], atol=1e-4)


CHECKS = {
    "func_pose": check_pose,
    "func_refview": check_refview,
    "func_rope": check_rope,
    "func_uvpe": check_uvpe,
    "func_swiglu": check_swiglu,
    "func_umeyama": check_umeyama,
    "func_raypose": check_raypose,
}


def test_function_case(function_case):
    golden, _ = read_case(function_case)
    names = [name for name in CHECKS if function_case.stem.startswith(name)]
    assert names, f"no check for {function_case.name}"
    with torch.inference_mode():
        CHECKS[names[0]](golden)


def test_the_bundled_vectors_are_there():
    bundled = {path.stem for path in (GOLDEN / "da3").glob("*")}
    assert set(CHECKS) <= bundled
    assert any(stem.startswith("net_") for stem in bundled)
