"""The export dialog and what connects it."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from app.presenters.exporting import ExportPresenter
from app.widgets.export_dialog import ExportDialog

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.actions import Actions
    from app.session.session import Session
    from app.widgets.dialogs import Dialogs
    from app.workflow import Workflow


class ExportParts:
    """Makes a dialog whenever one is asked for."""

    def __init__(
        self,
        session: "Session",
        workflow: "Workflow",
        actions: "Actions",
        *,
        questions: "Dialogs",
        window: "QWidget",
    ) -> None:
        self._window = window
        self.dialog: ExportDialog | None = None
        self.presenter = ExportPresenter(
            session,
            workflow,
            actions,
            dialog=self._make,
            questions=questions,
            copy=QGuiApplication.clipboard().setText,
            show_folder=_show_folder,
        )

    def _make(self) -> ExportDialog:
        if self.dialog is not None:
            return self.dialog
        dialog, presenter = ExportDialog(self._window), self.presenter
        for signal, slot in (
            (dialog.changed, presenter.choose),
            (dialog.format_toggled, presenter.toggle_format),
            (dialog.folder_requested, presenter.choose_folder),
            (dialog.export_requested, presenter.write),
            (dialog.cancel_requested, presenter.cancel),
            (dialog.command_requested, presenter.copy_command),
            (dialog.show_requested, presenter.show_folder),
            (dialog.path_requested, presenter.copy_path),
            (dialog.dismissed, presenter.closed),
        ):
            signal.connect(slot)
        self.dialog = dialog
        return dialog


def _show_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
