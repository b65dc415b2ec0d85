"""A few words over the 3D view about what the mouse is doing; it takes no room of the layout, so nothing moves."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

MARGIN = 10  # beside it at least, logical pixels
TOP = 44  # below lengths in the corner


class DragNote(QLabel):
    """Centered near the top of its parent; hidden without words."""

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
            self.setWordWrap(False)
            room, wanted = max(40, parent.width() - 2 * MARGIN), self.sizeHint()
            if wanted.width() > room:
                self.setWordWrap(True)
                wanted.setWidth(room)
                wanted.setHeight(self.heightForWidth(room))
            self.resize(wanted)
            self.move((parent.width() - self.width()) // 2, TOP)
        self.setVisible(bool(text))
        self.raise_()
