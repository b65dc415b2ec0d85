"""Facts about runs: steps are measured while they are reported, and a peak can be forgotten."""

import time

import numpy as np
import torch

from fast3dis_core.inference.machine import StepMeter, device_name, forget_peak_memory, peak_memory

CPU = torch.device("cpu")


def test_steps_are_measured_and_passed_on():
    heard = []
    meter = StepMeter(CPU, lambda step, fraction: heard.append((step, fraction)))
    meter("a", 0.0)
    time.sleep(0.03)
    meter("a", 0.5)
    meter("b", 0.0)
    meter("a", 1.0)
    time.sleep(0.03)
    meter.finish()
    meter.finish()
    assert heard == [("a", 0.0), ("a", 0.5), ("b", 0.0), ("a", 1.0)]
    assert list(meter.seconds) == list(meter.peak_memory) == ["a", "b"]
    assert meter.seconds["a"] >= 0.06  # both times together
    assert meter.seconds["b"] < meter.seconds["a"]


def test_a_peak_is_seen_and_where_possible_forgotten():
    before = peak_memory(CPU)["machine"]
    forget_peak_memory(CPU)
    rest = peak_memory(CPU)["machine"]
    assert rest <= before
    block = np.ones(200_000_000, np.uint8)
    high = peak_memory(CPU)["machine"]
    assert high >= rest + 150_000_000 or rest == before
    del block
    assert peak_memory(CPU)["machine"] >= high - 1_000_000  # a peak stays until it is forgotten


def test_the_device_has_a_name():
    assert device_name(CPU).startswith("cpu (")
    assert "thread" in device_name(CPU)
