"""Memory and responsiveness of a large run: 50 views at 504 pixels, geometry to instances, with random weights.

    python tests/benchmarks/fifty_views.py nano
    python tests/benchmarks/fifty_views.py small --views 50 --chunk-views 4

Prints the peak memory of this process beside the estimate, the seconds of every step, and the longest time between two
reports, which is how long a cancel may have to wait. Minutes on two cores; not part of the tests.
"""

import argparse
import sys
import time


def main() -> None:
    """Run once and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("size", nargs="?", default="nano")
    parser.add_argument("--views", type=int, default=50)
    parser.add_argument("--height", type=int, default=378)
    parser.add_argument("--width", type=int, default=504)
    parser.add_argument("--chunk-views", type=int, default=8)
    wishes = parser.parse_args()

    import torch

    from fast3dis_core import assemble_instances, decode_queries, encode_scene, load_model
    from fast3dis_core.config import InferenceConfig, ModelConfig
    from fast3dis_core.inference.assembly import assemble_geometry
    from fast3dis_core.inference.machine import StepMeter, peak_memory
    from fast3dis_core.inference.memory import estimate_memory
    from fast3dis_core.scene import ViewBatch

    meter = StepMeter(torch.device("cpu"))
    last, longest = time.monotonic(), (0.0, "")

    def report(step: str, fraction: float) -> None:
        nonlocal last, longest
        now = time.monotonic()
        longest = max(longest, (now - last, step))
        last = now
        meter(step, fraction)

    views, height, width = wishes.views, wishes.height, wishes.width
    batch = ViewBatch(
        images=torch.rand(views, 3, height, width),
        names=tuple(str(index) for index in range(views)),
        source_sizes=torch.tensor([[height, width]] * views),
        source_to_network=torch.eye(3, dtype=torch.float64).repeat(views, 1, 1),
    )
    # random heads claim half of all pixels with every query; trained ones claim a pixel about once
    config, clouds = InferenceConfig.paper(mask_threshold=0.95), []
    model = load_model(wishes.size, weights="random", device="cpu", report=report)
    encoded = encode_scene(
        model,
        batch,
        chunk_views=wishes.chunk_views,
        report=report,
        on_geometry=lambda known: clouds.append(assemble_geometry(batch, known, config=config, report=report)),
    )
    trace = decode_queries(model, encoded, report=report)
    result = assemble_instances(batch, encoded, trace, config=config, previous=clouds[0], report=report)
    meter.finish()

    shape = {"views": views, "height": height, "width": width, "chunk_views": wishes.chunk_views}
    expected = estimate_memory(ModelConfig.for_size(wishes.size), **shape)
    peak = max(step["machine"] for step in meter.peak_memory.values()) if meter.peak_memory else 0
    peak = max(peak, peak_memory(torch.device("cpu")).get("machine", 0))
    tell = sys.stdout.write
    tell(f"{wishes.size}, {views} views of {width} x {height}, {len(result.cloud.points):,} points\n")
    tell(f"peak memory {peak / 1e9:.2f} GB, estimated {expected.low / 1e9:.2f} to {expected.high / 1e9:.2f} GB\n")
    for step, seconds in meter.seconds.items():
        tell(f"{step}: {seconds:.1f} s\n")
    tell(f"longest time between two reports {longest[0]:.2f} s, in {longest[1]!r}\n")


if __name__ == "__main__":
    main()
