"""What the last change did, in the panel of anchors: asked for there, held against the result before, by plain sets."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

from app.presenters.last_change import LastChangePresenter
from app.probe import ANCHORS
from app.session.plan import RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.comparison import SAME
from tests.app.standins import UNFILTERED, Recorder
from tests.app.test_what_if import FIRST, RESULT, SECOND, THIRD, Muting


class Desk:
    def __init__(self):
        self.session, self.steps, self.worker, self.panel = Session(UNFILTERED), Muting(RESULT), Worker(), Recorder()
        self.workflow = Workflow(self.session, self.worker, self.steps, RunSettings())
        self.presenter = LastChangePresenter(self.session, self.workflow.probe, self.panel)

    async def settle(self):
        while self.worker.busy or self.workflow.busy:
            await asyncio.sleep(0.002)

    async def mute(self, *queries):
        changed = replace(self.session.edits.interventions, muted_queries=frozenset(queries))
        self.session.edit("mute", replace(self.session.edits, interventions=changed))
        await self.settle()

    def look(self, tab):
        self.session.show(replace(self.session.display, tab=tab))


def drive(story):
    async def play():
        desk = Desk()
        try:
            await desk.workflow.open_folder(Path("room"))
            return await asyncio.wait_for(story(desk), 10)
        finally:
            await desk.workflow.close()

    asyncio.run(play())


def plain_lines(before, after):
    """Query to IoU and sizes, of all that are in one of the results, by sets of pixels."""
    old, new = ({item.query: set(item.pixels.tolist()) for item in result.instances} for result in (before, after))
    found = {}
    for query in old.keys() | new.keys():
        one, other = old.get(query, set()), new.get(query, set())
        found[query] = len(one & other) / len(one | other), len(one), len(other)
    return found


def test_a_change_is_listed_with_the_biggest_first_and_a_line_selects():
    async def story(desk):
        desk.look(ANCHORS)
        assert desk.panel.told("set_changes") == ("", ()), "nothing has changed yet"
        before = desk.session.reconstruction
        decodes = desk.steps.calls.count("decode")
        await desk.mute(SECOND)
        assert desk.steps.calls.count("decode") == decodes + 1, "what was on show is not computed again"
        summary, lines = desk.panel.told("set_changes")
        plain = plain_lines(before, desk.session.reconstruction)
        fates = Counter("lost" if not new else "same" if iou >= SAME else "changed" for iou, _, new in plain.values())
        assert summary == (
            f"Last change: {fates['lost']} lost, 0 new, {fates['changed']} changed, {fates['same']} as before"
        )
        assert [line[0] for line in lines[:1]] == [SECOND]
        assert lines[0][2] == f"lost to {FIRST}"
        assert {line[0] for line in lines} == {query for query, (iou, _, _) in plain.items() if iou < SAME}
        for query, _, _, iou, points in lines:
            expected = plain[query]
            assert (iou, points) == (f"IoU {expected[0]:.2f}", f"{expected[1]:,} → {expected[2]:,}")
        desk.presenter.select(lines[0][0])
        assert desk.session.display.selection == {SECOND}

    drive(story)


def test_it_is_the_last_change_and_an_undo_is_one():
    async def story(desk):
        desk.look(ANCHORS)
        await desk.mute(SECOND)
        await desk.mute(SECOND, THIRD)
        lines = desk.panel.told("set_changes")[1]
        assert [line[0] for line in lines if line[2].startswith("lost")] == [THIRD], "not the one before it"
        desk.session.undo()
        await desk.settle()
        lines = desk.panel.told("set_changes")[1]
        assert [(line[0], line[2]) for line in lines if line[2] == "new"] == [(THIRD, "new")]

    drive(story)


def test_nobody_is_asked_while_another_panel_is_looked_at():
    async def story(desk):
        await desk.mute(SECOND)
        assert desk.panel.calls.count("set_changes") == 1, "at the beginning"
        desk.look(ANCHORS)
        await desk.settle()
        assert desk.panel.told("set_changes")[1][0][0] == SECOND

    drive(story)


def test_filters_are_followed_and_other_masks_end_it():
    async def story(desk):
        desk.look(ANCHORS)
        await desk.mute(SECOND)
        desk.session.edit("filter", replace(desk.session.edits, objectness_threshold=0.999))
        await desk.settle()
        assert desk.panel.told("set_changes") == ("Last change: 0 lost, 0 new, 0 changed, 0 as before", [])
        desk.session.edit("masks", replace(desk.session.edits, mask_threshold=0.8))
        await desk.settle()
        assert desk.panel.told("set_changes") == ("", ()), "masks at two thresholds say nothing about the decoder"

    drive(story)


def test_another_scene_has_no_last_change():
    async def story(desk):
        desk.look(ANCHORS)
        await desk.mute(SECOND)
        cloud = replace(RESULT.cloud, valid=RESULT.cloud.valid.copy())
        desk.steps.reconstruction = replace(RESULT, cloud=cloud)
        await desk.workflow.open_folder(Path("another"))
        await desk.settle()
        assert desk.panel.told("set_changes") == ("", ())

    drive(story)
