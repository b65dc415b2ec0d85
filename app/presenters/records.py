"""Log, report and about: what the program tells about itself."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from app import report
from app.actions import Actions
from app.log_book import LogBook, LogLine, line_text
from app.presenters.state_words import rows_in_force, scene_rows
from app.session.session import Activity, Session

REPORTED = 60  # lines of the log in a report
ABOUT = (
    "Sees, questions and corrects feed-forward 3D instance segmentation. An independent implementation of FAST3DIS "
    "(arXiv 2603.25993) on Depth Anything 3. The program is licensed under Apache-2.0; weights, data and packages "
    "have the licenses below."
)
DATA = (("Sample rooms", "", "Apache-2.0: rendered by this project, no photographs"),)

logger = logging.getLogger(__name__)


class Panel(Protocol):
    """What this presenter needs of the log panel."""

    def set_lines(self, lines: Sequence[tuple[int, str]]) -> None: ...
    def add_line(self, level: int, text: str) -> None: ...


class RecordsPresenter:
    """Records of the session and of the loggers to log panel, clipboard and about box.

    Parameters
    ----------
    session, actions, panel
    settings : callable
        Present settings of runs, a dataclass.
    copy : callable
        Puts a text on the clipboard.
    show_about : callable
        Shows a title, sentences, and named tables of (name, version, license).
    post : callable
        Runs a function on the event loop's thread.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        panel: Panel,
        *,
        settings: Callable[[], Any],
        copy: Callable[[str], None],
        show_about: Callable[[str, str, Any], None],
        post: Callable[..., object],
    ) -> None:
        self._session, self._panel, self._settings = session, panel, settings
        self._copy, self._show_about = copy, show_about
        self._error: Exception | None = None
        self._level = logging.NOTSET
        self._noted = 0  # steps of the running job
        self.book = LogBook(post, self._on_line)
        actions.bind("copy_report", self.copy_report)
        actions.bind("about", self.about)
        session.messaged.connect(self._on_message)
        session.failed.connect(self._on_failed)
        session.activity_changed.connect(self._on_activity)

    def set_level(self, level: int) -> None:
        """Show lines of this level and above."""
        self._level = level
        self._panel.set_lines([(line.level, line_text(line)) for line in self.book.lines if line.level >= level])

    def clear(self) -> None:
        """Forget the lines."""
        self.book.clear()
        self._panel.set_lines([])

    def copy_report(self) -> None:
        """Put everything an issue needs on the clipboard."""
        self._copy(self.report())
        self._session.message("The report is on the clipboard.")

    def report(self, error: Exception | None = None) -> str:
        """Report on an error, the last one by default."""
        settings = self._settings()
        fields = [(field.name, getattr(settings, field.name)) for field in dataclasses.fields(settings)]
        return report.report(
            environment=self._session.environment,
            tables=(
                ("Settings of runs", fields),
                ("Scene", scene_rows(self._session)),
                ("In force", rows_in_force(self._session)),
            ),
            error=error or self._error,
            log=[line_text(line) for line in self.book.lines[-REPORTED:]],
        )

    def about(self) -> None:
        """Version and licenses."""
        used = getattr(self._settings(), "weights", None)
        tables = (("Weights", report.weights(used)), ("Data", DATA), ("Packages", report.packages()))
        self._show_about(report.PROGRAM, ABOUT, tables)

    def _on_line(self, line: LogLine) -> None:
        if line.level >= self._level:
            self._panel.add_line(line.level, line_text(line))

    def _on_message(self, sentence: str) -> None:
        logger.info(sentence)

    def _on_failed(self, error: Exception) -> None:
        self._error = error
        logger.error("%s: %s", type(error).__name__, str(error))  # in words: its traceback holds the whole window

    def _on_activity(self, activity: Activity) -> None:
        """Note every step that is over, with its time."""
        self._noted = min(self._noted, len(activity.finished))
        for step, seconds in activity.finished[self._noted :]:
            logger.info("%s: %s took %.1f s", activity.job, step, seconds)
        self._noted = len(activity.finished)
