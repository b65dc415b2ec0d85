"""How much memory a run will need, before it starts.

The estimate is a sum of four terms that follow from the architecture, each times a factor measured on real
runs. `tests/benchmarks/memory_calibration.py` makes the runs (one process each, peak resident memory) and
prints the factors; they were fitted for float32 on a CPU by non-negative least squares.
"""

from dataclasses import dataclass

from fast3dis_core.config import PATCH_SIZE, ModelConfig, model_size

FLOAT = 4  # bytes
# fitted factors, see the module docstring
PROCESS = 420e6  # bytes of a process that has imported everything and runs nothing
PER_WEIGHT = 1.0
PER_TOKEN_CHANNEL = 30.0
PER_CHUNK_PIXEL_CHANNEL = 6.0
PER_PIXEL_CHANNEL = 1.0
SPREAD = 0.25  # largest relative error among the calibration runs, rounded up


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
    """What memory grows with, in bytes: weights, tokens, a chunk in the depth head, maps of all views."""
    backbone = model_size(config.size).backbone
    tokens = views * (1 + (height // PATCH_SIZE) * (width // PATCH_SIZE))
    pixels = height * width
    return (
        FLOAT * parameter_count(config),
        FLOAT * tokens * backbone.embed_dim,
        FLOAT * min(views, chunk_views) * pixels * backbone.features,
        FLOAT * views * pixels * config.channels / 16,  # mask features are at a quarter of the resolution
    )


def estimate_memory(
    config: ModelConfig, *, views: int, height: int, width: int, chunk_views: int = 8
) -> MemoryEstimate:
    """Peak memory of load, encode, decode and assemble together, in float32.

    Parameters
    ----------
    config : ModelConfig
    views : int
    height, width : int
        Network size in pixels.
    chunk_views : int
    """
    terms = memory_terms(config, views=views, height=height, width=width, chunk_views=chunk_views)
    factors = (PER_WEIGHT, PER_TOKEN_CHANNEL, PER_CHUNK_PIXEL_CHANNEL, PER_PIXEL_CHANNEL)
    return MemoryEstimate(bytes=round(PROCESS + sum(k * term for k, term in zip(factors, terms, strict=True))))


def parameter_count(config: ModelConfig) -> int:
    """Number of parameters of a configuration, without building it in memory."""
    import torch

    from fast3dis_core.model.fast3dis import Fast3DIS

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Fast3DIS(config).parameters())
