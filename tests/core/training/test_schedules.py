import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fast3dis_core.config import LossConfig, from_mapping
from fast3dis_core.errors import ConfigError
from fast3dis_core.training.schedules import learning_rate, overlap_weight


def test_overlap_weight_golden(golden_file):
    golden = json.loads(golden_file("losses", "losses.json")[0].read_text())["overlap_schedule"]
    config = LossConfig(overlap_maximum=golden["max"], overlap_floor=golden["floor"])
    for progress, expected in golden["values"]:
        assert overlap_weight(progress, config) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("progress", "expected"), [(0, 0), (0.3, 0.0759), (0.45, 0.2817), (0.6, 1), (0.8, 0.55), (1, 0.1)]
)
def test_overlap_weight_at_the_turning_points(progress, expected):
    assert overlap_weight(progress, LossConfig()) == pytest.approx(expected, abs=5e-5)


@given(st.floats(0, 1), st.floats(0, 1))
def test_overlap_weight_rises_then_falls(one, two):
    early, late = sorted((one, two))
    config = LossConfig()
    if late <= 0.6:
        assert overlap_weight(early, config) <= overlap_weight(late, config) <= config.overlap_maximum
    if early >= 0.6:
        assert overlap_weight(early, config) >= overlap_weight(late, config) >= config.overlap_floor - 1e-12


def test_overlap_weight_is_continuous():
    assert overlap_weight(0.6 - 1e-9, LossConfig()) == pytest.approx(overlap_weight(0.6, LossConfig()), abs=1e-6)


@given(st.floats(0, 1))
def test_ablations_of_the_schedule(progress):
    config = LossConfig(overlap_maximum=2.0, overlap_floor=0.25)
    assert overlap_weight(progress, replace(config, overlap_schedule="off")) == 0
    assert overlap_weight(progress, replace(config, overlap_schedule="fixed")) == 2.0
    assert overlap_weight(progress, replace(config, overlap_schedule="low")) == 0.25


@pytest.mark.parametrize("progress", [-0.01, 1.01, float("nan")])
def test_progress_is_a_share(progress):
    with pytest.raises(ValueError, match="progress"):
        overlap_weight(progress, LossConfig())


@given(st.integers(1, 2000))
def test_learning_rate_peaks_after_warm_up_and_ends_low(total):
    rates = [learning_rate(step, total_steps=total, peak=1.0, final=0.01, warm_up_share=0.025) for step in range(total)]
    warm = max(1, round(0.025 * total))
    assert rates[min(warm, total) - 1] == max(rates) == pytest.approx(1.0)
    assert rates[:warm] == sorted(rates[:warm])
    assert rates[0] > 0
    assert rates[warm:] == sorted(rates[warm:], reverse=True)
    if total > 1:
        assert rates[-1] == pytest.approx(0.01)


def test_learning_rate_is_halfway_down_in_the_middle():
    # 10 steps of warm-up end at step 9, the last step is 399
    assert learning_rate(204, total_steps=400, peak=3.0, final=1.0, warm_up_share=0.025) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"overlap_schedule": "dynamo"}, "dynamic"),
        ({"overlap_wieght": 1.0}, "overlap_wieght"),
        ({"temperature": 0.0}, "temperature"),
        ({"uncertain_share": 1.5}, "uncertain_share"),
        ({"bce_weight": -1.0}, "bce_weight"),
        ({"oversampling": 0.5}, "oversampling"),
    ],
)
def test_impossible_settings_are_refused(changes, named):
    with pytest.raises(ConfigError, match=named):
        from_mapping(LossConfig, changes)
