"""How long a run will take, about, before it starts.

The estimate is a sum of terms that follow from the architecture, each times a factor measured on real runs, over the
speed of a matrix product that is timed on the spot, so that it holds for this device as it is today.
`tests/benchmarks/time_calibration.py` makes the runs and prints the factors; they were fitted for float32 on a CPU by
non-negative least squares. Another device, or the load of other programs, is corrected by what earlier runs took,
which is left to the caller.
"""

import time
from functools import lru_cache

import torch

from fast3dis_core.config import PATCH_SIZE, ModelConfig, model_size

OVERHEAD = 0.3  # seconds of a run whatever the photos
READING = 0.05  # seconds per photo, from disk to network size
PROBE = 1024  # side of the matrices whose product is timed
PROBE_ROUNDS = 5
# fitted, see the module docstring: operations at the probe's speed that take as long as one unit of `work_terms`
FACTORS = (1.4, 2.2, 23.0, 7.2)


def work_terms(
    config: ModelConfig, *, views: int, height: int, width: int, given_geometry: bool = False
) -> tuple[float, ...]:
    """What time grows with: linear layers and attention of the backbone, depth head, pixel decoder.

    The first two are floating-point operations, the others pixels times squared channels.

    Parameters
    ----------
    config : ModelConfig
    views : int
    height, width : int
        Network size in pixels.
    given_geometry : bool
        Whether the geometry pass is left out.
    """
    backbone = model_size(config.size).backbone
    tokens = 1 + (height // PATCH_SIZE) * (width // PATCH_SIZE)
    passes = 1 if given_geometry else 2
    wide, depth = backbone.embed_dim, backbone.depth
    linear = passes * views * tokens * 24 * wide**2 * depth
    alternating = max(0, depth - backbone.alternating_start) // 2 if backbone.alternating_start >= 0 else 0
    context = alternating * views * tokens + (depth - alternating) * tokens
    attention = passes * 4 * views * tokens * context * wide
    pixels = views * height * width
    head = 0.0 if given_geometry else pixels * backbone.features**2
    return float(linear), float(attention), float(head), float(pixels * config.channels**2)


def estimate_seconds(
    config: ModelConfig, *, views: int, height: int, width: int, device: torch.device, given_geometry: bool = False
) -> float:
    """Seconds from photos to instances, with the model loaded.

    Parameters
    ----------
    config, views, height, width, given_geometry
        As in `work_terms`.
    device : torch.device
    """
    terms = work_terms(config, views=views, height=height, width=width, given_geometry=given_geometry)
    work = sum(factor * term for factor, term in zip(FACTORS, terms, strict=True))
    return OVERHEAD + READING * views + work / measured_speed(device)


@lru_cache(maxsize=8)
def measured_speed(device: torch.device) -> float:
    """Floating-point operations per second of a large matrix product, measured once."""
    side = torch.randn(PROBE, PROBE, device=device)
    best = float("inf")
    for _ in range(PROBE_ROUNDS + 1):  # the first one warms up
        began = time.perf_counter()
        product = side @ side
        product[0, 0].item()  # waits for the device
        best = min(best, time.perf_counter() - began)
    return float(2 * PROBE**3 / best)
