"""Weights and images that golden cases name by a recipe instead of storing them."""

import dataclasses
import functools
import json
import re
import zlib

import numpy as np
import torch

from fast3dis_core.config import MODEL_SIZES, DepthAnything3Config, ModelSize
from fast3dis_core.model.depth_anything3 import DepthAnything3

TINY_GIANT = DepthAnything3Config(
    embed_dim=128,
    depth=14,
    num_heads=2,
    ffn="swiglu",
    out_layers=(7, 9, 11, 13),
    features=32,
    out_channels=(16, 32, 64, 64),
    alternating_start=5,
    qk_norm_start=5,
    rope_start=5,
)
TINY_METRIC = DepthAnything3Config(
    embed_dim=384,
    depth=12,
    num_heads=6,
    out_layers=(2, 5, 8, 11),
    features=64,
    out_channels=(48, 96, 192, 384),
    concatenate_local=False,
    head="dpt",
    cameras=False,
)
PRESETS = (
    {row.preset: row for row in MODEL_SIZES.values()}
    | dict(MODEL_SIZES)
    | {
        "nested": MODEL_SIZES["nested-giant-large"],
        "tiny-giant": ModelSize(preset="tiny-giant", backbone=TINY_GIANT),
        "tiny-metric": ModelSize(preset="tiny-metric", backbone=TINY_METRIC),
    }
)
# names of golden metadata that differ from ours
CONFIG_NAMES = {
    "alt_start": "alternating_start",
    "qknorm_start": "qk_norm_start",
    "cat_token": "concatenate_local",
}
# follow from other values, or are the same in every network
DERIVED = {"head_dim_in", "cam_enc_dim", "cam_dec_dim", "head_dim", "ffn_hidden", "output_dim", "patch_size"}


def read_case(path):
    """Arrays and metadata of a golden file."""
    with np.load(path, allow_pickle=False) as arrays:
        case = {name: arrays[name] for name in arrays.files}
    meta = json.loads(str(case.pop("meta_json"))) if "meta_json" in case else {}
    return case, meta


def model_size_of(meta):
    """Registry row of a golden case, built from its values if it lists them."""
    name = meta["config"]
    if name.startswith("tiny-nested"):
        parts = re.fullmatch(r"tiny-nested: (\S+) \+ (\S+)", name)
        any_view, metric = parts.groups() if parts else ("da3-small", "tiny-metric")
        return ModelSize(preset="tiny-nested", backbone=PRESETS[any_view].backbone, metric=PRESETS[metric].backbone)
    if "config_values" not in meta:
        return PRESETS[name]
    any_view = meta["config_values"].get("alt_start", 0) >= 0
    base = PRESETS[name].backbone if name in PRESETS else PRESETS["da3-small" if any_view else "tiny-metric"].backbone
    known = {field.name for field in dataclasses.fields(DepthAnything3Config)}
    values = {}
    for key, value in meta["config_values"].items():
        field = CONFIG_NAMES.get(key, key)
        if field in DERIVED:
            continue
        assert field in known, f"golden case has an unknown configuration value {key!r}"
        values[field] = tuple(value) if isinstance(value, list) else value
    return ModelSize(preset=name, backbone=dataclasses.replace(base, **values))


@functools.lru_cache(maxsize=1)
def recipe_model(size):
    """`DepthAnything3` of a registry row with the weights of the recipe."""
    with torch.device("meta"):
        model = DepthAnything3(size)
    model.load_state_dict(recipe_state(model), strict=True, assign=True)
    return model.eval()


def recipe_tensor(name, shape):
    """Value of one state-dict entry, named without the leading `model.`."""
    name = re.sub(r"output_conv2_aux\.[123]\.2\.", "output_conv2_aux.0.2.", name)
    normal = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tuple(shape))
    last = name.rsplit(".", 1)[-1]
    if last == "gamma":
        value = 0.5 + 0.1 * normal
    elif last == "bias":
        value = 0.05 * normal + (1.5 if name.endswith("cam_dec.fc_fov.0.bias") else 0.0)
    elif last == "weight" and len(shape) == 1:
        value = 1 + 0.1 * normal
    elif last == "weight":
        value = normal / np.sqrt(np.prod(shape[1:]))
    else:
        value = 0.5 * normal
    return torch.from_numpy(value.astype(np.float32))


def recipe_state(model):
    """State dict of the recipe for a `DepthAnything3`."""
    return {key: recipe_tensor(key.removeprefix("model."), value.shape) for key, value in model.state_dict().items()}


def recipe_image(seed, height, width):
    """Image (H, W, 3) uint8."""
    random = np.random.RandomState(seed)
    coarse = random.randint(0, 256, (-(-height // 14), -(-width // 14), 3))
    fine = random.randint(0, 64, (height, width, 3))
    enlarged = coarse.repeat(14, axis=0).repeat(14, axis=1)[:height, :width]
    return (3 * enlarged // 4 + fine).astype(np.uint8)


def recipe_images(seed, batch, views, height, width):
    """Network input (B, S, 3, H, W) in [0, 1]."""
    images = [[recipe_image(seed + 100 * j + s, height, width) for s in range(views)] for j in range(batch)]
    return torch.from_numpy(np.array(images)).permute(0, 1, 4, 2, 3).float() / 255


def reference_first(values, reference):
    """Views (B, S, ...) with the reference moved to the front."""
    orders = [[r, *(s for s in range(values.shape[1]) if s != r)] for r in reference.tolist()]
    return torch.stack([entry[order] for entry, order in zip(values, orders, strict=True)])
