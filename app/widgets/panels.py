"""The panels around the 3D view: where they lie, which are shown, and their arrangements.

Panels are docks: resizable, movable, closable, tabbed where the description says so. In a narrow window the photo
has no room beside the 3D view and becomes a tab over it, and panels that can be narrow are told to. `layout`
gives all of this as bytes, `set_layout` takes them back.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QLabel,
    QMainWindow,
    QTabWidget,
    QWidget,
)

from app.widgets.center_tabs import CenterTabs
from app.widgets.scroller import Scroller

NARROW = 1360  # logical pixels: below this width 3D view and photo do not fit side by side
NARROW_STRIP = 88  # width of a panel of thumbnails in a narrow window: 56 px of picture and its frame
ALIKE = 0.25  # difference of two windows whose panels are equally wide
VERSION = 1  # of the bytes
PHOTO = "photoDock"
PHOTO_SHARE = 0.42  # of what the other panels leave
RIGHT_SHARE = 0.16  # of a wide window for the tables on the right: their columns are read whole
RESULT = frozenset({"result"})
EVERYWHERE: frozenset[str] = frozenset()  # on every page
# which panels an arrangement shows; those it does not name stay as they are
ARRANGEMENTS: dict[str, dict[str, bool]] = {
    "explore": {"viewsDock": True, PHOTO: False, "instancesDock": True},
    "inspect": {"viewsDock": True, PHOTO: True, "instancesDock": True, "inspectorDock": True},
    "compare": {"viewsDock": True, PHOTO: False, "instancesDock": True, "compareDock": True},
}
# of the panels that lie behind one another
IN_FRONT = {"explore": "instancesDock", "inspect": "inspectorDock", "compare": "compareDock"}


class Dock(NamedTuple):
    """A panel beside the viewport.

    Attributes
    ----------
    title, name : str
        What the user reads, and the object name, by which layouts remember it.
    content : QWidget
        With a method `set_narrow(bool)` if it can do with `NARROW_STRIP` pixels.
    area : Qt.DockWidgetArea
    width : int
        Usual width in pixels; height at the bottom.
    behind : str
        Name of a dock made earlier, over which it lies as a tab.
    shown : bool
        At the first start.
    pages : frozenset of str
        Pages of the window that have it; `EVERYWHERE` stands for all.
    scrolls : bool
        Whether its content needs more height than a panel in a pile of them has on a small screen.
    """

    title: str
    name: str
    content: QWidget
    area: Qt.DockWidgetArea
    width: int
    behind: str = ""
    shown: bool = True
    pages: frozenset[str] = RESULT
    scrolls: bool = False


class Panels(QObject):
    """Docks of one window.

    Parameters
    ----------
    window : QMainWindow
    docks : sequence of Dock
    center : CenterTabs
        Takes the photo in a narrow window.

    Signals
    -------
    changed(name, shown)
        A panel was shown or hidden, by whomever.
    """

    changed = Signal(str, bool)

    def __init__(self, window: QMainWindow, docks: Sequence[Dock], center: CenterTabs) -> None:
        super().__init__(window)
        self._window, self._center = window, center
        self._docks = {dock.name: dock for dock in docks}
        self._shown = {dock.name: dock.shown for dock in docks}
        self._made: dict[str, _Panel] = {}
        self._aside: set[str] = set()  # hidden for a while only
        self._page, self._narrow, self._photo_in_center = "", False, False
        self._remembered = b""  # where docks lie, while a page shows none of them
        self._width = 0  # of the window they lay in
        corner, side = Qt.Corner, Qt.DockWidgetArea
        window.setCorner(corner.BottomLeftCorner, side.LeftDockWidgetArea)
        window.setCorner(corner.BottomRightCorner, side.RightDockWidgetArea)
        window.setDockOptions(
            QMainWindow.DockOption.AnimatedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.AllowNestedDocks
        )
        window.setTabPosition(side.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        for dock in docks:
            self._made[dock.name] = self._make(dock)
        self._arrange_usually()

    @property
    def titles(self) -> dict[str, str]:
        """Titles of the panels by name."""
        return {name: dock.title for name, dock in self._docks.items()}

    def shown(self, name: str) -> bool:
        """Whether the user wants a panel, on the pages that have it."""
        return self._shown[name]

    def set_shown(self, name: str, shown: bool) -> None:
        """Show or hide a panel; one that lies behind another comes to the front."""
        self._aside.discard(name)
        if self._shown[name] != shown:
            self._shown[name] = shown
            widths = self._widths()
            self._refresh()
            if name == PHOTO:  # its room is that of the 3D view: the others stay as wide as they were
                panels = [self._made[other] for other in widths]
                self._window.resizeDocks(panels, list(widths.values()), Qt.Orientation.Horizontal)
            self.changed.emit(name, shown)
        if shown:
            self._bring_to_front(name)

    def set_aside(self, name: str, aside: bool) -> None:
        """Hide a panel for a while, and show it again: what is kept of the layout meanwhile has it on show.

        It does not come back if the user or an arrangement has decided about it since.
        """
        if aside and self._shown[name]:
            self.set_shown(name, False)
            self._aside.add(name)
        elif not aside and name in self._aside:
            self.set_shown(name, True)

    def set_page(self, page: str) -> None:
        """Another page of the window: some panels belong to a result."""
        if page == self._page:
            return
        if self._has_result():
            self._remembered, self._width = bytes(self._window.saveState(VERSION).data()), self._window.width()
        self._page = page
        if self._has_result() and self._remembered:
            self._window.restoreState(self._remembered, VERSION)
        self._refresh()
        if self._has_result() and not (self._remembered and self._alike()):
            self._resize()
        self._fit_screen()

    def set_narrow(self, narrow: bool) -> None:
        """Whether the window is narrow."""
        if narrow == self._narrow:
            return
        self._narrow = narrow
        widths = self._widths()  # the room of the photo is that of the 3D view
        self._refresh()
        for name, dock in self._docks.items():
            if hasattr(dock.content, "set_narrow"):
                dock.content.set_narrow(narrow)
                self._made[name].setTitleBarWidget(_narrow_title(dock.title) if narrow else None)
                widths[name] = NARROW_STRIP if narrow else dock.width
        if widths:
            panels = [self._made[name] for name in widths]
            self._window.resizeDocks(panels, list(widths.values()), Qt.Orientation.Horizontal)

    def arrange(self, name: str) -> None:
        """Show what an arrangement of `ARRANGEMENTS` shows, with the usual sizes."""
        self._aside.clear()
        for panel, shown in ARRANGEMENTS[name].items():
            if panel in self._shown and self._shown[panel] != shown:
                self._shown[panel] = shown
                self.changed.emit(panel, shown)
        self._refresh()
        self._resize()
        if IN_FRONT.get(name) in self._made:
            self._bring_to_front(IN_FRONT[name])

    def reset(self) -> None:
        """Every panel back to its place of the first start."""
        self._aside.clear()
        for name, dock in self._docks.items():
            if self._shown[name] != dock.shown:
                self._shown[name] = dock.shown
                self.changed.emit(name, dock.shown)
        self._put_back()

    def layout(self) -> bytes:
        """Where the panels lie and which are shown."""
        state = bytes(self._window.saveState(VERSION).data()) if self._has_result() else self._remembered
        shown = [name for name, wanted in self._shown.items() if wanted or name in self._aside]
        hidden = [name for name in self._shown if name not in shown]
        docks, width = base64.b64encode(state).decode(), self._window.width() if self._has_result() else self._width
        value = {"version": VERSION, "docks": docks, "shown": shown, "hidden": hidden, "width": width}
        return json.dumps(value).encode()

    def set_layout(self, layout: bytes) -> bool:
        """Take a layout back; false, with nothing changed, for bytes that are none of this version."""
        try:
            value = json.loads(layout)
            state = base64.b64decode(value["docks"], validate=True)
            shown = dict.fromkeys(value["shown"], True) | dict.fromkeys(value["hidden"], False)
            fits, width = value["version"] == VERSION, int(value.get("width", 0))
        except (ValueError, KeyError, TypeError, binascii.Error):
            return False
        if not fits:
            return False
        if state and self._has_result() and not self._window.restoreState(state, VERSION):
            return False
        self._remembered, self._width = state, width
        self._aside.clear()
        for name, wanted in shown.items():
            if name in self._shown and self._shown[name] != wanted:
                self._shown[name] = wanted
                self.changed.emit(name, wanted)
        self._refresh()
        if self._has_result() and not self._alike():
            self._resize()
        self._fit_screen()
        return True

    def _widths(self) -> dict[str, int]:
        """Of the docks on show at the sides, but that of the photo."""
        sides = [name for name, dock in self._docks.items() if dock.area.name.startswith(("Left", "Right"))]
        panels = ((name, self._made[name]) for name in sides if name != PHOTO)
        return {name: panel.width() for name, panel in panels if panel.isVisible() and not panel.isFloating()}

    def _has_result(self) -> bool:
        return self._page in RESULT

    def _make(self, dock: Dock) -> "_Panel":
        panel = _Panel(dock.title)
        panel.setObjectName(dock.name)
        panel.setWidget(Scroller(dock.content) if dock.scrolls else dock.content)
        panel.closed.connect(lambda: self.set_shown(dock.name, False))
        return panel

    def _arrange_usually(self) -> None:
        """Every dock in its area: side by side, or behind one another."""
        last: dict[Qt.DockWidgetArea, _Panel] = {}
        for name, dock in self._docks.items():
            panel = self._made[name]
            self._window.addDockWidget(dock.area, panel)
            if dock.behind in self._made:
                self._window.tabifyDockWidget(self._made[dock.behind], panel)
                self._made[dock.behind].raise_()
            elif dock.area in last:
                self._window.splitDockWidget(last[dock.area], panel, Qt.Orientation.Horizontal)
            if not dock.behind:
                last[dock.area] = panel

    def _put_back(self) -> None:
        """Every dock where it usually lies, whichever are shown."""
        for panel in self._made.values():
            panel.setFloating(False)
            self._window.removeDockWidget(panel)
        self._arrange_usually()
        self._remembered = b""
        self._refresh()
        self._resize()

    def _alike(self) -> bool:
        """Whether the remembered sizes are of a window about as wide as this one."""
        return abs(self._width - self._window.width()) <= ALIKE * self._window.width()

    def _fit_screen(self) -> None:
        """Usual places instead of a layout, kept on a larger screen, whose panels would stand out of this one."""
        layout, screen = self._window.layout(), self._window.screen().availableGeometry()
        if not self._has_result() or layout is None:
            return
        layout.invalidate()
        least = self._window.minimumSizeHint()
        if least.width() > screen.width() or least.height() > screen.height():
            self._put_back()
            layout.activate()
            self._window.resize(self._window.size().boundedTo(screen.size()))  # it had grown to hold them

    def _refresh(self) -> None:
        """Show what is wanted on this page, the photo where it belongs."""
        for name, dock in self._docks.items():
            visible = self._shown[name] and (dock.pages is EVERYWHERE or self._page in dock.pages)
            if name == PHOTO:
                in_center = visible and self._narrow and not self._made[name].isFloating()
                self._put_photo(in_center)
                visible = visible and not in_center
            self._made[name].setVisible(visible)

    def _put_photo(self, in_center: bool) -> None:
        if in_center == self._photo_in_center:
            return
        self._photo_in_center = in_center
        dock, panel = self._docks[PHOTO], self._made[PHOTO]
        if in_center:
            self._center.add(dock.title, dock.content)
        else:
            self._center.remove(dock.content)
            panel.setWidget(dock.content)
            dock.content.show()

    def _bring_to_front(self, name: str) -> None:
        if name == PHOTO and self._photo_in_center:
            self._center.tabs.setCurrentIndex(1)
        else:
            self._made[name].raise_()

    def _usual(self, name: str) -> int:
        """Usual width of a dock, height at the bottom."""
        dock = self._docks[name]
        share = RIGHT_SHARE if dock.area == Qt.DockWidgetArea.RightDockWidgetArea else 0.0
        return max(dock.width, round(share * self._window.width()))

    def _resize(self) -> None:
        """Usual sizes; the photo gets a share of what the others leave."""
        names = [name for name, panel in self._made.items() if panel.isVisibleTo(self._window)]
        taken = sum(self._usual(name) for name in names if name != PHOTO and not self._docks[name].behind)
        for way, areas in (
            (Qt.Orientation.Horizontal, ("Left", "Right")),
            (Qt.Orientation.Vertical, ("Bottom", "Top")),
        ):
            chosen = [name for name in names if self._docks[name].area.name.startswith(areas)]
            sizes = []
            for name in chosen:
                dock = self._docks[name]
                size = round(PHOTO_SHARE * max(0, self._window.width() - taken)) if name == PHOTO else self._usual(name)
                sizes.append(NARROW_STRIP if self._narrow and hasattr(dock.content, "set_narrow") else size)
            if chosen:
                self._window.resizeDocks([self._made[name] for name in chosen], sizes, way)


def _narrow_title(title: str) -> QLabel:
    """A title without buttons, for which there is no room; the menu of panels closes it."""
    label = QLabel(title)
    label.setObjectName("narrowTitle")
    return label


class _Panel(QDockWidget):
    """A dock that says when the user closes it.

    Signals
    -------
    closed()
    """

    closed = Signal()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell, and stay: the panels decide."""
        event.ignore()
        self.closed.emit()
