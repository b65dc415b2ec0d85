"""Every number of the panel Compare against plain sets: lines, summary, counts, costs, mistakes beside the truth."""

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from app.comparison_words import MISTAKES, RELATIONS
from fast3dis_core.comparison import MATCH, SAME
from fast3dis_core.cost import Cost
from fast3dis_core.curation import Curation
from fast3dis_core.evaluation.beside import set_beside
from fast3dis_core.evaluation.counterparts import other_result
from tests.app.test_comparing import POINTS, RESULT, drive

COSTS = Cost(seconds=12.345, memory=2_300_000_000), Cost(seconds=3.456, memory=45_600_000)


def number(text):
    """Query in a name."""
    return int(re.search(r"\d+", text).group())


def sets(curated):
    return {item.query: set(item.pixels.tolist()) for item in curated.shown}


def held(desk, kind="run"):
    """The result beside itself with one instance less, one of them cut in two, and one grown."""
    result = desk.session.curated.reconstruction
    gone, halved, grown, *rest = result.instances
    half = len(halved.pixels) // 2
    parts = (
        replace(halved, pixels=halved.pixels[:half]),
        replace(halved, query=5 + len(result.instances), pixels=halved.pixels[half:]),
        replace(grown, pixels=np.union1d(grown.pixels, gone.pixels[: len(grown.pixels) // 4]).astype(np.int32)),
    )
    other = replace(result, instances=(*parts, *rest))
    objectness = np.zeros((len(result.objectness), 20), np.float32)
    objectness[:, : result.objectness.shape[1]] = result.objectness
    other = replace(
        other,
        objectness=objectness,
        anchors=np.zeros((len(objectness), 20, 3), np.float32),
        overlap=np.zeros((20, 20), np.float32),
    )
    found = other_result(
        other, result, title="theirs", kind=kind, curation=Curation(), cost=COSTS[0], own_cost=COSTS[1]
    )
    desk.session.show(replace(desk.session.display, comparing=True))
    desk.session.set_beside(set_beside(found, desk.session.curated))
    return desk.session.comparison


def test_every_line_is_that_of_plain_sets():
    async def story(desk):
        await desk.run()
        comparison = held(desk)
        ours, theirs = sets(comparison.first), sets(comparison.second)
        colors = {item.query: item.color for item in comparison.first.shown}
        headers, lines = desk.panel.last["set_lines"][0]
        assert headers == ("This result", "Other")
        seen = set()
        for word, _, own, other, own_color, other_color, iou, points in lines:
            one = ours[number(own)] if own else set()
            two = theirs[number(other)] if other else set()
            assert points == (len(one), len(two))
            if own and other:
                assert iou == pytest.approx(len(one & two) / len(one | two))
            else:
                assert iou is None
            if word in ("Same", "Changed"):
                assert (iou >= SAME) == (word == "Same")
                assert iou >= MATCH
                assert own_color == other_color == colors[number(own)], "a pair has one color"
            seen |= {("own", number(own))} if own else set()
            seen |= {("other", number(other))} if other else set()
        assert seen == {("own", query) for query in ours} | {("other", query) for query in theirs}
        assert {word for word, *_ in lines} >= {"Same", "Changed"}
        assert len({word for word, *_ in lines}) >= 3

    drive(story)


def test_the_summary_and_the_figures_are_those_of_the_lines():
    async def story(desk):
        await desk.run()
        comparison = held(desk)
        _, lines = desk.panel.last["set_lines"][0]
        summary = desk.panel.last["set_result"][1]["summary"]
        pairs = [line[6] for line in lines if line[0] in ("Same", "Changed")]
        assert summary.startswith(f"Mean IoU of pairs {sum(pairs) / len(pairs):.2f}")
        counts = Counter(line[0].lower() for line in lines)
        for name, _ in RELATIONS.values():
            found = re.search(rf"(\d+) {name.lower()}\b", summary)
            assert (0 if found is None else int(found.group(1))) == counts[name.lower()]
        rows = {name: values for name, *values in desk.panel.told("set_facts")}
        assert rows["Instances"] == [str(len(sets(comparison.first))), str(len(sets(comparison.second)))]
        assert rows["Time"] == ["3.46 s", "12.3 s"]
        assert rows["Memory"] == ["46 MB", "2.3 GB"]
        assert desk.stage.last["set_first"][0][1] == f"{rows['Instances'][0]} instances · 3.46 s · 46 MB"
        assert desk.stage.last["set_second"][0][1] == f"{rows['Instances'][1]} instances · 12.3 s · 2.3 GB"

    drive(story)


def test_mistakes_and_precision_beside_the_truth_are_those_of_a_plain_recomputation(tmp_path):
    """One object of the truth is two instances of the result, one is missed, one is grown by half."""
    ids = np.zeros(POINTS, np.uint16)
    for item in sorted(RESULT.instances, key=lambda item: item.objectness):
        ids[item.pixels] = item.query + 1
    ids[ids == 2] = 1
    free = np.flatnonzero(ids == 0)[:400]
    ids[free] = 60  # nobody finds it
    (tmp_path / "instance").mkdir()
    for view, part in enumerate(ids.reshape(3, 28, 42)):
        cv2.imwrite(str(tmp_path / "instance" / f"view_{view:03d}.png"), part)

    async def story(desk):
        await desk.run(tmp_path)
        comparison = await desk.compare("truth")
        keep = comparison.first.keep
        claims = {item.query: set(item.pixels.tolist()) for item in comparison.first.shown}
        objects = {int(value): set(np.flatnonzero((ids == value) & keep).tolist()) for value in np.unique(ids[ids > 0])}
        _, lines = desk.panel.last["set_lines"][0]
        words = {name: set() for name, _ in MISTAKES.values()}
        for word, _, own, other, _, _, iou, points in lines:
            one = claims[number(own)] if own else set()
            two = objects[number(other.split()[-1])] if other else set()
            assert points[0] == len(one)
            if own and other:
                assert iou == pytest.approx(len(one & two) / len(one | two))
                assert (iou >= MATCH) or word != "Correct"
            words[word].add(own or other)
        assert any("60" in name for name in words["Missed"])
        assert len(words["Correct"]) == sum(line[0] == "Correct" for line in lines), "each finds one object of its own"
        assert plain_ap(claims, objects, {item.query: item.rank for item in comparison.first.shown}) == pytest.approx(
            comparison.precision[0].ap50
        )
        rows = {name: values for name, *values in desk.panel.told("set_facts")}
        assert rows["AP50"] == [f"{100 * comparison.precision[0].ap50:.1f} %", "–"]

    drive(story)


def plain_ap(claims, objects, ranks):
    """AP at 0.5 of objects of 100 points and more: each takes the first mask that fits, ranks are read afterwards."""
    targets = {value: points for value, points in objects.items() if len(points) >= 100}
    claims = {query: points for query, points in claims.items() if len(points) >= 100}
    iou = {(q, v): len(claims[q] & points) / len(claims[q] | points) for q in claims for v, points in objects.items()}
    records, taken, missed = [], set(), 0
    for value in sorted(targets):
        found = [query for query in sorted(claims) if query not in taken and iou[query, value] > 0.5]
        if not found:
            missed += 1
            continue
        taken.add(found[0])
        records += [(max(ranks[query] for query in found), True)]
        records += [(min(ranks[found[0]], ranks[query]), False) for query in found[1:]]
    labelled = set().union(*objects.values())
    for query, points in claims.items():
        if any(iou[query, value] > 0.5 for value in objects):
            continue
        small = set().union(*(points & other for other in objects.values() if len(other) < 100), set())
        ignored = len(points - labelled) + len(small)
        if ignored / len(points) <= 0.5:
            records.append((ranks[query], False))
    curve = [(0.0, 1.0)]
    for score in sorted({score for score, _ in records}, reverse=True):
        at = [right for other, right in records if other >= score]
        curve.append((sum(at) / (sum(right for _, right in records) + missed), sum(at) / len(at)))
    return sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in pairwise(curve))
