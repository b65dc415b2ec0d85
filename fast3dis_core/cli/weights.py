"""`fast3dis weights list | path | download | verify | halve`: the only command that may use the network is download."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fast3dis_core.cli.exits import errors_to_exit
from fast3dis_core.errors import CheckpointError

app = typer.Typer(help="List, find, download and verify weights.", no_args_is_help=True)

_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_INTERRUPTED = "Interrupted: what has arrived is kept, and the same command goes on from there."
_COLUMNS = ("size", "name", "license", "file", "on this machine")


@app.command("list")
def list_weights(as_json: _AS_JSON = False) -> None:
    """Every official weight file: size, license, source, and whether it is on this machine."""
    from fast3dis_core.downloads import arrived_bytes
    from fast3dis_core.official_weights import LICENSE_TERMS, OFFICIAL_WEIGHTS, bundled_file, cached_file
    from fast3dis_core.transfers import megabytes

    with errors_to_exit(as_json=as_json):
        bundled = bundled_file("nano")
        rows: list[dict[str, Any]] = [
            {
                "size": weights.size,
                "name": weights.name,
                "license": weights.license,
                "non_commercial": weights.non_commercial,
                "deprecated": weights.deprecated,
                "approximate_bytes": weights.approximate_bytes,
                "page": weights.page,
                "download": weights.download_command,
                "path": _text(cached_file(weights)),
                "arrived_bytes": arrived_bytes(weights),
            }
            for weights in OFFICIAL_WEIGHTS
        ]
    if as_json:
        typer.echo(json.dumps({"nano": _text(bundled), "official": rows}))
        return
    lines: list[tuple[str, ...]] = [_COLUMNS, ("nano", "(bundled)", "Apache-2.0", "", _text(bundled) or "no")]
    for row in rows:
        name = f"{row['name']}{' (deprecated)' if row['deprecated'] else ''}"
        begun = f"no, {megabytes(row['arrived_bytes'])} of it" if row["arrived_bytes"] else "no"
        lines.append((row["size"], name, row["license"], megabytes(row["approximate_bytes"]), row["path"] or begun))
    typer.echo(_aligned(lines))
    typer.echo("\nSource: https://huggingface.co/depth-anything/NAME. Download: fast3dis weights download SIZE")
    for name, terms in LICENSE_TERMS.items():
        typer.echo(f"{name}: {terms}")


@app.command("path")
def show_path(
    size: Annotated[str, typer.Argument(metavar="SIZE", help="Model size.")],
    weights: Annotated[str | None, typer.Option(help="Weight file or folder, as for segment.")] = None,
) -> None:
    """Print which file a size would be loaded from."""
    from fast3dis_core.official_weights import require_weights

    with errors_to_exit():
        typer.echo(str(require_weights(size, weights)))


@app.command()
def download(
    name: Annotated[str, typer.Argument(metavar="SIZE", help="Model size, or a name of `weights list`.")],
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="I have read and accept the license.")
    ] = False,
    as_json: _AS_JSON = False,
) -> None:
    """Download an official weight file into the hub's cache, and verify it."""
    from fast3dis_core.cli.exits import Interrupts
    from fast3dis_core.cli.progress import StepDisplay
    from fast3dis_core.downloads import download as fetch
    from fast3dis_core.official_weights import LICENSE_TERMS, official_weights
    from fast3dis_core.transfers import megabytes

    with errors_to_exit(as_json=as_json, interrupted=_INTERRUPTED), Interrupts() as interrupts:
        weights = official_weights(name)
        typer.echo(f"{weights.page} ({megabytes(weights.approximate_bytes)})", err=True)
        typer.echo(f"License {weights.license}: {LICENSE_TERMS[weights.license]}", err=True)
        if weights.non_commercial and not accept_license and sys.stdin.isatty():
            accept_license = typer.confirm("Do you accept this license?", err=True)
        with StepDisplay(interrupts) as display:
            verified = fetch(weights, accept_license=accept_license, report=display, watch=display.watch)
    _show_verified(_verified_facts(verified), as_json=as_json)


@app.command()
def verify(
    name: Annotated[str, typer.Argument(metavar="SIZE|FILE", help="Model size, or a weight file.")],
    as_json: _AS_JSON = False,
) -> None:
    """Check a weight file: hash, header, and every tensor name and shape."""
    from fast3dis_core.cli.exits import Interrupts
    from fast3dis_core.cli.progress import StepDisplay
    from fast3dis_core.config import MODEL_SIZES
    from fast3dis_core.official_weights import require_weights
    from fast3dis_core.official_weights import verify as check
    from fast3dis_core.weight_files import identify_file

    with errors_to_exit(as_json=as_json), Interrupts() as interrupts:
        path = require_weights(name) if name in MODEL_SIZES else Path(name)
        identity = identify_file(path)
        if not identity.sizes:
            raise CheckpointError(f"{path}: expected weights of a known size, found {identity.description}.")
        size = name if name in MODEL_SIZES else identity.sizes[0]
        with StepDisplay(interrupts) as display:
            verified = check(path, size, expected=_expected_shapes(path, size, identity.kind), report=display)
    _show_verified(_verified_facts(verified), as_json=as_json)


@app.command()
def halve(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="FAST3DIS checkpoint, such as a run's.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Store a checkpoint in half precision, for passing on: half the bytes, the same network to three digits."""
    with errors_to_exit(as_json=False):
        import torch

        from fast3dis_core.checkpoints import load_checkpoint, restore, save_checkpoint
        from fast3dis_core.errors import ExportError
        from fast3dis_core.model.fast3dis import Fast3DIS

        checkpoint = load_checkpoint(source)
        if out.exists() and not overwrite:
            raise ExportError(f"{out} exists already: choose another name, or add --overwrite.")
        network = Fast3DIS(checkpoint.config)
        restore(network, checkpoint)
        save_checkpoint(out, network, checkpoint.provenance, heads_only=checkpoint.heads_only, dtype=torch.float16)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, of {source.stat().st_size / 1e6:.1f} MB")


def _expected_shapes(path: Path, size: str, kind: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes the network of a size asks of its file; built without memory for its values."""
    import torch

    from fast3dis_core.checkpoints import load_checkpoint, wanted_state
    from fast3dis_core.model.depth_anything3 import DepthAnything3
    from fast3dis_core.model.fast3dis import Fast3DIS

    with torch.device("meta"):
        if kind == "depth-anything-3":
            state = DepthAnything3(size).state_dict()
        else:
            checkpoint = load_checkpoint(path)
            state = wanted_state(Fast3DIS(checkpoint.config), heads_only=checkpoint.heads_only)
    return {key: tuple(value.shape) for key, value in state.items()}


def _verified_facts(verified: Any) -> dict[str, Any]:
    return {
        "path": str(verified.path),
        "found": verified.identity.description,
        "sha256": verified.sha256,
        "recorded_sha256": verified.recorded_sha256,
    }


def _show_verified(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"exit_code": 0, **facts}))
        return
    recorded = "equal to the hub's record" if facts["recorded_sha256"] else "no official hash is known to compare with"
    typer.echo(f"{facts['path']}\n{facts['found']}\nSHA-256 {facts['sha256']} ({recorded})")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _aligned(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
