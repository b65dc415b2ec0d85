"""The photos as a strip of thumbnails with their instances painted over, their numbers, and what is odd about them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QContextMenuEvent, QIcon, QImage, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QListView, QMenu, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from app.widgets.photo_anchors import paint_mark
from app.widgets.theme import Theme, icon

WIDTH, NARROW_WIDTH = 160, 56  # of a thumbnail, logical pixels
KEPT = 64  # thumbnails, more than ever stand in sight at once
PADDING = 7  # of an item above its picture, logical pixels: that of the style sheet and its border
BADGE = 18  # height of number and signs, logical pixels
MARK, SMALL_MARK = 5.0, 3.5  # radius of an anchor's mark, the second in narrow pictures, logical pixels
CURRENT = 3  # width of the bar beside the current view, logical pixels

Picture = Callable[[int, int], NDArray[np.uint8]]  # of a view, near a width in pixels
Index = QModelIndex | QPersistentModelIndex


class Thumbnails(QAbstractListModel):
    """Views whose pictures are asked for when they come into sight, and the latest of them kept."""

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._picture: Picture | None = None
        self._icons: dict[int, QIcon] = {}
        self._width, self._ratio = WIDTH, 1.0
        self.tip: Callable[[int], str] | None = None
        self.named = True  # or pictures only

    @property
    def names(self) -> tuple[str, ...]:
        """Of all views."""
        return self._names

    def set_names(self, names: Sequence[str]) -> None:
        """Other views."""
        self.beginResetModel()
        self._names = tuple(names)
        self._icons.clear()
        self.endResetModel()

    def set_picture(self, picture: Picture) -> None:
        """Other pictures of the same views."""
        self._picture = picture
        self.forget()

    def set_size(self, width: int, ratio: float) -> None:
        """Other widths in logical pixels, or device pixels for each of them."""
        if (width, ratio) != (self._width, self._ratio):
            self._width, self._ratio = width, ratio
            self.forget()

    def forget(self) -> None:
        """Ask for pictures again."""
        self._icons.clear()
        if self._names:
            self.dataChanged.emit(self.index(0), self.index(len(self._names) - 1), [Qt.ItemDataRole.DecorationRole])

    def rowCount(self, parent: Index | None = None) -> int:
        """Views."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name, picture and facts of a view."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self._names[index.row()] if self.named else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"View {index.row() + 1}: {self._names[index.row()]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._names[index.row()] if self.tip is None else self.tip(index.row())
        if role == Qt.ItemDataRole.DecorationRole and self._picture is not None:
            return self._icon(index.row())
        return None

    def _icon(self, row: int) -> QIcon:
        made = self._icons.pop(row, None)
        if made is None:
            assert self._picture is not None
            width = round(self._width * self._ratio)
            pixmap = _pixmap(self._picture(row, width), width, self._ratio)
            made = QIcon(pixmap)
            made.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it
        self._icons[row] = made  # now the latest
        if len(self._icons) > KEPT:
            del self._icons[next(iter(self._icons))]
        return made


class ViewGallery(QWidget):
    """Thumbnails from top to bottom.

    Signals
    -------
    view_chosen(view)
    look_requested(view)
        Through the camera of the photo.
    exclusion_toggled(view)
        Of the next run.
    name_copied(name)
    """

    view_chosen = Signal(int)
    look_requested = Signal(int)
    exclusion_toggled = Signal(int)
    name_copied = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("galleryPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._views = Thumbnails()
        self._width, self._aspect = WIDTH, 3 / 4
        self._excludable, self._excluded = False, frozenset[int]()
        self.list = _Strip()
        self.list.setModel(self._views)
        self._painter = _Badges(theme, self.list)
        self.list.setItemDelegate(self._painter)
        self.list.selectionModel().currentRowChanged.connect(self._tell)
        self.list.menu_asked.connect(self._pop_up)
        self._menu = QMenu(self)
        self._menu.setObjectName("viewMenu")
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 0, 0)
        column.addWidget(self.list)

    def set_theme(self, theme: Theme) -> None:
        """Badges in the colors of another theme."""
        self._painter.theme = theme
        self.list.viewport().update()

    def set_views(self, names: Sequence[str], shape: tuple[int, int], picture: Picture) -> None:
        """Show photos; if the names are the same, only the pictures change.

        Parameters
        ----------
        names : sequence of str
        shape : (int, int)
            Height and width of a photo.
        picture : callable
            Of a view, near a width in device pixels: array (h, w, 3) uint8. Called when the view comes into sight.
        """
        self._aspect = shape[0] / shape[1]
        self._lay_out()
        if tuple(names) != self._views.names:
            with QSignalBlocker(self):
                self._views.set_names(names)
        self._views.set_picture(picture)

    def set_tips(self, tip: Callable[[int], str]) -> None:
        """What is said of a view when the pointer rests on it; asked then."""
        self._views.tip = tip

    def set_doubtful(self, reasons: Mapping[int, str]) -> None:
        """Views that are marked with a sign."""
        self._painter.doubtful = frozenset(reasons)
        self.list.viewport().update()

    def set_excluded(self, views: frozenset[int], *, possible: bool) -> None:
        """Views that the next run leaves out, and whether any can be."""
        self._excluded, self._excludable = views, possible
        self._painter.excluded = views
        self.list.viewport().update()

    def set_marks(self, color: tuple[int, int, int], marks: Sequence[tuple[float, float, str]]) -> None:
        """One place in every picture: shares of its width and height, and how its camera sees it; none for none."""
        self._painter.color, self._painter.marks = QColor(*color), tuple(marks)
        self.list.viewport().update()

    def set_narrow(self, narrow: bool) -> None:
        """Small pictures without names, for a narrow window."""
        self._width = NARROW_WIDTH if narrow else WIDTH
        self._views.named = not narrow
        self._lay_out()

    def set_current(self, view: int) -> None:
        """Mark one photo without telling anybody."""
        if self.list.currentIndex().row() != view:
            with QSignalBlocker(self):
                self.list.setCurrentIndex(self._views.index(view))

    def _lay_out(self) -> None:
        height = round(self._width * self._aspect)
        self._views.set_size(self._width, self.devicePixelRatioF())
        self._painter.width = self._width
        self.list.setIconSize(QSize(self._width, height))
        self.list.setGridSize(QSize(self._width + 22, height + (38 if self._views.named else 16)))

    def _tell(self, index: QModelIndex) -> None:
        if index.isValid():
            self.view_chosen.emit(index.row())

    def _pop_up(self, view: int, place: QPoint) -> None:
        """What can be done with a view, without going there first."""
        menu, name = self._menu, self._views.names[view]
        menu.clear()
        menu.addAction(f"Go to view {view + 1}", lambda: self.list.setCurrentIndex(self._views.index(view)))
        menu.addAction("Look through its camera", lambda: self.look_requested.emit(view))
        menu.addAction("Copy name", lambda: self.name_copied.emit(name))
        menu.addSeparator()
        left_out = menu.addAction("Leave out of the next run", lambda: self.exclusion_toggled.emit(view))
        left_out.setCheckable(True)
        left_out.setChecked(view in self._excluded)
        left_out.setEnabled(self._excludable)
        menu.popup(place)


class _Strip(QListView):
    """A list of pictures; its menu belongs to the view under the pointer, which needs not be the current one.

    Signals
    -------
    menu_asked(view, place)
        The place is a QPoint on the screen.
    """

    menu_asked = Signal(int, QPoint)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("viewList")
        self.setAccessibleName("Views")
        self.setProperty("arrows", "vertical")  # the others walk through the views as everywhere
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.TopToBottom)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The right button chooses nothing."""
        if event.button() != Qt.MouseButton.RightButton:
            super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Tell of which view."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if index.isValid():
            middle = self.viewport().mapToGlobal(self.visualRect(index).center())
            self.menu_asked.emit(index.row(), middle if by_key else event.globalPos())
        event.accept()


class _Badges(QStyledItemDelegate):
    """A view with its number, a sign if its depth is doubtful, and a line through it if the next run leaves it out."""

    def __init__(self, theme: Theme, parent: _Strip) -> None:
        super().__init__(parent)
        self._strip = parent
        self.theme, self.width = theme, WIDTH
        self.doubtful: frozenset[int] = frozenset()
        self.excluded: frozenset[int] = frozenset()
        self.marks: tuple[tuple[float, float, str], ...] = ()
        self.color = QColor()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The item as it is styled, and what lies over it."""
        super().paint(painter, option, index)
        whole: QRect = option.rect  # type: ignore[attr-defined]
        size, view = self._strip.iconSize(), index.row()
        picture = QRect(whole.center().x() - size.width() // 2, whole.top() + PADDING, size.width(), size.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if view in self.excluded:
            veil = QColor(self.theme.base)
            veil.setAlpha(170)
            painter.fillRect(picture, veil)
            painter.setPen(QColor(self.theme.text))
            painter.drawLine(picture.bottomLeft(), picture.topRight())
        if view == self._strip.currentIndex().row():
            bar = QRect(whole.left() + 1, whole.top() + 6, CURRENT, whole.height() - 12)
            painter.fillRect(bar, QColor(self.theme.accent))
        self._paint_number(painter, view, picture)
        if view < len(self.marks):
            self._paint_mark(painter, self.marks[view], picture)
        if view in self.doubtful:
            sign = QRect(picture.right() - BADGE + 1, picture.bottom() - BADGE + 1, BADGE, BADGE)
            self._paint_ground(painter, sign)
            painter.drawPixmap(sign.topLeft() + QPoint(1, 1), icon("warning", self.theme.warning).pixmap(16, 16))
        painter.restore()

    def _paint_mark(self, painter: QPainter, mark: tuple[float, float, str], picture: QRect) -> None:
        """Wholly within the picture, or what is outside or behind could not be told from each other."""
        x, y, sight = mark
        radius = SMALL_MARK if picture.width() < 2 * NARROW_WIDTH else MARK
        inner = QRectF(picture).adjusted(radius + 4, radius + 4, -radius - 5, -radius - 5)
        place = QPointF(
            min(max(picture.left() + x * picture.width(), inner.left()), inner.right()),
            min(max(picture.top() + y * picture.height(), inner.top()), inner.bottom()),
        )
        paint_mark(painter, place, radius, self.color, QColor(255, 255, 255), sight)

    def _paint_number(self, painter: QPainter, view: int, picture: QRect) -> None:
        font, text = painter.font(), str(view + 1)
        font.setPixelSize(11)
        painter.setFont(font)
        width = max(BADGE, painter.fontMetrics().horizontalAdvance(text) + 10)
        badge = QRect(picture.left(), picture.top(), width, BADGE)
        self._paint_ground(painter, badge)
        painter.setPen(QColor(self.theme.text))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_ground(self, painter: QPainter, place: QRect) -> None:
        ground = QColor(self.theme.panel)
        ground.setAlpha(225)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(place, 4, 4)


def _pixmap(image: NDArray[np.uint8], width: int, ratio: float) -> QPixmap:
    height, columns = image.shape[:2]
    pixels = np.ascontiguousarray(image)
    borrowed = QImage(pixels.data, columns, height, 3 * columns, QImage.Format.Format_RGB888)
    scaled = borrowed.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation)  # owns its pixels
    pixmap = QPixmap.fromImage(scaled.copy())
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
