"""What a result is held against: another way to instances, another run, a file, or the truth; and the two side by side.

A `Counterpart` says what the other side is, where its points lie in the world of the result, and which of its points is
which of the result's; a `SideBySide` is both under the filters of the moment, with a line for every instance of either.
They are made in `evaluation.counterparts` and `evaluation.beside`; this module needs NumPy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from fast3dis_core.comparison import Mistake, Relation
from fast3dis_core.cost import Cost
from fast3dis_core.curation import Color, Curated, Curation
from fast3dis_core.palette import instance_color
from fast3dis_core.reconstruction import Instance, Int32, Reconstruction, read_only

Kind = Literal["clustering", "positions", "surface", "file", "run", "truth"]
Verdict = Relation | Mistake | Literal["miss", "ignored"]
# of the other side: nothing is dropped but what the point filters of the result drop
EVERYTHING = Curation(objectness_threshold=0.0, minimum_points=1, confidence_percentile=0.0, depth_edge=0.0)
LEAST_POINTS = 100  # below which what a baseline finds is no instance: the protocol's smallest region


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """Clustering of the mask features; sizes in pixels of the whole scene, as in IGGT's demo.

    Attributes
    ----------
    epsilon : float
        Clusters nearer than this are one; the demo's presets are 0.005, 0.01 and 0.06.
    min_cluster_size, min_samples : int
    most_points : int
        Cells of the feature map that are clustered; the others take the label of the nearest feature. Time grows
        almost with the square.
    """

    epsilon: float = 0.06
    min_cluster_size: int = 500
    min_samples: int = 100
    most_points: int = 8192


@dataclass(frozen=True, kw_only=True)
class PositionSettings:
    """HDBSCAN over positions; lengths in meters, sizes in thinned points.

    Attributes
    ----------
    voxel : float
    min_cluster_size, min_samples : int
    """

    voxel: float = 0.04
    min_cluster_size: int = 50
    min_samples: int = 10


@dataclass(frozen=True, kw_only=True)
class SurfaceSettings:
    """Felzenszwalb's segmentation of the surface; lengths in meters, sizes in thinned points.

    Attributes
    ----------
    voxel : float
    threshold : float
        How much a border may exceed what is inside a segment.
    min_vertices : int
    """

    voxel: float = 0.04
    threshold: float = 0.5
    min_vertices: int = 100


Settings = FeatureSettings | PositionSettings | SurfaceSettings


@dataclass(frozen=True, kw_only=True)
class Truth:
    """True ids of the pixels of a result.

    Attributes
    ----------
    ids : array (P,) int32
        By cloud row: above 0 an object, below 0 a wall, a floor or other structure, 0 unlabelled.
    names : mapping of int to str
        Of objects that have a class.
    """

    ids: Int32
    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        read_only(self.ids)


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """The other side of a comparison.

    Attributes
    ----------
    kind : str
    title : str
    reconstruction : Reconstruction
        In the world of the result.
    rows : array (P,) int32 or None
        For every cloud row of the result that of the counterpart, -1 where it has none; None: they are the same.
    curation : Curation
        Its own thresholds, merges, names and colors; filters of points are those of the result.
    follows : tuple of str
        Fields of `curation` that are the result's, too.
    cost, own_cost : Cost or None
        Of the counterpart, and of the result where both did the same job.
    cost_words : str
        What was measured, for both.
    apart : tuple of (str, str, str)
        In what the runs of two results differ: a name, what it is of the result, and of the counterpart.
    notes : tuple of str
        Sentences.
    """

    kind: Kind
    title: str
    reconstruction: Reconstruction
    rows: Int32 | None = None
    curation: Curation = EVERYTHING
    follows: tuple[str, ...] = ()
    cost: Cost | None = None
    own_cost: Cost | None = None
    cost_words: str = ""
    apart: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Line:
    """One instance of either side, or a pair.

    Attributes
    ----------
    verdict : str
        A relation of `comparison.compare`; beside the truth a mistake of `comparison.judge`, "miss" for an object
        nobody found, "ignored" for a prediction on structure, which is neither right nor wrong.
    first, second : int or None
        Queries of the result and of the counterpart.
    iou : float
    points : tuple of two int
        Points of either, among those that both have.
    """

    verdict: Verdict
    first: int | None
    second: int | None
    iou: float
    points: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Average precision of one side, ranked as `fast3dis evaluate` ranks; None without any object.

    Attributes
    ----------
    ap, ap50, ap25 : float or None
    objects : int
        Large enough to be found.
    """

    ap: float | None
    ap50: float | None
    ap25: float | None
    objects: int


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """A result and its counterpart, as they are shown.

    Attributes
    ----------
    counterpart : Counterpart
    first, second : Curated
        The result, and the counterpart under the same filters of points.
    lines : tuple of Line
        By falling IoU.
    colors : mapping of int to (red, green, blue)
        Of the second's instances: a pair has the color of the first.
    precision : tuple of Precision or None, of first and second
        Of what is shown, where the truth is known; the truth itself has none.
    unfiltered : tuple of Precision or None, of first and second
        The same of all instances and points, whatever is filtered, hidden or merged: what an evaluation gives.
    """

    counterpart: Counterpart
    first: Curated
    second: Curated
    lines: tuple[Line, ...]
    colors: Mapping[int, Color]
    precision: tuple[Precision | None, Precision | None] = (None, None)
    unfiltered: tuple[Precision | None, Precision | None] = (None, None)

    @property
    def mean_iou(self) -> float | None:
        """Of the pairs; None without any."""
        paired = [line.iou for line in self.lines if line.verdict in PAIRED]
        return sum(paired) / len(paired) if paired else None

    def seconds_of(self, query: int) -> frozenset[int]:
        """Queries of the counterpart on a line with this one of the result."""
        return frozenset(line.second for line in self.lines if line.first == query and line.second is not None)

    def firsts_of(self, query: int) -> frozenset[int]:
        """Queries of the result on a line with this one of the counterpart."""
        return frozenset(line.first for line in self.lines if line.second == query and line.first is not None)


PAIRED = ("same", "changed", "correct")  # one to one


def labelled_result(
    result: Reconstruction,
    labels: Int32,
    *,
    queries: Mapping[int, int] | None = None,
    scores: Mapping[int, float] | None = None,
    least: int = LEAST_POINTS,
) -> Reconstruction:
    """Another set of instances on the cloud of a result.

    Parameters
    ----------
    result : Reconstruction
    labels : array (P,) of integers
        By cloud row; less than 0 is none.
    queries : mapping of int to int, optional
        Query number of a label; by default they are numbered by falling size.
    scores : mapping of int to float, optional
        What ranks a label; by default all are alike.
    least : int
        Smaller ones are left out.

    Returns
    -------
    Reconstruction
        Objectness 1; anchors are the means of the points.
    """
    known = np.flatnonzero(result.cloud.valid & (labels >= 0)).astype(np.int32)
    order = np.argsort(labels[known], kind="stable")  # so that pixels stay sorted
    values, starts = np.unique(labels[known][order], return_index=True)
    parts = [part for part in np.split(known[order], starts[1:]) if len(part)]
    sizes = [(-len(part), int(value)) for part, value in zip(parts, values, strict=True) if len(part) >= least]
    numbers = queries or {value: number for number, (_, value) in enumerate(sorted(sizes))}
    pixels = {numbers[int(value)]: part for value, part in zip(values, parts, strict=True) if len(part) >= least}
    count = max(pixels, default=-1) + 1
    ranks = {numbers[label]: score for label, score in (scores or {}).items() if label in numbers}
    anchors = np.zeros((1, count, 3), np.float32)
    for query, rows in pixels.items():
        anchors[0, query] = result.cloud.points[rows].mean(axis=0)
    objectness = np.zeros((1, count), np.float32)
    objectness[0, list(pixels)] = 1.0
    return replace(
        result,
        instances=tuple(
            Instance(query=query, objectness=1.0, anchor=anchors[0, query].copy(), pixels=rows, score=ranks.get(query))
            for query, rows in sorted(pixels.items(), key=lambda entry: -len(entry[1]))
        ),
        anchors=anchors,
        objectness=objectness,
        overlap=np.zeros((count, count), np.float32),
        filters=(),
    )


def matched_colors(first: Curated, second: Curated, lines: tuple[Line, ...]) -> dict[int, Color]:
    """Colors of the second's instances: those of their partners, and for the rest such that the first has not."""
    own = {item.query: item.color for item in first.instances}
    colors: dict[int, Color] = {}
    for line in lines:
        if line.verdict in PAIRED and line.first in own and line.second is not None:
            colors[line.second] = own[line.first]
    unused = len(first.reconstruction.objectness[-1]) if len(first.reconstruction.objectness) else 0
    for item in second.instances:
        if item.query not in colors:
            red, green, blue = (int(channel) for channel in instance_color(unused, first.palette))
            colors[item.query] = (red, green, blue)
            unused += 1
    return colors
