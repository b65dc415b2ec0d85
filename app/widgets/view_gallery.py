"""The photos as a strip of thumbnails with their instances painted over."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

WIDTH = 160  # of a thumbnail, pixels


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
        self.list = QListWidget()
        self.list.setObjectName("viewList")
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setFlow(QListView.Flow.TopToBottom)
        self.list.setWrapping(False)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(self._tell)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 0, 0)
        column.addWidget(self.list)

    def set_views(self, names: Sequence[str], images: Sequence[NDArray[np.uint8]]) -> None:
        """Show photos (h, w, 3); if the names are the same, only the pictures change."""
        shown = [self.list.item(row).toolTip() for row in range(self.list.count())]
        if list(names) != shown:
            with QSignalBlocker(self.list):
                self.list.clear()
                for name in names:
                    item = QListWidgetItem(name)
                    item.setToolTip(name)
                    self.list.addItem(item)
        if len(images):
            height = round(WIDTH * images[0].shape[0] / images[0].shape[1])
            self.list.setIconSize(QSize(WIDTH, height))
            self.list.setGridSize(QSize(WIDTH + 22, height + 38))
        for row, image in enumerate(images):
            pixmap = _pixmap(image)
            picture = QIcon(pixmap)
            picture.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it
            self.list.item(row).setIcon(picture)

    def set_current(self, view: int) -> None:
        """Mark one photo without telling anybody."""
        if self.list.currentRow() != view:
            with QSignalBlocker(self.list):
                self.list.setCurrentRow(view)

    def _tell(self, row: int) -> None:
        if row >= 0:
            self.view_chosen.emit(row)


def _pixmap(image: NDArray[np.uint8]) -> QPixmap:
    height, width = image.shape[:2]
    pixels = np.ascontiguousarray(image)
    borrowed = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    scaled = borrowed.scaledToWidth(WIDTH, Qt.TransformationMode.SmoothTransformation)  # owns its pixels
    return QPixmap.fromImage(scaled.copy())
