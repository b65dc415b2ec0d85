"""A few words over the 3D view about what the mouse is doing; it takes no room of the layout, so nothing moves."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

MARGIN = 10  # from the upper edge, logical pixels


class DragNote(QLabel):
    """Centered at the top of its parent; hidden without words."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("dragNote")
        self.setProperty("role", "note")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def tell(self, text: str) -> None:
        """Show some words, or none."""
        parent = self.parentWidget()
        if text != self.text() and parent is not None:
            self.setText(text)
            self.setMaximumWidth(max(40, parent.width() - 2 * MARGIN))
            self.adjustSize()
            self.move((parent.width() - self.width()) // 2, MARGIN)
        self.setVisible(bool(text))
        self.raise_()
