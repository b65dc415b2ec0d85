"""Anchors moved in a photo: on the ray of the pixel, at a depth that the wheel and the surface change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.anchor_places import depth_in_photo, on_ray, surface_depth
from app.photo_layers import depth_map
from app.presenters.anchor_drag import AnchorDrag
from app.presenters.photo_anchors import NOTCH, PhotoAnchorsPresenter
from app.session.session import Origin, Session
from app.widgets.photo_anchors import PhotoAnchor
from tests.app.standins import UNFILTERED, Recorder
from tests.app.test_anchors import Probe
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
QUERY = RESULT.instances[0].query
VIEW = 1


class Desk:
    def __init__(self):
        self.session, self.layer = Session(UNFILTERED), Recorder()
        self.drag = AnchorDrag(self.session, Probe())
        self.presenter = PhotoAnchorsPresenter(self.session, self.drag, self.layer, PhotoAnchor)
        self.session.open(RESULT, Origin(folder=Path("room")))
        self.session.show(replace(self.session.display, view=VIEW, photo_anchors=True))

    def pixel(self, position):
        """By the camera's own matrices, not by what is tested."""
        camera = RESULT.world_to_camera[VIEW] @ np.append(position, 1.0)
        image = RESULT.intrinsics[VIEW] @ camera[:3]
        return image[0] / image[2], image[1] / image[2], camera[2]


@pytest.fixture
def desk():
    return Desk()


def test_a_place_on_a_ray_projects_to_its_pixel_and_depth(desk):
    place = on_ray(RESULT, VIEW, 30.25, 21.5, 2.5)
    assert np.allclose(desk.pixel(place), (30.25, 21.5, 2.5), atol=1e-4)
    assert np.isclose(depth_in_photo(RESULT, VIEW, place), 2.5)


def test_a_dragged_anchor_keeps_its_depth_until_the_wheel_turns(desk):
    _, _, depth = desk.pixel(RESULT.anchors[-1, QUERY])
    desk.presenter.move(QUERY, 20.0, 15.0, False)
    assert np.allclose(desk.pixel(desk.drag.state.position), (20.0, 15.0, depth), atol=1e-3)
    desk.presenter.deepen(2.0)
    assert np.allclose(desk.pixel(desk.drag.state.position), (20.0, 15.0, depth * NOTCH**2), atol=1e-3)
    desk.presenter.move(QUERY, 22.0, 15.0, False)
    assert np.allclose(desk.pixel(desk.drag.state.position), (22.0, 15.0, depth * NOTCH**2), atol=1e-3)
    desk.presenter.drop()
    (override,) = desk.session.edits.overrides
    assert np.allclose(desk.pixel(override.position), (22.0, 15.0, depth * NOTCH**2), atol=1e-3)
    assert desk.session.undo_label == f"Move anchor {QUERY}"


def test_on_the_surface_the_depth_is_that_of_the_map(desk):
    known = np.argwhere(np.isfinite(depth_map(RESULT, VIEW)))
    y, x = (int(value) for value in known[len(known) // 2])
    desk.presenter.move(QUERY, x + 0.5, y + 0.5, True)
    place = desk.drag.state.position
    row = VIEW * RESULT.pixels_per_view + y * RESULT.images.shape[2] + x
    assert np.allclose(place, RESULT.cloud.points[row], atol=1e-4), "the very point of the cloud"
    assert desk.drag.state.way == "surface"
    assert surface_depth(RESULT, VIEW, -1.0, 3.0) is None
    desk.presenter.move(QUERY, -5.0, 3.0, True)
    assert desk.drag.state.way == "air"


def test_marks_tell_how_anchors_are_seen_and_follow_the_drag(desk):
    marks = {mark.query: mark for mark in desk.layer.told("set_anchors")}
    assert set(marks) >= {item.query for item in desk.session.curated.shown}
    desk.presenter.move(QUERY, 20.0, 15.0, False)
    marks = {mark.query: mark for mark in desk.layer.told("set_anchors")}
    assert np.allclose((marks[QUERY].x, marks[QUERY].y), (20.0, 15.0), atol=1e-3)
    ghost, note = desk.layer.told("set_drag")
    assert np.allclose(ghost[1:], desk.pixel(RESULT.anchors[-1, QUERY])[:2], atol=1e-2)
    assert f"Anchor {QUERY}" in note
    desk.drag.abandon()
    assert desk.layer.told("set_drag") == (None, "")
