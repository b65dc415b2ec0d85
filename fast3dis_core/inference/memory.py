"""How much memory a run will need, before it starts.

The estimate is a sum of terms that follow from the architecture, each times a factor measured on real runs.
`tests/benchmarks/memory_calibration.py` makes the runs (one process each, peak resident memory) and prints
the factors; they were fitted for float32 on a CPU by non-negative least squares. Nothing larger than `base`
was measured.
"""

from dataclasses import dataclass

from fast3dis_core.config import PATCH_SIZE, ModelConfig, model_size

FLOAT = 4  # bytes
CLOUD = 20  # bytes of a point: position, color, confidence, valid
# fitted, see the module docstring
PROCESS = 334e6  # bytes of a process that has imported everything and runs nothing
FACTORS = (1.06, 1.0, 1.29, 2.63)  # of `memory_terms`; the second is not fitted, the features are held for certain
SPREAD = 0.15  # largest relative error among the calibration runs, rounded up


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Peak memory of a run.

    Attributes
    ----------
    bytes : int
        Most likely value.
    low, high : int
        Range that held all calibration runs.
    """

    bytes: int

    @property
    def low(self) -> int:
        """Lower end of the range."""
        return round(self.bytes * (1 - SPREAD))

    @property
    def high(self) -> int:
        """Upper end of the range."""
        return round(self.bytes * (1 + SPREAD))


def memory_terms(config: ModelConfig, *, views: int, height: int, width: int, chunk_views: int) -> tuple[float, ...]:
    """What memory grows with, in bytes: weights, backbone features, a chunk in the depth head, mask features."""
    backbone = model_size(config.size).backbone
    tokens = views * (1 + (height // PATCH_SIZE) * (width // PATCH_SIZE))
    pixels = height * width
    return (
        FLOAT * parameter_count(config),
        FLOAT * tokens * backbone.feature_dim * len(backbone.out_layers),
        FLOAT * min(views, chunk_views) * pixels * backbone.features,
        FLOAT * views * pixels * config.channels / 16,  # a quarter of the resolution on each side
    )


def estimate_memory(
    config: ModelConfig, *, views: int, height: int, width: int, chunk_views: int = 8, early_cloud: bool = True
) -> MemoryEstimate:
    """Peak memory of load, encode, decode and assemble together, in float32.

    Parameters
    ----------
    config : ModelConfig
    views : int
    height, width : int
        Network size in pixels.
    chunk_views : int
    early_cloud : bool
        Whether the cloud is built, to be looked at, before the features are computed, as the viewer does. The runs
        that the factors were fitted to built it at their end.
    """
    terms = memory_terms(config, views=views, height=height, width=width, chunk_views=chunk_views)
    cloud = CLOUD * views * height * width if early_cloud else 0
    return MemoryEstimate(bytes=round(PROCESS + cloud + sum(k * term for k, term in zip(FACTORS, terms, strict=True))))


def parameter_count(config: ModelConfig) -> int:
    """Number of parameters of a configuration, without building it in memory."""
    import torch

    from fast3dis_core.model.fast3dis import Fast3DIS

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Fast3DIS(config).parameters())
