"""Everything a user can ask for by name: one table, from which menus, tool bar, keys, palette and cheat sheet are made.

An `Action` says what it is called and where it is found; `Actions` holds what is done when it is asked for and
whether it can be asked for now. Presenters bind and enable, widgets show and trigger; neither knows the other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from psygnal import Signal

from app.action import Action as Action
from app.action_needs import NEEDS
from app.anchor_actions import ANCHOR_ACTIONS

# menus, each with its sections, between which lines are drawn; those that no section names come where "*" stands
MENUS: dict[str, tuple[tuple[str, ...], ...]] = {
    "File": (
        ("open", "open_files", "open_session", "recent", "sample"),
        ("setup", "run", "cancel", "unload", "get_weights"),
        ("save", "save_as", "save_small", "recover"),
        ("export", "copy_command", "show_export", "copy_export_path"),
        ("*",),
        ("quit",),
    ),
    "Edit": (("undo", "redo"), ("*",), ("step_back",)),
    "View": (
        ("next_color",),
        ("*",),
        ("fit", "fit_selection"),
        ("look", "cameras", "up", "background", "points drawn"),
        ("panels", "theme"),
    ),
    "Instances": (
        ("isolate", "hide", "invert_hidden", "show_all"),
        ("rename", "copy_name", "recolor", "reset_color", "merge", "split"),
        ("select_all", "previous_instance", "next_instance"),
        ("*",),
        ("copy_table",),
    ),
    "Tools": (("*",),),
    "Window": (("arrange_explore", "arrange_inspect", "arrange_compare", "reset_layout"), ("*",), ("full_screen",)),
    "Help": (("command_palette", "cheat_sheet"), ("*",), ("copy_report", "about")),
}


ACTIONS = (
    Action(name="open", text="Open folder …", label="Open", menu="File", keys=("Ctrl+O", "O"), icon="open",
           tip="Open a folder of photos"),
    Action(name="open_files", text="Open photos or video …", menu="File", keys=("Ctrl+Alt+O",),
           tip="Choose single photos, or a video"),
    Action(name="sample", text="Open sample", label="Sample", menu="File", icon="sample",
           tip="Open the sample photos"),
    Action(name="open_session", text="Open session …", menu="File", keys=("Ctrl+Shift+O",),
           tip="Open a saved session; needs neither weights nor a GPU"),
    Action(name="save", text="Save session", menu="File", keys=("Ctrl+S",),
           tip="Save photos, geometry, masks and edits as one file"),
    Action(name="save_as", text="Save session as …", menu="File", keys=("Ctrl+Shift+S",)),
    Action(name="save_small", text="Save session without features …", menu="File",
           tip="To be looked at only: anchors and mask thresholds cannot be changed in it"),
    Action(name="recover", text="Recover unsaved work …", menu="File",
           tip="Offer again what a program left that ended before it was saved"),
    Action(name="get_weights", text="Get weights …", menu="File", tip="See which weights are here, and get others"),
    Action(name="setup", text="Photos and settings …", label="Setup", menu="File", keys=("Ctrl+P",), icon="setup",
           tip="Choose photos and settings of the next run"),
    Action(name="run", text="Run", menu="File", keys=("Ctrl+R",), icon="run", tip="Segment the chosen photos"),
    Action(name="cancel", text="Cancel the run", menu="File", keys=("Ctrl+.",), tip="Stop what is computed"),
    Action(name="unload", text="Unload the model", menu="File"),
    Action(name="export", text="Export …", label="Export", menu="File", keys=("Ctrl+E",), icon="export",
           tip="Write instances, scene, masks or cameras as files"),
    Action(name="copy_command", text="Copy command line", menu="File",
           tip="The fast3dis call that writes the same files"),
    Action(name="show_export", text="Open folder of the last export", menu="File"),
    Action(name="copy_export_path", text="Copy path of the last export", menu="File"),
    Action(name="quit", text="Quit", menu="File", keys=("Ctrl+Q",)),
    Action(name="undo", text="Undo", menu="Edit", keys=("Ctrl+Z",), icon="undo"),
    Action(name="redo", text="Redo", menu="Edit", keys=("Ctrl+Shift+Z", "Ctrl+Y"), icon="redo"),
    Action(name="step_back", text="Step back", menu="Edit", keys=("Esc",),
           tip="Leave the special mode, then the isolation, then the selection"),
    Action(name="color_instance", text="Color by instance", label="Instance", menu="View", group="color"),
    Action(name="color_photo", text="Color by photo", label="Photo", menu="View", group="color"),
    Action(name="palette_standard", text="Standard colors", menu="View", group="palette"),
    Action(name="palette_safe", text="Colors for every color vision", menu="View", group="palette",
           tip="Colors of instances that people with color blindness tell apart"),
    Action(name="color_objectness", text="Color by objectness", label="Objectness", menu="View", group="color"),
    Action(name="color_query", text="Color by query", label="Query", menu="View", group="color",
           tip="Number of the query that owns a point"),
    Action(name="color_view", text="Color by view", label="View", menu="View", group="color",
           tip="Which photo a point comes from"),
    Action(name="color_confidence", text="Color by confidence", label="Confidence", menu="View", group="color",
           tip="How sure the network is of the depth"),
    Action(name="color_depth", text="Color by depth", label="Depth", menu="View", group="color",
           tip="Distance from the camera of the point's photo"),
    Action(name="color_claims", text="Color by claims", label="Claims", menu="View", group="color",
           tip="How many queries claim a point: two or more is a hijack in the making"),
    Action(name="color_margin", text="Color by margin", label="Margin", menu="View", group="color",
           tip="How far the best claim is ahead of the second: contested points are dark"),
    Action(name="color_bid", text="Color by best claim", label="Best claim", menu="View", group="color",
           tip="The highest claim on a point: what nobody claims is dark, the black gaps of the paper"),
    Action(name="color_contested", text="Color by contested and gaps", label="Contested", menu="View", group="color",
           tip="Points of two instances in both colors, and points that nobody claims with confidence"),
    Action(name="color_difference", text="Color by difference", label="Difference", menu="View", group="color",
           tip="What a what-if or a dragged anchor changed: claimed newly, no longer, or by another query"),
    Action(name="next_color", text="Next color mode", menu="View", keys=("C",)),
    Action(name="fit", text="Fit all", label="Fit", menu="View", keys=("A",), icon="fit",
           tip="The whole scene from the present direction"),
    Action(name="fit_selection", text="Fit selection", menu="View", keys=("F",), tip="Fly to the selected instances"),
    Action(name="reset_look", text="Reset the view", menu="View", keys=("Shift+A",), submenu="Look",
           tip="The whole scene as it was seen first: from behind and above the cameras"),
    Action(name="look_front", text="From the front", menu="View", keys=("Shift+F",), submenu="Look",
           tip="The whole scene, the way the cameras look"),
    Action(name="look_top", text="From the top", menu="View", keys=("Shift+T",), submenu="Look"),
    Action(name="look_side", text="From the side", menu="View", keys=("Shift+S",), submenu="Look"),
    Action(name="through_photo", text="Through the camera of the photo", menu="View", keys=("V",), checkable=True,
           submenu="Look", tip="The exact view of the current photo, and back"),
    Action(name="orthographic", text="Without perspective", menu="View", checkable=True, submenu="Look"),
    Action(name="larger_points", text="Larger points", menu="View", keys=("+", "="), submenu="Look"),
    Action(name="smaller_points", text="Smaller points", menu="View", keys=("-",), submenu="Look"),
    Action(name="box", text="Box of the selection", menu="View", keys=("B",), checkable=True, submenu="Look",
           tip="A box around the selected instances, with its width, height and depth"),
    Action(name="eye_dome", text="Shade by depth", menu="View", checkable=True, submenu="Look",
           tip="Eye-dome lighting: points behind nearer ones are darker, which shows shapes without colors"),
    Action(name="axes", text="Axes and scale bar", menu="View", checkable=True, submenu="Look",
           tip="How the scene is turned, and how long things are where the camera turns around"),
    Action(name="grid", text="Grid on the floor", menu="View", checkable=True, submenu="Look"),
    Action(name="cameras", text="Show cameras", menu="View", checkable=True, submenu="Cameras",
           tip="A frustum for every photo; click one to make it the current view, double-click to look through it"),
    Action(name="photo_planes", text="Photos in space", menu="View", checkable=True, submenu="Cameras",
           tip="Hang every photo in its frustum"),
    Action(name="larger_cameras", text="Larger cameras", menu="View", keys=("Alt++", "Alt+="), submenu="Cameras"),
    Action(name="smaller_cameras", text="Smaller cameras", menu="View", keys=("Alt+-",), submenu="Cameras"),
    Action(name="up_cameras", text="As the cameras say", menu="View", submenu="Up", group="up",
           tip="What is up is told from the photos: level cameras, or the mean of their own"),
    Action(name="up_x", text="X is up", menu="View", submenu="Up", group="up"),
    Action(name="up_y", text="Y is up", menu="View", submenu="Up", group="up"),
    Action(name="up_z", text="Z is up", menu="View", submenu="Up", group="up"),
    Action(name="flip_up", text="Upside down", menu="View", submenu="Up", checkable=True,
           tip="What was up is down"),
    Action(name="background_theme", text="As the theme", menu="View", submenu="Background", group="background"),
    Action(name="background_gradient", text="With a gradient", menu="View", submenu="Background", group="background"),
    Action(name="background_white", text="White", menu="View", submenu="Background", group="background"),
    Action(name="background_black", text="Black", menu="View", submenu="Background", group="background"),
    Action(name="budget_0", text="As many as the graphics can", menu="View", submenu="Points drawn", group="budget",
           tip="1 million points without a graphics card, 8 million with one; exports always have all"),
    Action(name="budget_250000", text="250,000 points", menu="View", submenu="Points drawn", group="budget"),
    Action(name="budget_1000000", text="1 million points", menu="View", submenu="Points drawn", group="budget"),
    Action(name="budget_4000000", text="4 million points", menu="View", submenu="Points drawn", group="budget"),
    Action(name="budget_1000000000", text="All points", menu="View", submenu="Points drawn", group="budget"),
    Action(name="anchors", text="Anchors", menu="View", keys=("N",), checkable=True,
           tip="Show where the decoder's queries sit; drag one to ask what if"),
    Action(name="trails", text="Ways of anchors", menu="View", keys=("T",),
           tip="Through the decoder layers: of nobody, of the selected, of all"),
    Action(name="previous_view", text="Previous view", menu="View", keys=("Left",), submenu="Photos"),
    Action(name="next_view", text="Next view", menu="View", keys=("Right",), submenu="Photos"),
    Action(name="play_views", text="Play views", menu="View", keys=("Space",), checkable=True, submenu="Photos"),
    Action(name="photo_masks", text="Masks in photos", menu="View", keys=("M",), checkable=True, submenu="Photos"),
    Action(name="photo_larger", text="Zoom into the photo", menu="View", keys=("Ctrl++", "Ctrl+="), submenu="Photos",
           tip="Around the pixel under the pointer"),
    Action(name="photo_smaller", text="Zoom out of the photo", menu="View", keys=("Ctrl+-",), submenu="Photos"),
    Action(name="photo_fit", text="Fit the photo", menu="View", keys=("Ctrl+0",), submenu="Photos",
           tip="The whole photo"),
    Action(name="photo_actual", text="Photo at 1:1", menu="View", keys=("Ctrl+1",), submenu="Photos",
           tip="One photo pixel on one screen pixel"),
    Action(name="copy_picture", text="Copy picture of the photo", menu="View", keys=("Ctrl+Alt+C",), submenu="Photos",
           tip="With masks, outlines and anchors as shown, to the clipboard"),
    Action(name="save_picture", text="Save picture of the photo …", menu="View", submenu="Photos"),
    Action(name="isolate", text="Isolate", menu="Instances", keys=("I",), icon="isolate",
           tip="Draw the selected instances only, or end that"),
    Action(name="hide", text="Hide selected", menu="Instances", keys=("H",),
           tip="Hide the selected instances, or show them"),
    Action(name="invert_hidden", text="Invert what is hidden", menu="Instances", keys=("Ctrl+Shift+H",)),
    Action(name="copy_thefts", text="Copy who took it from whom", menu="Instances",
           tip="The list of the hijack inspector as CSV"),
    Action(name="copy_matrix", text="Copy overlap matrix", menu="Instances",
           tip="How much of their masks every two queries share, as CSV"),
    Action(name="side_by_side", text="Two queries side by side", menu="Tools", checkable=True,
           tip="The masks of the chosen pair next to each other, in 3D and in the photo, with what both claim marked"),
    Action(name="mute_query", text="Mute or hear query", menu="Instances", submenu="What if",
           tip="Decode as if the selected queries were not there, or with them again"),
    Action(name="mute_view", text="Mute or use view", menu="Instances", submenu="What if",
           tip="Decode as if no anchor were seen in the current view, or with it again"),
    Action(name="self_attention", text="Self-attention", menu="Instances", submenu="What if", checkable=True,
           tip="Let the queries of the decoder hear each other"),
    Action(name="revert_what_if", text="Take all what-ifs back", menu="Instances", submenu="What if"),
    Action(name="copy_changes", text="Copy what changed", menu="Instances", submenu="What if",
           tip="What became of every instance, as CSV"),
    Action(name="copy_thresholds", text="Copy instances over thresholds", menu="Instances",
           tip="How many instances other thresholds would give, as CSV"),
    Action(name="copy_evidence", text="Copy attention of the query", menu="Instances",
           tip="Every layer, head and view of the selected query, as CSV"),
    Action(name="pin", text="Pin or unpin anchor", menu="Instances", keys=("P",),
           tip="Hold the selected anchor where it is through all decoder layers, or let it go"),
    Action(name="reset_anchor", text="Reset anchor", menu="Instances",
           tip="Give the selected anchors back to the generator"),
    Action(name="reset_anchors", text="Reset all anchors", menu="Instances"),
    *ANCHOR_ACTIONS,
    Action(name="layer_down", text="Previous decoder layer", menu="View", keys=("[",)),
    Action(name="layer_up", text="Next decoder layer", menu="View", keys=("]",)),
    Action(name="show_all", text="Show all", menu="Instances", keys=("Shift+H",), tip="Show every hidden instance"),
    Action(name="rename", text="Rename", menu="Instances", keys=("F2",), tip="Type a name for the selected instance"),
    Action(name="copy_name", text="Copy name", menu="Instances", tip="Names of the selected instances, one a line"),
    Action(name="recolor", text="Change color …", menu="Instances"),
    Action(name="reset_color", text="Reset color", menu="Instances", tip="Take the color of the palette again"),
    Action(name="merge", text="Merge selected", menu="Instances", keys=("Ctrl+G",),
           tip="Treat the selected instances as one object"),
    Action(name="split", text="Split merged", menu="Instances", keys=("Ctrl+Shift+G",),
           tip="Take a merged instance apart again"),
    Action(name="select_all", text="Select all shown", menu="Instances", keys=("Ctrl+A",)),
    Action(name="previous_instance", text="Previous instance", menu="Instances", keys=("Up",)),
    Action(name="next_instance", text="Next instance", menu="Instances", keys=("Down",)),
    Action(name="show_dropped", text="Show dropped", menu="Instances", checkable=True,
           tip="List every query, with the filter that dropped it"),
    Action(name="objectness_down", text="Lower the objectness threshold", menu="Instances", keys=(",",)),
    Action(name="objectness_up", text="Raise the objectness threshold", menu="Instances", keys=(".",)),
    Action(name="reset_filters", text="Reset filters", menu="Instances",
           tip="Thresholds and point filters as they are by default"),
    Action(name="copy_table", text="Copy table as CSV", menu="Instances", keys=("Ctrl+Shift+C",)),
    Action(name="measure", text="Measure", menu="Tools", keys=("D",), checkable=True,
           tip="Click two points to see how far apart they are"),
    Action(name="calibrate", text="Set the true length …", menu="Tools", keys=("Shift+D",),
           tip="Type how long the measured line is, and see all lengths in meters"),
    Action(name="picture", text="Picture of the 3D view …", menu="Tools", keys=("F12",),
           tip="Save or copy what the 3D view shows, up to four times as large, with or without background"),
    Action(name="copy_stage", text="Copy picture of the 3D view", menu="Tools", keys=("Ctrl+F12",)),
    Action(name="turntable", text="Turntable film …", menu="Tools", keys=("Shift+F12",),
           tip="A film of the scene turning once around, as GIF or MP4"),
    Action(name="panel_views", text="Views", menu="View", submenu="Panels", checkable=True,
           tip="Show or hide the strip of photos"),
    Action(name="panel_photo", text="Photo", menu="View", submenu="Panels", checkable=True,
           tip="Show or hide the large photo"),
    Action(name="panel_instances", text="Instances", menu="View", submenu="Panels", checkable=True,
           tip="Show or hide the table of instances"),
    Action(name="panel_inspector", text="Inspector", menu="View", submenu="Panels", checkable=True,
           tip="Show or hide the inspector of queries"),
    Action(name="panel_compare", text="Compare", menu="View", submenu="Panels", checkable=True,
           tip="Show or hide what the result is compared with"),
    Action(name="panel_log", text="Log", menu="View", submenu="Panels", keys=("Ctrl+L",), checkable=True,
           tip="Show or hide what the program noted down"),
    Action(name="theme_system", text="As the system", menu="View", submenu="Theme", group="theme",
           tip="Dark or light, as the desktop is"),
    Action(name="theme_dark", text="Dark", menu="View", submenu="Theme", group="theme"),
    Action(name="theme_light", text="Light", menu="View", submenu="Theme", group="theme"),
    Action(name="arrange_explore", text="Explore", menu="Window", keys=("1",),
           tip="Arrange the panels for looking around: the 3D view wide, the photo hidden"),
    Action(name="arrange_inspect", text="Inspect", menu="Window", keys=("2",),
           tip="Arrange the panels for questions: the photo beside the 3D view, instances at hand"),
    Action(name="arrange_compare", text="Compare", menu="Window", keys=("3",),
           tip="Arrange the panels for comparing: two 3D views that look from one place"),
    Action(name="compare", text="Compare", menu="Tools",
           tip="Hold the result against what is chosen in the panel Compare"),
    Action(name="copy_comparison", text="Copy the comparison", menu="Tools",
           tip="Lines and figures of the comparison as CSV"),
    Action(name="reset_layout", text="Reset layout", menu="Window",
           tip="Put every panel back where it was at the first start"),
    Action(name="full_screen", text="Full screen", menu="Window", keys=("F11",), checkable=True,
           tip="Fill the screen with the window, or end that"),
    Action(name="command_palette", text="Find a command …", menu="Help", keys=("Ctrl+K",), icon="search",
           tip="Type a few letters of what you want to do"),
    Action(name="cheat_sheet", text="Keys", menu="Help", keys=("?",), tip="All keys on one page"),
    Action(name="copy_report", text="Copy report", menu="Help",
           tip="Copy versions, device, settings and the last error, for an issue"),
    Action(name="about", text="About", menu="Help", tip="Version, licenses of program, weights, data and packages"),
)  # fmt: skip

GROUPS = {"color": "Color by"}  # a group of actions is a drop-down of this name in the tool bar

# of the tool bar; "|" is a line, ">" pushes what follows to the right, the name of a group is its drop-down
TOOLBAR = (
    "open", "sample", "|", "setup", "run", "|", "undo", "redo", "|", "color", "|", "fit", ">",
    "export",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ActionState:
    """Whether an action can be asked for now, and its words where they depend on the moment."""

    enabled: bool = False
    checked: bool = False
    text: str = ""
    tip: str = ""


class Actions:
    """What is done on each action, and which can be done now. An action nobody bound is not offered.

    Parameters
    ----------
    table : iterable of Action

    Notes
    -----
    `changed` carries the name of an action whose state changed.
    """

    changed = Signal(str)

    def __init__(self, table: Iterable[Action] = ACTIONS) -> None:
        self.table = tuple(table)
        names = [action.name for action in self.table]
        keys = [key for action in self.table for key in action.keys]
        assert len(set(names)) == len(names), "two actions of one name"
        assert len(set(keys)) == len(keys), f"two actions on one key: {sorted(keys)}"
        self._states = {action.name: ActionState(text=action.text, tip=action.tip) for action in self.table}
        self._needs = {action.name: action.needs or NEEDS.get(action.name, "") for action in self.table}
        self._handlers: dict[str, Callable[[], object]] = {}

    def bind(self, name: str, handler: Callable[[], object], *, enabled: bool = True) -> None:
        """Say what an action does; it can be done from now on unless `enabled` is false."""
        assert name not in self._handlers, f"{name} is bound already"
        self._handlers[self._known(name)] = handler
        self.set(name, enabled=enabled)

    def set(
        self,
        name: str,
        *,
        enabled: bool | None = None,
        checked: bool | None = None,
        text: str | None = None,
        tip: str | None = None,
    ) -> None:
        """Change what is given."""
        given = {"enabled": enabled, "checked": checked, "text": text, "tip": tip}
        changes = {field: value for field, value in given.items() if value is not None}
        state = replace(self._states[self._known(name)], **changes)  # type: ignore[arg-type]
        if state != self._states[name]:
            self._states[name] = state
            self.changed.emit(name)

    def enable(self, *names: str, enabled: bool) -> None:
        """Several at once."""
        for name in names:
            self.set(name, enabled=enabled)

    def menu(self, title: str) -> tuple[tuple[Action, ...], ...]:
        """Actions of one menu by section, in the order shown; sections of none are left out."""
        sections = MENUS[title]
        named = [name for section in sections for name in section]
        places: dict[str, list[Action]] = {name: [] for name in named}
        for action in self.table:
            if action.menu == title:
                keys = (action.name, action.submenu.lower(), action.group, "*")
                places[next(key for key in keys if key in places)].append(action)
        grouped = (tuple(action for name in section for action in places[name]) for section in sections)
        return tuple(section for section in grouped if section)

    def state(self, name: str) -> ActionState:
        """Present state."""
        return self._states[self._known(name)]

    def needs(self, name: str) -> str:
        """What is missing while it cannot be done, a sentence; empty while it can."""
        return "" if self.state(name).enabled else self._needs[name]

    def bound(self, name: str) -> bool:
        """Whether anything would be done."""
        return self._known(name) in self._handlers

    def trigger(self, name: str) -> None:
        """Do it, if it can be done now."""
        if self.bound(name) and self._states[name].enabled:
            self._handlers[name]()

    def _known(self, name: str) -> str:
        assert name in self._states, f"no action is called {name!r}"
        return name
