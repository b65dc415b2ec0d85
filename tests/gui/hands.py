"""Mouse and keys as events. Warping the real pointer would come back as a late move of its own."""

import asyncio
from functools import partial

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def mouse(widget, kind, position, button, buttons, modifiers=Qt.KeyboardModifier.NoModifier):
    position = QPointF(position)
    event = QMouseEvent(kind, position, QPointF(widget.mapToGlobal(position)), button, buttons, modifiers)
    QApplication.sendEvent(widget, event)


def click(widget, position=None, modifiers=Qt.KeyboardModifier.NoModifier):
    position = widget.rect().center() if position is None else position
    mouse(widget, QEvent.Type.MouseMove, position, NONE, NONE, modifiers)
    mouse(widget, QEvent.Type.MouseButtonPress, position, LEFT, LEFT, modifiers)
    mouse(widget, QEvent.Type.MouseButtonRelease, position, LEFT, NONE, modifiers)


async def drag(widget, start, end, steps=6):
    start, end = QPointF(start), QPointF(end)
    mouse(widget, QEvent.Type.MouseMove, start, NONE, NONE)
    mouse(widget, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    for step in range(1, steps + 1):
        mouse(widget, QEvent.Type.MouseMove, start + (end - start) * (step / steps), NONE, LEFT)
        await asyncio.sleep(0.01)
    mouse(widget, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)


async def carry(window, start, *stops, held=(), pause=120):
    """Drag and drop as the desktop does it: with buttons and moves of the window, in the loop that Qt runs meanwhile.

    Parameters
    ----------
    window : QWidget
        A top level window.
    start, stops : QPoint
        Of the window: where the button goes down, what is passed, and at the last where it goes up.
    held : callables, called at each stop before the pointer goes on
    pause : int
        Milliseconds between two stops.

    Notes
    -----
    Everything is done by timers: what begins inside of a task would keep all other tasks waiting until the drop.
    """
    handle, done = window.windowHandle(), asyncio.Event()
    away = start + QPoint(QApplication.startDragDistance() + 4, 0)
    steps = [lambda: QTest.mousePress(handle, LEFT, Qt.KeyboardModifier.NoModifier, start)]
    steps += [lambda place=place: QTest.mouseMove(handle, place) for place in (away, away + QPoint(4, 0))]
    for number, stop in enumerate(stops):
        steps += [lambda place=place: QTest.mouseMove(handle, place) for place in (stop - QPoint(3, 0), stop)]
        if number < len(held):
            steps.append(held[number])
    steps.append(lambda: QTest.mouseRelease(handle, LEFT, Qt.KeyboardModifier.NoModifier, stops[-1]))
    steps.append(done.set)
    for number, step in enumerate(steps):
        QTimer.singleShot(pause * number, step)
    await done.wait()
    await asyncio.sleep(0.05)


async def carry_files(window, paths, place):
    """Files dropped on a place (QPoint) of a window, as a file manager offers them: as places and as words."""
    handle, done = window.windowHandle(), asyncio.Event()

    def begin():
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        mime.setText("\n".join(str(path) for path in paths))
        offer = QDrag(window)
        offer.setMimeData(mime)
        offer.exec(Qt.DropAction.CopyAction)
        done.set()

    QTimer.singleShot(0, begin)
    for number, aside in enumerate((QPoint(3, 0), QPoint())):
        QTimer.singleShot(120 * (number + 1), lambda at=place - aside: QTest.mouseMove(handle, at))
    release = partial(QTest.mouseRelease, handle, LEFT, Qt.KeyboardModifier.NoModifier, place)
    QTimer.singleShot(360, release)
    await asyncio.wait_for(done.wait(), 10)
    await asyncio.sleep(0.05)


def key(widget, code, modifiers=Qt.KeyboardModifier.NoModifier, text=""):
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(widget, QKeyEvent(kind, code, modifiers, text))


async def press(window, code, modifiers=Qt.KeyboardModifier.NoModifier):
    """A key as the desktop sends it, so that shortcuts act."""
    window.activateWindow()
    await until(window.isActiveWindow, "the window to be active", 5.0)
    QTest.keyClick(window, code, modifiers)


def wheel(widget, position, notches):
    position = QPointF(position)
    event = QWheelEvent(
        position,
        QPointF(widget.mapToGlobal(position)),
        QPoint(),
        QPoint(0, 120 * notches),
        NONE,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


async def until(condition, what, seconds=20.0):
    """Let the event loop run until something is true."""
    for _ in range(round(seconds / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"waited {seconds:g} s in vain for: {what}")


def has_masks(program):
    """Whether a whole result is on show, and not only its geometry."""
    origin = program.session.origin
    return origin is not None and origin.masks == "there"


async def painted(program):
    """Until the viewport has drawn what it was told to draw."""
    viewport = program.viewport
    await until(
        lambda: not (viewport.view._stale or viewport.motion.moving or viewport.camera.flying), "a painted frame"
    )


def on_screen(program, point):
    """Where a world point appears in the viewport's widget, logical pixels."""
    view = program.viewport.view
    view.renderer.SetWorldPoint(*(float(value) for value in point), 1.0)
    view.renderer.WorldToDisplay()
    x, y, _ = view.renderer.GetDisplayPoint()
    ratio = view.devicePixelRatioF()
    return QPointF(x / ratio, view.height() - 1 - y / ratio)
