import pytest

from fast3dis_core.config import ModelConfig
from fast3dis_core.inference.memory import SPREAD, estimate_memory, parameter_count
from fast3dis_core.model.fast3dis import Fast3DIS

MEASURED = [  # peak resident memory in GB of calibration runs
    ("nano", 8, 168, 224, 0.50),
    ("nano", 24, 378, 504, 1.34),
    ("small", 8, 378, 504, 1.64),
    ("base", 2, 378, 504, 1.37),
    ("base", 10, 378, 504, 2.43),
]


@pytest.mark.parametrize(("size", "views", "height", "width", "peak"), MEASURED)
def test_estimates_hold_the_measured_runs(size, views, height, width, peak):
    shape = {"views": views, "height": height, "width": width}
    estimate = estimate_memory(ModelConfig.for_size(size), early_cloud=False, **shape)
    assert estimate.low <= peak * 1e9 <= estimate.high
    assert estimate.high - estimate.low == pytest.approx(2 * SPREAD * estimate.bytes, rel=1e-6)


def test_more_views_pixels_and_larger_chunks_need_more():
    config = ModelConfig.for_size("small")
    base = estimate_memory(config, views=8, height=280, width=378).bytes
    assert estimate_memory(config, views=9, height=280, width=378).bytes > base
    assert estimate_memory(config, views=8, height=378, width=504).bytes > base
    assert estimate_memory(config, views=8, height=280, width=378, chunk_views=1).bytes < base
    assert estimate_memory(ModelConfig.for_size("giant"), views=8, height=280, width=378).bytes > base + 4e9


def test_an_early_cloud_is_counted_and_holds_fifty_views():
    """As `tests/benchmarks/fifty_views.py nano` measured it: 2.08 GB."""
    config, shape = ModelConfig.for_size("nano"), {"views": 50, "height": 378, "width": 504}
    late, early = (estimate_memory(config, early_cloud=early, **shape) for early in (False, True))
    assert early.bytes - late.bytes == 20 * 50 * 378 * 504
    assert early.low <= 2.08e9 <= early.high


def test_parameters_are_counted_without_building_them():
    config = ModelConfig.for_size("nano", num_queries=3)
    assert parameter_count(config) == sum(parameter.numel() for parameter in Fast3DIS(config).parameters())
