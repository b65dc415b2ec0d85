"""The figures of an evaluation by name: title, unit, and for the bundled model its goals and floors.

Goals and floors hold for the validation rooms with predicted geometry and the `objects` protocol. Below a floor the
model is called not yet useful, in the first line of its card. What the figures mean is told where they are computed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "%", "°", "s"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of a result.

    Attributes
    ----------
    name : str
        Key in a result's `figures`.
    title : str
    unit : str
        "%" for shares shown in percent.
    less_is_better : bool
    goal, floor : float, optional
        In the unit of the stored number, so shares are between 0 and 1.
    """

    name: str
    title: str
    unit: Unit = ""
    less_is_better: bool = False
    goal: float | None = None
    floor: float | None = None

    def show(self, value: float | None) -> str:
        """Number with its unit, or a dash."""
        if value is None:
            return "–"
        if self.unit == "%":
            return f"{100 * value:.1f} %"
        if self.unit == "°":
            return f"{value:.1f}°"
        return f"{value:.2f} s" if self.unit == "s" else f"{value:.3f}"

    def misses_floor(self, value: float | None) -> bool:
        """Whether there is a floor and the value does not reach it; an undefined value does not."""
        if self.floor is None:
            return False
        return value is None or (value > self.floor if self.less_is_better else value < self.floor)

    def reaches_goal(self, value: float | None) -> bool:
        """Whether there is a goal and the value reaches it."""
        if self.goal is None or value is None:
            return False
        return value <= self.goal if self.less_is_better else value >= self.goal


MEASURED_BY_GOALS: tuple[Figure, ...] = (
    Figure(name="ap25", title="AP25", goal=0.80, floor=0.40),
    Figure(name="ap50", title="AP50", goal=0.65, floor=0.20),
    Figure(name="ap", title="AP", goal=0.40, floor=0.08),
    Figure(name="surface_ap50", title="3D AP50", goal=0.45),
    Figure(name="depth_abs_rel", title="Depth, abs-rel", less_is_better=True, goal=0.06, floor=0.20),
    Figure(
        name="rotation_degrees", title="Rotation error, median", unit="°", less_is_better=True, goal=2.0, floor=12.0
    ),
    Figure(name="hijack_rate", title="Hijacked objects", unit="%", less_is_better=True, goal=0.03),
    Figure(name="double_claim_rate", title="Pixels claimed twice", unit="%", less_is_better=True, goal=0.01),
    Figure(name="gap_rate", title="Black gaps", unit="%", less_is_better=True, goal=0.02),
    Figure(name="anchors_inside", title="Anchors at their object", unit="%", goal=0.85),
)

OTHERS: tuple[Figure, ...] = (
    Figure(name="ap_50_95_incl", title="AP, 0.95 included"),
    Figure(name="per_view_ap25", title="Per-view AP25"),
    Figure(name="per_view_ap50", title="Per-view AP50"),
    Figure(name="per_view_ap", title="Per-view AP"),
    Figure(name="identity_gap_ap50", title="AP50 lost to identity (per-view less multi-view)", less_is_better=True),
    Figure(name="surface_ap25", title="3D AP25"),
    Figure(name="surface_ap", title="3D AP"),
    Figure(name="matched_miou", title="Matched mIoU (IoU of 0.5 or more)"),
    Figure(name="matched_macc", title="Matched mAcc"),
    Figure(name="t_miou", title="T-mIoU (our definition)"),
    Figure(name="t_sr", title="T-SR (our definition)"),
    Figure(name="switches_per_object", title="Identity switches per object", less_is_better=True),
    Figure(name="switches_per_100_views", title="Identity switches per 100 views of an object", less_is_better=True),
    Figure(name="lost_share", title="Views of an object in which it is lost", unit="%", less_is_better=True),
    Figure(name="gap_rate_at_boundaries", title="Gaps at boundaries", unit="%", less_is_better=True),
    Figure(name="gap_rate_elsewhere", title="Gaps elsewhere", unit="%", less_is_better=True),
    Figure(name="pq", title="Scene PQ"),
    Figure(name="sq", title="Scene SQ"),
    Figure(name="rq", title="Scene RQ"),
    Figure(name="translation_degrees", title="Translation direction error, median", unit="°", less_is_better=True),
    Figure(name="field_of_view_degrees", title="Field-of-view error, median", unit="°", less_is_better=True),
    Figure(name="seconds_per_scene", title="Seconds per scene, median", unit="s", less_is_better=True),
)

FIGURES: Mapping[str, Figure] = {figure.name: figure for figure in (*MEASURED_BY_GOALS, *OTHERS)}


def missed_floors(figures: Mapping[str, float | None]) -> tuple[Figure, ...]:
    """Figures below their floor."""
    return tuple(figure for figure in MEASURED_BY_GOALS if figure.misses_floor(figures.get(figure.name)))


def number(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first to the right."""
    rule = ("---", *("---:" for _ in header[1:]))
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in (header, rule, *rows))
