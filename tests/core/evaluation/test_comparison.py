"""Results beside each other, and pages that hold everything: what differs is told, what is there is shown."""

import base64
import copy
import json
import re

import pytest
from typer.testing import CliRunner

from fast3dis_core.cli import app
from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.comparison import comparison_svg, comparison_text, label
from fast3dis_core.evaluation.page import html_page
from fast3dis_core.evaluation.results import summarize
from fast3dis_core.evaluation.scoring import score_scene, score_surface
from fast3dis_core.evaluation.surface_methods import FELZENSZWALB, predict_surface, settings_facts
from tests.core.evaluation.rooms import SEEDS, true_prediction
from tests.core.evaluation.test_report import SETTINGS

SURFACE = {**SETTINGS, "method": "felzenszwalb", "size": "", "weights": "", "surface": settings_facts(FELZENSZWALB)}


@pytest.fixture(scope="module")
def results(rooms):
    """The truth as FAST3DIS, and Felzenszwalb, on the same rooms."""
    ours, theirs = [], []
    for seed in SEEDS:
        sample, surface = rooms.sample(seed), rooms.surface(seed)
        ours.append(score_scene(true_prediction(sample, scene_id=str(seed)), sample, surface, protocol="objects"))
        found = predict_surface(
            str(seed), surface, settings=FELZENSZWALB,
            made_by={"device": "cpu (test)", "precision": "float64", "code_commit": "abc", "versions": {}},
        )  # fmt: skip
        theirs.append(score_surface(found, surface, protocol="objects"))
    options = {"digest": "d" * 64, "protocol": "objects", "name": "x"}
    return [summarize(ours, settings=SETTINGS, **options), summarize(theirs, settings=SURFACE, **options)]


def test_all_methods_stand_in_one_table(results):
    text = comparison_text(results, curves="curves.svg")
    assert "All of the same 2 scenes of procedural-rooms val, protocol `objects`." in text
    row = next(line for line in text.splitlines() if line.startswith("| FAST3DIS (nano, geometry predicted) | 2 |"))
    targets = results[0]["average_precision"]["surface"]["counts"]["targets"]
    assert f"| {targets} |" in row
    assert next(line for line in text.splitlines() if line.startswith("| Felzenszwalb (true surface) | 2 |")).endswith(
        "| – | – | – | – |"
    )
    assert targets == results[1]["average_precision"]["surface"]["counts"]["targets"]  # one surface for all
    assert "| FAST3DIS (reported) | 31.6 |" in text
    assert "other scenes than those above" in text
    assert "do not compare" not in text
    assert "(curves.svg)" in text


def test_what_differs_is_told_first(results):
    other = copy.deepcopy(results[1])
    other["protocol"], other["scenes"] = "all", other["scenes"][:1]
    text = comparison_text([results[0], other])
    assert "**These results differ in protocol and scenes: their numbers do not compare one to one.**" in text
    assert "1 are common to all" in text
    with pytest.raises(DatasetError, match="found none"):
        comparison_text([])


def test_results_of_a_data_set_of_the_paper_are_put_beside_it(results):
    scanned = copy.deepcopy(results[0])
    scanned["settings"]["dataset"], scanned["settings"]["split"] = "replica", ""
    text = comparison_text([scanned])
    line = next(line for line in text.splitlines() if "measured here" in line)
    shown = f"{100 * scanned['figures']['surface_ap25']:.1f}"
    assert line.startswith(f"| **{label(scanned)}, measured here** | – | – | – | – | – | – | {shown} |")


def test_curves_are_those_of_the_results(results):
    chart = comparison_svg(results)
    assert all(label(result) in chart for result in results)


def test_untrained_weights_are_told(results):
    untrained = copy.deepcopy(results[0])
    untrained["model"]["status"] = "This model is random."
    assert "**Untrained weights: FAST3DIS (nano, geometry predicted).**" in comparison_text([untrained])


# --- pages -----------------------------------------------------------------------------------------------


def test_a_page_holds_its_pictures_and_runs_nothing(tmp_path):
    (tmp_path / "curve.svg").write_text("<svg/>")
    parts = ("# A <title>", "| a | b |\n| --- | ---: |\n| 1 | 2 |", "![x](curve.svg)", "![y](gone.png)")
    text = "\n\n".join([*parts, "<script>x</script>"])
    page = html_page(text, folder=tmp_path)
    assert "<title>A &lt;title&gt;</title>" in page
    assert re.search(r'<td style="text-align:right">2</td>', page)
    assert base64.b64encode(b"<svg/>").decode() in page
    assert 'src="gone.png"' in page
    assert "<script>" not in page


def test_one_command_puts_results_beside_each_other(results, tmp_path):
    paths = []
    for number, result in enumerate(results):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(json.dumps(result))
    done = CliRunner().invoke(app, ["compare", *map(str, paths), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    names = {"comparison.html", "comparison.md", "curves.svg"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert "data:image/svg+xml;base64," in (tmp_path / "out" / "comparison.html").read_text()
    (tmp_path / "0.json").write_text("{}")
    damaged = CliRunner().invoke(app, ["compare", str(tmp_path / "0.json"), "--out", str(tmp_path / "out")])
    assert damaged.exit_code == 3
