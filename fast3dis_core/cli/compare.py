"""`fast3dis compare RESULT...`: results of `fast3dis evaluate` beside each other and beside the paper.

fast3dis compare evaluation/*/result-objects.json --out evaluation/comparison
"""

from pathlib import Path
from typing import Annotated

import typer

from fast3dis_core.cli.exits import errors_to_exit


def compare(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT", help="result-*.json files of evaluate.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("evaluation/comparison"),
) -> None:
    """Write one page of several results, as Markdown and as HTML, with their curves."""
    with errors_to_exit():
        from fast3dis_core.evaluation.card import read_result
        from fast3dis_core.evaluation.comparison import comparison_svg, comparison_text
        from fast3dis_core.evaluation.page import html_page
        from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors

        told = [read_result(path) for path in results]
        with plain_disk_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        text = comparison_text(told, curves="curves.svg")
        written = []
        for name, content in (("curves.svg", comparison_svg(told)), ("comparison.md", text)):
            written.append(out / name)
            with atomic_file(written[-1], overwrite=True) as file:
                file.write(content.encode())
        written.append(out / "comparison.html")
        with atomic_file(written[-1], overwrite=True) as file:
            file.write(html_page(text, folder=out).encode())
    typer.echo("\n".join(map(str, written)))
