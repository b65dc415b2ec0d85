"""Where a query looked: sights and shares against plain loops over views, layers and heads."""

import csv
import io

import numpy as np
import pytest

from fast3dis_core.evidence import Evidence
from fast3dis_core.query_evidence import evidence_csv, query_evidence
from fast3dis_core.sights import TOLERANCE, anchor_sights
from tests.scenes import replaced, synthetic_reconstruction

VIEWS, QUERIES, HEADS = 4, 6, 3
BASE = synthetic_reconstruction(views=VIEWS, queries=QUERIES)
LAYERS = len(BASE.anchors) - 1


def _muted():
    """A query, and a view that is left out although it shows the anchor in every layer."""
    seen = (pair for pair in np.ndindex(QUERIES, VIEWS) if pair[0] not in (1, 2, 3))
    return next(pair for pair in seen if all(_pixel(BASE, layer[pair[0]], pair[1])[2] for layer in BASE.anchors))


def _scene():
    """Anchors in the open, behind the wall, beside every photo and behind the cameras, and random attention."""
    rng = np.random.default_rng(3)
    anchors = np.array(BASE.anchors)
    anchors[:, 1, 2] += 1.0
    anchors[:, 2, 0] += 30.0
    anchors[:, 3, 2] = -20.0
    result = replaced(BASE, anchors=anchors)
    weights = rng.random((LAYERS, QUERIES, 1 + VIEWS, HEADS)).astype(np.float32)
    visible = np.zeros((LAYERS, QUERIES, VIEWS), bool)
    positions = np.full((LAYERS, QUERIES, VIEWS, 2), np.nan, np.float32)
    for layer, query, view in np.ndindex(visible.shape):
        x, y, inside = _pixel(result, anchors[layer, query], view)
        muted = (query, view) == MUTED
        if inside and not muted:
            visible[layer, query, view], positions[layer, query, view] = True, (x, y)
        else:
            weights[layer, query, 1 + view] = 0
    weights /= weights.sum(axis=2, keepdims=True)
    return result, Evidence(weights=weights, positions=positions, visible=visible)


def _pixel(result, anchor, view):
    camera = result.world_to_camera[view] @ np.append(anchor, 1.0)
    u, v, _ = result.intrinsics[view] @ camera[:3]
    x, y = u / camera[2], v / camera[2]
    height, width = result.images.shape[1:3]
    return x, y, bool(camera[2] > 0 and 0 <= x < width and 0 <= y < height)


def plain_sight(result, anchor, view):
    depth = float(result.world_to_camera[view, 2, :3] @ anchor + result.world_to_camera[view, 2, 3])
    x, y, inside = _pixel(result, anchor, view)
    if depth <= 0:
        return "behind"
    if not inside:
        return "outside"
    row = view * result.pixels_per_view + int(y) * result.images.shape[2] + int(x)
    if not result.cloud.valid[row]:
        return "unknown"
    point = result.cloud.points[row]
    surface = float(result.world_to_camera[view, 2, :3] @ point + result.world_to_camera[view, 2, 3])
    return "occluded" if depth > surface * (1 + TOLERANCE) else "visible"


MUTED = _muted()
RESULT, EVIDENCE = _scene()


def test_sights_are_those_of_a_plain_loop():
    for anchors in RESULT.anchors:
        found = anchor_sights(RESULT, anchors)
        for query, view in np.ndindex(found.shape):
            assert found[query, view] == plain_sight(RESULT, anchors[query], view), (query, view)
    assert {"visible", "occluded", "outside", "behind"} <= set(anchor_sights(RESULT, RESULT.anchors[0]).ravel())


@pytest.mark.parametrize("layer", [None, 1, LAYERS])
@pytest.mark.parametrize("head", [None, 0, HEADS - 1])
def test_shares_and_masses_are_those_of_a_plain_sum(layer, head):
    layers = range(1, LAYERS + 1) if layer is None else [layer]
    heads = range(HEADS) if head is None else [head]
    count = len(layers) * len(heads)
    for query in range(QUERIES):
        known = query_evidence(RESULT, EVIDENCE, query, layer=layer, head=head)
        shares, masses, nowhere = [0.0] * VIEWS, {}, 0.0
        for each in layers:
            for one in heads:
                nowhere += EVIDENCE.weights[each - 1, query, 0, one] / count
                for view in range(VIEWS):
                    weight = EVIDENCE.weights[each - 1, query, 1 + view, one] / count
                    word = plain_sight(RESULT, RESULT.anchors[each - 1, query], view)
                    word = "muted" if (query, view) == MUTED and word not in ("outside", "behind") else word
                    shares[view] += weight
                    masses[word] = masses.get(word, 0.0) + weight
        assert known.shares == pytest.approx(shares, abs=1e-6)
        assert known.nowhere == pytest.approx(nowhere, abs=1e-6)
        assert known.shares.sum() + known.nowhere == pytest.approx(1, abs=1e-5)
        assert known.masses == pytest.approx(masses, abs=1e-6)
        assert known.hidden == pytest.approx(masses.get("occluded", 0.0), abs=1e-6)
        assert known.layers == tuple(layers)


def test_left_out_views_have_no_attention_and_no_place():
    for query in range(QUERIES):
        known = query_evidence(RESULT, EVIDENCE, query)
        left_out = np.isin(known.looks, ("outside", "behind", "muted"))
        assert np.isnan(known.positions[left_out]).all()
        assert sum(known.masses.get(word, 0.0) for word in ("outside", "behind", "muted")) == 0
    assert query_evidence(RESULT, EVIDENCE, MUTED[0]).looks[0, MUTED[1]] == "muted"


def test_the_csv_has_every_weight():
    rows = list(csv.DictReader(io.StringIO(evidence_csv(RESULT, EVIDENCE, [0, 4]))))
    assert len(rows) == 2 * LAYERS * HEADS * (1 + VIEWS)
    for row in rows:
        query, layer, head, view = (int(row[name]) for name in ("query", "layer", "head", "view"))
        weight = EVIDENCE.weights[layer - 1, query, view, head - 1]
        assert float(row["attention"]) == pytest.approx(weight, abs=1e-6)
        assert row["photo"] == ("" if view == 0 else RESULT.names[view - 1])
        if row["x"]:
            place = EVIDENCE.positions[layer - 1, query, view - 1]
            assert (float(row["x"]), float(row["y"])) == pytest.approx(place, abs=0.01)
