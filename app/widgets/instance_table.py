"""The instances as a table: search, sort, select, show and hide, rename, recolor. Wishes of the user are signals."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.widgets.instance_rows import (
    COLOR,
    NAME,
    OBJECTNESS,
    SHOWN,
    SWATCH,
    WHY,
    InstanceModel,
    ListedInstances,
    NameDelegate,
    Row,
)
from app.widgets.instance_table_view import WIDTHS, TableView
from app.widgets.parts import choose_lines


class InstanceTable(QWidget):
    """Search field, summary, table and buttons.

    Signals
    -------
    selected(queries)
        A frozenset of int, chosen by the user.
    hovered(query)
        Of the row under the pointer, -1 beside all rows.
    needed()
        Something is to be typed here, wherever it was asked for.
    fly_requested(), recolor_requested()
        By a double click or Enter, of what is selected.
    hidden_changed(query, hidden), renamed(query, name)
    dropped_toggled(listed)
        Whether to list what filters dropped.
    color_tried(color), color_decided(accepted)
        From the color dialog, while it is open and at its end.
    isolate_requested(), show_all_requested(), export_requested()
    """

    selected = Signal(object)
    hovered = Signal(int)
    needed = Signal()
    fly_requested = Signal()
    recolor_requested = Signal()
    hidden_changed = Signal(int, bool)
    renamed = Signal(int, str)
    dropped_toggled = Signal(bool)
    color_tried = Signal(object)
    color_decided = Signal(bool)
    isolate_requested = Signal()
    show_all_requested = Signal()
    export_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("instancePanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._model = InstanceModel(self)
        self._model.hidden_changed.connect(self.hidden_changed)
        self._model.renamed.connect(self.renamed)
        self._listed = ListedInstances(self._model, self)
        self._wanted: frozenset[int] = frozenset()
        self._quiet = False
        self.view = TableView()
        self._set_up_view()
        self._summary = QLabel("No instances yet")
        self._summary.setObjectName("instanceSummary")
        self._summary.setWordWrap(True)
        self._summary.setContentsMargins(12, 0, 12, 6)
        self._summary.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._search_row())
        column.addWidget(self._summary)
        column.addWidget(self.view, 1)
        column.addLayout(self._buttons())
        self.view.selectionModel().selectionChanged.connect(self._tell_selection)
        self.view.entered.connect(lambda index: self.hovered.emit(self._listed.query(index)))
        self.view.viewportEntered.connect(lambda: self.hovered.emit(-1))
        self.view.left.connect(lambda: self.hovered.emit(-1))
        self.view.doubleClicked.connect(self._go)
        self.view.entered_row.connect(self.fly_requested)

    def set_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Show instances, each as the fields of `Row`. Selection, scrolling and a name being typed stay."""
        with self._silence():
            self._model.set_rows(tuple(Row(*row) for row in rows))

    def showEvent(self, event: QShowEvent) -> None:
        """Keep room for two lines of summary, so that the table stays where it is while they change."""
        super().showEvent(event)
        self._summary.setMinimumHeight(2 * self._summary.fontMetrics().lineSpacing() + 6)

    def set_units(self, units: str) -> None:
        """Word for the lengths in the size column."""
        self._model.set_units(units)

    def set_summary(self, text: str) -> None:
        """Sentence above the table."""
        if text != self._summary.text():
            self._summary.setText(text)

    def set_dropped(self, listed: bool) -> None:
        """Whether rows that a filter dropped are listed, with the reason."""
        if listed == self._dropped.isChecked() and listed != self.view.isColumnHidden(WHY):
            return
        with self._silence():
            self._dropped.setChecked(listed)
            self._listed.set_dropped(listed)
            self.view.setColumnHidden(WHY, not listed)
            self.view.fit_name()

    def set_selection(self, queries: frozenset[int]) -> None:
        """Select rows without telling anybody; those not listed are selected once they are."""
        moved, self._wanted = queries != self._wanted, queries
        listed = self._listed.queries()
        places = [number for number, query in enumerate(listed) if query in queries]
        if {listed[number] for number in places} == self._selection():
            return
        chosen = QItemSelection()
        for number in places:
            chosen.select(self._listed.index(number, 0), self._listed.index(number, 0))
        flags, model = QItemSelectionModel.SelectionFlag, self.view.selectionModel()
        with self._silence(select=False):
            model.select(chosen, flags.ClearAndSelect | flags.Rows)
            if places and moved:
                model.setCurrentIndex(self._listed.index(places[0], NAME), flags.NoUpdate)
                self.view.scrollTo(self._listed.index(places[0], NAME))

    def set_hovered(self, query: int | None) -> None:
        """Mark the row of what is under the pointer somewhere; nothing moves."""
        self.view.mark(self._listed, query)

    def set_actions(self, *, isolate: bool, isolated: bool, show_all: bool, export: bool, export_tip: str) -> None:
        """Which buttons make sense now."""
        self._isolate.setEnabled(isolate or isolated)
        self._isolate.setText("End isolation" if isolated else "Isolate")
        self._show_all.setEnabled(show_all)
        self._export.setEnabled(export)
        self._export.setToolTip(export_tip)

    def set_menu(self, actions: Iterable[QAction]) -> None:
        """What the context menu of a row offers."""
        menu = QMenu(self)
        menu.setObjectName("rowMenu")
        menu.addActions(list(actions))
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        # shown without a loop of its own, which would hold up whoever waits for the worker
        self.view.customContextMenuRequested.connect(lambda at: menu.popup(self.view.viewport().mapToGlobal(at)))

    def listed(self) -> list[int]:
        """Query numbers of the rows from top to bottom."""
        return self._listed.queries()

    def step(self, rows: int) -> None:
        """Select the row so many below the selected one; from the ends, if nothing is selected."""
        listed, chosen = self.listed(), self._selection()
        if not listed:
            return
        places = [number for number, query in enumerate(listed) if query in chosen]
        if places:
            place = min(max((places[-1] if rows > 0 else places[0]) + rows, 0), len(listed) - 1)
        else:
            place = 0 if rows > 0 else len(listed) - 1
        self.view.setCurrentIndex(self._listed.index(place, NAME))

    def edit_name(self, query: int) -> None:
        """Open the name of a row for typing; a search that does not find it ends."""
        self.needed.emit()
        if query not in self.listed():
            self._search.clear()
        index = self._listed.index(self.listed().index(query), NAME)
        self.view.setCurrentIndex(index)
        self.view.edit(index)

    def ask_color(self, title: str, color: tuple[int, int, int]) -> None:
        """Open the color dialog."""
        dialog = QColorDialog(self.window())
        dialog.setObjectName("colorDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setWindowTitle(title)
        start = dialog.currentColor()
        start.setRgb(*color)
        dialog.setCurrentColor(start)
        dialog.currentColorChanged.connect(lambda tried: self.color_tried.emit(tried.getRgb()[:3]))
        dialog.finished.connect(lambda code: self.color_decided.emit(bool(code)))
        dialog.open()

    def copy(self, text: str) -> None:
        """Put a text on the clipboard."""
        QGuiApplication.clipboard().setText(text)

    def _set_up_view(self) -> None:
        view = self.view
        view.setObjectName("instanceTable")
        view.setAccessibleName("Instances")
        view.setMouseTracking(True)
        view.setProperty("arrows", "vertical")  # the others walk through the views as everywhere
        view.setModel(self._listed)
        choose_lines(view)
        view.setItemDelegateForColumn(NAME, NameDelegate(view))
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)  # F2 and the menu ask for it
        view.setSortingEnabled(True)
        view.sortByColumn(OBJECTNESS, Qt.SortOrder.DescendingOrder)
        view.setTabKeyNavigation(False)
        view.setIconSize(QSize(SWATCH, SWATCH))
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = view.horizontalHeader()
        header.setMinimumSectionSize(24)
        for column, width in WIDTHS.items():
            header.resizeSection(column, width)
        for column in (SHOWN, COLOR):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        header.moveSection(WHY, NAME + 1)  # seen without scrolling in a narrow panel
        view.setColumnHidden(WHY, True)

    def _search_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(10, 8, 12, 6)
        row.setSpacing(10)
        self._search = QLineEdit()
        self._search.setObjectName("instanceSearch")
        self._search.setPlaceholderText("Search name or number")
        self._search.setAccessibleName("Search instances")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._find)
        self._dropped = QCheckBox("Show dropped")
        self._dropped.setObjectName("showDropped")
        self._dropped.setToolTip("Lists every query, with the filter that dropped it")
        self._dropped.toggled.connect(lambda listed: self._quiet or self.dropped_toggled.emit(listed))
        row.addWidget(self._search, 1)
        row.addWidget(self._dropped)
        return row

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(10, 8, 10, 8)
        row.setSpacing(6)
        self._isolate = QPushButton("Isolate")
        self._isolate.setObjectName("tableIsolate")
        self._isolate.clicked.connect(self.isolate_requested)
        self._show_all = QPushButton("Show all")
        self._show_all.setObjectName("tableShowAll")
        self._show_all.clicked.connect(self.show_all_requested)
        self._export = QPushButton("Export …")
        self._export.setObjectName("tableExport")
        self._export.clicked.connect(self.export_requested)
        for button in (self._isolate, self._show_all):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._export)
        self.set_actions(isolate=False, isolated=False, show_all=False, export=False, export_tip="")
        return row

    def _go(self, index: QModelIndex) -> None:
        if index.column() == COLOR:
            self.recolor_requested.emit()
        elif index.column() != SHOWN:
            self.fly_requested.emit()

    def _find(self, words: str) -> None:
        with self._silence():
            self._listed.set_search(words)

    def _selection(self) -> frozenset[int]:
        return frozenset(self._listed.query(index) for index in self.view.selectionModel().selectedRows())

    def _tell_selection(self) -> None:
        if not self._quiet:
            self._wanted = self._selection()
            self.selected.emit(self._wanted)

    @contextmanager
    def _silence(self, *, select: bool = True) -> Iterator[None]:
        """Rows that come and go take their selection with them, which is nobody's wish: it is put back."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before
        if select:
            self.set_selection(self._wanted)
