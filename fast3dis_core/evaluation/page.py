"""A report as one HTML file with everything in it, from its Markdown: to be mailed, opened, and still there next year.

Markdown is read by markdown-it, which rich brings along. Pictures beside the report go into the page.
"""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2937; --paper: #ffffff; --line: #d1d5db; --soft: #f3f4f6; --link: #0b6bcb }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e5e7eb; --paper: #15181d; --line: #3f4752; --soft: #20252c; --link: #6db3ff }
}
body { font: 15px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem;
  margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.6rem; line-height: 1.25 } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p, li { max-width: 52rem } a { color: var(--link) }
code { background: var(--soft); padding: 0 .25em; border-radius: 3px; overflow-wrap: anywhere }
.table { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap }
th { text-align: left; background: var(--soft) }
img { max-width: 100%; height: auto; background: #ffffff }
"""


def html_page(markdown: str, *, folder: Path) -> str:
    """One HTML document of a report.

    Parameters
    ----------
    markdown : str
        As `report_text` gives it; its first heading becomes the title.
    folder : Path
        Where its pictures lie. One that is missing stays a link.

    Returns
    -------
    str
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    _take_in_pictures(tokens, folder)
    body = parser.renderer.render(tokens, parser.options, {})
    body = body.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    title = next((line.removeprefix("# ") for line in markdown.splitlines() if line.startswith("# ")), "Report")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _take_in_pictures(tokens: Sequence[Any], folder: Path) -> None:
    """Replace the names of pictures by their content, in place."""
    for token in tokens:
        if token.type == "image":
            path = folder / str(token.attrs["src"])
            kind = _TYPES.get(path.suffix)
            if kind is not None and path.is_file():
                token.attrs["src"] = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        _take_in_pictures(token.children or (), folder)
