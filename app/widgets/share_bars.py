"""A table cell with a share: a bar from the left and its number, hatched where it is a finding."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.widgets.theme import Theme

# a share in [0, 1]; whether it is a finding; the share that fills the bar
SHARE, FINDING, WHOLE = (Qt.ItemDataRole.UserRole + number for number in range(3))
NUMBER_WIDTH = 58  # logical pixels


class ShareBars(QStyledItemDelegate):
    """Paints cells that have `SHARE`.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Background, bar, number."""
        share = index.data(SHARE)
        if share is None:
            super().paint(painter, option, index)
            return
        area = QRectF(option.rect)  # type: ignore[attr-defined]
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:  # type: ignore[attr-defined]
            painter.fillRect(area, QColor(self._theme.selection))
        track = area.adjusted(6, 6, -NUMBER_WIDTH, -6)
        painter.fillRect(track, QColor(self._theme.raised))
        bar = QRectF(track)
        bar.setWidth(max(1.0, track.width() * share / (index.data(WHOLE) or 1.0)) if share > 0 else 0)
        if index.data(FINDING):
            painter.fillRect(bar, QColor(self._theme.warning_fill))
            painter.fillRect(bar, QBrush(QColor(self._theme.warning), Qt.BrushStyle.BDiagPattern))
            painter.setPen(QColor(self._theme.warning))
            painter.drawRect(bar.adjusted(0.5, 0.5, -0.5, -0.5))
        else:
            painter.fillRect(bar, QColor(self._theme.accent))
        painter.setPen(QColor(self._theme.text))
        numbers = QRectF(area.right() - NUMBER_WIDTH, area.top(), NUMBER_WIDTH - 6, area.height())
        painter.drawText(numbers, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{share:.1%}")
        painter.restore()
