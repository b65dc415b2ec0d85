"""The real program in a process of its own, driven by mouse and keys, to be killed by `test_recovery`.

`python -m tests.gui.crash_program STORY OUT [arguments of the program]`: plays a story, writes what is open as JSON to
OUT, and goes on living.
"""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton

import app.application
from app.session.stored import to_plain
from fast3dis_core.exports.atomic import atomic_file
from tests.gui.hands import click, has_masks, key, painted, press, until
from tests.gui.test_instances import cell, rename
from tests.gui.test_sessions import arrays
from tests.gui.test_window import SmallCoreSteps, handle


def open_values(program):
    """Everything that is open, so that two processes can be compared."""
    session = program.session
    bits = [hashlib.sha256(part).hexdigest() for part in arrays(session.reconstruction)]
    return {
        "bits": bits,
        "edits": to_plain(session.edits),
        "view": session.display.view,
        "selection": sorted(session.display.selection),
        "origin": to_plain(session.origin),
        "modified": session.modified,
        "errors": [repr(error) for error in program.errors],
        "log": program.window.panels.shown("logDock"),
    }


async def work(program):
    """A result, then edits: one hidden, one renamed, other masks, a panel."""
    await until(lambda: has_masks(program) and program.session.shown(), "a result", 120)
    await painted(program)
    view = program.table.view.viewport()
    click(view, cell(program, 0))
    await press(program.window, Qt.Key.Key_H)
    await until(lambda: program.session.edits.hidden, "a hidden instance")
    click(view, cell(program, 1))
    await rename(program, "Söfa")
    result = program.session.reconstruction
    for _ in range(5):
        key(handle(program.decoding.mask), Qt.Key.Key_Left)
    await until(lambda: program.session.reconstruction is not result, "other masks")
    await until(lambda: program.session.activity.idle, "rest")
    await press(program.window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    await until(lambda: program.window.panels.shown("logDock"), "the log")
    await until(lambda: program.recovery.autosave.settled, "the autosave", 120)
    return open_values(program)


async def recover(program):
    """Take what is offered; then close the window and discard it."""
    found = []

    def there():
        found[:] = program.window.findChildren(QPushButton, "recoveryRecover")
        return found and found[0].isVisible()

    await until(there, "an offer", 60)
    assert len(found) == 1
    click(found[0])
    await until(lambda: program.session.reconstruction is not None, "the session", 60)
    await until(lambda: program.session.activity.idle, "rest")
    await painted(program)
    values = open_values(program)
    program.window.close()
    await until(lambda: program.window.findChild(QMessageBox, "unsavedDialog") is not None, "the question")
    box = program.window.findChild(QMessageBox, "unsavedDialog")
    click(next(button for button in box.buttons() if button.text() == "Discard"))
    return values


STORIES = {story.__name__: story for story in (work, recover)}


def main():
    story, out, *arguments = sys.argv[1:]
    written = {}

    class Played(app.application.Program):
        def __init__(self, *given, **named):
            super().__init__(*given, **{**named, "steps": SmallCoreSteps()})
            self.errors = []
            self.session.failed.connect(self.errors.append)
            self.playing = asyncio.get_running_loop().create_task(self.play())

        async def play(self):
            try:
                written.update(await STORIES[story](self))
            except BaseException as error:
                written.update(error=repr(error))
                raise
            finally:
                with atomic_file(Path(out), overwrite=True) as file:
                    file.write(json.dumps(written).encode())

    app.application.Program = Played
    return app.application.main([*arguments, "--window-size", "1280x800", "--theme", "dark"])


if __name__ == "__main__":
    sys.exit(main())
