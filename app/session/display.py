"""How a result is looked at: not undoable, and one value for all panels."""

from dataclasses import dataclass
from typing import Literal

from fast3dis_core.palette import PaletteName

ColorMode = Literal[
    "instance",
    "photo",
    "objectness",
    "query",
    "view",
    "confidence",
    "depth",
    "claims",
    "margin",
    "bid",
    "contested",
    "difference",
]
Reference = Literal["untouched", "previous"]
Trails = Literal["none", "selected", "all"]
Background = Literal["theme", "white", "black", "gradient"]
Up = Literal["cameras", "x", "y", "z"]
PhotoLayer = Literal["photo", "depth", "confidence"]


@dataclass(frozen=True, kw_only=True)
class Display:
    """How the result is looked at.

    Attributes
    ----------
    view : int
        Current photo.
    selection : frozenset of int
        Query numbers.
    isolated : frozenset of int
        If not empty, only these queries are drawn.
    color_mode : str
        What colors mean; see `app.number_colors`.
    palette : "standard" or "safe", of instances without a color of the user's
    dropped : bool, whether the table lists what filters dropped
    hovered : int, optional
        Query number under the pointer, in whichever panel: a preview of selection.
    hovered_other : int, optional
        The same of the other side of a comparison.
    photo_layer : "photo", "depth" or "confidence"
        What the large photo shows.
    masks, outlines, photo_anchors : bool
        What lies over it.
    mask_opacity : float
        In [0, 1], of an instance's color over a photo.
    playing : bool
        Whether the views follow each other by themselves.
    setup : bool
        Whether the plan of the next run is shown, and not the result.
    layer : int
        Decoder layer whose masks and anchors are shown; -1 is the last.
    inspecting : bool
        Whether a panel is open that needs an `Inspection`.
    tab : str
        Tab of the inspector that is looked at; empty while it is not.
    evidence_layer, evidence_head : int
        Decoder layer and head whose attention is shown, from 1; 0 is the mean of all.
    reference : "untouched" or "previous"
        What changes inside the decoder are held against: the result without any, or that before the last one.
    anchors : bool
        Whether anchors are on stage.
    trails : "none", "selected" or "all"
        Whose way through the layers is drawn with them.
    orthographic : bool
        Whether the scene is seen without perspective.
    box : bool
        Whether what is selected has its box drawn, with its lengths.
    point_scale : float
        Size of drawn points as a multiple of what suits the window.
    background : str
        Behind the scene: the theme's color, white, black, or the theme's with a gradient.
    eye_dome : bool
        Whether points behind nearer ones are darkened (eye-dome lighting).
    grid, axes : bool
        Whether the floor has a grid; whether axes and scale bar are shown.
    cameras, photo_planes : bool
        Whether frustums are drawn, and all photos hung in them.
    frustum_scale : float
        Size of frustums as a multiple of the usual.
    up : "cameras", "x", "y" or "z"
        What is up: as the cameras tell it, or a world axis; with `flipped`, the opposite.
    comparing : bool
        Whether the other side of a comparison has a viewport of its own.
    others : frozenset of int
        Selected queries of that other side.
    other_photos : bool
        Whether photos show the masks of the other side.
    pair : (int, int), optional
        Two queries whose masks stand side by side on a stage in two, before any comparison.
    """

    view: int = 0
    selection: frozenset[int] = frozenset()
    isolated: frozenset[int] = frozenset()
    color_mode: ColorMode = "instance"
    palette: PaletteName = "standard"
    dropped: bool = False
    hovered: int | None = None
    hovered_other: int | None = None
    photo_layer: PhotoLayer = "photo"
    masks: bool = True
    outlines: bool = True
    photo_anchors: bool = False
    mask_opacity: float = 0.6
    playing: bool = False
    setup: bool = False
    layer: int = -1
    inspecting: bool = False
    tab: str = ""
    evidence_layer: int = 0
    evidence_head: int = 0
    reference: Reference = "untouched"
    anchors: bool = False
    trails: Trails = "selected"
    orthographic: bool = False
    box: bool = True
    point_scale: float = 1.0
    background: Background = "theme"
    eye_dome: bool = False
    grid: bool = False
    axes: bool = True
    cameras: bool = True
    photo_planes: bool = False
    frustum_scale: float = 1.0
    up: Up = "cameras"
    flipped: bool = False
    comparing: bool = False
    others: frozenset[int] = frozenset()
    other_photos: bool = False
    pair: tuple[int, int] | None = None
