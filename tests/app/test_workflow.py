"""The two lines: order of steps, what an edit recomputes, stale answers, errors, cancelling, closing."""

import asyncio
import gc
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.session.activity import IDLE, Activity, advance, seconds_left
from app.session.edits import Edits
from app.session.export_wish import ExportWish
from app.session.plan import RunSettings
from app.session.session import Origin, Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.errors import Cancelled, DeviceMemoryError, ImageFolderError
from fast3dis_core.interventions import Interventions
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import UNFILTERED, StandInSteps


class Desk:
    """Session, worker and workflow around stand-in steps."""

    def __init__(self, **steps):
        self.session, self.steps, self.worker = Session(UNFILTERED), StandInSteps(**steps), Worker()
        self.workflow = Workflow(self.session, self.worker, self.steps, RunSettings())
        self.failed = []
        self.activities = []
        self.session.failed.connect(self.failed.append)
        self.session.activity_changed.connect(self.activities.append)

    async def settle(self):
        """Until nothing runs and nothing waits."""
        while self.worker.busy or self.workflow.busy:
            await asyncio.sleep(0.002)

    async def encoding(self):
        while "encode" not in self.steps.calls:
            await asyncio.sleep(0.001)

    async def shown(self, masks):
        while self.session.origin is None or self.session.origin.masks != masks:
            await asyncio.sleep(0.001)

    def threshold(self, value):
        self.session.edit("threshold", replace(self.session.edits, mask_threshold=value))


def drive(story, **steps):
    async def play():
        desk = Desk(**steps)
        try:
            return await asyncio.wait_for(story(desk), 10)
        finally:
            desk.steps.gate.set()
            await desk.workflow.close()

    return asyncio.run(play())


def test_a_folder_becomes_a_result_off_the_gui_thread():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        assert desk.steps.calls == ["read", "load", "release", "encode", "build", "decode", "assemble"]
        assert threading.get_ident() not in desk.steps.threads
        assert desk.session.reconstruction is not None
        assert desk.session.origin.folder == Path("kitchen")
        assert desk.session.origin.model == "nano · CPU"
        assert desk.session.activity == IDLE

    drive(story)


def test_the_model_is_loaded_once():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        await desk.workflow.open_folder(Path("bath"))
        assert desk.steps.calls.count("load") == 1
        assert desk.session.origin.folder == Path("bath")

    drive(story)


def test_steps_are_told_with_their_names():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        steps = [activity.step for activity in desk.activities if activity.job]
        order = ["Reading photos", "Loading the model", "Geometry pass", "Decoding queries"]
        assert [step for step in dict.fromkeys(steps) if step in order] == order
        assert desk.activities[-1] == IDLE

    drive(story)


def test_a_mask_threshold_only_assembles():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        before = desk.session.reconstruction
        desk.steps.calls.clear()
        desk.threshold(0.8)
        await desk.settle()
        assert desk.steps.calls == ["assemble"]
        assert desk.steps.mask_thresholds[-1] == 0.8
        assert len(desk.session.reconstruction.instances[0].pixels) < len(before.instances[0].pixels)

    drive(story)


def test_an_anchor_decodes_and_assembles():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.steps.calls.clear()
        override = AnchorOverride(query=1, position=(0.0, 0.0, 1.0))
        desk.session.edit("Move anchor 1", replace(desk.session.edits, overrides=(override,)))
        await desk.settle()
        assert desk.steps.calls == ["decode", "assemble"]
        desk.session.undo()
        await desk.settle()
        assert desk.steps.calls == ["decode", "assemble"] * 2

    drive(story)


def test_objectness_and_hiding_recompute_nothing():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.steps.calls.clear()
        desk.session.edit("x", Edits(objectness_threshold=0.9, hidden=frozenset({2})))
        await desk.settle()
        assert desk.steps.calls == []

    drive(story)


def test_of_many_thresholds_the_last_one_is_shown_and_most_are_skipped():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.steps.mask_thresholds.clear()
        for percent in range(51, 91):
            desk.threshold(percent / 100)
            await asyncio.sleep(0)
        await desk.settle()
        assert desk.steps.mask_thresholds[-1] == 0.9
        assert len(desk.steps.mask_thresholds) <= 4
        assert desk.failed == []

    drive(story, assembling_seconds=0.05)


def test_an_update_of_the_old_scene_does_not_reach_the_new_one():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.threshold(0.9)  # starts assembling the kitchen
        opening = desk.workflow.start(desk.workflow.open_folder(Path("bath")))
        await opening
        shown = desk.session.reconstruction
        await desk.settle()
        assert desk.session.origin.folder == Path("bath")
        assert desk.steps.mask_thresholds[-1] == 0.9
        assert desk.session.reconstruction is shown

    drive(story, assembling_seconds=0.05)


def test_a_threshold_moved_during_a_run_is_caught_up_with():
    async def story(desk):
        desk.steps.gate.clear()
        opening = desk.workflow.start(desk.workflow.open_folder(Path("kitchen")))
        await desk.encoding()
        desk.threshold(0.7)
        desk.steps.gate.set()
        await opening
        await desk.settle()
        assert desk.steps.mask_thresholds == [0.5, 0.7]

    drive(story)


def test_cancel_is_silent_quick_and_keeps_the_result():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        before = desk.session.reconstruction
        desk.steps.calls.clear()
        desk.steps.gate.clear()
        opening = desk.workflow.start(desk.workflow.open_folder(Path("bath")))
        await desk.encoding()
        desk.workflow.cancel()
        await asyncio.wait_for(opening, 0.5)
        assert desk.session.activity == IDLE
        assert desk.session.reconstruction is before
        assert desk.session.origin.folder == Path("kitchen")
        assert desk.failed == []
        desk.threshold(0.8)  # the kept result still answers to edits
        await desk.settle()
        assert desk.steps.mask_thresholds[-1] == 0.8

    drive(story)


def test_a_bad_folder_fails_and_keeps_the_result_and_its_pending_update():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.threshold(0.8)
        await desk.workflow.start(desk.workflow.open_folder(Path("empty")))
        await desk.settle()
        assert [type(error) for error in desk.failed] == [ImageFolderError]
        assert desk.session.origin.folder == Path("kitchen")
        assert desk.steps.mask_thresholds[-1] == 0.8

    drive(story, assembling_seconds=0.05)


def test_opening_another_folder_stops_the_first():
    async def story(desk):
        desk.steps.gate.clear()
        first = desk.workflow.start(desk.workflow.open_folder(Path("kitchen")))
        await desk.encoding()
        second = desk.workflow.start(desk.workflow.open_folder(Path("bath")))
        await asyncio.wait_for(first, 0.5)
        desk.steps.gate.set()
        await second
        assert desk.session.origin.folder == Path("bath")
        assert desk.failed == []

    drive(story)


def test_an_export_is_not_pushed_out_by_a_slider(tmp_path):
    wish = ExportWish(folder=tmp_path / "out", formats=("report",))

    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.threshold(0.6)
        exporter = desk.workflow.exporter
        exporting = desk.workflow.start(exporter.write(exporter.order(wish), overwrite=False))
        for value in (0.7, 0.8, 0.9):
            await asyncio.sleep(0)
            desk.threshold(value)
        await exporting
        await desk.settle()
        assert (wish.folder / "report.json").exists()
        assert desk.steps.mask_thresholds[-1] == 0.9
        assert desk.session.activity == IDLE

    drive(story, assembling_seconds=0.03)


def test_closing_in_mid_run_ends_everything():
    async def story(desk):
        desk.steps.gate.clear()
        desk.workflow.start(desk.workflow.open_folder(Path("kitchen")))
        await desk.encoding()
        await asyncio.wait_for(desk.workflow.close(), 1)
        assert not desk.worker.busy
        assert desk.failed == []
        with pytest.raises(Cancelled):
            await desk.workflow.open_folder(Path("bath"))

    drive(story)


def test_closing_does_not_wait_for_an_unanswered_question():
    async def story(desk):
        desk.workflow.start(asyncio.Event().wait())
        await asyncio.sleep(0)
        await asyncio.wait_for(desk.workflow.close(), 1)

    drive(story)


def test_advance_keeps_finished_steps_with_their_times():
    activity = Activity(job="Segmenting", step="Geometry pass", fraction=0.9, step_started=10.0, job_started=8.0)
    same = advance(activity, "Geometry pass", 1.0, 12.0)
    assert (same.fraction, same.finished) == (1.0, ())
    following = advance(same, "Feature pass", 0.0, 13.0)
    assert following.finished == (("Geometry pass", 3.0),)
    assert (following.step, following.step_started, following.job_started) == ("Feature pass", 13.0, 8.0)


def test_geometry_is_on_show_before_the_masks_and_its_cloud_stays():
    async def story(desk):
        desk.steps.feature_gate.clear()
        running = desk.workflow.start(desk.workflow.open_folder(Path("kitchen")))
        await desk.shown("coming")
        geometry = desk.session.reconstruction
        assert geometry.instances == ()
        assert desk.session.display.color_mode == "photo"
        assert not desk.session.activity.idle
        desk.session.show(replace(desk.session.display, view=2))
        desk.threshold(0.7)  # waits for the masks
        desk.steps.feature_gate.set()
        await running
        await desk.settle()
        assert desk.session.origin.masks == "there"
        assert desk.session.reconstruction.instances
        assert desk.session.reconstruction.cloud is geometry.cloud
        assert desk.session.display.view == 2
        assert desk.session.display.color_mode == "instance"
        assert desk.steps.mask_thresholds == [0.5, 0.7]
        assert desk.steps.calls.count("build") == 1

    drive(story)


def test_cancelling_after_the_geometry_puts_the_old_result_back():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.session.edit("Hide", replace(desk.session.edits, hidden=frozenset({1})))
        desk.session.show(replace(desk.session.display, view=3, color_mode="photo"))
        before, edits = desk.session.reconstruction, desk.session.edits
        desk.steps.feature_gate.clear()
        running = desk.workflow.start(desk.workflow.open_folder(Path("bath")))
        await desk.shown("coming")
        assert desk.session.origin.folder == Path("bath")
        desk.workflow.cancel()
        await asyncio.wait_for(running, 0.5)
        assert desk.session.reconstruction is before
        assert desk.session.origin.folder == Path("kitchen")
        assert desk.session.edits is edits
        assert desk.session.undo_label == "Hide"
        assert desk.session.display.view == 3
        desk.threshold(0.8)  # and it still answers
        await desk.settle()
        assert desk.steps.mask_thresholds[-1] == 0.8
        assert desk.failed == []

    drive(story)


def test_cancelling_the_first_run_after_its_geometry_leaves_the_geometry():
    async def story(desk):
        desk.steps.feature_gate.clear()
        running = desk.workflow.start(desk.workflow.open_folder(Path("kitchen")))
        await desk.shown("coming")
        desk.workflow.cancel()
        await running
        assert desk.session.origin.masks == "stopped"
        assert desk.session.reconstruction.instances == ()
        desk.steps.feature_gate.set()
        await desk.workflow.run_again()
        assert desk.session.origin.masks == "there"

    drive(story)


def test_a_result_opened_meanwhile_is_not_taken_away_by_the_end_of_a_run():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.steps.feature_gate.clear()
        running = desk.workflow.start(desk.workflow.open_folder(Path("bath")))
        await desk.shown("coming")
        other = desk.steps.build(None, None, lambda *_: None)
        desk.session.open(other, Origin(folder=Path("saved")))
        desk.workflow.cancel()
        await running
        assert desk.session.reconstruction is other

    drive(story)


def test_an_error_after_the_geometry_puts_the_old_result_back():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        before = desk.session.reconstruction

        def decode(*_):
            raise DeviceMemoryError("Out of memory.")

        desk.steps.decode = decode
        await desk.workflow.start(desk.workflow.open_folder(Path("bath")))
        assert [type(error) for error in desk.failed] == [DeviceMemoryError]
        assert desk.session.reconstruction is before

    drive(story)


def test_another_model_takes_the_place_of_the_loaded_one():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.steps.calls.clear()
        await desk.workflow.run_again(RunSettings(size="small"))
        assert desk.steps.calls[:3] == ["read", "release", "load"]
        assert desk.session.model.name == "small · CPU"
        for changed in (RunSettings(size="small", device="cpu"), RunSettings(size="small", weights=Path("w"))):
            desk.steps.calls.clear()
            await desk.workflow.run_again(changed)
            assert "load" in desk.steps.calls
        desk.steps.calls.clear()
        await desk.workflow.run_again(RunSettings(size="small", weights=Path("w"), resolution=98))
        assert "load" not in desk.steps.calls

    drive(story)


def test_a_model_that_does_not_load_leaves_none():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        load = desk.steps.load

        def refuse(settings, report):
            raise DeviceMemoryError("Out of memory.")

        desk.steps.load = refuse
        await desk.workflow.start(desk.workflow.run_again(RunSettings(size="small")))
        assert desk.session.model is None
        assert desk.session.origin.folder == Path("kitchen")
        desk.steps.load = load
        desk.session.edit("Move", replace(desk.session.edits, overrides=(AnchorOverride(query=1, position=(0, 0, 1)),)))
        await desk.settle()
        assert desk.session.model.name == "nano · CPU"  # that of the scene on show, not of the run that failed

    drive(story)


def test_unloading_frees_the_model_and_an_anchor_loads_it_again():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        assert desk.session.model.name == "nano · CPU"
        desk.steps.calls.clear()
        await desk.workflow.unload()
        assert desk.steps.calls == ["release"]
        assert desk.session.model is None
        desk.threshold(0.8)  # needs no model
        await desk.settle()
        assert desk.steps.calls == ["release", "assemble"]
        desk.session.edit("Move", replace(desk.session.edits, overrides=(AnchorOverride(query=1, position=(0, 0, 1)),)))
        await desk.settle()
        assert desk.steps.calls == ["release", "assemble", "load", "decode", "assemble"]
        assert desk.session.model.name == "nano · CPU"

    drive(story)


def test_without_heads_there_is_geometry_and_nothing_random():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        assert desk.steps.calls == ["read", "load", "release", "see", "build"]
        assert desk.session.origin.masks == "missing"
        assert desk.session.reconstruction.instances == ()
        desk.threshold(0.8)
        await desk.settle()
        assert desk.steps.calls == ["read", "load", "release", "see", "build"]
        await desk.workflow.run_again(RunSettings(untrained_heads=True))  # asked for by name
        assert desk.session.origin.masks == "there"
        assert desk.session.reconstruction.instances

    drive(story, geometry_only=True)


def test_the_steps_to_come_are_listed_and_learned():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        first = next(activity for activity in desk.activities if activity.schedule)
        assert [name for name, _ in first.schedule][:3] == ["Reading photos", "Loading the model", "Geometry pass"]
        assert first.expected_seconds == 0
        desk.activities.clear()
        await desk.workflow.run_again()
        second = next(activity for activity in desk.activities if activity.schedule)
        assert "Loading the model" not in dict(second.schedule)
        assert seconds_left(second, second.job_started) == second.expected_seconds > 0

    drive(story)


def test_an_export_does_not_hide_the_run(tmp_path):
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.steps.gate.clear()
        exporter = desk.workflow.exporter
        order = exporter.order(ExportWish(folder=tmp_path / "out", formats=("report",)))
        desk.steps.calls.clear()
        running = desk.workflow.start(desk.workflow.open_folder(Path("bath")))
        await desk.encoding()
        exporting = desk.workflow.start(exporter.write(order, overwrite=False))
        await asyncio.sleep(0.02)
        assert desk.session.activity.job == "Segmenting bath"
        desk.steps.gate.set()
        await asyncio.gather(running, exporting)
        assert desk.session.activity == IDLE

    drive(story)


class TestInsideTheDecoder:
    """Previews, layers, interventions and inspections on the cached scene."""

    override = AnchorOverride(query=2, position=(1.0, 2.0, 3.0))

    def test_a_drag_shows_previews_and_leaves_the_result_alone(self):
        async def story(desk):
            await desk.workflow.open_folder(Path("kitchen"))
            result, before = desk.session.reconstruction, desk.session.curated.find(2)
            desk.workflow.probe.drag(self.override)
            await desk.settle()
            assert desk.session.previewing
            assert desk.session.reconstruction is result
            assert len(desk.session.curated.find(2).pixels) < len(before.pixels)
            assert desk.session.undo_label is None
            desk.workflow.probe.drag(None)
            assert not desk.session.previewing
            assert np.array_equal(desk.session.curated.find(2).pixels, before.pixels)
            assert "decode" not in desk.steps.calls[desk.steps.calls.index("follow") :]

        drive(story)

    def test_a_preview_that_comes_after_the_drag_is_dropped(self):
        async def story(desk):
            await desk.workflow.open_folder(Path("kitchen"))
            desk.workflow.probe.drag(self.override)
            desk.workflow.probe.drag(None)
            await desk.settle()
            assert not desk.session.previewing

        drive(story)

    def test_letting_go_decodes_exactly_and_ends_the_preview(self):
        async def story(desk):
            await desk.workflow.open_folder(Path("kitchen"))
            desk.workflow.probe.drag(self.override)
            await desk.settle()
            desk.session.edit("Move anchor 2", replace(desk.session.edits, overrides=(self.override,)))
            await desk.settle()
            assert not desk.session.previewing
            assert desk.steps.calls[-2:] == ["decode", "assemble"]

        drive(story)

    def test_another_layer_is_assembled_once_whatever_is_hovered_meanwhile(self):
        async def story(desk):
            await desk.workflow.open_folder(Path("kitchen"))
            desk.steps.calls.clear()
            desk.session.show(replace(desk.session.display, layer=1))
            for query in range(3):
                desk.session.show(replace(desk.session.display, hovered=query))
            await desk.settle()
            assert desk.steps.calls == ["assemble"]
            assert desk.steps.layers[-1] == 1

        drive(story)

    def test_interventions_decode_again_and_are_undone(self):
        async def story(desk):
            await desk.workflow.open_folder(Path("kitchen"))
            desk.steps.calls.clear()
            muted = replace(desk.session.edits, interventions=Interventions(muted_queries=frozenset({1})))
            desk.session.edit("Mute query 1", muted)
            await desk.settle()
            assert desk.steps.calls == ["decode", "assemble"]
            desk.session.undo()
            await desk.settle()
            assert desk.steps.calls == ["decode", "assemble"] * 2

        drive(story)

    def test_inspections_come_when_a_panel_asks_and_go_with_the_result(self):
        async def story(desk):
            await desk.workflow.open_folder(Path("kitchen"))
            assert desk.session.inspection is None
            desk.session.show(replace(desk.session.display, inspecting=True))
            desk.session.show(replace(desk.session.display, hovered=1))
            await desk.settle()
            first = desk.session.inspection
            assert first.reconstruction is desk.session.reconstruction
            assert desk.steps.calls.count("measure") == 1
            desk.threshold(0.7)
            assert desk.session.inspection is first
            await desk.settle()
            assert desk.session.inspection is not first
            assert desk.session.inspection.reconstruction is desk.session.reconstruction
            assert desk.steps.calls.count("measure") == 2

        drive(story)


def test_a_cancel_between_two_steps_of_the_loop_is_not_lost():
    async def story(desk):
        finish = desk.worker._finish

        def cancelled_at_its_end(*given):
            finish(*given)  # the answer is there, its coroutine has not gone on
            desk.workflow.cancel()

        desk.worker._finish = cancelled_at_its_end
        await desk.workflow.start(desk.workflow.open_folder(Path("kitchen")))
        assert desk.session.reconstruction is None
        assert "read" not in desk.steps.calls
        assert desk.session.activity == IDLE

    drive(story)


def test_the_previous_scene_is_released_when_there_is_a_new_one():
    class Encoded:
        """Stands for gigabytes of features."""

    async def story(desk):
        made, encode = [], desk.steps.encode

        def marked(model, views, *rest):
            encode(model, views, *rest)
            encoded = Encoded()
            made.append(weakref.ref(encoded))
            return encoded

        desk.steps.encode = marked
        await desk.workflow.open_folder(Path("kitchen"))
        await desk.workflow.open_folder(Path("bath"))
        desk.steps.decode = refuse_for_want_of_memory
        await desk.workflow.start(desk.workflow.open_folder(Path("hall")))
        assert [type(error) for error in desk.failed] == [DeviceMemoryError]  # held by the dialog, say
        await desk.settle()
        gc.collect()
        assert [reference() is None for reference in made] == [True, False, True]
        assert desk.steps.calls[-1] == "release"

    drive(story)


def refuse_for_want_of_memory(*_):
    raise DeviceMemoryError("Out of memory.")
