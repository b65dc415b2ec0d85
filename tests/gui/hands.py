"""Mouse and keys as events. Warping the real pointer would come back as a late move of its own."""

import asyncio

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
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
    await until(lambda: not (viewport.view._stale or viewport._moving or viewport.camera.flying), "a painted frame")


def on_screen(program, point):
    """Where a world point appears in the viewport's widget, logical pixels."""
    view = program.viewport.view
    view.renderer.SetWorldPoint(*(float(value) for value in point), 1.0)
    view.renderer.WorldToDisplay()
    x, y, _ = view.renderer.GetDisplayPoint()
    ratio = view.devicePixelRatioF()
    return QPointF(x / ratio, view.height() - 1 - y / ratio)
