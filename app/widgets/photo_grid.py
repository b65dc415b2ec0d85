"""Photos of a run as tiles: each can be left out and put elsewhere, by mouse and by keys.

Only tiles in sight are painted, so hundreds of photos stay quick. What a change means is decided elsewhere: the grid
asks for it by signal and shows what it is told.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QDrag,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.widgets.theme import Theme, icon

PICTURE = QSize(160, 112)  # pixels
TILE = QSize(176, 172)
MARGIN = 8
EDGE, SCROLL, SCROLL_TIME = 36, 24, 30  # pixels from the edge, pixels a step, ms a step
CHECK = 24  # side of the box that is clicked
MIME = "application/x-fast3dis-photos"


class Tile(NamedTuple):
    """What a tile shows."""

    name: str
    caption: str
    number: str  # in the run; empty if it takes no part
    included: bool
    problem: str
    picture: Any  # uint8 array (h, w, 3) or None

    @property
    def key(self) -> tuple[object, ...]:
        """Everything by value but the picture, which is compared by identity: an array has no truth value."""
        return (*self[:-1], id(self.picture))


class PhotoModel(QAbstractListModel):
    """Tiles by row, with their pictures as pixmaps."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tiles: list[Tile] = []
        self._pixmaps: dict[int, tuple[Any, QPixmap]] = {}  # by id of the array, which is kept alive beside it

    def set_tiles(self, tiles: list[Tile]) -> None:
        """Show these; rows that only arrive or change keep selection and scrolling."""
        old = [tile.name for tile in self.tiles]
        new = [tile.name for tile in tiles]
        if new[: len(old)] == old:
            if len(new) > len(old):
                self.beginInsertRows(QModelIndex(), len(old), len(new) - 1)
                self.tiles = tiles
                self.endInsertRows()
            self.tiles = tiles
            if old:
                self.dataChanged.emit(self.index(0, 0), self.index(len(old) - 1, 0))
            return
        self.beginResetModel()
        self.tiles = tiles
        shown = {id(tile.picture) for tile in tiles}
        self._pixmaps = {key: value for key, value in self._pixmaps.items() if key in shown}
        self.endResetModel()

    def pixmap(self, picture: Any) -> QPixmap | None:
        """A picture for the screen."""
        if picture is None:
            return None
        known = self._pixmaps.get(id(picture))
        if known is None:
            height, width = picture.shape[:2]
            image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            known = self._pixmaps[id(picture)] = (picture, QPixmap.fromImage(image))
        return known[1]

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Photos."""
        return 0 if parent.isValid() else len(self.tiles)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Words of a tile."""
        tile = self.tiles[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return tile.name if tile.included else f"{tile.name} (excluded)"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{tile.name}\n{tile.problem or tile.caption}"
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Tiles can be dragged."""
        return (
            super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else Qt.ItemFlag.ItemIsDropEnabled
        )


class PhotoGrid(QListView):
    """Tiles from left to right, then down.

    Signals
    -------
    included_changed(names, included)
        Names as a frozenset of str.
    moved(names, place)
        Names as a tuple; they should stand before the photo that is now at that place.
    """

    included_changed = Signal(object, bool)
    moved = Signal(object, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("photoGrid")
        self.setAccessibleName("Photos of the run")
        self.photos = PhotoModel(self)
        self._place = -1  # where a drop would go
        self.setModel(self.photos)
        self.setItemDelegate(_TilePainter(theme, self.photos, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setGridSize(TILE)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(40)
        self.setDragEnabled(True)
        self.viewport().setAcceptDrops(True)  # of a scroll area only the viewport hears of drags
        self.setDropIndicatorShown(False)  # ours is drawn below
        self._scroll_by, self._held, self._scroller = 0, QPoint(), QTimer(self)  # while photos are held near an edge
        self._scroller.setInterval(SCROLL_TIME)
        self._scroller.timeout.connect(self._scroll_on)
        self._line = QColor(theme.accent)

    def set_theme(self, theme: Theme) -> None:
        """Boxes and frames in the colors of another theme."""
        self.setItemDelegate(_TilePainter(theme, self.photos, self))
        self._line = QColor(theme.accent)

    def set_photos(self, tiles: Sequence[tuple[str, str, str, bool, str, Any]]) -> None:
        """Show photos: name, caption, number in the run, whether included, problem, picture."""
        made = [Tile(*tile) for tile in tiles]
        if [tile.key for tile in made] != [tile.key for tile in self.photos.tiles]:
            selected = self.selected()
            self.photos.set_tiles(made)
            if selected and not self.selected():
                self.select(selected)

    def selected(self) -> tuple[str, ...]:
        """Names of selected photos, in order."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return tuple(self.photos.tiles[row].name for row in rows)

    def select(self, names: Sequence[str]) -> None:
        """Select photos by name."""
        model = self.selectionModel()
        for row, tile in enumerate(self.photos.tiles):
            if tile.name in names:
                model.select(self.photos.index(row, 0), model.SelectionFlag.Select)

    def check_place(self, row: int) -> QRect:
        """Where the box of a tile is, in the viewport."""
        return _check_rect(self.visualRect(self.photos.index(row, 0)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on the box of a tile includes or excludes it, or all selected with it."""
        index = self.indexAt(event.position().toPoint())
        left = event.button() == Qt.MouseButton.LeftButton
        if left and index.isValid() and _check_rect(self.visualRect(index)).contains(event.position().toPoint()):
            self._toggle(index.row())
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A double click does as well."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self._toggle(index.row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space and Delete include and exclude; Alt with an arrow moves."""
        current, names = self.currentIndex().row(), self.selected()
        moving = event.modifiers() & Qt.KeyboardModifier.AltModifier
        if event.key() == Qt.Key.Key_Space and current >= 0:
            self._toggle(current)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and names:
            self.included_changed.emit(frozenset(names), False)
        elif moving and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and names:
            rows = [index.row() for index in self.selectedIndexes()]
            place = min(rows) - 1 if event.key() == Qt.Key.Key_Left else max(rows) + 2
            if 0 <= place <= len(self.photos.tiles):
                self.moved.emit(names, place)
        else:
            super().keyPressEvent(event)

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Carry the selected photos."""
        if not (names := self.selected()):
            return
        drag = QDrag(self)
        drag.setMimeData(photo_mime(names))
        picture = self.photos.pixmap(self.photos.tiles[self.selectedIndexes()[0].row()].picture)
        if picture is not None:
            drag.setPixmap(picture.scaled(PICTURE / 2, Qt.AspectRatioMode.KeepAspectRatio))
        drag.exec(Qt.DropAction.MoveAction)
        self._end_drag()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Photos of this grid; files are left to the window."""
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show where they would go."""
        if event.mimeData().hasFormat(MIME):
            self._held = place = event.position().toPoint()
            self._show_place(self._place_at(place))
            self._scroll_by = SCROLL * ((place.y() > self.viewport().height() - EDGE) - (place.y() < EDGE))
            self._scroller.start() if self._scroll_by else self._scroller.stop()
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: Any) -> None:
        """Show nothing."""
        self._end_drag()

    def dropEvent(self, event: QDropEvent) -> None:
        """Ask for the new order."""
        self._end_drag()
        if not event.mimeData().hasFormat(MIME):
            event.ignore()
            return
        names = bytes(event.mimeData().data(MIME).data()).decode().split("\n")
        event.acceptProposedAction()
        self.moved.emit(tuple(names), self._place_at(event.position().toPoint()))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tiles, and a line where a drop would go."""
        super().paintEvent(event)
        if self._place < 0 or not self.photos.tiles:
            return
        last = self._place >= len(self.photos.tiles)
        rect = self.visualRect(self.photos.index(min(self._place, len(self.photos.tiles) - 1), 0))
        x = rect.right() if last else rect.left()
        painter = QPainter(self.viewport())
        painter.setPen(QPen(self._line, 3))
        painter.drawLine(x, rect.top() + MARGIN, x, rect.bottom() - MARGIN)
        painter.end()

    def _toggle(self, row: int) -> None:
        tile = self.photos.tiles[row]
        selected = self.selected()
        names = selected if tile.name in selected else (tile.name,)
        self.included_changed.emit(frozenset(names), not tile.included)

    def _place_at(self, position: QPoint) -> int:
        index = self.indexAt(position)
        if not index.isValid():
            return len(self.photos.tiles)
        return index.row() + int(position.x() > self.visualRect(index).center().x())

    def _end_drag(self) -> None:
        self._scroller.stop()
        self._show_place(-1)

    def _scroll_on(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self._scroll_by)
        self._show_place(self._place_at(self._held))  # other photos are under the pointer now

    def _show_place(self, place: int) -> None:
        if place != self._place:
            self._place = place
            self.viewport().update()


class _TilePainter(QStyledItemDelegate):
    """Picture, box, number, name and size of one photo."""

    def __init__(self, theme: Theme, photos: PhotoModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._photos = theme, photos

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """All alike."""
        return TILE

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """One tile."""
        tile, theme = self._photos.tiles[index.row()], self._theme
        whole: QRect = option.rect  # type: ignore[attr-defined]
        state = option.state  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.setBrush(QColor(theme.selection))
            painter.drawRoundedRect(whole.adjusted(2, 2, -2, -2), 6, 6)
        area = QRect(whole.topLeft() + QPoint(MARGIN, MARGIN), PICTURE)
        self._paint_picture(painter, tile, area)
        self._paint_box(painter, tile, _check_rect(whole))
        if tile.number:
            self._paint_number(painter, tile.number, area)
        self._paint_words(painter, tile, QRect(area.left(), area.bottom() + 5, area.width(), 40))
        painter.restore()

    def _paint_picture(self, painter: QPainter, tile: Tile, area: QRect) -> None:
        theme = self._theme
        painter.fillRect(area, QColor(theme.panel))
        pixmap = self._photos.pixmap(tile.picture)
        if pixmap is None:
            sign = icon("warning", theme.warning).pixmap(32, 32)
            painter.drawPixmap(area.center() - QPoint(16, 16), sign)
            return
        size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(QPoint(0, 0), size)
        target.moveCenter(area.center())
        painter.setOpacity(1.0 if tile.included and not tile.problem else 0.3)
        painter.drawPixmap(target, pixmap)
        painter.setOpacity(1.0)

    def _paint_box(self, painter: QPainter, tile: Tile, box: QRect) -> None:
        if tile.problem:
            return
        theme = self._theme
        small = QRect(0, 0, 18, 18)
        small.moveCenter(box.center())
        painter.setPen(QPen(QColor(theme.accent if tile.included else theme.muted), 1.5))
        painter.setBrush(QColor(theme.accent if tile.included else theme.base))
        painter.drawRoundedRect(small, 4, 4)
        if tile.included:
            painter.drawPixmap(small.topLeft() + QPoint(1, 1), icon("check", theme.accent_text).pixmap(16, 16))

    def _paint_number(self, painter: QPainter, number: str, area: QRect) -> None:
        theme = self._theme
        font = painter.font()
        font.setPixelSize(12)
        painter.setFont(font)
        width = max(22, painter.fontMetrics().horizontalAdvance(number) + 12)
        badge = QRect(area.left() + 4, area.top() + 4, width, 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(badge, 10, 10)
        painter.setPen(QColor(theme.text))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, number)

    def _paint_words(self, painter: QPainter, tile: Tile, area: QRect) -> None:
        theme = self._theme
        font = painter.font()
        font.setPixelSize(12)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        painter.setPen(QColor(theme.text if tile.included else theme.muted))
        name = metrics.elidedText(tile.name, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, name)
        line = area.adjusted(0, metrics.height() + 1, 0, 0)
        painter.setPen(QColor(theme.warning if tile.problem else theme.muted))
        words = "Cannot be used" if tile.problem else tile.caption if tile.included else f"Excluded · {tile.caption}"
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, words)


def photo_mime(names: Sequence[str]) -> QMimeData:
    """What a drag of photos carries."""
    data = QMimeData()
    data.setData(MIME, QByteArray("\n".join(names).encode()))
    return data


def _check_rect(tile: QRect) -> QRect:
    return QRect(tile.left() + MARGIN + PICTURE.width() - CHECK - 2, tile.top() + MARGIN + 2, CHECK, CHECK)
