"""The photos as a strip of thumbnails with their instances painted over."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QListView, QVBoxLayout, QWidget

WIDTH, NARROW_WIDTH = 160, 56  # of a thumbnail, pixels
KEPT = 64  # thumbnails, more than ever stand in sight at once

Picture = Callable[[int], NDArray[np.uint8]]
Index = QModelIndex | QPersistentModelIndex


class Thumbnails(QAbstractListModel):
    """Views whose pictures are asked for when they come into sight, and the latest of them kept."""

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._picture: Picture | None = None
        self._icons: dict[int, QIcon] = {}
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
        self._icons.clear()
        if self._names:
            self.dataChanged.emit(self.index(0), self.index(len(self._names) - 1), [Qt.ItemDataRole.DecorationRole])

    def rowCount(self, parent: Index | None = None) -> int:
        """Views."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name and picture of a view."""
        if role == Qt.ItemDataRole.ToolTipRole or (role == Qt.ItemDataRole.DisplayRole and self.named):
            return self._names[index.row()]
        if role == Qt.ItemDataRole.DecorationRole and self._picture is not None:
            return self._icon(index.row())
        return None

    def _icon(self, row: int) -> QIcon:
        icon = self._icons.pop(row, None)
        if icon is None:
            assert self._picture is not None
            pixmap = _pixmap(self._picture(row))
            icon = QIcon(pixmap)
            icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it
        self._icons[row] = icon  # now the latest
        if len(self._icons) > KEPT:
            del self._icons[next(iter(self._icons))]
        return icon


class ViewGallery(QWidget):
    """Thumbnails from top to bottom.

    Signals
    -------
    view_chosen(index)
    """

    view_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("galleryPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._views = Thumbnails()
        self._width, self._aspect = WIDTH, 3 / 4
        self.list = QListView()
        self.list.setObjectName("viewList")
        self.list.setModel(self._views)
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setFlow(QListView.Flow.TopToBottom)
        self.list.setWrapping(False)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.selectionModel().currentRowChanged.connect(self._tell)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 0, 0)
        column.addWidget(self.list)

    def set_views(self, names: Sequence[str], shape: tuple[int, int], picture: Picture) -> None:
        """Show photos; if the names are the same, only the pictures change.

        Parameters
        ----------
        names : sequence of str
        shape : (int, int)
            Height and width of a photo.
        picture : callable
            Of a view: array (h, w, 3) uint8. Called when the view comes into sight.
        """
        self._aspect = shape[0] / shape[1]
        self._lay_out()
        if tuple(names) != self._views.names:
            with QSignalBlocker(self):
                self._views.set_names(names)
        self._views.set_picture(picture)

    def set_narrow(self, narrow: bool) -> None:
        """Small pictures without names, for a narrow window."""
        self._width = NARROW_WIDTH if narrow else WIDTH
        self._views.named = not narrow
        self._lay_out()

    def _lay_out(self) -> None:
        height = round(self._width * self._aspect)
        self.list.setIconSize(QSize(self._width, height))
        self.list.setGridSize(QSize(self._width + 22, height + (38 if self._views.named else 12)))

    def set_current(self, view: int) -> None:
        """Mark one photo without telling anybody."""
        if self.list.currentIndex().row() != view:
            with QSignalBlocker(self):
                self.list.setCurrentIndex(self._views.index(view))

    def _tell(self, index: QModelIndex) -> None:
        if index.isValid():
            self.view_chosen.emit(index.row())


def _pixmap(image: NDArray[np.uint8]) -> QPixmap:
    height, width = image.shape[:2]
    pixels = np.ascontiguousarray(image)
    borrowed = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    scaled = borrowed.scaledToWidth(WIDTH, Qt.TransformationMode.SmoothTransformation)  # owns its pixels
    return QPixmap.fromImage(scaled.copy())
