"""Train and evaluate the ablations of paper section 4.5, equal budget, several seeds each.

    python tests/benchmarks/loss_ablations.py GEOMETRY OUT [--steps 500] [--seeds 2] [--together 2] [--rooms 50]

GEOMETRY is the backbone all trainings begin from (`geometry.safetensors` of a geometry run, or nano). Whatever is
finished in OUT is not done again. The evaluation folders are named as `fast3dis card` expects them:

    fast3dis card OUT/results/*/result-objects.json ... --weights resources/models/nano.safetensors
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("fast3dis")
TRAININGS = {
    "full": (),
    "no-regularizers": ("loss.contrastive_weight=0", "loss.overlap_schedule=off"),
    "fixed-overlap": ("loss.overlap_schedule=fixed",),
    "low-overlap": ("loss.overlap_schedule=low",),
}
SETTINGS = (
    *("scenes_per_step=8", "scenes_per_forward=8", "high_share=0", "learning_rate=5e-4"),
    *("validate_every=1000000", "picture_every=1000000", "save_every=100", "given_geometry_share=0.5"),
)


def train_and_score(name: str, seed: int, options: argparse.Namespace) -> None:
    """One run, its log beside it; continues what was interrupted."""
    label = f"{name}-seed{seed}"
    run, result = options.out / "runs" / label, options.out / "results" / label
    log = options.out / f"{label}.log"
    begin = ["--steps", str(options.steps), "--weights", str(options.geometry), "--set", f"seed={seed}"]
    for setting in (*SETTINGS, *TRAININGS[name], *options.set):
        begin += ["--set", setting]
    training = ["train", str(run), *(["--resume"] if (run / "config.toml").exists() else begin), "--no-render-ahead"]
    scoring = ["evaluate", "--weights", str(run / "model.safetensors"), "--geometry", "given", "--resolution", "112"]
    scoring += ["--scenes", str(options.rooms), "--out", str(result)]
    with log.open("a", encoding="utf-8") as file:
        for command in (training, scoring):
            whole = [str(PROGRAM), *command, "--cache", str(options.cache)]
            subprocess.run(whole, stdout=file, stderr=file, check=True)


def main() -> None:
    """Train all, some at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("geometry", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "fast3dis" / "rooms")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rooms", type=int, default=50, help="validation rooms")
    parser.add_argument("--together", type=int, default=1, help="runs at a time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another setting for all runs")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = [(name, seed) for seed in range(options.seeds) for name in TRAININGS]
    with ThreadPoolExecutor(options.together) as pool:
        for finished in [pool.submit(train_and_score, name, seed, options) for name, seed in jobs]:
            finished.result()


if __name__ == "__main__":
    main()
