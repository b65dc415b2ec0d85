"""The model card: its first line cannot be talked round, results find their place by the hash of the weights."""

import copy
import json

import pytest

from fast3dis_core.config import ModelConfig, to_mapping
from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.ablations import ablation_text
from fast3dis_core.evaluation.card import LIMIT, CardWeights, card_text, first_line, read_result, sort_results
from fast3dis_core.evaluation.figures import MEASURED_BY_GOALS
from fast3dis_core.evaluation.results import summarize
from fast3dis_core.evaluation.scoring import score_scene
from tests.core.evaluation.rooms import SEEDS, true_prediction
from tests.core.evaluation.test_report import SETTINGS, row

OURS = "a" * 64
GOALS = {figure.name: figure.goal for figure in MEASURED_BY_GOALS}
WEIGHTS = CardWeights(
    name="nano.safetensors",
    sha256=OURS,
    size_bytes=23_456_789,
    parameters=11_700_000,
    config=to_mapping(ModelConfig.for_size("nano")),
    provenance={
        "backbone": "nano", "backbone_sha256": "", "data_version": "rooms-1", "steps": 2000, "scenes_seen": 64_000,
        "code_commit": "0123456789abcdef", "license": "Apache-2.0", "metrics": {},
    },
)  # fmt: skip
RUN = {
    "stage": "instances", "steps": 2000, "scenes_seen": 64_000, "seconds": 5400.0, "machines": ("a GPU",),
    "commits": ("0123456789abcdef",), "settings": {"low_size": ([70, 98], [84, 112])},
    "objective": {"anchor_weight": (0.5, 0.0)},
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(rooms):
    sample = rooms.sample(SEEDS[0])
    score = score_scene(true_prediction(sample, scene_id=str(SEEDS[0])), sample, protocol="objects")
    return summarize([score], settings=SETTINGS, digest="0", protocol="objects", name="nano-val")


@pytest.fixture
def result(plain):
    def make(
        split="val",
        geometry="predicted",
        *,
        method="fast3dis",
        weights=OURS,
        protocol="objects",
        name="x",
        dropped=0.0,
        **figures,
    ):
        made = copy.deepcopy(plain)
        made["settings"].update(split=split, geometry=geometry, method=method, weights=weights)
        if method == "feature-clustering":
            made["settings"]["clustering"] = {"most_points": 16384}
        made.update(protocol=protocol, name=name, duplicate_overlap=dropped)
        made["figures"].update(figures)
        return made

    return make


def test_the_first_line_opens_with_what_is_missed():
    assert first_line(GOALS) == LIMIT == "Not for real photographs: trained on rendered rooms only."
    missed = first_line({**GOALS, "ap25": 0.31, "rotation_degrees": 14.0})
    assert missed == f"Not yet useful: AP25 0.310 (floor 0.400), Rotation error, median 14.0° (floor 12.0°). {LIMIT}"
    assert first_line({**GOALS, "ap": None}).startswith("Not yet useful: AP – (floor 0.080).")
    assert first_line({**GOALS, "hijack_rate": 0.9}) == LIMIT  # reported, no floor


def test_only_the_headline_decides_the_first_line(result):
    good, bad = result(), result(geometry="given", ap50=0.0)
    assert card_text(WEIGHTS, sort_results([bad, good], OURS)).startswith(f"{LIMIT}\n")
    worse = card_text(WEIGHTS, sort_results([result(ap50=0.0), result(geometry="given")], OURS))
    assert worse.startswith("Not yet useful: AP50 0.000 (floor 0.200). Not for real")


def test_results_find_their_place(result):
    given = [
        result("test"), result(), result(geometry="given"), result(protocol="all"),
        result(method="feature-clustering"), result(weights="b" * 64, name="full-seed0"),
    ]  # fmt: skip
    found = sort_results(given, OURS)
    assert set(found.main) == {("val", "predicted"), ("test", "predicted"), ("val", "given")}
    assert (len(found.walls), set(found.clustered), len(found.ablations)) == (1, {("val", "predicted")}, 1)
    with pytest.raises(DatasetError, match="Two results of fast3dis on val with geometry predicted"):
        sort_results([result(), result()], OURS)
    with pytest.raises(DatasetError, match="validation rooms with predicted geometry"):
        sort_results([result("test")], OURS)
    with pytest.raises(DatasetError, match="found none among 1"):
        sort_results([result()], "c" * 64)


def test_the_card_tells_where_everything_comes_from(result):
    results = sort_results([result("test", ap50=0.5), result(ap50=0.6), result(protocol="all", ap25=0.25)], OURS)
    text = card_text(WEIGHTS, results, training=[RUN], picture="nano.png", pictured=["1", "2"])
    assert text == card_text(WEIGHTS, results, training=[RUN], picture="nano.png", pictured=["1", "2"])
    assert row(text, "figure") == "| figure | goal | floor | val, predicted | test, predicted |"
    assert row(text, "AP50") == "| AP50 | 0.650 | 0.200 | 0.600 | 0.500 |"
    assert "23.5 MB" in text
    assert "11,700,000 parameters" in text
    assert OURS in text
    assert "(nano.png)" in text
    assert "Validation rooms 1, 2: the first ones" in text
    assert "data rooms-1, 2,000 steps, 64,000 scenes seen, code 0123456789ab" in text
    assert "stage instances: 2,000 steps, 64,000 scenes, 1 h 30 min on a GPU" in text
    assert "other than the defaults: low_size 70 to 98 (not 84 to 112)" in text
    assert "anchor_weight 0.5 (not 0.0)" in text
    assert "with walls, floors and ceilings as targets: AP25 0.250" in text
    assert "Apache-2.0. Trained from scratch on generated rooms" in text
    assert "## Ablations" not in text
    assert "![" not in card_text(WEIGHTS, results)


def test_clustering_stands_beside_queries(result):
    text = card_text(WEIGHTS, sort_results([result(), result(method="feature-clustering", ap50=0.125)], OURS))
    assert "| queries (val, predicted, 1 room) | 1.000 | 1.000 |" in text
    assert "| clustering (val, predicted, 1 room) | 1.000 | 0.125 |" in text
    assert "At most 16,384 pixels" in text


def test_duplicates_dropped_have_a_table_of_their_own(result):
    standard = [result(ap50=0.5), result(geometry="given", ap50=0.6)]
    filtered = result(geometry="given", dropped=0.5, ap50=0.7)
    plain, text = (card_text(WEIGHTS, sort_results(given, OURS)) for given in (standard, [filtered, *standard]))
    assert "| val, given, 1 room | standard, nothing dropped | 1.000 | 0.600 |" in text
    assert "| val, given, 1 room | IoU above 0.5 | 1.000 | 0.700 |" in text
    begin, end = text.index("## With duplicates dropped"), text.index("## License")
    assert text[:begin] + text[end:] == plain, "the standard figures are untouched"
    assert "Not the standard figures" in text[begin:end]
    with pytest.raises(DatasetError, match="room9: duplicates were dropped"):
        sort_results([*standard, result(weights="b" * 64, dropped=0.5, name="room9")], OURS)
    with pytest.raises(DatasetError, match="validation rooms with predicted geometry"):
        sort_results([result(dropped=0.5)], OURS)


def test_claims_are_judged_by_every_run(result):
    def runs(name, *rates):
        return [
            result(name=f"{name}-seed{seed}", weights="b" * 64, hijack_rate=rate, gap_rate_at_boundaries=rate)
            for seed, rate in enumerate(rates)
        ]

    text = ablation_text(
        [*runs("full", 0.02, 0.04), *runs("no-regularizers", 0.1, 0.3), *runs("fixed-overlap", 0.01, 0.015)]
    )
    assert "each other's objects: **confirmed**. Hijacked objects: 20.0 % (10.0 % to 30.0 %) against 3.0 %" in text
    assert "black gaps between objects: **contradicted**" in text
    assert "does not end hijacking: not tested, since `low-overlap`" in text
    assert text.index("| full | 2 |") < text.index("| fixed-overlap | 2 |")
    overlapping = ablation_text([*runs("full", 0.02, 0.2), *runs("no-regularizers", 0.1, 0.3)])
    assert "each other's objects: open, the runs overlap" in overlapping
    alone = ablation_text(runs("no-regularizers", 0.1))
    assert "not tested, since `full`" in alone


def test_files_that_are_no_results_are_refused(result, tmp_path):
    path = tmp_path / "result-objects.json"
    path.write_text(json.dumps(result()))
    assert read_result(path)["figures"] == result()["figures"]
    for text in ("", "[]", "{}", '{"format_version": 99}', '{"format_version": 1}'):
        path.write_text(text)
        with pytest.raises(DatasetError, match=r"expected a result of"):
            read_result(path)
    with pytest.raises(DatasetError, match=r"give result-\*.json"):
        read_result(tmp_path / "missing.json")
