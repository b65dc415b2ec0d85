"""Charts are well-formed SVG whose points stand where the axes say."""

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from fast3dis_core.evaluation.charts import WIDTH, Axis, Chart, Remark, Series, svg
from fast3dis_core.evaluation.report import curve_chart

NAME = "{http://www.w3.org/2000/svg}"


def drawn(*charts, **options):
    return ElementTree.fromstring(svg(charts, **options))


def circles(root):
    """Markers of the line, without that of the legend."""
    found = [(float(node.get("cx")), float(node.get("cy"))) for node in root.iter(f"{NAME}circle")]
    return found[:-1]


def chart(x, y, *, x_axis=None, y_axis=None, remarks=(), name="a < b & c"):
    line = Series(name=name, x=x, y=y, color="#0b6bcb", marker="circle")
    x_axis, y_axis = x_axis or Axis(label="views"), y_axis or Axis(label="seconds")
    return Chart(title="A title", x=x_axis, y=y_axis, series=[line], remarks=remarks)


def test_names_are_escaped_and_texts_are_text():
    texts = ["".join(node.itertext()) for node in drawn(chart([1, 2], [1, 2])).iter(f"{NAME}text")]
    assert {"A title", "views", "seconds", "a < b & c"} <= set(texts)


def test_a_power_law_is_a_straight_line_on_two_logarithmic_axes():
    views = [2, 4, 8, 16, 32]
    places = circles(
        drawn(
            chart(
                views,
                [0.1 * v**1.7 for v in views],
                x_axis=Axis(label="views", log=True, base=2),
                y_axis=Axis(label="s", log=True),
            )
        )
    )
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(places)]
    for across, up in steps:
        assert across == pytest.approx(steps[0][0], abs=0.2)
        assert up == pytest.approx(steps[0][1], abs=0.2)
        assert across > 0 > up


def test_linear_axes_end_where_they_are_told():
    unit = {"x_axis": Axis(label="r", low=0.0, high=1.0), "y_axis": Axis(label="p", low=0.0, high=1.0)}
    corner, middle, end = circles(drawn(chart([0, 0.5, 1], [0, 0.5, 1], **unit)))
    assert middle == pytest.approx(((corner[0] + end[0]) / 2, (corner[1] + end[1]) / 2), abs=0.1)
    assert 0 < corner[0] < end[0] < WIDTH


def test_what_cannot_be_drawn_is_left_out():
    logarithmic = Axis(label="s", log=True)
    assert len(circles(drawn(chart([1, 2, 4], [0.0, math.nan, 3.0], y_axis=logarithmic)))) == 1
    empty = drawn(chart([], [], y_axis=logarithmic, x_axis=Axis(label="v", log=True, base=2)))
    assert circles(empty) == []


def test_a_remark_is_a_cross_with_its_text_in_the_legend():
    root = drawn(chart([1, 2], [1, 2], remarks=[Remark(x=2, text="out of memory", color="#c2410c")]))
    assert len(list(root.iter(f"{NAME}path"))) == 2
    assert "out of memory" in "".join(root.itertext())


def test_charts_stand_beside_and_below_each_other_and_long_names_are_wrapped():
    one = drawn(chart([1], [1]))
    long = drawn(chart([1], [1], name="many words " * 20))
    assert float(long.get("height")) > float(one.get("height"))
    three = drawn(*[chart([1], [1])] * 3, columns=2)
    assert float(three.get("width")) == 2 * WIDTH
    assert float(three.get("height")) == 2 * float(one.get("height"))


def test_lines_without_markers_differ_by_their_dashes():
    long = {"recall": [step / 99 for step in range(100)], "precision": [0.5] * 100}
    short = {"recall": [0.5], "precision": [0.5]}
    root = drawn(curve_chart("curves", [("a", long), ("b", short), ("c", long), ("d", long)]))
    dashes = {node.get("stroke-dasharray") for node in root.iter(f"{NAME}polyline") if len(node.get("points")) > 200}
    assert len(dashes) == 3
    assert len(list(root.iter(f"{NAME}rect"))) == 4  # page, frame, and the marker with its legend
