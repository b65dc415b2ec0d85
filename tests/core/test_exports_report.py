"""Facts about a result: recomputed here one by one, and as JSON that any parser takes."""

import json

import numpy as np
import pytest

from fast3dis_core.errors import ExportError
from fast3dis_core.exports import describe, write_report
from fast3dis_core.reconstruction import Instance
from tests.scenes import replaced, synthetic_reconstruction


def refuse_constant(word):
    raise AssertionError(f"{word} is not JSON")


def test_facts_per_instance():
    scene = synthetic_reconstruction(is_metric=True)
    threshold = scene.instances[2].objectness
    facts = describe(scene, threshold)
    assert facts["units"] == "m"
    assert [item["query"] for item in facts["instances"]] == [item.query for item in scene.instances[:3]]
    for item, instance in zip(facts["instances"], scene.instances[:3], strict=True):
        points = scene.cloud.points[instance.pixels].astype(float)
        assert item["points"] == len(points)
        assert item["objectness"] == instance.objectness
        assert np.allclose(item["centroid"], points.mean(axis=0), rtol=1e-12)
        assert item["box"] == {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        assert item["anchor"] == instance.anchor.tolist()
        assert item["views"] == sorted(set((instance.pixels // scene.pixels_per_view).tolist()))


def test_counts():
    scene = synthetic_reconstruction()
    facts = describe(scene, 0.0)
    claims = np.bincount(np.concatenate([item.pixels for item in scene.instances]), minlength=len(scene.cloud.points))
    assert facts["points"] == {
        "total": 3 * 28 * 42,
        "valid": int(scene.cloud.valid.sum()),
        "claimed": int((claims > 0).sum()),
        "contested": int((claims > 1).sum()),
    }
    assert facts["points"]["contested"] > 0
    assert facts["filters"][0]["removed"] == scene.filters[0].removed
    assert describe(scene, 0.0, queries=[])["points"]["claimed"] == 0


def test_positions_follow_the_transform():
    scene = synthetic_reconstruction()
    transform = np.diag([-3.0, -3.0, 3.0, 1.0])
    plain, moved = (describe(scene, 0.0, transform=matrix) for matrix in (None, transform))
    for before, after in zip(plain["instances"], moved["instances"], strict=True):
        assert np.allclose(after["centroid"], np.array(before["centroid"]) * [-3, -3, 3], rtol=1e-5)
        assert np.allclose(after["box"]["min"][0], before["box"]["max"][0] * -3)
    assert moved["transform"].split()[0] == "-3.0"


def test_report_is_sorted_json_and_reads_back(tmp_path):
    scene = synthetic_reconstruction()
    scene = replaced(scene, names=("Küche ☕.jpg", "b.jpg", "broken\udcff.jpg"))
    facts = describe(scene, 0.0)
    write_report(tmp_path / "report.json", facts)
    text = (tmp_path / "report.json").read_text("utf-8")
    assert "Küche ☕" in text
    assert json.loads(text, parse_constant=refuse_constant) == facts
    assert list(json.loads(text)) == sorted(facts)
    with pytest.raises(ExportError, match="exists already"):
        write_report(tmp_path / "report.json", facts)


def test_instance_without_points(tmp_path):
    scene = synthetic_reconstruction(views=1, queries=0)
    lonely = Instance(query=3, objectness=0.7, anchor=np.ones(3, np.float32), pixels=np.zeros(0, np.int32))
    facts = describe(replaced(scene, instances=(lonely,)), 0.5)
    assert facts["instances"] == [
        {
            "query": 3,
            "objectness": 0.7,
            "points": 0,
            "views": [],
            "anchor": [1.0, 1.0, 1.0],
            "centroid": None,
            "box": None,
        }
    ]
    write_report(tmp_path / "report.json", facts)
    assert describe(scene, 0.5)["instances"] == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")])
def test_numbers_that_json_lacks_are_named(tmp_path, value):
    with pytest.raises(ExportError, match=r"facts\.a\[1\]\.b"):
        write_report(tmp_path / "report.json", {"a": [0, {"b": value}]})
    assert list(tmp_path.iterdir()) == []
