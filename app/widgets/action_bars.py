"""Menus, tool bar and keys, made from the table of actions."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QIcon, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QTextEdit,
    QToolBar,
    QToolButton,
    QWidget,
)

from app.actions import GROUPS, MENUS, Action, Actions
from app.widgets.theme import Theme, icon

ICON_ONLY = {"undo", "redo"}

KEYS = Qt.Key
ARROWS = {KEYS.Key_Up, KEYS.Key_Down, KEYS.Key_Left, KEYS.Key_Right, KEYS.Key_Home, KEYS.Key_End}
SIDEWAYS = {KEYS.Key_Left, KEYS.Key_Right}
PRESSES = {KEYS.Key_Space, KEYS.Key_Return, KEYS.Key_Enter}
WRITING = (QLineEdit, QAbstractSpinBox, QTextEdit, QPlainTextEdit)


class ActionBars(QObject):
    """Qt's side of the actions of one window.

    Parameters
    ----------
    window : QMainWindow
    actions : Actions
    theme : Theme
    toolbar : sequence of str
        Names of actions; "|" is a line, ">" pushes what follows to the right.
    """

    def __init__(self, window: QMainWindow, actions: Actions, theme: Theme, toolbar: Sequence[str]) -> None:
        super().__init__(window)
        self.setObjectName("actionBars")
        self._window, self._actions, self._theme = window, actions, theme
        self._table = {action.name: action for action in actions.table}
        self.bar = QToolBar("Main")
        self._groups: dict[str, QActionGroup] = {}
        self._drop_downs: dict[str, QToolButton] = {}
        self._menus: dict[str, list[QMenu]] = {}
        self._made = {action.name: self._make(action) for action in actions.table}
        self._fill_menus()
        self._fill_toolbar(toolbar)
        window.installEventFilter(self)
        actions.changed.connect(self._refresh)
        for name in self._made:
            self._refresh(name)

    def detach(self) -> None:
        """Stop listening; before the window is deleted."""
        self._actions.changed.disconnect(self._refresh)

    def set_theme(self, theme: Theme) -> None:
        """Icons in the colors of another theme."""
        self._theme = theme
        for name, action in self._table.items():
            if action.icon:
                self._made[name].setIcon(icon(action.icon, theme.text, theme.line))

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """Keys that mean something to the focused widget are its own; the window hears of them last."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_for_focus(event):
            event.accept()
            return True
        return False

    def action(self, name: str) -> QAction:
        """The QAction of a name."""
        return self._made[name]

    def _make(self, action: Action) -> QAction:
        colors = (self._theme.text, self._theme.line)
        made = QAction(icon(action.icon, *colors) if action.icon else QIcon(), action.text, self._window)
        made.setObjectName(f"action_{action.name}")
        made.setShortcuts([QKeySequence(keys) for keys in action.keys])
        made.setMenuRole(QAction.MenuRole.QuitRole if action.name == "quit" else QAction.MenuRole.NoRole)
        made.setCheckable(action.checkable or bool(action.group))
        if action.group:
            self._groups.setdefault(action.group, QActionGroup(self)).addAction(made)
        made.triggered.connect(lambda _checked, name=action.name: self._trigger(name))
        self._window.addAction(made)  # keys work even where the menu bar is not shown
        return made

    def _trigger(self, name: str) -> None:
        self._actions.trigger(name)
        self._refresh(name)  # Qt checked it by itself; what counts is the state

    def _fill_menus(self) -> None:
        bar = self._window.menuBar()
        for title in MENUS:
            menu = self._menu(title, bar)
            bar.addMenu(menu)
            within: dict[str, QMenu] = {}
            for number, section in enumerate(self._actions.menu(title)):
                if number:
                    menu.addSeparator()
                for action in section:
                    if action.submenu and action.submenu not in within:
                        within[action.submenu] = self._menu(action.submenu, menu)
                        menu.addMenu(within[action.submenu])
                    within.get(action.submenu, menu).addAction(self._made[action.name])
                    self._menus[action.name] = [menu, within[action.submenu]] if action.submenu else [menu]

    def _menu(self, title: str, parent: QWidget) -> QMenu:
        """A menu, not shown before something in it can be done."""
        menu = QMenu(title, parent)
        menu.setObjectName(f"menu{title}")
        menu.setToolTipsVisible(True)
        menu.menuAction().setVisible(False)
        return menu

    def _fill_toolbar(self, names: Sequence[str]) -> None:
        bar = self.bar
        bar.setObjectName("mainToolBar")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        self._window.addToolBar(bar)
        for name in names:
            if name == "|":
                bar.addSeparator()
            elif name == ">":
                spring = QWidget()
                spring.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
                bar.addWidget(spring)
            elif name in GROUPS:
                self._add_drop_down(name)
            else:
                self._add_button(name)

    def _add_button(self, name: str) -> None:
        button = QToolButton()
        button.setObjectName("tool" + name.title().replace("_", ""))
        button.setDefaultAction(self._made[name])
        style = Qt.ToolButtonStyle
        button.setToolButtonStyle(style.ToolButtonIconOnly if name in ICON_ONLY else style.ToolButtonTextBesideIcon)
        self.bar.addWidget(button)

    def _add_drop_down(self, group: str) -> None:
        """A button that says which action of the group is checked, and opens the others."""
        button, menu = QToolButton(), QMenu(GROUPS[group], self.bar)
        button.setObjectName("tool" + group.title())
        menu.setObjectName(f"dropDown{group.title()}")
        menu.addActions(self._groups[group].actions())
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setText(GROUPS[group])
        button.setToolTip(GROUPS[group])
        self._drop_downs[group] = button
        self.bar.addWidget(button)

    def _refresh(self, name: str) -> None:
        made, state, action = self._made[name], self._actions.state(name), self._table[name]
        made.setVisible(self._actions.bound(name))
        if made.isVisible():
            for menu in self._menus[name]:
                menu.menuAction().setVisible(True)
        made.setEnabled(state.enabled)
        made.setText(state.text)
        made.setIconText(action.label or state.text)
        if made.isCheckable():
            made.setChecked(state.checked)
        if action.group in self._drop_downs:
            button = self._drop_downs[action.group]
            button.setEnabled(any(member.isEnabled() for member in self._groups[action.group].actions()))
            if state.checked:
                button.setText(f"{GROUPS[action.group]}: {(action.label or state.text).lower()}")
        tip = state.tip or state.text
        keys = made.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        words = tip + (f" ({keys})" if keys else "")
        made.setToolTip("\n".join(filter(None, (words, self._actions.needs(name)))))


def _is_for_focus(event: QKeyEvent) -> bool:
    """Whether the focused widget makes use of a key: text, arrows in lists and sliders, space on buttons."""
    focus, key = QApplication.focusWidget(), event.key()
    if event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier):
        return False
    if isinstance(focus, WRITING):
        return key not in {KEYS.Key_Escape, *range(KEYS.Key_F1, KEYS.Key_F35)}
    if isinstance(focus, QAbstractItemView | QAbstractSlider | QComboBox):
        return key in (ARROWS if focus.property("arrows") != "vertical" else ARROWS - SIDEWAYS)
    return isinstance(focus, QAbstractButton) and key in PRESSES
