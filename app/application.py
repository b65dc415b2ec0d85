"""The composition root: makes session, worker, presenters and widgets, connects them, and ends them in order.

Nothing is decided here. Qt and VTK are imported when the program starts, not with this module, so that
`--help` and wrong arguments are answered at once.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from app.command_line import Options, parse

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.recents import Recents
    from app.steps import Steps
    from app.widgets.dialogs import Dialogs
    from app.widgets.preferences import Preferences
    from fast3dis_core.config import GeometrySource

FRAME_TIME = 60.0  # seconds to wait for a painted frame before a screenshot
SETTLE_TIME = 0.2  # seconds for layouts and thumbnails to come to rest before a screenshot
ROW_MENU = (  # of an instance
    "rename", "copy_name", "recolor", "reset_color", "hide", "isolate", "merge", "split", "fit_selection", "export",
    "copy_table",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit status."""
    options = parse(arguments)
    os.environ.setdefault("QT_API", "pyside6")  # for QtPy, which pyvistaqt asks
    import qasync
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setQuitOnLastWindowClosed(False)
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        return runner.run(_live(app, options))


class Program:
    """Everything that lives while the window is open.

    Parameters
    ----------
    app : QApplication
    options : Options
    steps : Steps, optional
        What computes; the core by default.
    questions : Questions, optional
        What asks the user about files; dialogs by default.
    recents : Recents, optional
        Scenes opened before; forgotten at the end by default.
    autosaves : Path, optional
        Folder for what is kept in case of an accident; by default nothing is kept.
    """

    def __init__(
        self,
        app: "QApplication",
        options: Options,
        *,
        steps: "Steps | None" = None,
        questions: "Dialogs | None" = None,
        recents: "Recents | None" = None,
        autosaves: Path | None = None,
    ) -> None:
        from app.actions import Actions
        from app.composition.exporting import ExportParts
        from app.composition.frame import Frame
        from app.core_steps import CoreSteps
        from app.drawing_order import PreparedCloud
        from app.immortal import make_singletons_immortal
        from app.recents import Recents
        from app.session.edits import Edits
        from app.session.plan import RunSettings
        from app.session.session import Session
        from app.widgets.dialogs import Dialogs
        from app.widgets.preferences import Preferences
        from app.worker import Worker
        from app.workflow import Workflow

        make_singletons_immortal()
        edits = Edits(objectness_threshold=options.threshold, mask_threshold=options.mask_threshold)
        geometry = cast("GeometrySource", options.geometry)
        settings = RunSettings(size=options.size, weights=options.weights, geometry=geometry)
        self.session, self.settings = Session(edits), settings
        self._prepared = PreparedCloud()
        self.actions = Actions()
        steps, worker = steps or CoreSteps(), Worker()
        self.workflow = Workflow(self.session, worker, steps, settings, prepare=self._prepared.prepare)
        self.closed, self._left = asyncio.Event(), False
        self._make_widgets(app, options)
        preferences = Preferences(remember=not options.exit)
        questions = questions or Dialogs(self.window)
        self.ways_in.connect(
            self.session,
            self.workflow,
            self.actions,
            worker=worker,
            steps=steps,
            recents=recents or Recents(),
            questions=questions,
            window=self.window,
        )
        self._make_presenters(questions, preferences)
        self.recovery.connect(self, steps, worker, questions, may_go=self._files.may_go, folder=autosaves)
        self.exports = ExportParts(self.session, self.workflow, self.actions, questions=questions, window=self.window)
        self._connect()
        parts = self.viewport, self.photos.panel.photo, self._decoding
        self.inspector.connect(self.session, self.workflow, self.actions, *parts)
        self.comparison.connect(
            self.session, self.workflow, self.actions, self.painting, questions=questions, panels=self.window.panels
        )
        self.photos.pointer.divert = self.inspector.prompts.pick_pixel
        self.frame = Frame(app, self, options, preferences)

    def _make_widgets(self, app: "QApplication", options: Options) -> None:
        from PySide6.QtCore import Qt

        from app.composition.comparison import ComparisonParts
        from app.composition.inspector import InspectorParts
        from app.composition.photos import PhotoParts
        from app.composition.recovery import RecoveryParts
        from app.composition.ways_in import WaysIn
        from app.viewport.viewport import Viewport
        from app.widgets.decoding_panel import DecodingPanel
        from app.widgets.instance_table import InstanceTable
        from app.widgets.log_panel import LogPanel
        from app.widgets.main_window import MainWindow, stacked
        from app.widgets.masks_page import MasksPage
        from app.widgets.panels import EVERYWHERE, Dock
        from app.widgets.theme import apply_theme, choose_theme
        from app.widgets.view_gallery import ViewGallery

        theme = choose_theme(app, options.theme)
        apply_theme(app, theme)
        self.viewport = Viewport()
        self.viewport.set_colors(*theme.stage)
        self.gallery, self.table, self.decoding = ViewGallery(theme), InstanceTable(), DecodingPanel()
        self.ways_in, self.recovery = WaysIn(theme), RecoveryParts(theme)
        areas = Qt.DockWidgetArea
        left, right, bottom = areas.LeftDockWidgetArea, areas.RightDockWidgetArea, areas.BottomDockWidgetArea
        self.log = LogPanel(theme)
        self.masks_page = MasksPage(stacked(self.table, self.decoding, tall=0))
        self.inspector, self.photos = InspectorParts(theme), PhotoParts(theme)
        self.comparison = ComparisonParts(theme, self.viewport)
        table, compare = "instancesDock", self.comparison.panel
        self.window = MainWindow(
            theme,
            self.actions,
            center=self.comparison.stage,
            above=self.recovery.bar,
            docks=(
                Dock("Views", "viewsDock", self.gallery, left, 204),
                Dock("Photo", "photoDock", self.photos.panel, right, 400),
                Dock("Instances", table, self.masks_page, right, 430, scrolls=True),
                Dock("Inspector", "inspectorDock", self.inspector.widget, right, 430, behind=table, scrolls=True),
                Dock("Compare", "compareDock", compare, right, 430, behind=table, shown=False, scrolls=True),
                Dock("Log", "logDock", self.log, bottom, 180, shown=False, pages=EVERYWHERE, scrolls=True),
            ),
            pages=(("empty", self.ways_in.empty_page), ("ready", self.ways_in.ready_page)),
        )

    def _make_presenters(self, questions: "Dialogs", preferences: "Preferences") -> None:
        from app.composition.stage import StageParts
        from app.presenters.decoding_panel import DecodingPanelPresenter
        from app.presenters.instance_edits import InstanceEditsPresenter
        from app.presenters.instance_table import InstanceTablePresenter
        from app.presenters.main_window import MainWindowPresenter
        from app.presenters.masks_page import MasksPagePresenter
        from app.presenters.painting import Painting
        from app.presenters.ruler import RulerPresenter
        from app.presenters.run_panel import RunPanelPresenter
        from app.presenters.session_files import SessionFilesPresenter
        from app.presenters.view_gallery import ViewGalleryPresenter

        self.painting = painting = Painting(self.session)
        self.workflow.exporter.findings = painting.for_files
        self._stage = StageParts(self.session, self.workflow, self.actions, painting, self.viewport, self._prepared)
        self._viewport = self._stage.points
        self._stage.offer(questions, preferences, self.window, thinned=lambda: self._window.refresh_chips())
        self._ruler = RulerPresenter(
            self.session,
            self.actions,
            self.viewport,
            questions=questions,
            start=self.workflow.start,
            otherwise=self._viewport.pick,
        )
        self.photos.connect(
            self.session, self.workflow, self.actions, painting, questions=questions, strip=self.gallery
        )
        self._gallery = ViewGalleryPresenter(self.session, self.actions, painting, self.gallery, self.table.copy)
        self._table = InstanceTablePresenter(self.session, self.actions, self.table)
        self._instances = InstanceEditsPresenter(self.session, self.actions, self.table)
        self._decoding = DecodingPanelPresenter(self.session, self.actions, self.decoding)
        self._masks = MasksPagePresenter(self.session, self.workflow, self.masks_page, questions)
        self._run = RunPanelPresenter(self.session, self.workflow, self.actions, self.window)
        self._window = MainWindowPresenter(
            self.session,
            self.workflow,
            self.actions,
            window=self.window,
            chips=self.window.chips,
            drawn_points=lambda: self.viewport.drawn_points,
            abandon=lambda: any(tool.cancel() for tool in self.inspector.tools) or self._ruler.leave(),
            report=lambda error: self.frame.records.report(error),
        )
        self._files = SessionFilesPresenter(
            self.session,
            self.workflow,
            self.actions,
            frame=self.window,
            questions=questions,
            others=self.ways_in.opening.open_paths,
            close=self._leave,
        )

    def open(self, path: Path) -> "asyncio.Task[None]":
        """Open a session file, or run a folder, photo or video."""
        from app.presenters.session_files import is_session

        opening = self._files.reopen(path) if is_session([str(path)]) else self.workflow.open_folder(path)
        return self.workflow.start(opening)

    async def close(self) -> None:
        """Remember the layout, stop the worker, free the graphics, delete the window; in this order."""
        self.frame.close()
        self.window.hide()
        self.photos.close()
        await self.ways_in.close()
        await self.recovery.autosave.close(clean=self._left)
        await self.workflow.close()
        self.window.bars.detach()
        self.viewport.close_view()
        self.comparison.close()
        self.window.deleteLater()
        await asyncio.sleep(0)

    def _leave(self) -> None:
        """The user ends the program, and was asked about what is not saved."""
        self._left = True
        self.closed.set()

    async def look_around(self) -> None:
        """Find out about device, libraries and weights; imports them, on the worker."""
        await self.workflow.describe_environment()
        await self.ways_in.inventory.look_around()

    async def save_screenshot(self, path: Path) -> None:
        """Save the whole window, with a complete frame of the viewport if there is a result.

        Raises
        ------
        ExportError
            If no frame was painted or the file cannot be written.
        """
        from fast3dis_core.errors import ExportError

        await asyncio.sleep(SETTLE_TIME)
        if self.session.reconstruction is not None and self.viewport.view.isVisible():
            painted = asyncio.Event()
            connection = self.viewport.painted.connect(painted.set)
            self.viewport.view.request_render()
            try:
                await asyncio.wait_for(painted.wait(), FRAME_TIME)
            except TimeoutError as error:
                raise ExportError("No frame was drawn: a screenshot needs an X display, such as xvfb-run.") from error
            finally:
                self.viewport.painted.disconnect(connection)
            await asyncio.sleep(SETTLE_TIME)
        if not self.window.grab().save(str(path)):
            raise ExportError(f"Cannot write the screenshot {path}: expected a writable .png or .jpg path.")

    def _ask_for_budget(self, _: object) -> None:
        """Before a run, because only this thread may ask the graphics."""
        self._prepared.budget = self.viewport.point_budget

    def _connect(self) -> None:
        window, frame, table = self.window, self._window, self._table
        self.actions.bind("quit", self._files.close)
        self.session.plan_changed.connect(self._ask_for_budget)
        self.photos.set_menu(window.bars.action)
        self._stage.set_menu(window.bars.action)
        self.table.set_menu(window.bars.action(name) for name in ROW_MENU)
        self.ways_in.opening.open_sessions_with(self._files.open_checked)
        for signal, slot in (
            (window.paths_dropped, self._files.open_paths),
            (window.cancel_requested, self.workflow.cancel),
            (window.chip_dismissed, frame.dismiss_chip),
            (window.clock_ticked, self._run.tick),
            (window.way_chosen, frame.choose_way),
            (self.masks_page.run_requested, self._masks.run_again),
            (self.masks_page.heads_requested, self._masks.load_heads),
            (self.masks_page.random_requested, self._masks.run_untrained),
            (window.closing, self._files.close),
            (self.viewport.picked, lambda row, more: self.inspector.pick(row) or self._ruler.pick(row, more)),
            (self.gallery.view_chosen, self._gallery.choose),
            (self.gallery.look_requested, self._gallery.look),
            (self.gallery.exclusion_toggled, self._gallery.toggle_exclusion),
            (self.gallery.name_copied, self._gallery.copy_name),
            (self.table.selected, table.select),
            (self.table.hovered, table.hover),
            (self.table.fly_requested, lambda: self.actions.trigger("fit_selection")),
            (self.table.recolor_requested, lambda: self.actions.trigger("recolor")),
            (self.table.needed, lambda: window.panels.set_shown("instancesDock", True)),
            (self.table.hidden_changed, table.set_hidden),
            (self.table.dropped_toggled, table.set_dropped),
            (self.table.renamed, self._instances.rename),
            (self.table.color_tried, self._instances.try_color),
            (self.table.color_decided, self._instances.decide_color),
            (self.table.isolate_requested, table.isolate),
            (self.table.show_all_requested, table.show_all),
            (self.table.export_requested, lambda: self.actions.trigger("export")),
            (self.decoding.changed, self._decoding.set),
            (self.decoding.edges_switched, self._decoding.switch_edges),
            (self.decoding.queries_chosen, self._decoding.choose),
            (self.decoding.reset_requested, self._decoding.reset),
            (self.decoding.gesture_finished, self._decoding.finish_gesture),
        ):
            signal.connect(slot)


async def _live(app: "QApplication", options: Options) -> int:
    """From the first window to the last; the exit status."""
    from app.composition.accidents import Interruption, everything_else_fails, log_own_mistakes
    from app.composition.recovery import autosave_path
    from app.recents import Recents, recents_path

    recents, autosaves = (None, None) if options.exit else (recents_path(), autosave_path())
    program = Program(app, options, recents=Recents(recents), autosaves=autosaves)
    errors: list[Exception] = []
    program.session.failed.connect(errors.append)
    program.session.failed.connect(log_own_mistakes)
    staying = asyncio.ensure_future(_stay(program, options, errors))
    with everything_else_fails(program), Interruption(staying.cancel) as interruption:
        try:
            await staying
        except asyncio.CancelledError:
            if not interruption.number:
                raise
        await program.close()
    if options.exit and errors and not interruption.number:
        sys.stderr.write(f"fast3dis-viewer: {errors[0] or type(errors[0]).__name__}\n")
        return 1
    return interruption.status


async def _stay(program: Program, options: Options, errors: list[Exception]) -> None:
    """Until the user leaves, or the screenshot is made."""
    program.window.show()
    looking = program.workflow.start(program.look_around())
    if options.folder is not None:
        opening = program.open(options.folder)
    if options.screenshot is not None:
        await (looking if options.folder is None else opening)
        if not (errors and options.exit):
            await program.workflow.start(program.save_screenshot(options.screenshot))
    if not options.exit:
        await program.closed.wait()
