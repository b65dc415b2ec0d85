"""The whole network against the reference implementation, layer by layer."""

import numpy as np
import pytest
import torch

from fast3dis_core.images import prepare_images
from fast3dis_core.model.depth_anything3.nested import combine
from fast3dis_core.model.depth_anything3.prediction import DepthPrediction
from fast3dis_core.scene import PosedCameras
from tests.core.model.depth_anything3.recipe import (
    model_size_of,
    read_case,
    recipe_image,
    recipe_images,
    recipe_model,
    reference_first,
)

FEATURES = {"rtol": 1e-4, "atol": 5e-5}
MAPS = {"rtol": 1e-4, "atol": 5e-5}
POSES = {"rtol": 1e-4, "atol": 5e-5}
INTRINSICS = {"rtol": 1e-4, "atol": 1e-4}
RAY_POSES = {"rtol": 1e-4, "atol": 1e-4}
RAY_INTRINSICS = {"rtol": 1e-3, "atol": 1e-2}  # a focal of 1e4 pixels hangs on nearly parallel rays
SLICES = {"full": (5, 24), "lite": (11, 48)}  # token and channel step of stored features
OPTIONS = {
    "ref_view_strategy": "reference_strategy",
    "use_ray_pose": "use_ray_pose",
    "export_feat_layers": "export_layers",
}


@torch.inference_mode()
def test_network_case(network_case):
    golden, meta = read_case(network_case)
    size = model_size_of(meta)
    model = recipe_model(size)
    options = options_of(meta)
    if size.backbone.head == "dual_dpt":
        options["rays"] = True
    if "in_extrinsics" in golden:
        options["cameras"] = _cameras(golden)
    images = recipe_images(meta["image_seed0"], meta["B"], meta["S"], meta["H"], meta["W"])
    network = model.model.da3 if size.metric is not None else model.model
    record = Recorder(model, network)
    prediction = model(images, **options)
    record.close()
    checks = Checks(golden, meta, size.backbone, record)
    checks.tokens()
    checks.features(network)
    checks.prediction(prediction, options)
    assert checks.done, "the golden file holds nothing that is compared"
    missed = set(golden) - checks.done
    assert not missed, f"not compared: {sorted(missed)}"


class Recorder:
    """What passes through the modules during one call."""

    def __init__(self, model, network):
        self.block_inputs, self.block_outputs, self.modules = {}, {}, {}
        self.handles = []
        for index, block in enumerate(network.backbone.pretrained.blocks):
            self.handles.append(block.register_forward_pre_hook(self._keep_input(index)))
            self.handles.append(block.register_forward_hook(self._keep_output(self.block_outputs, index)))
        named = {"backbone": network.backbone.pretrained, "head": network.head}
        if network.config.cameras:
            named |= {"cam_enc": network.cam_enc, "cam_dec": network.cam_dec}
        if model.size.metric is not None:
            named |= {"any_view": model.model.da3, "metric": model.model.da3_metric}
        for name, module in named.items():
            self.handles.append(module.register_forward_hook(self._keep_output(self.modules, name)))

    def _keep_input(self, key):
        return lambda _module, inputs: self.block_inputs.__setitem__(key, inputs[0])

    @staticmethod
    def _keep_output(store, key):
        return lambda _module, _inputs, output: store.__setitem__(key, output)

    def close(self):
        for handle in self.handles:
            handle.remove()


class Checks:
    """Comparisons of one case; `done` collects the names that were compared."""

    def __init__(self, golden, meta, config, record):
        self.golden, self.meta, self.config, self.record = golden, meta, config, record
        self.done = {name for name in golden if name.startswith("in_")}
        self.backbone = record.modules["backbone"]

    def close(self, name, actual, **tolerance):
        if name in self.golden:
            self.done.add(name)
            expected = torch.from_numpy(np.asarray(self.golden[name]))
            torch.testing.assert_close(
                actual, expected, check_dtype=False, **tolerance, msg=lambda text: f"{name}: {text}"
            )

    def by_view(self, tokens, *, from_block):
        """Tokens (B, S, T, D) in the reference implementation's order of views."""
        tokens = tokens.reshape(self.meta["B"], self.meta["S"], -1, tokens.shape[-1])
        if from_block < self.config.alternating_start - 1 or self.backbone.reference is None:
            return tokens
        return reference_first(tokens, self.backbone.reference)

    def tokens(self):
        last = max(self.record.block_outputs)
        for name in self.golden:
            if name.startswith("blk") and int(name[3:5]) > last:
                pytest.fail(f"{name}: that block is not run")
        kinds = {"x0_slice": (self.record.block_inputs[0], 0)}
        kinds |= {f"blk{i:02d}_slice": (output, i) for i, output in self.record.block_outputs.items()}
        for name, (tokens, block) in kinds.items():
            x = self.by_view(tokens, from_block=block if name != "x0_slice" else -1)
            count = x.shape[2]
            self.close(name, x[:, :, [0, 1, count // 2, count - 1], ::16], **FEATURES)
        if "ref_cls_tokens" in self.golden:
            before = self.record.block_inputs[self.config.alternating_start - 1]
            x = before.reshape(self.meta["B"], self.meta["S"], -1, before.shape[-1])
            self.close("ref_cls_tokens", x[:, :, 0], **FEATURES)

    def features(self, network):
        token_step, channel_step = SLICES[self.meta.get("slice_level", "full")]
        for k, feature in enumerate(self.backbone.features):
            self.close(f"feat{k}_slice", feature[:, :, ::token_step, ::channel_step], **FEATURES)
            self.close(f"feat{k}_absmean", feature.double().abs().mean(dim=(2, 3)), **FEATURES)
            self.close(f"camtok{k}_slice", self.backbone.camera_tokens[k][:, :, ::8], **FEATURES)
        for layer, exported in self.backbone.exported.items():
            reordered = self.by_view(exported, from_block=layer).reshape(exported.shape)
            self.close(f"aux_feat_layer_{layer}_slice", reordered[..., ::24], **FEATURES)
        if self.backbone.reference is not None:
            self.close("ref_idx", self.backbone.reference, rtol=0, atol=0)
        if "cam_enc" in self.record.modules:
            self.close("cam_token", self.record.modules["cam_enc"], **FEATURES)
        if network.config.cameras:
            self.close("pose_enc", network.cam_dec(self.backbone.camera_tokens[-1]), **POSES)

    def prediction(self, prediction, options):
        step = self.meta.get("map_step", 1)
        self.close("depth", prediction.depth[..., ::step, ::step], **MAPS)
        if prediction.confidence is not None:
            self.close("depth_conf", prediction.confidence[..., ::step, ::step], **MAPS)
        if prediction.ray is not None:
            coarse = 2 * step
            self.close("ray", prediction.ray[:, :, ::coarse, ::coarse], **MAPS)
            self.close("ray_conf", prediction.ray_confidence[:, :, ::coarse, ::coarse], **MAPS)
        if prediction.world_to_camera is not None:
            from_rays = options.get("use_ray_pose", False)
            self.close("extrinsics", prediction.world_to_camera[..., :3, :], **(RAY_POSES if from_rays else POSES))
            self.close("intrinsics", prediction.intrinsics, **(RAY_INTRINSICS if from_rays else INTRINSICS))
        if prediction.sky is not None:
            self.close("sky", prediction.sky[..., ::step, ::step], **MAPS)
            raw = self.record.modules["head"]
            if "raw_depth" in self.golden:
                self.close("raw_depth", raw[0].reshape(prediction.depth.shape)[..., ::step, ::step], **MAPS)
        if prediction.scale is not None:
            self.close("scale_factor", prediction.scale, rtol=1e-4, atol=0)
            self.nested_parts(step)

    def nested_parts(self, step):
        any_view, metric = self.record.modules["any_view"], self.record.modules["metric"]
        self.close("any_depth", any_view.depth[..., ::step, ::step], **MAPS)
        self.close("any_conf", any_view.confidence[..., ::step, ::step], **MAPS)
        self.close("any_extrinsics", any_view.world_to_camera[..., :3, :], **POSES)
        self.close("any_intrinsics", any_view.intrinsics, **INTRINSICS)
        self.close("metric_depth", metric.depth[..., ::step, ::step], **MAPS)
        self.close("metric_sky", metric.sky[..., ::step, ::step], **MAPS)


def test_combination_alone(nested_case):
    golden, meta = read_case(nested_case)
    if meta.get("map_step", 1) != 1:
        pytest.skip("the maps of this case are not complete")
    inputs = {name: torch.from_numpy(value) for name, value in golden.items() if name.startswith(("any_", "metric_"))}
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(*inputs["any_extrinsics"].shape[:2], 1, 4)
    result = combine(
        DepthPrediction(
            depth=inputs["any_depth"],
            confidence=inputs["any_conf"],
            world_to_camera=torch.cat([inputs["any_extrinsics"], bottom], dim=-2),
            intrinsics=inputs["any_intrinsics"],
        ),
        inputs["metric_depth"],
        inputs["metric_sky"],
    )
    assert result.is_metric
    for name, value in {
        "depth": result.depth,
        "depth_conf": result.confidence,
        "extrinsics": result.world_to_camera[..., :3, :],
        "scale_factor": result.scale,
    }.items():
        expected = torch.from_numpy(np.asarray(golden[name]))
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6, check_dtype=False)


@torch.inference_mode()
def test_api_case(api_case):
    golden, meta = read_case(api_case)
    model = recipe_model(model_size_of(meta))
    sizes = golden["sizes_hw"]
    arrays = [recipe_image(meta["image_seed0"] + i, *size) for i, size in enumerate(sizes.tolist())]
    images, source_to_network = prepare_images(arrays, long_edge=meta["process_res"], method=meta["process_res_method"])
    levels = (images * 255).round().permute(0, 2, 3, 1).numpy()
    assert np.abs(levels - golden["processed_images"]).max() <= 1
    if not meta["posed"]:
        _compare_api(model(images[None], **options_of(meta)), golden, "")
        return
    intrinsics = (source_to_network @ torch.from_numpy(golden["in_intrinsics"]).double()).float()
    cameras = PosedCameras(world_to_camera=torch.from_numpy(golden["in_extrinsics"])[None], intrinsics=intrinsics[None])
    for prefix, keep_given_scale in (("", True), ("noscale_", False)):
        if f"{prefix}depth" in golden:
            prediction = model.forward_posed(
                images[None], cameras, keep_given_scale=keep_given_scale, **options_of(meta)
            )
            _compare_api(prediction, golden, prefix)


def options_of(meta):
    """Options of the call; those we do not have must be switched off."""
    options = meta.get("kwargs", {})
    foreign = {name: value for name, value in options.items() if name not in OPTIONS and value}
    assert not foreign, f"golden case has unknown options {foreign}"
    return {OPTIONS[name]: value for name, value in options.items() if name in OPTIONS}


def _compare_api(prediction, golden, prefix):
    expected = {name: torch.from_numpy(golden[name]) for name in golden}
    torch.testing.assert_close(prediction.depth[0], expected[f"{prefix}depth"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(prediction.intrinsics[0], expected[f"{prefix}intrinsics"], rtol=1e-4, atol=1e-4)
    extrinsics = expected[f"{prefix}extrinsics"].float()
    torch.testing.assert_close(
        prediction.world_to_camera[0, :, : extrinsics.shape[1]], extrinsics, rtol=1e-4, atol=1e-4
    )
    if prediction.confidence is not None and not prefix:
        torch.testing.assert_close(prediction.confidence[0], expected["conf"], rtol=1e-4, atol=1e-5)


def _cameras(golden):
    return PosedCameras(
        world_to_camera=torch.from_numpy(golden["in_extrinsics"]), intrinsics=torch.from_numpy(golden["in_intrinsics"])
    )
