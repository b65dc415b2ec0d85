"""A real window on a real display: event loop, program, mouse and keys, and a census of what survives.

VTK's widget draws nothing on Qt's own offscreen platform, so these tests need X (a virtual one will do).
"""

import asyncio
import gc
import os
import sys

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("QT_API", "pyside6")
REASON = "needs an X display: run under xvfb-run -a -s '-screen 0 1600x1000x24'"
TIMEOUT = 300  # seconds after which a story counts as stuck; the longest takes ten on an idle core


def _has_display() -> bool:
    if os.environ.get("QT_QPA_PLATFORM", "xcb") in ("offscreen", "minimal"):
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY"))


def pytest_collection_modifyitems(items):
    here = os.path.dirname(__file__)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.gui)
            if not _has_display():
                item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.fixture(scope="session")
def libraries():
    """Load what is heavy, and keep its half a million objects out of every later collection of garbage."""
    if not _has_display():
        return
    import app.viewport.viewport  # noqa: F401
    import fast3dis_core.inference.steps  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_survives(libraries, caplog):
    """No visible window, running timer or open plotter outlives its test."""
    yield
    if not _has_display():
        return
    from PySide6.QtCore import QCoreApplication, QEvent, QTimer
    from PySide6.QtWidgets import QApplication
    from pyvista.plotting.plotter import _ALL_PLOTTERS
    from shiboken6 import isValid

    from app.viewport.viewport import Viewport
    from app.widgets.photo_view import PhotoView

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    windows = [type(widget).__name__ for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    for record in caplog.get_records("call"):
        record.exc_info = None  # of an error that nobody expected: its traceback holds all frames it came through
    gc.collect()
    # by type(): asking torch's lazy objects for their __class__ would warn
    things = [thing for thing in gc.get_objects() if issubclass(type(thing), QTimer | Viewport | PhotoView)]
    timers = [thing for thing in things if isinstance(thing, QTimer)]
    drawn = sorted({type(thing).__name__ for thing in things} - {type(timer).__name__ for timer in timers})
    timers = [timer for timer in timers if isValid(timer) and timer.isActive()]
    plotters = [name for name, plotter in _ALL_PLOTTERS.items() if not plotter._closed]
    assert not windows, f"windows left open: {windows}"
    assert not timers, f"timers left running: {[timer.parent() for timer in timers]}"
    assert not plotters, f"plotters left open: {plotters}"
    assert not drawn, f"graphics that outlive their window, with the cloud they draw: {drawn}"


@pytest.fixture(autouse=True)
def preferences_of_its_own(tmp_path, monkeypatch):
    """No test reads or writes what the user's programs remember."""
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    if not _has_display():
        return
    from PySide6.QtCore import QSettings

    for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        QSettings.setPath(form, QSettings.Scope.UserScope, str(tmp_path / "preferences"))


@pytest.fixture
def one_core_for_the_network():
    """Leaves the other core to the event loop, whatever else the machine is doing."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def photos(tmp_path):
    """A folder of two small pictures without any information."""
    folder = tmp_path / "kitchen"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        blocks = rng.integers(0, 256, (7, 10, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((200, 140), Image.Resampling.BICUBIC).save(folder / f"photo_{number}.jpg")
    return folder


@pytest.fixture
def loop(qapp):
    import qasync
    from shiboken6 import delete

    loop = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    yield loop
    loop.close()
    # a closed loop keeps its timers, such as that of a timeout; if its last reference goes while a worker thread
    # collects garbage, they stay behind and fire into nothing
    delete(loop._timer)
    asyncio.set_event_loop(None)


@pytest.fixture
def play(loop, qapp):
    """Run `story(program)` in a program with the given steps and answers, and close it."""
    from app.application import Program
    from app.command_line import Options

    def run(story, *, steps=None, questions=None, **options):
        async def whole():
            options.setdefault("window_size", (1280, 800))
            options.setdefault("theme", "dark")
            program = Program(qapp, Options(**options), steps=steps, questions=questions)
            try:
                program.window.show()
                return await asyncio.wait_for(story(program), TIMEOUT)
            finally:
                if not program.closed.is_set():
                    program.window.close()
                await program.close()

        return loop.run_until_complete(whole())

    return run
