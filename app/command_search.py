"""Fuzzy search over what can be asked for: the letters of a query in their order, near the starts of words.

Pure functions over the table of actions; the palette shows what they find.
"""

from collections.abc import Iterable
from typing import NamedTuple

from app.actions import Action, Actions

START, FOLLOWING, GAP = 8, 5, 1  # points for a letter that starts a word, that follows the last one, lost per gap
EVERYWHERE = "Not possible now."


class Command(NamedTuple):
    """One row of the palette.

    Attributes
    ----------
    name : str
        Of the action.
    text : str
        With its menu: "View: Fit all".
    keys : str
    hint : str
        What it does; why it cannot be done if it is disabled.
    enabled : bool
    """

    name: str
    text: str
    keys: str
    hint: str
    enabled: bool


def commands(actions: Actions, query: str) -> list[Command]:
    """Bound actions that match, best first; of equals, those that cannot be done now come last."""
    found: list[tuple[int, bool, int, Command]] = []
    for place, action in enumerate(actions.table):
        if not actions.bound(action.name) or action.name == "command_palette":
            continue
        state = actions.state(action.name)
        row = Command(action.name, title(action, state.text), action.keys[0] if action.keys else "", "", state.enabled)
        points = score(query, row.text)
        if points is None and score(query, state.tip) is not None and len(query) > 2:
            points = 0
        if points is not None:
            hint = state.tip if state.enabled else (actions.needs(action.name) or EVERYWHERE)
            found.append((-points, not state.enabled, place, row._replace(hint=hint)))
    return [row for *_, row in sorted(found, key=lambda item: item[:3])]


def title(action: Action, text: str) -> str:
    """Text of an action with the menus it is in."""
    return f"{action.submenu or action.menu}: {text}"


def score(query: str, text: str) -> int | None:
    """How well the letters of a query are found in a text; None if they are not all there, in their order."""
    letters = [letter for letter in query.lower() if not letter.isspace()]
    words = text.lower()
    best: int | None = None
    for start in _places(letters[:1], words):
        points, last = 0, None
        at = start
        for letter in letters:
            at = words.find(letter, at if last is None else last + 1)
            if at < 0:
                break
            points += START if at == 0 or not words[at - 1].isalnum() else 0
            points += FOLLOWING if last is not None and at == last + 1 else 0
            points -= GAP * (at - last - 1 if last is not None else 0)
            last = at
        else:
            best = points if best is None else max(best, points)
    return best if letters else 0


def _places(letters: list[str], words: str) -> Iterable[int]:
    return [place for place, letter in enumerate(words) if letters and letter == letters[0]]


def key_groups(actions: Actions) -> list[tuple[str, list[tuple[str, str]]]]:
    """The cheat sheet: by menu, (keys, text) of every bound action that has keys, in the order of the menu."""
    menus: dict[str, list[tuple[str, str]]] = {}
    for action in actions.table:
        if actions.bound(action.name) and action.keys:
            menus.setdefault(action.menu, []).append((" or ".join(action.keys), action.text.removesuffix(" …")))
    return list(menus.items())


def key_text(groups: list[tuple[str, list[tuple[str, str]]]]) -> str:
    """The cheat sheet as plain text."""
    width = max((len(keys) for _, rows in groups for keys, _ in rows), default=0)
    blocks = ("\n".join([menu, *(f"  {keys:<{width}}  {text}" for keys, text in rows)]) for menu, rows in groups)
    return "\n\n".join(blocks) + "\n"
