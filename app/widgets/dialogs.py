"""Questions about files, asked without nesting event loops. Tests hand in their own answers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PySide6.QtWidgets import QDialog, QFileDialog, QInputDialog, QMessageBox, QWidget

from fast3dis_core.photo_files import PHOTO_EXTENSIONS, VIDEO_EXTENSIONS

SESSION_SUFFIX = ".f3d"
SHORTEST, LONGEST = 0.0001, 1e6  # meters that can be typed
MOST_NAMES = 8  # of files named in a question
LONGEST_TEXT = 80  # letters of a path in a question


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

    async def session_file(self) -> Path | None:
        """A session to open."""
        dialog = QFileDialog(self.parent, "Open a session", "", f"Sessions (*{SESSION_SUFFIX})")
        dialog.setObjectName("sessionDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        return await _path(dialog)

    async def other_result(self) -> Path | None:
        """A file to compare with; a folder of results is chosen by its report."""
        kinds = f"Results (*{SESSION_SUFFIX} *.npz *.ply report.json)"
        dialog = QFileDialog(self.parent, "Compare with a result", "", kinds)
        dialog.setObjectName("otherResultDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        return await _path(dialog)

    async def save_session_as(self, proposal: Path, kinds: Sequence[str], kind: int) -> tuple[Path, int] | None:
        """Where to save a session, and which of `kinds` (`kind` is proposed); about existing files asks `overwrite`."""
        dialog = _saving(self.parent, "Save the session", proposal, "Sessions", SESSION_SUFFIX)
        filters = [f"{words} (*{SESSION_SUFFIX})" for words in kinds]
        dialog.setNameFilters(filters)
        dialog.selectNameFilter(filters[kind])
        chosen = []
        dialog.accepted.connect(lambda: chosen.append(dialog.selectedNameFilter()))
        path = await _path(dialog)
        if path is None:
            return None
        return path, next((place for place, name in enumerate(filters) if name in chosen), kind)

    async def replace_changed(self, path: Path) -> bool:
        """Whether a session file may be replaced that somebody else wrote meanwhile."""
        return await _may_replace(
            self.parent,
            f"{_short(path.name)} in {_short(str(path.parent))} has changed since this window opened or saved it.",
            "Another window or program wrote it. Replacing it cannot be undone.",
        )

    async def unsaved(self, scene: str) -> Literal["save", "discard", "cancel"]:
        """What becomes of edits that no file has."""
        box = QMessageBox(self.parent)
        box.setObjectName("unsavedDialog")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Save the session?")
        box.setText(f"The edits of {scene} are not saved.")
        box.setInformativeText("They are lost unless you save them.")
        save = box.addButton("Save", QMessageBox.ButtonRole.AcceptRole)
        discard = box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(save)
        await _finished(box)
        clicked = box.clickedButton()
        return "save" if clicked is save else "discard" if clicked is discard else "cancel"

    async def discard_unsaved(self, scene: str) -> bool:
        """Whether work that a program left unsaved may be removed."""
        box = QMessageBox(self.parent)
        box.setObjectName("discardDialog")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Discard unsaved work?")
        box.setText(f"What was kept of {scene} will be removed.")
        box.setInformativeText("It cannot be brought back.")
        discard = box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        await _finished(box)
        return box.clickedButton() is discard

    async def photos(self) -> Sequence[Path]:
        """Photos or a video, none if the user thought better of it."""
        patterns = " ".join(f"*{ending}" for ending in (*PHOTO_EXTENSIONS, *VIDEO_EXTENSIONS))
        dialog = QFileDialog(
            self.parent, "Open photos or a video", "", f"Photos and videos ({patterns});;All files (*)"
        )
        dialog.setObjectName("photosDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        accepted = await _finished(dialog) == QDialog.DialogCode.Accepted
        return [Path(name) for name in dialog.selectedFiles()] if accepted else []

    async def weights(self, title: str) -> Path | None:
        """A weight file, None if the user thought better of it."""
        dialog = QFileDialog(self.parent, title, "", "Weights (*.safetensors *.pt *.pth);;All files (*)")
        dialog.setObjectName("weightsFileDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        return await _path(dialog)

    async def accept_license(self, name: str, license_name: str, terms: str) -> bool:
        """Whether the user agrees to the license of weights."""
        box = QMessageBox(self.parent)
        box.setObjectName("licenseDialog")
        box.setIcon(QMessageBox.Icon.Information)
        box.setWindowTitle("Accept the license?")
        box.setText(f"{name} is licensed {license_name}.")
        box.setInformativeText(terms)
        accept = box.addButton("Accept and download", QMessageBox.ButtonRole.AcceptRole)
        accept.setObjectName("licenseAccept")
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        await _finished(box)
        return box.clickedButton() is accept

    async def save_picture_as(self, proposal: Path) -> Path | None:
        """Where to save a picture; asking about an existing file is left to `overwrite`."""
        return await _path(_saving(self.parent, "Save the picture", proposal, "Picture", ".png"))

    async def save_film_as(self, proposal: Path) -> Path | None:
        """Where to save a film; asking about an existing file is left to `overwrite`."""
        return await _path(_saving(self.parent, "Save the film", proposal, "Film", proposal.suffix))

    async def export_folder(self, proposal: Path) -> Path | None:
        """A folder to export to."""
        dialog = QFileDialog(self.parent, "Export to a folder", str(proposal.parent))
        dialog.setObjectName("exportFolderDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        return await _path(dialog)

    async def existing_files(
        self, folder: Path, names: Sequence[str], free: Path
    ) -> Literal["keep", "replace", "cancel"]:
        """What becomes of files that an export would write over; `free` is a folder that is not there yet."""
        box = QMessageBox(self.parent)
        box.setObjectName("existingDialog")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Keep the files that are there?")
        many = len(names) > 1
        box.setText(f"{f'{len(names)} files exist' if many else 'One file exists'} already in {_short(str(folder))}.")
        some = "\n".join(_short(name) for name in names[:MOST_NAMES]) + ("\n…" if len(names) > MOST_NAMES else "")
        box.setInformativeText(
            f"{some}\n\nKeep both writes all files to the new folder {_short(free.name)}. "
            f"Replacing {'them' if many else 'it'} cannot be undone; other files in the folder stay."
        )
        keep = box.addButton("Keep both", QMessageBox.ButtonRole.AcceptRole)
        keep.setObjectName("existingKeep")
        replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
        replace.setObjectName("existingReplace")
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(keep)
        await _finished(box)
        clicked = box.clickedButton()
        return "keep" if clicked is keep else "replace" if clicked is replace else "cancel"

    async def true_length(self, measured: str) -> float | None:
        """How long a measured line is in truth, meters; None if the user thought better of it."""
        dialog = QInputDialog(self.parent)
        dialog.setObjectName("lengthDialog")
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setWindowTitle("Set the true length")
        dialog.setLabelText(f"The line measures {measured}. How long is it in truth, in meters?")
        dialog.setDoubleDecimals(4)
        dialog.setDoubleRange(SHORTEST, LONGEST)
        dialog.setDoubleValue(1.0)
        accepted = await _finished(dialog) == QDialog.DialogCode.Accepted
        return dialog.doubleValue() if accepted else None

    async def overwrite(self, path: Path) -> bool:
        """Whether an existing file may be replaced."""
        return await _may_replace(
            self.parent, f"{path.name} exists already in {path.parent}.", "Replacing it cannot be undone."
        )


def _short(text: str) -> str:
    """No wider than a message may be: the middle of a long path says least."""
    half = LONGEST_TEXT // 2
    return text if len(text) <= LONGEST_TEXT else f"{text[:half]}…{text[-half:]}"


async def _may_replace(parent: QWidget | None, text: str, rest: str) -> bool:
    box = QMessageBox(parent)
    box.setObjectName("overwriteDialog")
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Replace the file?")
    box.setText(text)
    box.setInformativeText(rest)
    replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)
    await _finished(box)
    return box.clickedButton() is replace


def _saving(parent: QWidget | None, title: str, proposal: Path, kind: str, suffix: str) -> QFileDialog:
    dialog = QFileDialog(parent, title, str(proposal.parent), f"{kind} (*{suffix})")
    dialog.setObjectName("saveDialog")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # the default suffix comes after its question
    dialog.setDefaultSuffix(suffix.lstrip("."))
    dialog.selectFile(proposal.name)
    return dialog


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
