"""The instance table with real mouse and keys: search, sort, rename, recolor, merge, hide, dropped ones, undo."""

import asyncio

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QColorDialog, QLineEdit, QMenu

from app.widgets.instance_rows import COLOR, NAME, OBJECTNESS, POINTS, SHOWN, WHY
from tests.app.standins import StandInSteps
from tests.gui.hands import LEFT, click, key, mouse, painted, press, until
from tests.gui.test_window import SCENE, button, opened
from tests.scenes import replaced

FLOORED = replaced(SCENE, instances=SCENE.instances[:6])  # two queries below the floor
BEST = SCENE.instances[0].query


def cell(program, row, column=NAME):
    view = program.table.view
    return view.visualRect(view.model().index(row, column)).center()


def choose(program, row, modifiers=Qt.KeyboardModifier.NoModifier):
    click(program.table.view.viewport(), cell(program, row, OBJECTNESS), modifiers)


def write(widget, text):
    for letter in text:
        code = Qt.Key.Key_Space if letter == " " else Qt.Key(ord(letter.upper()))
        key(widget, code, text=letter)


def names(program):
    model = program.table.view.model()
    return [model.index(row, NAME).data() for row in range(model.rowCount())]


def editor(program):
    return program.table.view.findChild(QLineEdit, "nameEditor")


async def rename(program, text):
    """F2, type over what is there, Enter."""
    program.window.bars.action("rename").trigger()
    await until(lambda: editor(program) is not None, "the editor")
    write(editor(program), text)
    if not text:
        key(editor(program), Qt.Key.Key_Delete)
    key(editor(program), Qt.Key.Key_Return)
    await until(lambda: editor(program) is None, "the end of editing")


def right_click(program, row):
    """The menu of a row."""
    viewport, place = program.table.view.viewport(), cell(program, row)
    mouse(viewport, QEvent.Type.MouseButtonPress, place, Qt.MouseButton.RightButton, Qt.MouseButton.RightButton)
    mouse(viewport, QEvent.Type.MouseButtonRelease, place, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton)
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, viewport.mapToGlobal(place))
    QApplication.sendEvent(viewport, asked)
    menu = program.window.findChild(QMenu, "rowMenu")
    assert menu.isVisible()
    return menu


def test_rename_undo_redo_and_back_to_the_default(play):
    async def story(program):
        await opened(program)
        choose(program, 0)
        await rename(program, "old sofa")
        assert names(program)[0] == "old sofa"
        assert program.actions.state("undo").text == f"Undo Rename Instance {BEST} to old sofa"
        click(button(program, "toolUndo"))
        assert names(program)[0] == f"Instance {BEST}"
        click(button(program, "toolRedo"))
        assert names(program)[0] == "old sofa"
        await rename(program, "")
        assert names(program)[0] == f"Instance {BEST}"

    play(story, steps=StandInSteps(SCENE))


def double_click(program, row, column):
    viewport, place = program.table.view.viewport(), cell(program, row, column)
    click(viewport, place)
    mouse(viewport, QEvent.Type.MouseButtonDblClick, place, LEFT, LEFT)
    mouse(viewport, QEvent.Type.MouseButtonRelease, place, LEFT, Qt.MouseButton.NoButton)


def test_a_double_click_flies_to_the_instance_and_so_does_enter(play):
    async def story(program):
        await opened(program)
        camera = program.viewport.camera

        def place():
            return tuple(camera.pose.position)

        for row, go in ((0, lambda: double_click(program, 0, NAME)), (1, None)):
            before = place()
            if go is None:
                choose(program, row)
                program.table.view.setFocus()
                key(program.table.view, Qt.Key.Key_Return)
            else:
                go()
            assert program.session.display.selection == {program.table.listed()[row]}
            await until(lambda before=before: place() != before and not camera.flying, "the flight")
            assert editor(program) is None
            await painted(program)
        before = place()
        double_click(program, 2, SHOWN)
        assert not camera.flying, "a box is no way there"
        assert place() == before

    play(story, steps=StandInSteps(SCENE))


def test_a_double_click_on_the_color_opens_the_colors(play):
    async def story(program):
        await opened(program)
        double_click(program, 0, COLOR)
        dialog = program.window.findChild(QColorDialog, "colorDialog")
        assert str(BEST) in dialog.windowTitle()
        dialog.reject()

    play(story, steps=StandInSteps(SCENE))


def test_the_box_of_a_selected_row_is_that_of_all_selected_rows(play):
    async def story(program):
        await opened(program)
        first, second, third = program.table.listed()[:3]
        choose(program, 0)
        shift = Qt.KeyboardModifier.ShiftModifier  # Qt also asks the keyboard, which an event alone does not tell
        QTest.mouseClick(program.table.view.viewport(), LEFT, shift, cell(program, 1, OBJECTNESS))
        assert program.session.display.selection == {first, second}
        click(program.table.view.viewport(), cell(program, 1, SHOWN))
        assert program.session.edits.hidden == {first, second}
        assert program.session.display.selection == {first, second}, "a click on a box selects nothing"
        click(program.table.view.viewport(), cell(program, 2, SHOWN))
        assert program.session.edits.hidden == {first, second, third}
        assert program.session.display.selection == {first, second}
        program.actions.trigger("undo")
        program.actions.trigger("undo")
        assert program.session.edits.hidden == frozenset(), "two steps, each whole"

    play(story, steps=StandInSteps(SCENE))


def test_rows_are_selected_and_merged_by_keys_alone(play):
    async def story(program):
        await opened(program)
        view = program.table.view
        choose(program, 0)
        view.setFocus()
        for _ in range(2):
            key(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
        three = frozenset(program.table.listed()[:3])
        assert program.session.display.selection == three
        await press(program.window, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
        assert {frozenset(group) for group in program.session.edits.merged} == {three}
        await press(program.window, Qt.Key.Key_H)
        assert program.session.edits.hidden

    play(story, steps=StandInSteps(SCENE))


def test_select_all_keeps_to_what_a_search_lists(play):
    async def story(program):
        await opened(program)
        program._instances.rename(BEST, "sofa")
        program.table._search.setText("sofa")
        program.table.view.setFocus()
        await press(program.window, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        assert program.session.display.selection == {BEST}

    play(story, steps=StandInSteps(SCENE))


def test_a_live_slider_leaves_what_is_typed(play):
    async def story(program):
        await opened(program)
        choose(program, 0)
        program.window.bars.action("rename").trigger()
        await until(lambda: editor(program) is not None, "the editor")
        write(editor(program), "lamp")
        program._decoding.set("confidence_percentile", 20.0)
        program._decoding.set("objectness_threshold", 0.5)
        assert editor(program).text() == "lamp"
        key(editor(program), Qt.Key.Key_Return)
        await until(lambda: editor(program) is None, "the end of editing")
        assert program.session.edits.names == {BEST: "lamp"}

    play(story, steps=StandInSteps(SCENE))


def test_recolor_through_the_dialog_is_seen_at_once_and_taken_back_by_cancel(play):
    async def story(program):
        await opened(program)
        choose(program, 1)
        query = SCENE.instances[1].query
        before = program.session.curated.find(query).color
        program.window.bars.action("recolor").trigger()
        dialog = program.window.findChild(QColorDialog, "colorDialog")
        assert dialog.isVisible()
        assert dialog.currentColor().getRgb()[:3] == before
        field = dialog.findChild(QLineEdit)  # "HTML"
        field.selectAll()
        write(field, "ff8000")
        assert program.session.curated.find(query).color == (255, 128, 0)
        key(dialog, Qt.Key.Key_Escape)
        assert program.session.curated.find(query).color == before
        assert program.session.undo_label is None
        program.window.bars.action("recolor").trigger()
        await until(lambda: len(program.window.findChildren(QColorDialog)) == 1, "the first dialog to go")
        dialog = program.window.findChild(QColorDialog, "colorDialog")
        field = dialog.findChild(QLineEdit)
        field.selectAll()
        write(field, "ff8000")
        key(field, Qt.Key.Key_Return)
        await until(lambda: program.window.findChild(QColorDialog) is None, "the dialog to go")
        assert program.session.curated.find(query).color == (255, 128, 0)
        click(button(program, "toolUndo"))
        assert program.session.curated.find(query).color == before

    play(story, steps=StandInSteps(SCENE))


def test_merge_and_split_from_the_context_menu(play):
    async def story(program):
        await opened(program)
        choose(program, 0)
        choose(program, 2, Qt.KeyboardModifier.ControlModifier)
        menu = right_click(program, 2)
        offered = {action.text() for action in menu.actions() if action.isEnabled()}
        assert {"Merge selected", "Change color …", "Hide selected", "Copy table as CSV"} <= offered
        assert "Split merged" not in offered
        click(menu, menu.actionGeometry(program.window.bars.action("merge")).center())
        assert not menu.isVisible()
        assert len(program.table.listed()) == 7
        assert program.table._selection() == {BEST}
        program.window.bars.action("split").trigger()
        assert len(program.table.listed()) == 8

    play(story, steps=StandInSteps(SCENE))


def test_search_by_name_and_number_keeps_the_selection(play):
    async def story(program):
        await opened(program)
        choose(program, 0)
        await rename(program, "sofa")
        field = program.window.findChild(QLineEdit, "instanceSearch")
        field.setFocus()
        write(field, "ofa")
        assert names(program) == ["sofa"]
        field.clear()
        other = SCENE.instances[3].query
        write(field, str(other))
        assert names(program) == [f"Instance {other}"]
        assert program.session.display.selection == {BEST}, "what is not listed stays selected"
        field.clear()
        assert program.table._selection() == {BEST}

    play(story, steps=StandInSteps(SCENE))


def test_dropped_queries_are_listed_with_the_reason(play):
    async def story(program):
        await opened(program)
        program._decoding.set("objectness_threshold", SCENE.instances[3].objectness)
        assert len(program.table.listed()) == 4
        click(program.window.findChild(QCheckBox, "showDropped"), QPoint(8, 10))
        assert len(program.table.listed()) == 8
        model = program.table.view.model()
        assert not program.table.view.isColumnHidden(WHY)
        reasons = {query: model.index(row, WHY).data() for row, query in enumerate(program.table.listed())}
        assert reasons[BEST] == ""
        fifth, last = SCENE.instances[4], SCENE.instances[7].query
        assert (
            reasons[fifth.query]
            == f"objectness {fifth.objectness:.2f} < {program.session.edits.objectness_threshold:.2f}"
        )
        assert reasons[last].endswith("not assembled")
        row = program.table.listed().index(last)
        assert model.index(row, SHOWN).data(Qt.ItemDataRole.CheckStateRole) is None, "nothing to show or hide"
        program.actions.trigger("show_dropped")
        assert len(program.table.listed()) == 4

    play(story, steps=StandInSteps(FLOORED))


def test_sliders_keep_selection_and_scrolling_and_reset_no_model(play):
    async def story(program):
        await opened(program)
        resets = []
        program.table.view.model().modelReset.connect(lambda: resets.append("listed"))
        program.table._model.modelReset.connect(lambda: resets.append("rows"))
        choose(program, 1)
        chosen = program.session.display.selection
        for number in range(30, 95, 5):
            program._decoding.set("objectness_threshold", number / 100)
            program._decoding.set("confidence_percentile", float(number))
        assert program.session.display.selection == chosen
        program._decoding.reset()
        assert program.table._selection() == chosen
        assert resets == []

    play(story, steps=StandInSteps(SCENE))


def test_columns_sort_and_arrow_keys_follow_the_order(play):
    async def story(program):
        await opened(program)
        view = program.table.view
        view.sortByColumn(POINTS, Qt.SortOrder.AscendingOrder)
        sizes = {item.query: len(item.pixels) for item in program.session.curated.instances}
        listed = program.table.listed()
        assert [sizes[query] for query in listed] == sorted(sizes.values())
        for step, expected in (("next", 0), ("next", 1), ("next", 2), ("previous", 1)):
            program.window.bars.action(f"{step}_instance").trigger()
            assert program.session.display.selection == {listed[expected]}
        view.setFocus()
        key(view, Qt.Key.Key_Down)
        assert program.session.display.selection == {listed[2]}

    play(story, steps=StandInSteps(SCENE))


def test_all_shown_are_hidden_inverted_and_copied(play):
    async def story(program):
        await opened(program)
        choose(program, 0)
        program.window.bars.action("hide").trigger()
        program.window.bars.action("select_all").trigger()
        assert program.table._selection() == {item.query for item in SCENE.instances} - {BEST}
        program.window.bars.action("invert_hidden").trigger()
        assert {item.query for item in program.session.curated.shown} == {BEST}
        program.window.bars.action("copy_table").trigger()
        lines = QApplication.clipboard().text().splitlines()
        assert lines[0].startswith("query,merged queries,name,color,objectness,points,views seen,size (scene units)")
        assert len(lines) == 9

    play(story, steps=StandInSteps(SCENE))


def test_keys_select_hide_and_fly_only_when_asked(play):
    """Real shortcuts: arrows walk through the table, F flies and selecting does not, hidden beats selected."""

    async def story(program):
        await opened(program)
        window, view = program.window, program.viewport.view
        window.activateWindow()
        view.setFocus()
        await until(lambda: QApplication.activeWindow() is window, "the window to be active")
        camera = view.renderer.GetActiveCamera()
        place, listed = camera.GetPosition(), program.table.listed()
        for code, expected in ((Qt.Key.Key_Down, 0), (Qt.Key.Key_Down, 1), (Qt.Key.Key_Up, 0)):
            QTest.keyClick(view, code)
            assert program.session.display.selection == {listed[expected]}
        assert camera.GetPosition() == place
        QTest.keyClick(view, Qt.Key.Key_F)
        await painted(program)
        assert camera.GetPosition() != place
        QTest.keyClick(view, Qt.Key.Key_H)
        assert program.session.edits.hidden == {listed[0]}
        assert program._viewport._painting.table()[listed[0] + 1, 3] == 0
        QTest.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        assert program.session.display.selection == set(listed[1:])
        QTest.keyClick(view, Qt.Key.Key_Period)
        assert program.session.edits.objectness_threshold == pytest.approx(0.31)
        QTest.keyClick(view, Qt.Key.Key_H, Qt.KeyboardModifier.ShiftModifier)
        assert program.session.edits.hidden == frozenset()

    play(story, steps=StandInSteps(SCENE))


@pytest.mark.parametrize("name", ["instanceSearch", "nameEditor"])
def test_no_arrow_key_moves_the_selection_while_text_is_typed(play, name):
    async def story(program):
        await opened(program)
        choose(program, 1)
        chosen = program.session.display.selection
        if name == "nameEditor":
            program.window.bars.action("rename").trigger()
            await until(lambda: editor(program) is not None, "the editor")
        field = program.window.findChild(QLineEdit, name)
        program.window.activateWindow()
        field.setFocus()
        await asyncio.sleep(0.05)
        for code in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_H):
            QTest.keyClick(field, code)
        assert program.session.display.selection == chosen

    play(story, steps=StandInSteps(SCENE))
