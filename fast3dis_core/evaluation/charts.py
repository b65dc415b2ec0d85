"""Line charts as SVG text: precision over recall, seconds over views. Paper figure 2.

Written by hand rather than by a plotting library: the core then needs nothing that a training machine lacks, the same
numbers give the same file, text stays text, and a page can hold the picture itself. Series differ by color, by marker
and by dash, so that none is told by color alone.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal

Marker = Literal["circle", "square", "triangle", "diamond", "none"]

COLORS = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b91c8c", "#525252")  # 4.5 : 1 on white or more
WIDTH, HEIGHT = 580, 360  # of one chart's frame with its labels
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 40, 46
_LINE, _LETTERS = 17, 76  # height and length of a row of the legend
_TEXT = 'font-family="system-ui, sans-serif"'
_INK, _FAINT, _GRID = "#1f2937", "#4b5563", "#e5e7eb"


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line.

    Attributes
    ----------
    name : str
        For the legend.
    x, y : sequences of float
        Points; on a logarithmic axis those of 0 or less are left out.
    color : str
    marker : {"circle", "square", "triangle", "diamond", "none"}
    dashed, dotted, hollow : bool
        Where others reported a line, it is dashed and its markers are hollow.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: str
    marker: Marker = "none"
    dashed: bool = False
    dotted: bool = False
    hollow: bool = False


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis.

    Attributes
    ----------
    label : str
    log : bool
    low, high : float, optional
        Ends; by default those of the points.
    base : int
        Of the marks of a logarithmic axis.
    """

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    base: int = 10


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A cross at the upper edge over a value of x, where there is no y: out of memory. Its text is in the legend."""

    x: float
    text: str
    color: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One frame with its series and legend."""

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    remarks: Sequence[Remark] = ()


def svg(charts: Sequence[Chart], *, columns: int = 2) -> str:
    """Charts beside each other as one SVG document.

    Parameters
    ----------
    charts : sequence of Chart
        At least one.
    columns : int
    """
    rows = [charts[first : first + columns] for first in range(0, len(charts), columns)]
    heights = [max(HEIGHT + _LINE * len(_legend_rows(chart)) + 8 for chart in row) for row in rows]
    width, height = WIDTH * min(columns, len(charts)), sum(heights)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape("; ".join(chart.title for chart in charts), quote=True)}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    top = 0
    for row, tall in zip(rows, heights, strict=True):
        for place, chart in enumerate(row):
            parts += [f'<g transform="translate({place * WIDTH} {top})">', *_chart(chart), "</g>"]
        top += tall
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Scale:
    """Values of an axis to pixels."""

    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        known = [value for value in values if _drawable(value, axis)] or [1.0]
        low, high = min(known), max(known)
        if axis.log:
            low, high = low / axis.base**0.2, high * axis.base**0.2
        low, high = low if axis.low is None else axis.low, high if axis.high is None else axis.high
        if high <= low:
            high = low * axis.base if axis.log else low + 1
        self.axis, self.low, self.high, self._start, self._end = axis, low, high, start, end

    def place(self, value: float) -> float:
        if self.axis.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        if self.axis.log:
            first, last = (math.log(end, self.axis.base) for end in (self.low, self.high))
            powers = [float(self.axis.base) ** power for power in range(math.ceil(first), math.floor(last) + 1)]
            if self.axis.base == 10 and len(powers) < 3:
                powers = [
                    10.0**power * factor for power in range(math.floor(first), math.ceil(last)) for factor in (1, 2, 5)
                ]
            return [power for power in powers if self.low <= power <= self.high]
        rough = (self.high - self.low) / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * (1 - 1e-9))
        numbers = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [number * step for number in numbers]


def _chart(chart: Chart) -> list[str]:
    points = [
        [(x, y) for x, y in zip(series.x, series.y, strict=True) if _drawable(x, chart.x) and _drawable(y, chart.y)]
        for series in chart.series
    ]
    columns = [x for line in points for x, _ in line] + [remark.x for remark in chart.remarks]
    x_scale = _Scale(chart.x, columns, _LEFT, WIDTH - _RIGHT)
    headroom = 22 if chart.remarks else 0  # no line runs into a cross
    y_scale = _Scale(chart.y, [y for line in points for _, y in line], HEIGHT - _BOTTOM, _TOP + headroom)
    parts = [
        f'<text x="{_LEFT}" y="22" font-size="14" font-weight="600" fill="{_INK}" {_TEXT}>{escape(chart.title)}</text>'
    ]
    parts += _grid(x_scale, y_scale)
    for series, line in zip(chart.series, points, strict=True):
        parts += _line(series, [(x_scale.place(x), y_scale.place(y)) for x, y in line])
    parts += [_cross(x_scale.place(remark.x), _TOP + 8, remark.color) for remark in chart.remarks]
    return parts + _legend(chart)


def _grid(x_scale: _Scale, y_scale: _Scale) -> list[str]:
    left, right, top, bottom = _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM
    parts = []
    for tick in y_scale.ticks():
        y = y_scale.place(tick)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{_GRID}"/>')
        parts.append(_label(left - 6, y + 4, _number(tick), anchor="end"))
    for tick in x_scale.ticks():
        x = x_scale.place(tick)
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{_GRID}"/>')
        parts.append(_label(x, bottom + 16, _number(tick)))
    parts.append(
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="#9ca3af"/>'
    )
    parts.append(_label((left + right) / 2, bottom + 36, x_scale.axis.label, size=12))
    middle = (top + bottom) / 2
    turned = f'transform="rotate(-90 16 {middle:.1f})"'
    parts.append(_label(16, middle, y_scale.axis.label, size=12, extra=turned))
    return parts


def _label(x: float, y: float, text: str, *, anchor: str = "middle", size: int = 11, extra: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{_FAINT}" {_TEXT} {extra}>'
        f"{escape(text)}</text>"
    )


def _line(series: Series, places: Sequence[tuple[float, float]]) -> list[str]:
    parts = []
    if len(places) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        gaps = "2 3" if series.dotted else "6 4" if series.dashed else ""
        dash = f' stroke-dasharray="{gaps}"' if gaps else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{series.color}" stroke-width="1.8"{dash}/>')
    return parts + [_marker(series, x, y) for x, y in places if series.marker != "none"]


def _marker(series: Series, x: float, y: float) -> str:
    style = f'fill="{"#ffffff" if series.hollow else series.color}" stroke="{series.color}" stroke-width="1.6"'
    if series.marker == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {style}/>'
    if series.marker == "square":
        return f'<rect x="{x - 3.6:.1f}" y="{y - 3.6:.1f}" width="7.2" height="7.2" {style}/>'
    corners = {"triangle": ((0, -5), (4.6, 4), (-4.6, 4)), "diamond": ((0, -5.4), (4.6, 0), (0, 5.4), (-4.6, 0))}
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners[series.marker])
    return f'<polygon points="{path}" {style}/>'


def _cross(x: float, y: float, color: str) -> str:
    path = f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10"
    return f'<path d="{path}" stroke="{color}" stroke-width="2.2" fill="none"/>'


def _legend_rows(chart: Chart) -> list[tuple[Series | Remark | None, str]]:
    """Rows of text, and what is drawn before the first one of each entry."""
    rows: list[tuple[Series | Remark | None, str]] = []
    entries: list[Series | Remark] = [*chart.series, *chart.remarks]
    for entry in entries:
        text = entry.name if isinstance(entry, Series) else entry.text
        first, *rest = textwrap.wrap(text, _LETTERS) or [""]
        rows += [(entry, first), *((None, line) for line in rest)]
    return rows


def _legend(chart: Chart) -> list[str]:
    parts = []
    for row, (entry, text) in enumerate(_legend_rows(chart)):
        y = HEIGHT + _LINE * row + 6
        if isinstance(entry, Series):
            parts += _line(replace(entry, marker="none"), [(_LEFT, y), (_LEFT + 26, y)])
            parts += [_marker(entry, _LEFT + 13, y)] if entry.marker != "none" else []
        elif entry is not None:
            parts.append(_cross(_LEFT + 13, y, entry.color))
        parts.append(f'<text x="{_LEFT + 34}" y="{y + 4}" font-size="12" fill="{_INK}" {_TEXT}>{escape(text)}</text>')
    return parts


def _drawable(value: float, axis: Axis) -> bool:
    return math.isfinite(value) and (value > 0 or not axis.log)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 and value == round(value) else f"{value:.6g}"
