"""Measure peak memory of real runs and fit the factors of `fast3dis_core.inference.memory`.

    python tests/benchmarks/memory_calibration.py

Each run is a process of its own with random weights; its peak resident memory is what counts.
"""

import json
import resource
import subprocess
import sys

RUNS = [
    ("nano", 2, 378, 504),
    ("nano", 8, 168, 224),
    ("nano", 8, 378, 504),
    ("nano", 24, 378, 504),
    ("nano", 1, 378, 504),
    ("nano", 40, 168, 224),
    ("small", 2, 378, 504),
    ("small", 8, 378, 504),
    ("small", 24, 210, 280),
    ("base", 2, 378, 504),
    ("base", 6, 280, 378),
    ("base", 10, 378, 504),
]


def run(size: str, views: int, height: int, width: int) -> int:
    """One run in this process; peak resident memory in bytes."""
    import torch

    from fast3dis_core import assemble_instances, decode_queries, encode_scene, load_model
    from fast3dis_core.config import InferenceConfig
    from fast3dis_core.scene import ViewBatch

    batch = ViewBatch(
        images=torch.rand(views, 3, height, width),
        names=tuple(str(index) for index in range(views)),
        source_sizes=torch.tensor([[height, width]] * views),
        source_to_network=torch.eye(3, dtype=torch.float64).repeat(views, 1, 1),
    )
    model = load_model(size, weights="random", device="cpu")
    encoded = encode_scene(model, batch)
    # random heads claim half of all pixels with every query; trained ones claim a pixel about once
    config = InferenceConfig(mask_threshold=0.95)
    result = assemble_instances(batch, encoded, decode_queries(model, encoded), config=config)
    assert len(result.cloud.points) == views * height * width
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def calibrate() -> None:
    """Run all, fit, and write factors and errors."""
    import numpy as np
    from scipy.optimize import nnls

    from fast3dis_core.config import ModelConfig
    from fast3dis_core.inference.memory import memory_terms

    rows, peaks = [], []
    for case in RUNS:
        told = subprocess.run([sys.executable, __file__, json.dumps(case)], check=True, capture_output=True, text=True)
        size, views, height, width = case
        config = ModelConfig.for_size(size)
        rows.append((1e6, *memory_terms(config, views=views, height=height, width=width, chunk_views=8)))
        peaks.append(int(told.stdout))
        sys.stdout.write(f"{size} {views} x {height} x {width}: {peaks[-1] / 1e9:.2f} GB\n")
        sys.stdout.flush()
    terms, measured = np.array(rows), np.array(peaks, float)
    held = terms[:, 2]  # the features of the out layers, known exactly
    fitted = np.delete(terms, 2, axis=1)
    # relative errors count, not bytes, so that small runs are estimated as well as large ones
    factors, _ = nnls(fitted / measured[:, None], (measured - held) / measured)
    errors = (fitted @ factors + held) / measured - 1
    sys.stdout.write(f"process {factors[0] * 1e6:.3g}, factors {np.round(factors[1:], 3)}\n")
    sys.stdout.write(f"relative errors {np.round(errors, 2)}\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(str(run(*json.loads(sys.argv[1]))))
    else:
        calibrate()
