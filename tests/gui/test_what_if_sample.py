"""What if and the last change, with the bundled network on the bundled sample, mouse, and a plain recomputation.

Everything a panel says of a counterfactual is computed again here: the decoder is called as a script would call it, the
instances are filtered as the user sees them, and masks are compared as sets of pixels.
"""

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton

from fast3dis_core.comparison import SAME
from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import curate
from fast3dis_core.inference.assembly import assemble_instances
from fast3dis_core.inference.steps import decode_queries
from fast3dis_core.interventions import Interventions
from tests.gui.hands import LEFT, NONE, click, mouse, on_screen, until
from tests.gui.real_sample import object_ids, open_sample, way_to_another_object
from tests.gui.test_dragging import drag, face
from tests.gui.test_inspector import inspect

HALF = 0.5  # of a lost instance's pixels that its heir holds


pytestmark = pytest.mark.usefixtures("one_core_for_the_network")


def plain_result(program, overrides=(), interventions=None):
    """Masks shown, as query to set of rows, their objectness, and that of all queries: as a script gets them."""
    scene, edits = program.workflow._scene, program.session.edits
    model = program.workflow._shelf.fetch(scene.settings, lambda step, fraction: None)
    trace = decode_queries(model, scene.encoded, overrides, interventions=interventions or Interventions())
    config = InferenceConfig.paper(mask_threshold=edits.mask_threshold)
    result = assemble_instances(scene.views, scene.encoded, trace, config=config)
    shown = curate(result, edits).shown
    masks = {item.query: set(item.pixels.tolist()) for item in shown}
    return masks, {item.query: item.objectness for item in shown}, result.objectness[-1]


def owners(masks, scores):
    """Row to query: of several claimants the surest."""
    found = {}
    for query in sorted(masks, key=scores.get):
        found.update(dict.fromkeys(masks[query], query))
    return found


def plain_changes(before, after):
    """Query to (what became of it, IoU, points before and after), and how many points changed hands and how."""
    (old, old_scores, _), (new, new_scores, _) = before, after
    found = {}
    for query in old.keys() | new.keys():
        one, other = old.get(query, set()), new.get(query, set())
        iou = len(one & other) / len(one | other)
        fate = "lost" if query not in new else "new" if query not in old else "as before" if iou >= SAME else "changed"
        if fate == "lost":
            most = max(new, key=lambda heir: len(one & new[heir]), default=None)
            if most is not None and len(one & new[most]) >= HALF * len(one):
                fate = f"lost to {most}"
        found[query] = fate, iou, len(one), len(other)
    first, second = owners(old, old_scores), owners(new, new_scores)
    gained, gone = len(second.keys() - first.keys()), len(first.keys() - second.keys())
    passed = sum(first[row] != second[row] for row in first.keys() & second.keys())
    return found, (gained, gone, passed)


def number(before, after):
    return f"{before:,}" if before == after else f"{before:,} → {after:,}"


def check_panel(program, before, after):
    """Every cell of the table and every number above it."""
    panel = program.inspector.what_if
    changes, points = plain_changes(before, after)
    rows = {}
    for row in range(panel.table.rowCount()):
        texts = [panel.table.item(row, column).text() for column in range(5)]
        rows[int(texts[0].split(" ")[0])] = texts[1:]
    assert set(rows) == set(changes)
    for query, (fate, iou, old, new) in changes.items():
        scores = f"{before[2][query]:.2f} → {after[2][query]:.2f}"
        assert rows[query] == [fate, f"{iou:.2f}", number(old, new), scores]
    fates = [fate.split(" ")[0] for fate, *_ in changes.values()]
    words = panel.findChild(QLabel, "whatIfSummary").text()
    assert words == (
        f"{fates.count('lost')} lost, {fates.count('new')} new, {fates.count('changed')} changed, "
        f"{fates.count('as')} as before. Of the points {points[0]:,} are newly claimed, {points[1]:,} no longer, and "
        f"{points[2]:,} by another query."
    )
    return changes


async def answered(program):
    """Until the decoder has answered and the panel says what came of it."""
    session = program.session
    await until(lambda: session.difference is not None and session.activity.idle, "the difference", 60)
    await until(lambda: not program.workflow.busy, "rest", 60)


def test_what_ifs_of_the_sample_are_those_of_a_plain_recomputation(play):
    """Mute a query, then a view beside it, then no self-attention; taken back one by one, the result is to the bit."""

    async def story(program):
        session, panel = program.session, program.inspector.what_if
        await open_sample(program, anchors=False)
        await inspect(program, 3)
        await answered(program)
        untouched = session.reconstruction
        before = plain_result(program)
        query = max(session.curated.shown, key=lambda item: len(item.pixels)).query
        session.show(replace(session.display, selection=frozenset({query})))
        click(panel.findChild(QPushButton, "whatIfQuery"))
        await until(lambda: session.edits.interventions.muted_queries == {query}, "the mute")
        await answered(program)
        wishes = Interventions(muted_queries=frozenset({query}))
        changes = check_panel(program, before, plain_result(program, interventions=wishes))
        assert changes[query][0].startswith("lost")

        session.show(replace(session.display, view=2))
        click(panel.findChild(QPushButton, "whatIfView"))
        await until(lambda: session.edits.interventions.muted_views == {2}, "the muted view")
        await answered(program)
        wishes = replace(wishes, muted_views=frozenset({2}))
        check_panel(program, before, plain_result(program, interventions=wishes))
        assert (session.reconstruction.objectness[-1] != untouched.objectness[-1]).any()

        box = panel.findChild(QCheckBox, "whatIfAttention")
        click(box, QPoint(8, box.height() // 2))
        await until(lambda: not session.edits.interventions.self_attention, "no self-attention")
        await answered(program)
        wishes = replace(wishes, self_attention=False)
        check_panel(program, before, plain_result(program, interventions=wishes))

        row = next(row for row in range(panel.table.rowCount()) if int(panel.table.item(row, 0).text()) != query)
        click(panel.table.viewport(), panel.table.visualItemRect(panel.table.item(row, 0)).center())
        assert session.display.selection == {int(panel.table.item(row, 0).text())}
        for key in ("attention", "view_2", f"query_{query}"):
            panel.put_back.emit(key)
            await answered(program)
        again = session.reconstruction
        for name in ("anchors", "objectness", "overlap"):
            assert getattr(untouched, name).tobytes() == getattr(again, name).tobytes(), name
        assert panel.findChild(QLabel, "whatIfSummary").text().startswith("Nothing in the decoder differs")

    play(story)


def test_after_a_drop_the_panel_of_anchors_lists_what_it_did_to_all_others(play):
    async def story(program):
        session, changes = program.session, program.inspector.anchors.changes
        await open_sample(program)
        await inspect(program, 0)
        assert not changes.isVisible(), "nothing has changed yet"
        query, _, target = way_to_another_object(program, object_ids(program))
        before = plain_result(program)
        anchor = session.reconstruction.anchors[-1, query]
        await face(program, anchor, target)
        start, end = on_screen(program, anchor), on_screen(program, target)
        await drag(program, start, end)
        mouse(program.viewport.view, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)
        await until(changes.isVisible, "the list", 60)
        await until(lambda: not program.workflow.busy, "rest", 60)
        found, _ = plain_changes(before, plain_result(program, session.edits.overrides))
        rows = {}
        for row in range(changes.table.rowCount()):
            texts = [changes.table.item(row, column).text() for column in range(4)]
            rows[int(texts[0])] = texts[1:]
        expected = {
            each: [fate, f"IoU {iou:.2f}", f"{old:,} → {new:,}"]
            for each, (fate, iou, old, new) in found.items()
            if fate != "as before"
        }
        assert rows == expected
        assert query in rows, "the one that was moved is among them"
        other = next((row for row, each in enumerate(rows) if each != query), 0)
        click(changes.table.viewport(), changes.table.visualItemRect(changes.table.item(other, 0)).center())
        assert session.display.selection == {list(rows)[other]}
        program.actions.trigger("undo")
        await until(lambda: not program.workflow.busy, "the old result", 60)
        assert {int(changes.table.item(row, 0).text()) for row in range(changes.table.rowCount())} == set(rows)

    play(story)
