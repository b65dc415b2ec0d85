"""Everything that can be asked for by name: found in the palette by its own words, and none of it fails."""

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication, QDialog

from app.command_search import commands, title
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import until
from tests.gui.test_window import SCENE, opened

LEAVING = {"quit", "compare"}  # ends the program; asks the network's features, which a stand-in has none of
IDLE = {  # need an export, a comparison, a pair, two selected, a measured line or a drag, which other tests have
    "calibrate", "cancel", "copy_changes", "copy_comparison", "copy_export_path", "copy_thefts", "lock_x", "lock_y",
    "lock_z", "merge", "recover", "show_export", "side_by_side", "split",
}  # fmt: skip
AGAIN = {"open", "open_files", "open_session", "sample"}  # ask for another scene: they come last


def close_dialogs():
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, QDialog) and widget.isVisible():
            widget.close()
    menu = QApplication.activePopupWidget()
    if menu is not None:
        menu.close()


def test_every_action_is_bound_and_found_first_by_its_own_words(play):
    async def story(program):
        await opened(program)
        for action in program.actions.table:
            assert program.actions.bound(action.name), f"nobody does {action.name}"
            if action.name != "command_palette":
                words = title(action, program.actions.state(action.name).text)
                assert commands(program.actions, words)[0].name == action.name, words
            assert program.actions.state(action.name).enabled or program.actions.needs(action.name)

    play(story, steps=StandInSteps(SCENE))


@pytest.mark.slow
def test_nothing_that_can_be_asked_for_fails(play):
    """With an instance selected; those that need something done before are asked for again after all others."""

    async def ask(program, name, query):
        session = program.session
        if name not in AGAIN:
            session.show(replace(session.display, selection=frozenset({query}), isolated=frozenset(), setup=False))
        if not program.actions.state(name).enabled:
            return False
        program.actions.trigger(name)
        await until(lambda: not program.workflow.busy, f"the end of {name}")
        close_dialogs()
        if name == "full_screen":
            program.actions.trigger(name)
        program.actions.trigger("step_back")
        return True

    async def story(program):
        await opened(program)
        errors, done = [], set()
        program.session.failed.connect(errors.append)
        query = program.session.shown()[0].query
        names = [action.name for action in program.actions.table if action.name not in LEAVING | AGAIN]
        for number, name in enumerate([*names, *names, *sorted(AGAIN)]):
            if number == len(names):
                edits = program.session.edits
                colors = {query: (10, 200, 30)}
                program.session.edit("Change", replace(edits, objectness_threshold=0.2, colors=colors))
            if name not in done and await ask(program, name, query):
                done.add(name)
            assert not errors, f"{name}: {errors}"
        assert program.window._error is None
        missing = {action.name for action in program.actions.table} - done - LEAVING
        assert missing <= IDLE, f"never possible: {missing - IDLE}"

    play(story, steps=StandInSteps(SCENE), questions=StandInQuestions())
