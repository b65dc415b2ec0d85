"""What a user can ask of anchors by key: a part of the table of `app.actions`."""

from app.action import Action

_MOVES = (("left", "Left"), ("right", "Right"), ("up", "Up"), ("down", "Down"), ("far", "PgUp"), ("near", "PgDown"))
_LOCK = "While an anchor is dragged: bind it to this axis, or free it"
SUBMENU = "Move anchor"

ANCHOR_ACTIONS = (
    *(
        Action(
            name=f"nudge_{way}",
            text=f"Nudge {way}",
            menu="Instances",
            keys=(f"Alt+{key}",),
            submenu=SUBMENU,
            needs="Needs one selected query, and anchors on stage (N).",
        )
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
            needs="Needs an anchor that is being dragged in the 3D view.",
        )
        for axis in "xyz"
    ),
    Action(
        name="new_anchor",
        text="New anchor by click",
        menu="Instances",
        keys=("G",),
        checkable=True,
        tip="An experiment: click a surface in 3D or in a photo, and a new query starts there",
        needs="Needs a result with masks whose features are there.",
    ),
    Action(
        name="split_anchors",
        text="Split by two anchors",
        menu="Instances",
        keys=("Shift+G",),
        checkable=True,
        tip="An experiment: click two places of an instance, and two queries take it over",
        needs="Needs a result with masks whose features are there.",
    ),
    Action(
        name="remove_query",
        text="Remove query",
        menu="Instances",
        keys=("Del",),
        tip="Take the selected queries out of the decoder; their numbers stay taken",
        needs="Needs a selected query.",
    ),
)
