"""Settings as frozen values, and `MODEL_SIZES`, the one registry of model sizes.

Every field has a default and half a line of reason. A mapping from outside (a checkpoint's metadata, a TOML file)
becomes a value through `from_mapping`, which refuses unknown keys and names the nearest known one. Numbers of the
backbones: Depth Anything 3, `da3` presets; of the FAST3DIS decoder: paper 3.3-3.5 where stated, Mask2Former where not.
"""

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from fast3dis_core.errors import ConfigError

PATCH_SIZE = 14  # pixels; every network input side is a multiple of it

Ffn = Literal["mlp", "swiglu"]
HeadKind = Literal["dual_dpt", "dpt"]
ReferenceStrategy = Literal["saddle_balanced", "saddle_sim_range", "middle", "first"]
OverlapSchedule = Literal["dynamic", "fixed", "low", "off"]
TrainingStage = Literal["geometry", "instances"]
TrainingData = Literal["procedural-rooms", "aria-synthetic"]
Precision = Literal["auto", "float32", "bfloat16"]
GeometrySource = Literal["predicted", "posed", "given"]  # or cameras, or cameras and depth, that came with the photos


@dataclass(frozen=True, kw_only=True)
class DepthAnything3Config:
    """Architecture of one Depth Anything 3 network.

    A start of -1 switches alternation, q/k norm or rotary positions off (the monocular networks).
    """

    embed_dim: int
    depth: int
    num_heads: int
    out_layers: tuple[int, int, int, int]
    features: int  # channels of the fusion blocks of the depth head
    out_channels: tuple[int, int, int, int]
    ffn: Ffn = "mlp"
    alternating_start: int = -1  # first block with global attention allowed; camera token enters here
    qk_norm_start: int = -1
    rope_start: int = -1
    concatenate_local: bool = True  # features are (last local block, this block); off: this block only
    head: HeadKind = "dual_dpt"
    cameras: bool = True  # camera encoder and decoder present
    camera_encoder_heads: int = 16  # whatever the width: upstream's choice

    @property
    def feature_dim(self) -> int:
        """Channels of each out-layer feature."""
        return self.embed_dim * (2 if self.concatenate_local else 1)


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """One row of the registry.

    `preset` is the upstream name in a checkpoint's `config.json`. `metric` is the second, monocular
    network of the nested model. `channels` and `num_layers` size the FAST3DIS decoder.
    """

    preset: str
    backbone: DepthAnything3Config
    metric: DepthAnything3Config | None = None
    resolution: int = 504  # long edge it was trained around, pixels: the default for photos
    channels: int = 256
    num_layers: int = 9
    num_heads: int = 8
    ffn_channels: int = 2048


def _any_view(
    width: int,
    depth: int,
    heads: int,
    start: int,
    out: tuple[int, int, int, int],
    features: int,
    channels: tuple[int, int, int, int],
    ffn: Ffn = "mlp",
) -> DepthAnything3Config:
    return DepthAnything3Config(
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        ffn=ffn,
        out_layers=out,
        features=features,
        out_channels=channels,
        alternating_start=start,
        qk_norm_start=start,
        rope_start=start,
    )


_WIDE = (256, 512, 1024, 1024)
_GIANT = _any_view(1536, 40, 24, 13, (19, 27, 33, 39), 256, _WIDE, "swiglu")
_MONOCULAR = DepthAnything3Config(
    embed_dim=1024,
    depth=24,
    num_heads=16,
    out_layers=(4, 11, 17, 23),
    features=256,
    out_channels=_WIDE,
    concatenate_local=False,
    head="dpt",
    cameras=False,
)

MODEL_SIZES: Mapping[str, ModelSize] = {
    # bundled and trained here, for rendered rooms: small enough for two CPU cores
    "nano": ModelSize(
        preset="nano",
        backbone=_any_view(192, 12, 3, 4, (5, 7, 9, 11), 32, (32, 64, 128, 128)),
        channels=128,
        num_layers=6,
        ffn_channels=256,
        resolution=112,
    ),
    "small": ModelSize(preset="da3-small", backbone=_any_view(384, 12, 6, 4, (5, 7, 9, 11), 64, (48, 96, 192, 384))),
    "base": ModelSize(preset="da3-base", backbone=_any_view(768, 12, 12, 4, (5, 7, 9, 11), 128, (96, 192, 384, 768))),
    "large": ModelSize(preset="da3-large", backbone=_any_view(1024, 24, 16, 8, (11, 15, 19, 23), 256, _WIDE)),
    "giant": ModelSize(preset="da3-giant", backbone=_GIANT),
    "nested-giant-large": ModelSize(preset="da3nested-giant-large", backbone=_GIANT, metric=_MONOCULAR),
    # one view at a time, no cameras: parts of the nested model, usable alone through DepthAnything3
    "metric-large": ModelSize(preset="da3metric-large", backbone=_MONOCULAR),
    "mono-large": ModelSize(preset="da3mono-large", backbone=_MONOCULAR),
}


def model_size(name: str) -> ModelSize:
    """Row of `MODEL_SIZES`.

    Raises
    ------
    ConfigError
        For an unknown name; the message names the nearest known one.
    """
    if name not in MODEL_SIZES:
        raise ConfigError(
            f"Unknown model size {name!r}: expected one of {', '.join(MODEL_SIZES)}{_did_you_mean(name, MODEL_SIZES)}."
        )
    return MODEL_SIZES[name]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """FAST3DIS on one backbone (paper 3.1-3.5). Stored beside the weights in a checkpoint."""

    size: str = "base"
    num_queries: int = 80  # N_a = N_q of the paper, from the object counts of its training scenes
    channels: int = 256  # C; Mask2Former
    num_layers: int = 9  # L; three rounds over three levels, Mask2Former
    num_heads: int = 8
    ffn_channels: int = 2048
    lora_rank: int = 16
    lora_alpha: float = 16.0  # scale alpha / rank = 1

    def __post_init__(self) -> None:
        for name in ("num_queries", "channels", "num_layers", "num_heads", "ffn_channels", "lora_rank"):
            _between(name, getattr(self, name), 1, float("inf"))
        if self.channels % self.num_heads or self.channels % 2:  # a head has its share, sine and cosine a half each
            raise ConfigError(f"channels must be even and a multiple of {self.num_heads} heads, found {self.channels}.")

    @classmethod
    def for_size(cls, size: str, **changes: Any) -> "ModelConfig":
        """Defaults of a size, with any field changed.

        Raises
        ------
        ConfigError
            For an unknown size, an unknown field, or a size without cameras.
        """
        row = model_size(size)
        if not row.backbone.cameras:
            raise ConfigError(
                f"Size {size!r} sees one view at a time and has no cameras: choose nano, small, base, "
                "large, giant or nested-giant-large."
            )
        defaults = {
            "size": size,
            "channels": row.channels,
            "num_layers": row.num_layers,
            "num_heads": row.num_heads,
            "ffn_channels": row.ffn_channels,
        }
        return from_mapping(cls, {**defaults, **changes})


@dataclass(frozen=True, kw_only=True)
class InferenceConfig:
    """What turns mask logits into instances (paper 3.5) and which points count.

    The filters are the product's defaults; `paper()` switches them off.
    """

    mask_threshold: float = 0.5  # theta of 3.5; the paper leaves it open, Mask2Former keeps logits > 0
    objectness_threshold: float = 0.3  # delta of 3.5; what is shown and exported by default
    objectness_floor: float = 0.05  # below it a query is not assembled at all
    confidence_percentile: float = 10.0  # points whose depth confidence is in the lowest share are dropped; 0 is off
    depth_edge: float = 0.04  # relative depth jump to a neighbor that marks a flying pixel; 0 is off
    minimum_points: int = 50  # smaller instances are dropped; 0 is off
    duplicate_overlap: float = 0.0  # IoU with a better instance above which one is dropped as a duplicate; 0 is off

    def __post_init__(self) -> None:
        for name in ("mask_threshold", "objectness_threshold", "objectness_floor", "duplicate_overlap"):
            _between(name, getattr(self, name), 0.0, 1.0)
        _between("confidence_percentile", self.confidence_percentile, 0.0, 100.0)
        _between("depth_edge", self.depth_edge, 0.0, float("inf"))
        _between("minimum_points", self.minimum_points, 0, float("inf"))

    @classmethod
    def paper(cls, **changes: Any) -> "InferenceConfig":
        """Section 3.5 as written: thresholds and the union over views, no filter."""
        return from_mapping(cls, {"confidence_percentile": 0.0, "depth_edge": 0.0, "minimum_points": 0, **changes})


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The objective of eq. 9 (paper 3.6). The ablations of section 4.5 are values of these fields.

    Without both regularizers: `contrastive_weight=0, overlap_schedule="off"`. Static penalty:
    `overlap_schedule="fixed"`, or `"low"` for the floor from beginning to end.
    """

    classification_weight: float = 2.0  # these three are Mask2Former's
    bce_weight: float = 5.0
    dice_weight: float = 5.0
    contrastive_weight: float = 1.0  # of eq. 7; the paper leaves it open
    anchor_weight: float = 0.0  # distance to object centers: not in eq. 9, 0.5 where anchors are shown to people
    anchor_cost: float = 0.0  # of that distance in matching, meant to bind queries to regions; not ablated yet
    overlap_schedule: OverlapSchedule = "dynamic"  # warm-up and decay of 3.6
    overlap_maximum: float = 1.0  # a double claim then costs more than a wrong mask pixel
    overlap_floor: float = 0.1  # and less with this: masks may meet at the boundary
    focal_alpha: float = 0.25  # RetinaNet
    focal_gamma: float = 2.0
    temperature: float = 0.1  # tau of eq. 7; SupCon's best
    points: int = 12544  # 112 * 112 mask cells of a scene, in matching and in each mask loss; Mask2Former
    oversampling: float = 3.0  # candidates per point of the mask losses
    uncertain_share: float = 0.75  # of these points, those with logits nearest zero; the rest is uniform
    contrastive_objects: int = 64  # bounds the similarity matrix at 2048 x 2048
    contrastive_points: int = 32  # per object, spread over its views
    minimum_cells: int = 100  # smaller objects count as unlabelled; lower it for masks of a few hundred cells
    ignored_classes: tuple[str, ...] = ()  # unlabelled as well; none, since somebody has to own the wall

    def __post_init__(self) -> None:
        if self.overlap_schedule not in typing.get_args(OverlapSchedule):
            names = typing.get_args(OverlapSchedule)
            raise ConfigError(
                f"overlap_schedule must be one of {', '.join(names)}, found {self.overlap_schedule!r}"
                f"{_did_you_mean(str(self.overlap_schedule), names)}."
            )
        for name in ("classification", "bce", "dice", "contrastive", "anchor"):
            _between(f"{name}_weight", getattr(self, f"{name}_weight"), 0.0, float("inf"))
        for name in ("overlap_maximum", "overlap_floor", "focal_gamma", "anchor_cost"):
            _between(name, getattr(self, name), 0.0, float("inf"))
        for name in ("focal_alpha", "uncertain_share"):
            _between(name, getattr(self, name), 0.0, 1.0)
        for name in ("points", "oversampling", "contrastive_objects", "contrastive_points", "minimum_cells"):
            _between(name, getattr(self, name), 1, float("inf"))
        _between("temperature", self.temperature, 1e-3, float("inf"))  # similarities are divided by it


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One training run of either stage; with the same code and machine it decides every weight that comes out.

    Stage "geometry" trains a backbone from scratch; "instances" trains FAST3DIS on a frozen one (paper 3.1-3.6).
    What may differ between two starts of one run (device, workers, minutes) is left to the command.
    """

    stage: TrainingStage = "instances"
    model: ModelConfig = field(default_factory=lambda: ModelConfig.for_size("nano"))
    # anchors are shown and dragged; masks at the low resolution have 588 cells a view
    loss: LossConfig = field(default_factory=lambda: LossConfig(anchor_weight=0.5, minimum_cells=16))
    data: TrainingData = "procedural-rooms"
    data_root: str = ""  # folder of scenes; rooms are rendered and have none
    scene_share: float = 0.4  # of the scenes in it, chosen by a hash; paper 4.1
    seed: int = 0
    steps: int = 20_000  # of the optimizer; both schedules run over all of them
    scenes_per_step: int = 32
    scenes_per_forward: int = 32  # equal sizes go through together; fewer need less memory
    scenes_per_forward_high: int = 16  # at the high resolution
    learning_rate: float = 1e-4  # peak; Mask2Former, PanSt3R and Mask3D
    final_learning_rate: float = 1e-6
    warm_up_share: float = 0.025
    weight_decay: float = 0.05  # not for norms, biases, embeddings and anchors
    gradient_clip: float = 1.0  # global L2 norm
    precision: Precision = "auto"  # of transformer and decoder; geometry and losses stay in float32
    low_size: tuple[int, int] = (84, 112)  # height, width of most steps
    low_views: tuple[int, int] = (3, 4)  # least and most
    high_size: tuple[int, int] = (168, 224)
    high_views: tuple[int, int] = (2, 8)
    high_share: float = 0.25  # of the steps, the last ones
    rooms: int = 4000  # rendered once, then reused with augmentation
    first_room: int = 0  # seed of the first; validation has seeds of its own
    room_views: int = 8  # rendered per room; windows are cut out of them. Scenes of a folder have their own
    posed_share: float = 1 / 3  # of the geometry steps that see the true cameras
    given_geometry_share: float = 0.25  # of the instance steps that see the true geometry, else predicted
    augment: bool = True
    log_every: int = 50  # steps, as the next four
    save_every: int = 500
    validate_every: int = 1000
    picture_every: int = 2000
    validation_rooms: int = 16  # of a folder the last scenes, which are never trained on
    validation_views: int = 6

    def __post_init__(self) -> None:
        for name, known in (("stage", TrainingStage), ("data", TrainingData), ("precision", Precision)):
            if getattr(self, name) not in typing.get_args(known):
                raise ConfigError(f"{name} must be one of {typing.get_args(known)}, found {getattr(self, name)!r}.")
        counts = ("scenes_per_step", "scenes_per_forward", "scenes_per_forward_high", "rooms", "steps")
        for name in (*counts, "log_every", "save_every", "validate_every", "picture_every", "validation_rooms"):
            _between(name, getattr(self, name), 1, float("inf"))
        rooms = self.data == "procedural-rooms"
        if rooms == bool(self.data_root):
            wanted = "no data_root, since rooms are rendered" if rooms else "data_root, the folder of its scenes"
            raise ConfigError(f"data {self.data!r} needs {wanted}; found data_root {self.data_root!r}.")
        for name in ("warm_up_share", "high_share", "posed_share", "given_geometry_share", "scene_share"):
            _between(name, getattr(self, name), 0.0, 1.0)
        for name in ("seed", "first_room", "learning_rate", "final_learning_rate", "weight_decay"):
            _between(name, getattr(self, name), 0, float("inf"))
        _between("gradient_clip", self.gradient_clip, 1e-9, float("inf"))
        most_views = self.room_views if rooms else float("inf")
        _between("validation_views", self.validation_views, 2, most_views)
        for name in ("low_views", "high_views"):
            least, most = getattr(self, name)
            _between(f"{name}[1]", most, least, most_views)
            _between(f"{name}[0]", least, 2, most)
        for name in ("low_size", "high_size"):
            if any(side < PATCH_SIZE or side % PATCH_SIZE for side in getattr(self, name)):
                raise ConfigError(f"{name} needs multiples of {PATCH_SIZE}, found {getattr(self, name)}.")


Config = TypeVar("Config")


def from_mapping(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a config dataclass from plain values, refusing what it does not know.

    Parameters
    ----------
    kind : dataclass type
    values : mapping
        Field names to values. Lists become tuples where the field is a tuple.

    Raises
    ------
    ConfigError
        For an unknown field (the nearest known one is named), a missing field or a value of another type.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    kwargs: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise ConfigError(
                f"{kind.__name__} has no setting {name!r}: expected one of {', '.join(fields)}"
                f"{_did_you_mean(name, fields)}."
            )
        kwargs[name] = _convert(f"{kind.__name__}.{name}", hints[name], value)
    try:
        return kind(**kwargs)
    except TypeError as error:
        raise ConfigError(f"{kind.__name__} is incomplete: {error}.") from error


def to_mapping(config: Any) -> dict[str, Any]:
    """Plain values of a config dataclass; `from_mapping` reverses it."""
    return dataclasses.asdict(config)


def _convert(name: str, hint: Any, value: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (int, float, str, bool):
        if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
            raise ConfigError(f"{name} must be of type {hint.__name__}, found {value!r}.")
    elif typing.get_origin(hint) is tuple:
        kinds = typing.get_args(hint)
        many = kinds[-1] is Ellipsis
        if not isinstance(value, list | tuple) or not (many or len(value) == len(kinds)):
            raise ConfigError(f"{name} must be a list{'' if many else f' of {len(kinds)}'}, found {value!r}.")
        kinds = kinds[:1] * len(value) if many else kinds
        return tuple(_convert(f"{name}[{index}]", kinds[index], item) for index, item in enumerate(value))
    return value


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also false for NaN
        raise ConfigError(f"{name} must lie between {low:g} and {high:g}, found {value!r}.")


def _did_you_mean(name: str, known: Any) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
