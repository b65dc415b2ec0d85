"""The ways in: empty page, ready page and weights, with what they know of this machine."""

from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from app.estimating import Estimator
from app.inventory import Inventory
from app.presenters.opening import OpeningPresenter
from app.presenters.ready_page import ReadyPagePresenter
from app.presenters.weights_dialog import WeightsPresenter
from app.recents import Recents
from app.widgets.empty_page import EmptyPage
from app.widgets.ready_page import ReadyPage
from app.widgets.weights_dialog import WeightsDialog

if TYPE_CHECKING:
    from app.actions import Actions
    from app.session.session import Session
    from app.steps import Steps
    from app.widgets.dialogs import Dialogs
    from app.widgets.main_window import MainWindow
    from app.widgets.theme import Theme
    from app.worker import Worker
    from app.workflow import Workflow

PICTURES = (".jpg", ".jpeg", ".png", ".webp")


class WaysIn:
    """Pages before a result, their presenters, and what they know of this machine.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: "Theme") -> None:
        self.samples = sample_folders()
        samples = [(str(path), sample_name(path), str(sample_picture(path))) for path in self.samples]
        self.empty_page, self.ready_page = EmptyPage(theme, samples=samples), ReadyPage(theme)

    def connect(
        self,
        session: "Session",
        workflow: "Workflow",
        actions: "Actions",
        *,
        worker: "Worker",
        steps: "Steps",
        recents: Recents,
        questions: "Dialogs",
        window: "MainWindow",
    ) -> None:
        """Make the presenters and connect everything."""
        self._window = window
        self.inventory = Inventory(worker, steps, session.fail)
        self.estimator = Estimator(session, worker, steps, session.fail)
        common = (session, workflow, actions, self.inventory)
        self.ready = ready = ReadyPagePresenter(*common, recents, page=self.ready_page)
        self.opening = opening = OpeningPresenter(
            *common, recents, page=self.empty_page, questions=questions, samples=self.samples
        )
        self.weights = weights = WeightsPresenter(
            *common, dialog=self._make_weights_dialog, questions=questions, window=window
        )
        empty, page = self.empty_page, self.ready_page
        for signal, slot in (
            (empty.open_requested, opening.open_folder),
            (empty.files_requested, opening.open_files),
            (empty.session_requested, opening.open_session),
            (empty.weights_requested, weights.show),
            (empty.sample_requested, opening.open_sample),
            (empty.recent_requested, opening.open_recent),
            (page.run_requested, ready.run),
            (page.all_requested, ready.include_all),
            (page.sort_requested, ready.sort),
            (page.advice_taken, ready.take_advice),
            (page.grid.included_changed, ready.set_included),
            (page.grid.moved, ready.move),
            (page.form.changed, ready.set_setting),
            (page.form.file_requested, weights.choose),
            (page.form.file_dismissed, weights.forget),
            (window.errand_clicked, weights.show),
        ):
            signal.connect(slot)

    async def close(self) -> None:
        """Stop what is downloaded, and tell of no more estimates."""
        self.estimator.close()
        await self.inventory.close()

    def _make_weights_dialog(self) -> WeightsDialog:
        dialog, weights = WeightsDialog(self._window), self.weights
        for signal, slot in (
            (dialog.download_requested, weights.download),
            (dialog.use_requested, weights.use),
            (dialog.offer_taken, weights.take_offer),
            (dialog.offer_declined, weights.decline_offer),
            (dialog.cancel_requested, weights.cancel_download),
            (dialog.file_requested, partial(weights.choose, "weights")),
            (dialog.heads_requested, partial(weights.choose, "heads")),
        ):
            signal.connect(slot)
        return dialog


def sample_folders() -> tuple[Path, ...]:
    """Folders of the bundled samples that hold a picture, in their order."""
    samples = Path(str(files("resources"))) / "samples"
    return tuple(sorted(folder for folder in samples.glob("*") if folder.is_dir() and sample_picture(folder)))


def sample_picture(folder: Path) -> Path | None:
    """The first photo of a sample."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    jpegs = [path for path in photos if path.suffix.lower() in (".jpg", ".jpeg")]  # depth and masks are .png
    return next(iter(jpegs or photos), None)


def sample_name(folder: Path) -> str:
    """What the user reads: "Living room"."""
    return folder.name.replace("-", " ").replace("_", " ").capitalize()
