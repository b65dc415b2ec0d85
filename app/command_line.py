"""Arguments of `fast3dis-viewer`. Imports nothing heavy, so that `--help` answers at once."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fast3dis_core.config import MODEL_SIZES, InferenceConfig


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    folder: Path | None = None
    size: str = "nano"
    geometry: str = "predicted"
    weights: Path | None = None
    threshold: float = InferenceConfig.objectness_threshold
    mask_threshold: float = InferenceConfig.mask_threshold
    theme: str = "system"
    window_size: tuple[int, int] | None = None
    screenshot: Path | None = None
    exit: bool = False


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Options from arguments; ends the process with a message if they make no sense."""
    from fast3dis_core import __version__

    parser = argparse.ArgumentParser(
        prog="fast3dis-viewer",
        description="From a folder of photos to 3D instances: see them, question them, export them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER|SESSION",
        help="photos of one scene, or a saved session (.f3d), opened at once",
    )
    sizes = [name for name, row in MODEL_SIZES.items() if row.backbone.cameras]
    parser.add_argument("--size", choices=sizes, default="nano", help="model size (default: nano, which is bundled)")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights to use instead of the bundled ones")
    parser.add_argument(
        "--geometry",
        choices=("predicted", "posed", "given"),
        default="predicted",
        help="predict cameras and depth (default), take the cameras that come with the folder, or its depth as well",
    )
    parser.add_argument(
        "--threshold",
        type=_share,
        default=InferenceConfig.objectness_threshold,
        metavar="0..1",
        help="least objectness shown (default: %(default)s)",
    )
    parser.add_argument(
        "--mask-threshold",
        type=_share,
        default=InferenceConfig.mask_threshold,
        metavar="0..1",
        help="least probability of a mask pixel (default: %(default)s)",
    )
    parser.add_argument("--theme", choices=("system", "dark", "light"), default="system")
    parser.add_argument("--window-size", type=_size, metavar="WxH", help="size of the window, such as 1280x720")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="save the window as a picture once it is ready")
    parser.add_argument("--exit", action="store_true", help="end after the screenshot; not 0 if the run failed")
    options = Options(**vars(parser.parse_args(arguments)))
    if options.exit and options.screenshot is None:
        parser.error("--exit goes with --screenshot FILE")
    return options


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, found {text}")
    return value


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 1280x720, found {text}")
    return int(width), int(height)
