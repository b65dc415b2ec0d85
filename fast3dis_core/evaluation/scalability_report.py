"""Figures of a benchmark for programs and people: JSON, CSV, a page and a plot (paper 4.2, figure 2).

The paper's points stand beside ours, each with its hardware in its name, since seconds of different machines compare
no better than that. How cost grows is fitted: `seconds = c * views ** exponent`.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.evaluation.charts import COLORS, Axis, Chart, Remark, Series, svg
from fast3dis_core.evaluation.figures import table
from fast3dis_core.evaluation.published import FIGURE_2, HARDWARE
from fast3dis_core.evaluation.scalability import DECODING, BenchmarkSettings, Measurement, facts
from fast3dis_core.inference.machine import code_commit, versions

Clock = Literal["wall", "cpu"]
FORMAT_VERSION = 1
NAMES: Mapping[str, str] = {"fast3dis": "FAST3DIS", "clustering": "clustering of the same features"}
CLOCKS: Mapping[str, str] = {"wall": "wall clock", "cpu": "processor time"}
SHARED = ("Reading photos", "Geometry pass", "Feature pass", "Pixel decoder")  # steps both ways begin with
_CSV = (
    *("source", "hardware", "line", "views", "outcome", "step", "seconds", "cpu_seconds"),
    *("peak_machine_bytes", "peak_device_bytes", "points", "clustered_points", "runs"),
)


def benchmark_result(
    settings: BenchmarkSettings, measurements: Sequence[Measurement], *, clock: Clock, title: str
) -> dict[str, Any]:
    """Everything that was measured, plain values for one JSON file.

    Parameters
    ----------
    settings : BenchmarkSettings
    measurements : sequence of Measurement
    clock : {"wall", "cpu"}
        Which seconds are fitted and drawn; both are kept.
    title : str
        What the photos are.

    Returns
    -------
    dict
    """
    rows = [facts(entry) for entry in measurements]
    about = next((entry.about for entry in measurements if entry.about), {})
    return {
        "format_version": FORMAT_VERSION,
        "photos": title,
        "settings": {name: value for name, value in vars(settings).items() if name != "photos"},
        "clock": clock,
        "hardware": str(about.get("device", "unknown")),
        "model": {name: value for name, value in about.items() if name != "device"},
        "measurements": rows,
        "growth": growth_of(rows, clock),
        "reported": {
            "hardware": HARDWARE,
            "lines": [{"name": line.name, "seconds": dict(line.seconds)} for line in FIGURE_2],
        },
        "versions": versions(),
        "code_commit": code_commit(),
    }


def growth(views: Sequence[int], seconds: Sequence[float]) -> dict[str, Any] | None:
    """Fit `seconds = c * views ** exponent` by least squares of logarithms.

    Parameters
    ----------
    views : sequence of int
    seconds : sequence of float

    Returns
    -------
    dict or None
        `exponent`, `r2`, `last` (the exponent between the last two points), `points`, `first_views`, `last_views`;
        and of `seconds = fixed + per_view * views`, which tells linear cost from fixed cost where an exponent mixes
        them: `fixed`, `per_view`, `linear_r2`. None with fewer than two points above 0.
    """
    known = [(count, value) for count, value in zip(views, seconds, strict=True) if value > 0]
    if len({count for count, _ in known}) < 2:
        return None
    counts, values = np.array(known, np.float64).T
    x, y = np.log(counts), np.log(values)
    slope, offset = np.polyfit(x, y, 1)
    per_view, fixed = np.polyfit(counts, values, 1)
    return {
        "exponent": float(slope),
        "r2": _explained(y, slope * x + offset),
        "last": float((y[-1] - y[-2]) / (x[-1] - x[-2])),
        "fixed": float(fixed),
        "per_view": float(per_view),
        "linear_r2": _explained(values, per_view * counts + fixed),
        "points": len(known),
        "first_views": known[0][0],
        "last_views": known[-1][0],
    }


def _explained(values: NDArray[np.float64], fitted: NDArray[np.float64]) -> float:
    """Share of the spread of values that a fit explains."""
    spread = float(((values - values.mean()) ** 2).sum())
    return 1.0 if spread == 0 else 1 - float(((values - fitted) ** 2).sum()) / spread


def growth_of(rows: Sequence[Mapping[str, Any]], clock: Clock) -> dict[str, dict[str, Any]]:
    """Growth of the whole, and of every step, of each line: "fast3dis", "fast3dis: Geometry pass", ..."""
    found = {}
    for line in dict.fromkeys(row["line"] for row in rows):
        done = [row for row in rows if row["line"] == line and row["outcome"] == "done"]
        steps = dict.fromkeys(step for row in done for step in row["seconds"])
        values = {line: [total(row, clock) for row in done]}
        values |= {f"{line}: {step}": [row[_seconds(clock)].get(step, 0.0) for row in done] for step in steps}
        values[f"{line}: after the shared passes"] = [own(row, clock) for row in done]
        for name, seconds in values.items():
            fitted = growth([row["views"] for row in done], seconds)
            if fitted is not None:
                found[name] = fitted
    return found


def total(row: Mapping[str, Any], clock: Clock) -> float:
    """Seconds from photos to instances."""
    return float(sum(row[_seconds(clock)].values()))


def own(row: Mapping[str, Any], clock: Clock) -> float:
    """Seconds of what a line does after the passes both share."""
    return float(sum(value for step, value in row[_seconds(clock)].items() if step not in SHARED))


def peak(row: Mapping[str, Any], name: str) -> int | None:
    """Peak memory over all steps, bytes of "machine" or "device"."""
    values = [peak[name] for peak in row["peak_memory"].values() if name in peak]
    return max(values, default=None)


def csv_text(result: Mapping[str, Any]) -> str:
    """One row for every step, one for every total, and one for every number of the paper."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_CSV)
    for row in result["measurements"]:
        ends = (row["points"], row["clustered"], row["runs"])
        start = ("measured", result["hardware"], row["line"], row["views"], row["outcome"])
        for step, seconds in row["seconds"].items():
            kept = row["peak_memory"].get(step, {})
            memory = (kept.get("machine", ""), kept.get("device", ""))
            writer.writerow((*start, step, f"{seconds:.6f}", f"{row['cpu_seconds'][step]:.6f}", *memory, *ends))
        sums = [f"{total(row, clock):.6f}" if row["seconds"] else "" for clock in ("wall", "cpu")]
        peaks = ["" if (value := peak(row, name)) is None else value for name in ("machine", "device")]
        writer.writerow((*start, "total", *sums, *peaks, *ends))
    for line in result["reported"]["lines"]:
        for views, seconds in line["seconds"].items():
            outcome = "out of memory" if seconds is None else "done"
            told = "" if seconds is None else seconds
            start = ("reported", result["reported"]["hardware"], line["name"], views, outcome)
            writer.writerow((*start, "total", told, *[""] * 6))
    return file.getvalue()


def chart_text(result: Mapping[str, Any]) -> str:
    """Seconds and memory over views, as one SVG."""
    return svg([_time_chart(result), _memory_chart(result)])


def _time_chart(result: Mapping[str, Any]) -> Chart:
    clock: Clock = result["clock"]
    series, remarks = [], []
    for place, line in enumerate(_lines(result)):
        rows = [row for row in result["measurements"] if row["line"] == line]
        done = [row for row in rows if row["outcome"] == "done"]
        views, color = [row["views"] for row in done], COLORS[place]
        marker: Any = ("circle", "square")[place]
        whole = [total(row, clock) for row in done]
        series.append(Series(name=f"{NAMES[line]}, {_ours(result)}", x=views, y=whole, color=color, marker=marker))
        if line == "fast3dis":
            alone = [row[_seconds(clock)].get(DECODING, 0.0) for row in done]
            series.append(
                Series(
                    name=f"FAST3DIS, decoder alone, {_ours(result)}",
                    x=views,
                    y=alone,
                    color=COLORS[2],
                    marker="diamond",
                )
            )
        stopped = next((row for row in rows if row["outcome"] in ("out of memory", "over time")), None)
        if stopped is not None:
            text = _outcome(stopped, result)
            remarks.append(
                Remark(x=stopped["views"], text=f"{NAMES[line]}, {stopped['views']} views: {text}", color=color)
            )
    for place, reported in enumerate(result["reported"]["lines"]):
        known = {int(views): value for views, value in reported["seconds"].items() if value is not None}
        marker = ("circle", "triangle", "square")[place]
        series.append(
            Series(
                name=f"{reported['name']}, one NVIDIA H200, reported", x=list(known), y=list(known.values()),
                color=COLORS[(0, 3, 1)[place]], marker=marker, dashed=True, hollow=True,
            )
        )  # fmt: skip
        lost = [int(views) for views, value in reported["seconds"].items() if value is None]
        remarks += [
            Remark(x=v, text=f"{reported['name']}, {v} views: out of memory (reported)", color=COLORS[3]) for v in lost
        ]
    return Chart(
        title=f"Seconds for one scene ({CLOCKS[clock]})",
        x=Axis(label="views", log=True, base=2),
        y=Axis(label="seconds", log=True),
        series=series,
        remarks=remarks,
    )


def _memory_chart(result: Mapping[str, Any]) -> Chart:
    series = []
    for place, line in enumerate(_lines(result)):
        done = [row for row in result["measurements"] if row["line"] == line and row["outcome"] == "done"]
        for name, title, marker in (
            ("machine", "of the machine", ("circle", "square")[place]),
            ("device", "of the GPU", "diamond"),
        ):
            known = {row["views"]: value / 1e9 for row in done if (value := peak(row, name)) is not None}
            if known:
                shown: Any = marker
                series.append(
                    Series(
                        name=f"{NAMES[line]}, {title}", x=list(known), y=list(known.values()), color=COLORS[place],
                        marker=shown, dashed=name == "device", hollow=name == "device",
                    )
                )  # fmt: skip
    values = [value for entry in series for value in entry.y]
    wide = max(values, default=1.0) > 10 * min(values, default=1.0)
    return Chart(
        title=f"Peak memory, {_ours(result)}",
        x=Axis(label="views", log=True, base=2),
        y=Axis(label="GB", log=True) if wide else Axis(label="GB", low=0.0),
        series=series,
    )


def page_text(result: Mapping[str, Any], *, plot: str) -> str:
    """Markdown page; `plot` is the name of the plot's file beside it."""
    settings = result["settings"]
    clock: Clock = result["clock"]
    memory = "machine"
    parts = [
        "# Seconds and memory over views",
        f"{result['photos']}, long edge {settings['resolution']} pixels, size {settings['size']} "
        f"({result['model'].get('status', 'nothing was measured')}), on {result['hardware']}.",
        f"{CLOCKS[clock].capitalize()}; the median of up to {settings['repeats']} runs after one that is not counted, "
        f"and of one where it took long. A run is given up after {settings['limit']:,.0f} s. Clustering takes "
        + ("all pixels." if settings["most_points"] is None else f"{settings['most_points']:,} pixels at most."),
        f"![Seconds and memory over views]({plot})",
        _total_table(result, clock, memory),
        "## Growth",
        "Fit of seconds = c · views^exponent, and the exponent between the last two points; beside it the fit of "
        "seconds = fixed + per view · views, which tells linear cost from fixed cost.",
        _growth_table(result),
        "## Steps",
        _step_table(result, clock),
        "## Reported by the paper",
        f"On {result['reported']['hardware']}: other hardware, another network and other photos.",
        _reported_table(result),
        f"Code {result['code_commit'][:12] or 'unknown'}, torch {result['versions']['torch']}.",
    ]
    return "\n\n".join(parts) + "\n"


def summary(result: Mapping[str, Any]) -> str:
    """The table of totals and the growth of each line, for a terminal."""
    clock: Clock = result["clock"]
    lines = []
    for row in result["measurements"]:
        told = f"{_seconds_text(total(row, clock))} s" if row["outcome"] == "done" else _outcome(row, result)
        lines.append(f"{NAMES[row['line']]}, {row['views']} views: {told}")
    for line in _lines(result):
        if line in result["growth"]:
            lines.append(f"{NAMES[line]} grows as views^{result['growth'][line]['exponent']:.2f} ({CLOCKS[clock]})")
    return "\n".join(lines)


def _total_table(result: Mapping[str, Any], clock: Clock, memory: str) -> str:
    rows = []
    for views in dict.fromkeys(row["views"] for row in result["measurements"]):
        here = {row["line"]: row for row in result["measurements"] if row["views"] == views}
        cells = [str(views), f"{max(row['points'] for row in here.values()):,}"]
        for line in _lines(result):
            row = here.get(line)
            done = row is not None and row["outcome"] == "done"
            cells.append(_seconds_text(total(row, clock)) if done and row else _outcome(row, result) if row else "–")
            cells.append(_seconds_text(own(row, clock)) if done and row else "–")
            value = peak(row, memory) if row else None
            cells.append("–" if value is None else f"{value / 1e9:.2f}")
        rows.append(cells)
    heads = [
        head for line in _lines(result) for head in (f"{NAMES[line]}, s", "after the shared passes, s", "peak, GB")
    ]
    return table(("views", "pixels", *heads), rows)


def _growth_table(result: Mapping[str, Any]) -> str:
    rows = []
    for name, fitted in result["growth"].items():
        line, _, step = name.partition(": ")
        title = f"{NAMES.get(line, line)}, {step or 'total'}"
        span = f"{fitted['first_views']} to {fitted['last_views']} views"
        linear = (f"{1000 * fitted['fixed']:,.2f}", f"{1000 * fitted['per_view']:,.2f}", f"{fitted['linear_r2']:.3f}")
        fit = (f"{fitted['exponent']:.2f}", f"{fitted['r2']:.3f}", f"{fitted['last']:.2f}")
        rows.append((title, *fit, *linear, span))
    heads = ("exponent", "R²", "at the end", "fixed, ms", "per view, ms", "R² of linear", "over")
    return table(("", *heads), rows)


def _step_table(result: Mapping[str, Any], clock: Clock) -> str:
    done = [row for row in result["measurements"] if row["outcome"] == "done"]
    counts = list(dict.fromkeys(row["views"] for row in done))
    rows = []
    for line in _lines(result):
        here = {row["views"]: row[_seconds(clock)] for row in done if row["line"] == line}
        for step in dict.fromkeys(step for steps in here.values() for step in steps):
            values = [here.get(views, {}).get(step) for views in counts]
            rows.append((f"{NAMES[line]}: {step}", *("–" if v is None else _seconds_text(v) for v in values)))
    return table(("seconds", *(f"{views} views" for views in counts)), rows)


def _reported_table(result: Mapping[str, Any]) -> str:
    lines = result["reported"]["lines"]
    counts = sorted({int(views) for line in lines for views in line["seconds"]})
    rows = []
    for line in lines:
        told = {int(views): value for views, value in line["seconds"].items()}
        cells = ("–" if v not in told else "out of memory" if told[v] is None else f"{told[v]:,.1f}" for v in counts)
        rows.append((f"{line['name']} (reported)", *cells))
    return table(("seconds", *(f"{views} views" for views in counts)), rows)


def _lines(result: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["line"] for row in result["measurements"]))


def _ours(result: Mapping[str, Any]) -> str:
    """Network and hardware, short enough for a legend."""
    hardware = re.sub(r"\((?:R|TM)\)|\bProcessor\b", "", result["hardware"])
    return f"{result['settings']['size']}, here: {' '.join(hardware.split()).replace(' ,', ',')}"


def _outcome(row: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    return f"more than {result['settings']['limit']:,.0f} s" if row["outcome"] == "over time" else str(row["outcome"])


def _seconds(clock: Clock) -> str:
    return "seconds" if clock == "wall" else "cpu_seconds"


def _seconds_text(value: float) -> str:
    return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"
