"""Questions about files, asked without nesting event loops. Tests hand in their own answers."""

import asyncio
from pathlib import Path

from PySide6.QtWidgets import QDialog, QFileDialog, QMessageBox, QWidget


class Dialogs:
    """The real dialogs, over one window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.parent = parent

    async def folder(self) -> Path | None:
        """A folder of photos, None if the user thought better of it."""
        dialog = QFileDialog(self.parent, "Open a folder of photos")
        dialog.setObjectName("openDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        return await _path(dialog)

    async def heads(self) -> Path | None:
        """A file of FAST3DIS heads."""
        dialog = QFileDialog(self.parent, "Load FAST3DIS heads", "", "Weights (*.safetensors)")
        dialog.setObjectName("headsDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        return await _path(dialog)

    async def save_as(self, proposal: Path) -> Path | None:
        """Where to write; asking about an existing file is left to `overwrite`."""
        dialog = QFileDialog(self.parent, "Export instance as PLY", str(proposal.parent), "Point cloud (*.ply)")
        dialog.setObjectName("saveDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # the default suffix comes after its question
        dialog.setDefaultSuffix("ply")
        dialog.selectFile(proposal.name)
        return await _path(dialog)

    async def overwrite(self, path: Path) -> bool:
        """Whether an existing file may be replaced."""
        buttons = QMessageBox.StandardButton
        box = QMessageBox(self.parent)
        box.setObjectName("overwriteDialog")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Replace the file?")
        box.setText(f"{path.name} exists already in {path.parent}.")
        box.setInformativeText("Replacing it cannot be undone.")
        replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(buttons.Cancel)
        box.setDefaultButton(buttons.Cancel)
        await _finished(box)
        return box.clickedButton() is replace


async def _path(dialog: QFileDialog) -> Path | None:
    accepted = await _finished(dialog) == QDialog.DialogCode.Accepted
    return Path(dialog.selectedFiles()[0]) if accepted else None


async def _finished(dialog: QDialog) -> int:
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    dialog.finished.connect(lambda code: answer.done() or answer.set_result(code))
    dialog.open()
    try:
        return await answer
    finally:
        dialog.deleteLater()
