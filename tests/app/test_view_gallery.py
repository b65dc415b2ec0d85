"""The strip of photos without its widget: what it says of views, and what it changes of the next run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.coloring import anchor_colors
from app.photo_layers import depth_map, project_anchors
from app.presenters.evidence import LOOK_WORDS
from app.presenters.painting import Painting
from app.presenters.view_gallery import ViewGalleryPresenter
from app.session.origin import Origin
from app.session.plan import Plan
from app.session.session import Session
from fast3dis_core.reconstruction import PointCloud
from tests.app.standins import UNFILTERED, Recorder, stand_in_photo
from tests.scenes import replaced, synthetic_reconstruction

FOLDER = Path("/photos/kitchen")
RESULT = synthetic_reconstruction(views=5)


class Desk:
    def __init__(self, result=RESULT, folder=FOLDER):
        self.session, self.actions, self.gallery = Session(UNFILTERED), Actions(), Recorder()
        self.messages, self.copied, self.triggered = [], [], []
        self.session.messaged.connect(self.messages.append)
        self.actions.bind("through_photo", lambda: self.triggered.append("through_photo"))
        self.presenter = ViewGalleryPresenter(
            self.session, self.actions, Painting(self.session), self.gallery, self.copied.append
        )
        photos = tuple(stand_in_photo(FOLDER / name) for name in RESULT.names)
        self.session.prepare(Plan(sources=(FOLDER,), photos=photos))
        self.session.open(result, Origin(folder=folder))

    def look(self, **changes):
        self.session.show(replace(self.session.display, **changes))

    def excluded(self):
        (views,), state = self.gallery.last["set_excluded"]
        return views, state["possible"]


def test_a_view_is_left_out_of_the_next_run_and_taken_in_again():
    desk = Desk()
    assert desk.excluded() == (frozenset(), True)
    desk.presenter.toggle_exclusion(2)
    assert [photo.included for photo in desk.session.plan.photos] == [True, True, False, True, True]
    assert desk.excluded() == ({2}, True)
    assert desk.messages[-1] == f"The next run leaves out {RESULT.names[2]}"
    assert "Left out of the next run" in desk.presenter.facts(2)
    assert "Left out" not in desk.presenter.facts(1)
    assert desk.session.reconstruction is RESULT, "the result stays"
    desk.presenter.toggle_exclusion(2)
    assert all(photo.included for photo in desk.session.plan.photos)
    assert desk.messages[-1] == f"The next run uses {RESULT.names[2]}"


def test_nothing_is_left_out_of_a_run_of_other_photos():
    desk = Desk(folder=Path("/photos/another"))
    assert desk.excluded() == (frozenset(), False)
    plan = desk.session.plan
    desk.presenter.toggle_exclusion(2)
    assert desk.session.plan is plan


def test_a_view_tells_its_number_name_size_and_instances():
    desk = Desk()
    height, width = RESULT.images.shape[1:3]
    for view in range(5):
        rows = range(view * height * width, (view + 1) * height * width)
        there = [item.query for item in desk.session.curated.shown if np.isin(item.pixels, rows).any()]
        text = desk.presenter.facts(view)
        assert text.startswith(f"View {view + 1} of 5: {RESULT.names[view]}\n{width} x {height} pixels")
        assert f"{len(there)} instance" in text
        hidden = frozenset(there)
    desk.session.edit("Hide", replace(desk.session.edits, hidden=hidden))
    assert "0 instances shown" in desk.presenter.facts(4)


def test_a_view_whose_depth_is_trusted_least_is_marked_with_both_numbers():
    confidence = np.linspace(4.0, 4.4, 5).repeat(RESULT.pixels_per_view).astype(np.float32)
    confidence[RESULT.pixels_per_view : 2 * RESULT.pixels_per_view] = 1.0
    old = RESULT.cloud
    cloud = PointCloud(points=old.points, colors=old.colors, valid=old.valid, confidence=confidence)
    desk = Desk(replaced(RESULT, cloud=cloud))
    assert set(desk.gallery.told("set_doubtful")) == {1}
    assert "median confidence 1.00, 4.20 in the other views" in desk.presenter.facts(1)
    assert "in doubt" not in desk.presenter.facts(0)
    assert set(Desk().gallery.told("set_doubtful")) == set()


def test_looking_through_a_camera_goes_to_its_view_first_and_stays_if_already_looking():
    desk = Desk()
    desk.presenter.look(3)
    assert desk.session.display.view == 3
    assert desk.triggered == ["through_photo"]
    desk.actions.set("through_photo", checked=True)
    desk.presenter.look(1)
    assert desk.session.display.view == 1
    assert desk.triggered == ["through_photo"]


def test_the_selected_anchor_is_marked_in_every_picture_as_the_large_photo_has_it():
    """In the open, behind the wall, beside every photo and behind the cameras; each view against a plain projection."""
    anchors = np.array(RESULT.anchors)
    anchors[-1, 1, 2] += 1.0
    anchors[-1, 2, 0] += 30.0
    anchors[-1, 3, 2] = -20.0
    result = replaced(RESULT, anchors=anchors)
    desk = Desk(result)
    desk.look(anchors=True)
    height, width = result.images.shape[1:3]
    seen = set()
    for query in range(5):
        desk.look(selection=frozenset({query}))
        color, marks = desk.gallery.told("set_marks")
        assert color == tuple(anchor_colors(desk.session.curated)[query])
        assert len(marks) == len(result.images)
        for view, (x, y, sight) in enumerate(marks):
            camera, lens = result.world_to_camera[view], result.intrinsics[view]
            plain = project_anchors(anchors[-1, query][None], camera, lens, depth_map(result, view))
            assert (x * width, y * height) == pytest.approx(plain.positions[0], abs=1e-2)
            assert sight == plain.sights[0]
            assert f"The selected anchor is {LOOK_WORDS[sight]}" in desk.presenter.facts(view)
            seen.add(sight)
    assert {"visible", "occluded", "outside", "behind"} <= seen


def test_marks_are_there_while_anchors_are_looked_at_and_of_one_query_only():
    desk = Desk()
    desk.look(selection=frozenset({1}))
    assert not desk.gallery.all_told("set_marks")[-1:] or desk.gallery.told("set_marks")[1] == ()
    for wish in ({"anchors": True}, {"photo_anchors": True}, {"tab": "Anchors"}, {"tab": "Evidence"}):
        desk.look(**wish)
        assert len(desk.gallery.told("set_marks")[1]) == 5, wish
        desk.look(**{name: "" if name == "tab" else False for name in wish})
        assert desk.gallery.told("set_marks")[1] == (), wish
    desk.look(anchors=True, selection=frozenset({1, 2}))
    assert desk.gallery.told("set_marks")[1] == ()
    desk.look(selection=frozenset({1}), layer=0)
    first = desk.gallery.told("set_marks")
    desk.look(layer=-1)
    assert desk.gallery.told("set_marks") != first, "of the layer shown"
    count = desk.gallery.calls.count("set_marks")
    desk.look(hovered=3)
    assert desk.gallery.calls.count("set_marks") == count, "nothing is worked out twice"
