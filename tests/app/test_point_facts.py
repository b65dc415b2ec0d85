"""Words about single points."""

from dataclasses import replace

import numpy as np

from app.point_facts import WORST_NAME, point_facts
from fast3dis_core.curation import Curation, curate
from tests.scenes import synthetic_reconstruction

OPEN = Curation(
    minimum_points=0, duplicate_overlap=0.0, confidence_percentile=0.0, depth_edge=0.0, objectness_threshold=0.0
)


def test_row_view_pixel_and_position_belong_together():
    scene = synthetic_reconstruction(is_metric=True)
    row = int(np.flatnonzero(scene.cloud.valid)[-1])
    width = scene.images.shape[2]
    lines = point_facts(curate(scene, OPEN), row, -1).split("\n")
    assert lines[:2] == ["No instance", f"View {len(scene.names)}: {scene.names[-1]}"]
    across, down = (int(word) for word in lines[2].removeprefix("Pixel ").split(", "))
    assert (len(scene.names) - 1) * scene.pixels_per_view + down * width + across == row
    told = [float(word) for word in lines[3].removeprefix("Position ").removesuffix(" m").split(", ")]
    assert np.allclose(told, scene.cloud.points[row], atol=6e-4)


def test_an_endless_name_is_cut():
    scene = synthetic_reconstruction()
    query, row = scene.instances[0].query, int(scene.instances[0].pixels[0])
    named = replace(OPEN, names={query: "x" * 300})
    first = point_facts(curate(scene, named), row, query).split("\n")[0]
    assert len(first) == WORST_NAME
    assert first.endswith("…")
