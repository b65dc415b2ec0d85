"""`fast3dis card RESULT... --weights FILE`: the model card of a weight file, from results of `fast3dis evaluate`.

    fast3dis card evaluation/*/result-objects.json --weights resources/models/nano.safetensors \
        --run runs/geometry --run runs/nano --out resources/models/nano.md

Results of other weights become the ablations, named by their folders (see `evaluation.ablations`).
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from fast3dis_core.cli.exits import Interrupts, errors_to_exit

PICTURED = 6  # rooms
VIEWS = (0, 2, 4)  # of each
COLUMNS = 2


def card(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT", help="result-*.json files of evaluate.")],
    weights: Annotated[Path, typer.Option(help="The weight file the card is about.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: beside the weights, as .md.")] = None,
    runs: Annotated[
        list[Path] | None, typer.Option("--run", help="Folder of a training run, first stage first.")
    ] = None,
    picture: Annotated[
        bool, typer.Option("--picture/--no-picture", help="Also draw six validation rooms, as .png.")
    ] = True,
    cache_folder: Annotated[Path | None, typer.Option("--cache", help="Folder of rendered rooms.")] = None,
) -> None:
    """Write the model card of a weight file."""
    with errors_to_exit(), Interrupts() as interrupts:
        from fast3dis_core.cli.progress import StepDisplay
        from fast3dis_core.datasets.rendered import default_cache
        from fast3dis_core.evaluation.card import card_text, read_result, sort_results
        from fast3dis_core.exports.atomic import atomic_file
        from fast3dis_core.training.account import account
        from fast3dis_core.training.run_directory import RunDirectory

        about = _weights(weights)
        told = {path: read_result(path) for path in results}
        chosen = sort_results(list(told.values()), about.sha256)
        target = out or weights.with_suffix(".md")
        training = [asdict(account(RunDirectory(folder))) for folder in runs or ()]
        pictured: list[str] = []
        with StepDisplay(interrupts) as display:
            if picture:
                folder = next(path.parent for path, result in told.items() if result is chosen.headline)
                display("Drawing rooms", 0.0)
                pictured = _draw(target.with_suffix(".png"), folder, chosen.headline, cache_folder or default_cache())
        text = card_text(
            about,
            chosen,
            training=training,
            picture=target.with_suffix(".png").name if picture else "",
            pictured=pictured,
        )
        with atomic_file(target, overwrite=True) as file:
            file.write(text.encode())
    typer.echo(text.partition("\n")[0])
    typer.echo(str(target))


def _weights(path: Path) -> Any:
    from fast3dis_core.checkpoints import load_checkpoint
    from fast3dis_core.config import to_mapping
    from fast3dis_core.evaluation.card import CardWeights
    from fast3dis_core.weight_files import file_sha256

    checkpoint = load_checkpoint(path)
    return CardWeights(
        name=path.name,
        sha256=file_sha256(path),
        size_bytes=path.stat().st_size,
        parameters=sum(value.numel() for value in checkpoint.state.values()),
        config=to_mapping(checkpoint.config),
        provenance=to_mapping(checkpoint.provenance),
    )


def _draw(path: Path, folder: Path, result: Mapping[str, Any], cache: Path) -> list[str]:
    """Draw the first rooms of a result from the predictions beside it; returns which."""
    from fast3dis_core.config import from_mapping
    from fast3dis_core.evaluation.folder import EvaluationFolder, EvaluationSettings
    from fast3dis_core.evaluation.rooms import EvaluationRooms
    from fast3dis_core.evaluation.run import write_pictures

    settings = from_mapping(EvaluationSettings, result["settings"])
    rooms = EvaluationRooms(cache, views=settings.views, size=(settings.height, settings.width))
    scenes = [str(scene) for scene in result["scenes"][:PICTURED]]
    views = [view for view in VIEWS if view < settings.views]
    write_pictures(path, EvaluationFolder(folder, settings), rooms, scenes, columns=COLUMNS, views=views)
    return scenes
