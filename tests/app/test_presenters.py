"""Presenters with stand-in widgets: what the user does reaches the session, what the session says the widgets."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.chips import chips, dismiss_chip
from app.presenters.decoding_panel import DecodingPanelPresenter
from app.presenters.instance_table import InstanceTablePresenter
from app.presenters.main_window import MainWindowPresenter
from app.presenters.painting import Painting
from app.presenters.view_gallery import ViewGalleryPresenter
from app.presenters.viewport import ViewportPresenter
from app.session.plan import RunSettings
from app.session.session import Origin, Session
from app.worker import Worker
from app.workflow import Workflow
from tests.app.standins import UNFILTERED, Recorder, StandInSteps
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=6)
FIRST, SECOND = RESULT.instances[0], RESULT.instances[1]


@pytest.fixture
def session():
    return Session(UNFILTERED)


@pytest.fixture
def actions():
    return Actions()


def opened(session, status=""):
    session.open(RESULT, Origin(folder=Path("/photos/kitchen"), model="nano · CPU", model_status=status))
    return session


class TestViewport:
    @pytest.fixture
    def view(self):
        return Recorder()

    @pytest.fixture
    def presenter(self, session, actions, view):
        presenter = ViewportPresenter(session, actions, Painting(session), view)
        opened(session)
        return presenter

    def test_a_click_selects_the_painted_instance_and_the_background_clears(self, presenter, session):
        presenter.pick(int(FIRST.pixels[0]), False)
        assert session.display.selection == {FIRST.query}
        presenter.pick(-1, False)
        assert session.display.selection == frozenset()

    def test_points_grow_and_shrink_within_limits(self, presenter, session, actions, view):
        actions.trigger("larger_points")
        assert view.told("set_point_scale") == session.display.point_scale > 1
        for _ in range(40):
            actions.trigger("larger_points")
        largest = session.display.point_scale
        for _ in range(80):
            actions.trigger("smaller_points")
        assert 0 < session.display.point_scale < 1 < largest < 10

    def test_ctrl_click_adds_and_takes_away(self, presenter, session):
        alone = np.setdiff1d(SECOND.pixels, FIRST.pixels)
        presenter.pick(int(FIRST.pixels[0]), False)
        presenter.pick(int(alone[0]), True)
        assert session.display.selection == {FIRST.query, SECOND.query}
        presenter.pick(int(FIRST.pixels[0]), True)
        assert session.display.selection == {SECOND.query}

    def test_an_unclaimed_point_selects_nothing(self, presenter, session):
        claimed = np.concatenate([item.pixels for item in RESULT.instances])
        free = np.setdiff1d(np.flatnonzero(RESULT.cloud.valid), claimed)
        presenter.pick(int(free[0]), False)
        assert session.display.selection == frozenset()

    def test_the_objectness_filter_sends_a_table_and_nothing_else(self, presenter, session, view):
        view.calls.clear()
        session.edit("x", replace(session.edits, objectness_threshold=SECOND.objectness))
        assert view.calls == ["set_table"]

    def test_an_update_of_the_scene_keeps_cloud_and_camera(self, presenter, session, view):
        view.calls.clear()
        session.replace(replace(RESULT, instances=RESULT.instances[:2]))
        assert set(view.calls) == {"set_rows", "set_table"}

    def test_fit_selection_looks_at_its_points(self, presenter, session, view):
        session.show(replace(session.display, selection=frozenset({SECOND.query})))
        presenter.fit_selection()
        assert np.array_equal(view.told("fit_points"), RESULT.cloud.points[SECOND.pixels])

    def test_color_mode_and_view_are_passed_on(self, presenter, session, view):
        session.show(replace(session.display, color_mode="photo", view=2))
        assert view.told("set_point_colors") == "photo"
        assert view.told("set_current_view") == 2


class TestTable:
    @pytest.fixture
    def table(self):
        return Recorder()

    @pytest.fixture
    def presenter(self, session, actions, table):
        presenter = InstanceTablePresenter(session, actions, table)
        opened(session)
        return presenter

    def rows(self, table):
        return {row[0]: row for row in table.told("set_rows")}

    def test_rows_say_what_the_instances_are(self, presenter, session, table):
        assert list(self.rows(table)) == [item.query for item in RESULT.instances]
        row = self.rows(table)[FIRST.query]
        query, members, _, name, objectness, points, views, size, verdict, why, badge = row
        assert badge == ""
        assert (query, members, name) == (FIRST.query, (FIRST.query,), f"Instance {FIRST.query}")
        assert (objectness, points) == (FIRST.objectness, len(FIRST.pixels))
        assert views == len(RESULT.views_seen(FIRST))
        assert size == session.curated.find(FIRST.query).size
        assert (verdict, why) == ("shown", "")

    def test_the_threshold_drops_rows_and_says_why(self, presenter, session, table):
        session.edit("x", replace(session.edits, objectness_threshold=SECOND.objectness))
        rows = self.rows(table)
        assert {query for query, row in rows.items() if row[8] == "shown"} == {FIRST.query, SECOND.query}
        third = RESULT.instances[2]
        assert rows[third.query][8:10] == ("objectness", f"objectness {third.objectness:.2f} < {SECOND.objectness:.2f}")
        assert table.told("set_summary") == f"2 of 6 queries shown · 4 below objectness {SECOND.objectness:.2f}"

    def test_hiding_is_undoable_and_named(self, presenter, session, table):
        presenter.set_hidden(FIRST.query, True)
        assert session.edits.hidden == {FIRST.query}
        assert session.undo_label == f"Hide Instance {FIRST.query}"
        assert self.rows(table)[FIRST.query][8] == "hidden"
        assert table.told("set_summary") == "5 of 6 queries shown · 1 hidden"
        session.undo()
        assert session.edits.hidden == frozenset()

    def test_hide_key_toggles_the_selection(self, presenter, session):
        presenter.select(frozenset({FIRST.query, SECOND.query}))
        presenter.hide_selection()
        assert session.edits.hidden == {FIRST.query, SECOND.query}
        presenter.hide_selection()
        assert session.edits.hidden == frozenset()

    def test_isolate_toggles(self, presenter, session):
        presenter.select(frozenset({FIRST.query}))
        presenter.isolate()
        assert session.display.isolated == {FIRST.query}
        presenter.isolate()
        assert session.display.isolated == frozenset()

    def test_buttons_follow_the_selection(self, presenter, session, table):
        assert table.last["set_actions"][1]["export"] is False
        presenter.select(frozenset({FIRST.query}))
        assert table.last["set_actions"][1]["export"] is True
        presenter.select(frozenset({FIRST.query, SECOND.query}))
        assert table.last["set_actions"][1]["export"] is True


class TestFilters:
    @pytest.fixture
    def panel(self):
        class Panel(Recorder):
            def __init__(self):
                super().__init__()
                self.filters = {}

            def set_filter(self, key, value, drops):
                self.filters[key] = (value, drops)

        return Panel()

    @pytest.fixture
    def presenter(self, session, actions, panel):
        opened(session)
        return DecodingPanelPresenter(session, actions, panel)

    def test_a_drag_is_one_step_of_the_history(self, presenter, session, panel):
        for value in (0.4, 0.5, 0.6):
            presenter.set("objectness_threshold", value)
        presenter.finish_gesture()
        assert session.edits.objectness_threshold == 0.6
        session.undo()
        assert session.edits.objectness_threshold == 0.3
        assert panel.filters["objectness_threshold"] == (0.3, "drops 0 queries")
        assert session.undo_label is None

    def test_nothing_below_the_floor_was_assembled(self, presenter, session, panel):
        presenter.set("objectness_threshold", 0.01)
        assert session.edits.objectness_threshold == 0.05
        assert panel.filters["objectness_threshold"][0] == 0.05

    def test_every_filter_says_what_it_drops(self, presenter, session, panel):
        below = RESULT.instances[2].objectness + 0.005
        presenter.set("objectness_threshold", below)
        presenter.set("minimum_points", 100_000)
        presenter.set("confidence_percentile", 50.0)
        presenter.switch_edges(True)
        counts = session.curated.queries
        assert panel.filters["objectness_threshold"][1] == f"drops {counts['objectness']} queries"
        assert panel.filters["minimum_points"][1] == f"drops {counts['size']} queries"
        points = session.curated.dropped_points
        assert panel.filters["confidence_percentile"] == (50.0, f"drops {points['confidence_percentile']:,} points")
        assert panel.filters["depth_edge"] == (4.0, f"drops {points['depth_edge']:,} points")
        assert sum(points.values()) == RESULT.cloud.valid.sum() - session.curated.keep.sum()

    def test_the_switch_of_depth_edges_remembers_the_setting(self, presenter, session, panel):
        presenter.switch_edges(True)
        presenter.set("depth_edge", 1.5)
        presenter.finish_gesture()
        presenter.switch_edges(False)
        assert (session.edits.depth_edge, panel.told("set_edges")) == (0.0, False)
        assert panel.filters["depth_edge"] == (1.5, "off")
        assert session.undo_label == "Depth edges off"
        presenter.switch_edges(True)
        assert session.edits.depth_edge == 0.015

    def test_reset_is_one_step_and_offered_only_where_something_differs(self, presenter, session, actions, panel):
        before = session.edits
        actions.trigger("reset_filters")
        assert session.edits.minimum_points == 50
        assert not actions.state("reset_filters").enabled
        assert panel.told("set_reset") is False
        assert session.undo_label == "Reset filters"
        session.undo()
        assert session.edits == before

    def test_keys_step_and_stop_at_the_ends(self, presenter, session, actions):
        presenter.set("objectness_threshold", 0.06)
        for _ in range(3):
            actions.trigger("objectness_down")
        assert session.edits.objectness_threshold == 0.05
        presenter.set("objectness_threshold", 0.995)
        for _ in range(3):
            actions.trigger("objectness_up")
        assert session.edits.objectness_threshold == 1.0

    def test_the_histogram_has_every_query_and_selects(self, session, actions, panel):
        session.open(replace(RESULT, instances=RESULT.instances[:4]), Origin(folder=Path("/photos/kitchen")))
        presenter = DecodingPanelPresenter(session, actions, panel)
        ticks, _ = panel.told("set_queries")
        assert {tick[0] for tick in ticks} == set(range(6))
        assert all(tick[2] == RESULT.objectness[-1, tick[0]] for tick in ticks)
        assert sum(tick[4] for tick in ticks) == 4
        presenter.choose(frozenset({FIRST.query, SECOND.query}), False)
        assert session.display.selection == {FIRST.query, SECOND.query}
        presenter.choose(frozenset({SECOND.query}), True)
        assert session.display.selection == {FIRST.query}


class TestGallery:
    def test_photos_are_sent_once_per_change_of_paint(self, session):
        gallery = Recorder()
        presenter = ViewGalleryPresenter(session, Actions(), Painting(session), gallery, copy=list)
        opened(session)
        assert gallery.calls.count("set_views") == 1
        presenter.choose(1)
        assert session.display.view == 1
        assert gallery.calls.count("set_views") == 1
        session.edit("x", replace(session.edits, hidden=frozenset({FIRST.query})))
        assert gallery.calls.count("set_views") == 2


class Frame:
    """The main window's presenter with everything around it."""

    def __init__(self):
        self.session, self.steps, self.worker = Session(UNFILTERED), StandInSteps(), Worker()
        self.actions = Actions()
        self.workflow = Workflow(self.session, self.worker, self.steps, RunSettings())
        self.window, self.chips = Recorder(), Recorder()
        self.presenter = MainWindowPresenter(
            self.session,
            self.workflow,
            self.actions,
            window=self.window,
            chips=self.chips,
            drawn_points=lambda: (1000, 2000),
        )

    def sentences(self):
        return {key: (text, tone, removable) for key, text, tone, removable in self.chips.told("set_chips")}

    async def settle(self):
        while self.worker.busy or self.workflow.busy:
            await asyncio.sleep(0.002)


def drive(story):
    async def play():
        frame = Frame()
        try:
            return await asyncio.wait_for(story(frame), 10)
        finally:
            await frame.workflow.close()

    return asyncio.run(play())


class TestFrame:
    def test_chips_say_what_is_filtered_and_take_it_back(self):
        async def story(frame):
            opened(frame.session, "Untrained heads: masks are random.")
            assert frame.sentences()["status"] == ("Untrained heads: masks are random.", "warning", False)
            assert frame.sentences()["points"] == ("1,000 of 2,000 points drawn", "normal", False)
            assert frame.sentences()["queries"] == ("6 of 6 queries shown", "quiet", False)
            edits = replace(
                frame.session.edits, objectness_threshold=SECOND.objectness, hidden=frozenset({FIRST.query})
            )
            frame.session.edit("x", edits)
            frame.session.show(replace(frame.session.display, isolated=frozenset({SECOND.query})))
            assert frame.sentences()["queries"][0] == "1 of 6 queries shown"
            below = f"4 below objectness {SECOND.objectness:.2f}"
            assert frame.sentences()["objectness_threshold"] == (below, "normal", True)
            assert frame.sentences()["hidden"] == ("1 hidden", "normal", True)
            assert frame.sentences()["isolated"][0] == f"Isolated: Instance {SECOND.query}"
            for key in ("objectness_threshold", "hidden", "isolated"):
                frame.presenter.dismiss_chip(key)
            assert {"objectness_threshold", "hidden", "isolated"}.isdisjoint(frame.sentences())

        drive(story)

    def test_pages_follow_the_run(self):
        async def story(frame):
            pages = []
            frame.window.set_page = pages.append
            await frame.workflow.open_folder(Path("/samples/room"))
            assert pages[0] == "running"
            assert pages[-1] == "result"
            assert frame.window.told("set_title") == "room"
            frame.session.show(replace(frame.session.display, setup=True))
            assert pages[-1] == "ready"

        drive(story)

    def test_a_failed_first_look_returns_to_the_empty_page_with_the_error(self):
        async def story(frame):
            frame.workflow.start(frame.workflow.open_folder(Path("/photos/empty")))
            await frame.settle()
            assert frame.window.told("set_page") == "empty"
            _, message, report, details, _ = frame.window.told("show_error")
            assert "xpected photos; choose another folder" in message
            assert message == message[:1].upper() + message[1:].rstrip(".") + "."
            assert "ImageFolderError" in report
            assert details == ""

        drive(story)

    def test_an_error_of_ours_shows_its_trace(self):
        async def story(frame):
            frame.session.fail(ZeroDivisionError("division by zero"))
            title, _, _, details, _ = frame.window.told("show_error")
            assert title == "An error in the program"
            assert "ZeroDivisionError" in details

        drive(story)

    def test_escape_steps_back_one_thing_at_a_time(self):
        async def story(frame):
            opened(frame.session)
            chosen = frozenset({FIRST.query})
            frame.session.show(replace(frame.session.display, selection=chosen, isolated=chosen))
            frame.presenter.step_back()
            assert (frame.session.display.selection, frame.session.display.isolated) == (chosen, frozenset())
            frame.presenter.step_back()
            assert frame.session.display.selection == frozenset()

        drive(story)

    def test_history_names_what_would_be_undone(self):
        async def story(frame):
            opened(frame.session)
            frame.session.edit("Hide instance 3", replace(frame.session.edits, hidden=frozenset({3})))
            assert frame.actions.state("undo").text == "Undo Hide instance 3"
            assert not frame.actions.state("redo").enabled
            frame.actions.trigger("undo")
            assert not frame.actions.state("undo").enabled
            assert frame.actions.state("redo").text == "Redo Hide instance 3"

        drive(story)


class TestChips:
    """One chip for every filter that drops something; its × takes that filter back and nothing else."""

    @pytest.mark.parametrize(
        ("wish", "text"),
        [
            ({"minimum_points": 10**6}, "6 under 1,000,000 points"),
            ({"confidence_percentile": 20.0}, "20 % least confident left out"),
            ({"depth_edge": 0.005}, "Flying pixels over 0.5 % left out"),
            ({"mask_threshold": 0.7}, "Mask probability > 0.70"),
        ],
    )
    def test_a_filter_is_told_and_taken_back(self, session, wish, text):
        opened(session)
        (key,) = wish
        before = session.edits
        assert key not in {chip[0] for chip in chips(session, (1, 1))}
        session.edit("x", replace(before, **wish))
        assert {chip[0]: chip[1:] for chip in chips(session, (1, 1))}[key] == (text, "normal", True)
        dismiss_chip(session, key)
        assert session.edits == before
        assert session.undo_label.startswith(("Remove", "Reset"))
        session.undo()
        assert getattr(session.edits, key) == wish[key]

    def test_photos_that_were_left_out_are_told_once_and_before_the_filters(self, session):
        bad = tuple(f"Left out {number}.jpg: expected a readable photo, found an empty file." for number in range(30))
        session.open(RESULT, Origin(folder=Path("/photos/kitchen"), notes=(*bad, "2 were cropped.")))
        found = chips(session, (1, 1))
        assert [text for _, text, *_ in found].index("2 were cropped.") == len(found) - 1
        key, text, tone, _ = found[0]
        assert (key, tone) == ("left_out", "warning")
        assert text.startswith("30 photos left out: 0.jpg, 1.jpg, ")
        session.open(RESULT, Origin(folder=Path("/photos/kitchen"), notes=bad[:1]))
        assert chips(session, (1, 1))[0][1] == bad[0]

    def test_without_masks_nothing_is_said_about_queries(self, session):
        session.open(RESULT, Origin(folder=Path("/photos/kitchen"), masks="stopped"))
        keys = {chip[0] for chip in chips(session, (1, 1))}
        assert "masks" in keys
        assert "queries" not in keys
