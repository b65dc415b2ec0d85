"""Numbers behind colors: each against a plain recomputation, each scale with its meaning."""

import numpy as np
import pytest

from app.number_colors import NumberScale, instance_colors, numbers_of, point_values, table_mode, table_scale, ticks_of
from fast3dis_core.color_scales import scale_stops
from fast3dis_core.curation import curate
from tests.app.standins import UNFILTERED
from tests.app.test_hijacks import CLAIMS, RESULT

CURATED = curate(RESULT, UNFILTERED)


def test_depth_is_the_distance_along_the_axis_of_the_photo():
    values, scale = point_values(RESULT, "depth")
    views, height, width = RESULT.images.shape[:3]
    for row in np.flatnonzero(RESULT.cloud.valid)[::97]:
        camera = RESULT.world_to_camera[row // (height * width)] @ np.append(RESULT.cloud.points[row], 1)
        assert values[row] == pytest.approx(camera[2], abs=1e-4)
    known = values[RESULT.cloud.valid]
    assert known.min() <= scale.low < scale.high <= known.max()
    assert scale.length
    assert numbers_of(scale, "m")[0].endswith(" m")
    assert views == len(RESULT.names)


def test_views_count_from_one_and_confidence_is_that_of_the_cloud():
    values, scale = point_values(RESULT, "view")
    assert values[0] == 1
    assert values[-1] == len(RESULT.names) == scale.high
    assert point_values(RESULT, "confidence")[0] is RESULT.cloud.confidence


def test_claims_are_shown_when_they_are_there():
    assert point_values(RESULT, "claims") is None
    for mode, expected in (("claims", CLAIMS.count), ("margin", CLAIMS.margin), ("bid", CLAIMS.best)):
        values, scale = point_values(RESULT, mode, CLAIMS)
        assert np.array_equal(values, expected)
        assert scale.low < scale.high


def test_instances_have_their_own_colors_or_those_of_their_number():
    own = instance_colors(CURATED, "instance")
    assert own == {item.query: item.color for item in CURATED.instances}
    assert table_scale(CURATED, "instance") is None
    by_score = instance_colors(CURATED, "objectness")
    stops = scale_stops("viridis").astype(int)
    for item in CURATED.instances:
        nearest = stops[round(item.objectness * 32)]
        assert np.abs(np.array(by_score[item.query]) - nearest).max() < 12
    assert len(set(instance_colors(CURATED, "query").values())) == len(CURATED.instances)


def test_modes_that_color_points_leave_the_table_alone():
    assert [table_mode(mode) for mode in ("objectness", "query", "depth", "photo")] == [
        "objectness",
        "query",
        "instance",
        "instance",
    ]


@pytest.mark.parametrize(
    ("scale", "factor", "expected"),
    [
        ({"low": 0.0, "high": 1.0}, 1.0, ["0.2", "0.4", "0.6", "0.8"]),
        ({"low": 0.37, "high": 4.2}, 1.0, ["1", "2", "3", "4"]),
        ({"low": 0.37, "high": 4.2, "length": True}, 10.0, ["10", "20", "30", "40"]),
        ({"low": 1, "high": 3, "whole": True}, 1.0, ["2"]),
        ({"low": 1, "high": 350, "whole": True}, 1.0, ["100", "200", "300"]),
        ({"low": 2.0, "high": 2.0}, 1.0, []),
    ],
)
def test_round_numbers_stand_between_the_ends_of_a_scale_where_they_belong(scale, factor, expected):
    found = ticks_of(NumberScale(title="", **scale), factor)
    assert [text for _, text in found] == expected
    low, high = (scale[end] * (factor if scale.get("length") else 1.0) for end in ("low", "high"))
    for share, text in found:
        assert share == pytest.approx((float(text) - low) / (high - low))
