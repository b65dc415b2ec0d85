"""What a user can ask of anchors by key: a part of the table of `app.actions`."""

from app.action import Action

_MOVES = (("left", "Left"), ("right", "Right"), ("up", "Up"), ("down", "Down"), ("far", "PgUp"), ("near", "PgDown"))
_LOCK = "While an anchor is dragged: bind it to this axis, or free it"
SUBMENU = "Move anchor"

ANCHOR_ACTIONS = (
    *(
        Action(name=f"nudge_{way}", text=f"Nudge {way}", menu="Instances", keys=(f"Alt+{key}",), submenu=SUBMENU)
        for way, key in _MOVES
    ),
    *(
        Action(
            name=f"lock_{axis}",
            text=f"Drag along {axis.upper()}",
            menu="Instances",
            keys=(axis.upper(),),
            submenu=SUBMENU,
            tip=_LOCK,
            needs="Drag an anchor first.",
        )
        for axis in "xyz"
    ),
)
