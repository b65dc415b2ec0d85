"""What can be asked for by name, as one row of the table in `app.actions`."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Action:
    """What an action is called and where it is found.

    Attributes
    ----------
    name : str
        Identity: lower case words with "_".
    text : str
        In menus and the palette, in the imperative; with " …" if a question follows.
    menu : str
        One of `app.actions.MENUS`.
    keys : tuple of str
        Shortcuts such as "Ctrl+O"; the first is shown.
    tip : str
        Sentence part for tool tips and the palette; the text if empty.
    icon : str
        File in resources/icons without its ending.
    group : str
        Actions of one group exclude each other: exactly one is checked.
    checkable : bool
    label : str
        Short text in the tool bar; `text` if empty.
    submenu : str
        Title of the menu within the menu, such as "Panels"; in the order of the sections its name is in lower case.
    needs : str
        Sentence on what is missing while it cannot be done; that of `app.action_needs` if empty.
    """

    name: str
    text: str
    menu: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    icon: str = ""
    group: str = ""
    checkable: bool = False
    label: str = ""
    submenu: str = ""
    needs: str = ""
