"""Time the steps of real runs and fit the factors of `fast3dis_core.inference.run_time`.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.time_calibration

Runs use random weights and one thread. Processor time counts, of the runs and of the matrix product they are compared
with, so that other programs disturb little. The feature pass tells of linear layers and attention, what the geometry
pass takes longer of the depth head, the pixel decoder of itself.
"""

import sys
import time

import numpy as np
import torch
from scipy.optimize import nnls

from fast3dis_core import decode_queries, encode_scene, load_model
from fast3dis_core.inference.run_time import FACTORS, PROBE, PROBE_ROUNDS, work_terms
from fast3dis_core.scene import ViewBatch

RUNS = [
    ("nano", 9, 168, 224),
    ("nano", 30, 84, 112),
    ("small", 2, 378, 504),
    ("small", 6, 378, 504),
    ("base", 2, 378, 504),
    ("base", 4, 280, 378),
]


class Clock:
    """Processor seconds by step; a `report`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._step, self._since = "", 0.0

    def __call__(self, step: str, fraction: float) -> None:
        now = time.process_time()
        self.seconds[self._step] = self.seconds.get(self._step, 0.0) + now - self._since
        self._step, self._since = step, now


def speed() -> float:
    """Operations per processor second of the product that `measured_speed` times by the clock on the wall."""
    side, best = torch.randn(PROBE, PROBE), float("inf")
    for _ in range(PROBE_ROUNDS):
        began = time.process_time()
        side @ side
        best = min(best, time.process_time() - began)
    return 2 * PROBE**3 / best


def calibrate() -> None:
    """Run all, fit, and write factors and errors."""
    torch.set_num_threads(1)
    terms, steps, whole = [], [], []
    for size, views, height, width in RUNS:
        model = load_model(size, weights="random", device="cpu")
        batch = ViewBatch(
            images=torch.rand(views, 3, height, width),
            names=tuple(str(index) for index in range(views)),
            source_sizes=torch.tensor([[height, width]] * views),
            source_to_network=torch.eye(3, dtype=torch.float64).repeat(views, 1, 1),
        )
        unit, clock = speed(), Clock()
        began = time.process_time()
        decode_queries(model, encode_scene(model, batch, report=clock))
        whole.append((time.process_time() - began) * unit)
        clock("", 1.0)
        steps.append([clock.seconds[name] * unit for name in ("Geometry pass", "Feature pass", "Pixel decoder")])
        terms.append(work_terms(model.config, views=views, height=height, width=width))
        sys.stdout.write(f"{size} {views} x {height} x {width}: {whole[-1] / unit:.2f} s\n")
    work, spent = np.array(terms), np.array(steps)
    backbone, _ = nnls(work[:, :2] / 2 / spent[:, 1:2], np.ones(len(RUNS)))  # relative errors count
    head = np.median((spent[:, 0] - spent[:, 1]) / work[:, 2])
    decoder = np.median(spent[:, 2] / work[:, 3])
    sys.stdout.write(f"factors: {backbone.round(2)} {head:.1f} {decoder:.1f}; in use: {FACTORS}\n")
    sys.stdout.write(f"relative errors of those in use: {(work @ np.array(FACTORS) / np.array(whole) - 1).round(2)}\n")


if __name__ == "__main__":
    calibrate()
