"""What can lie over one photo: depth and confidence maps, outlines, projected anchors, and the facts under a pixel.

Everything is about one view of a result and works on its slice of the cloud, so that the cost of walking through the
views does not grow with their number. Anchors carry what the decoder's sampling (paper section 3.4) does not ask:
whether the surface hides them in this view. Painting is left to the widgets; this module needs NumPy alone.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.color_scales import scale_colors
from fast3dis_core.curation import Curated, CuratedInstance
from fast3dis_core.reconstruction import Float32, Int32, Reconstruction, UInt8
from fast3dis_core.sights import Sight, anchor_sights, sight_words

UNKNOWN = 110  # gray of a map where nothing is known
SAMPLE = 200_000  # points from which the limits of a map are told
OUTER = 1.0  # percent of them beyond either limit
VIEW_SAMPLE = 997  # pixels of a view from which its confidence is told
FENCE = 1.5  # interquartile ranges below the lower quartile: Tukey's fence
FEWEST_VIEWS = 4  # quartiles of fewer say nothing


def of_view(values: NDArray, result: Reconstruction, view: int) -> NDArray:
    """The pixels (H, W) of one view out of values (P,) per cloud point; a view of the same memory."""
    height, width = result.images.shape[1:3]
    first = view * height * width
    return values[first : first + height * width].reshape(height, width)


def depth_map(result: Reconstruction, view: int) -> Float32:
    """Depth along z of one view, array (H, W) float32 in scene units, NaN where there is none."""
    height, width = result.images.shape[1:3]
    pixels = slice(view * height * width, (view + 1) * height * width)
    axis = result.world_to_camera[view, 2]  # (4,)
    depth = result.cloud.points[pixels] @ axis[:3] + axis[3]
    return np.where(result.cloud.valid[pixels], depth, np.nan).astype(np.float32).reshape(height, width)


def confidence_map(result: Reconstruction, view: int) -> Float32:
    """Depth confidence of one view, array (H, W) float32, NaN where there is no depth."""
    known = of_view(result.cloud.valid, result, view)
    return np.where(known, of_view(result.cloud.confidence, result, view), np.nan).astype(np.float32)


def map_picture(values: Float32, low: float, high: float) -> UInt8:
    """Colors of a map, array (H, W, 3) uint8: those of its scale, and where nothing is known a gray it does not have.

    Parameters
    ----------
    values : array (H, W)
        NaN where unknown.
    low, high : float
        Ends of the scale.
    """
    return np.where(np.isnan(values)[..., None], np.uint8(UNKNOWN), scale_colors(values, low, high))


def map_limits(result: Reconstruction, layer: Literal["depth", "confidence"]) -> tuple[float, float]:
    """Numbers at the ends of a map's scale, the same for all views so that colors can be compared between them.

    Parameters
    ----------
    result : Reconstruction
    layer : "depth" or "confidence"

    Returns
    -------
    low, high : float
        Without the outermost hundredth at either end; 0 and 1 if no point is valid.
    """
    count = len(result.cloud.points)
    chosen = np.arange(count) if count <= SAMPLE else np.random.default_rng(0).integers(0, count, SAMPLE)
    chosen = chosen[result.cloud.valid[chosen]]
    if not len(chosen):
        return 0.0, 1.0
    if layer == "confidence":
        values = result.cloud.confidence[chosen]
    else:
        axes = result.world_to_camera[chosen // result.pixels_per_view, 2]  # (M, 4)
        values = np.einsum("mi,mi->m", result.cloud.points[chosen], axes[:, :3]) + axes[:, 3]
    low, high = np.percentile(values, (OUTER, 100 - OUTER))
    return float(low), float(high)


def doubtful_views(result: Reconstruction) -> dict[int, tuple[float, float]]:
    """Views whose depth the network trusts much less than that of the others.

    Returns
    -------
    dict of int to (float, float)
        View to its median confidence and the median over all views. A view is doubtful below Tukey's lower fence;
        of fewer than four views none is.
    """
    views = len(result.images)
    if views < FEWEST_VIEWS:
        return {}
    step = max(1, result.pixels_per_view // VIEW_SAMPLE)
    confidence = result.cloud.confidence.reshape(views, -1)[:, ::step]
    valid = result.cloud.valid.reshape(views, -1)[:, ::step]
    medians = np.array(
        [np.median(row[known]) if known.any() else 0.0 for row, known in zip(confidence, valid, strict=True)]
    )
    lower, middle, upper = np.percentile(medians, (25, 50, 75))
    fence = lower - FENCE * (upper - lower)
    return {int(view): (float(medians[view]), float(middle)) for view in np.flatnonzero(medians < fence)}


def outlines(owners: Int32) -> dict[int, Float32]:
    """Borders of regions along the edges of their pixels.

    Parameters
    ----------
    owners : array (H, W) of int
        0 is nobody and has no outline.

    Returns
    -------
    dict of int to array (M, 4) float32
        Owner to straight lines x0, y0, x1, y1 in pixel coordinates, as long as possible. The frame of the photo
        closes a region that it cuts.
    """
    padded = np.pad(owners, 1)
    parts = []
    for turned in (False, True):
        cells = padded.T if turned else padded
        change = cells[1:] != cells[:-1]
        for side in (cells[1:], cells[:-1]):
            edges = np.where(change, side, 0)[:, 1:-1]  # along each line between two rows of cells, who ends there
            who, line, start, end = _runs(edges)
            corners = (line, start, line, end) if turned else (start, line, end, line)
            parts.append((who, np.stack(corners, axis=1)))
    who = np.concatenate([part[0] for part in parts])
    lines = np.concatenate([part[1] for part in parts]).astype(np.float32)
    order = np.argsort(who, kind="stable")
    names, first = np.unique(who[order], return_index=True)
    pieces = np.split(lines[order], first[1:]) if len(names) else []
    return {int(name): piece for name, piece in zip(names, pieces, strict=True)}


def _runs(edges: Int32) -> tuple[NDArray[np.integer], ...]:
    """Stretches of equal numbers other than 0 along each row: number, row, start, end, each (M,)."""
    padded = np.pad(edges, ((0, 0), (1, 1)))
    change = padded[:, 1:] != padded[:, :-1]
    row, start = np.nonzero(change & (padded[:, 1:] != 0))
    _, end = np.nonzero(change & (padded[:, :-1] != 0))
    return edges[row, start], row, start, end


@dataclass(frozen=True, kw_only=True)
class PixelFacts:
    """What is known of one pixel of one photo.

    Attributes
    ----------
    row : int
        Of the cloud.
    kept : bool
        False where a point filter dropped it or it has no depth.
    depth : float or None
        Scene units.
    confidence : float or None
    claimants : tuple of CuratedInstance
        All whose masks hold the pixel: shown ones first, then those that are hidden or filtered, each by falling
        objectness.
    """

    row: int
    kept: bool
    depth: float | None
    confidence: float | None
    claimants: tuple[CuratedInstance, ...]


def pixel_facts(curated: Curated, view: int, x: int, y: int) -> PixelFacts:
    """Facts of the pixel in column x and row y of a view."""
    result = curated.reconstruction
    row = view * result.pixels_per_view + y * result.images.shape[2] + x
    there = bool(result.cloud.valid[row])
    axis = result.world_to_camera[view, 2]
    claimants = [item for item in curated.instances if _claims(item, row)]
    return PixelFacts(
        row=row,
        kept=bool(curated.keep[row]),
        depth=float(result.cloud.points[row] @ axis[:3] + axis[3]) if there else None,
        confidence=float(result.cloud.confidence[row]) if there else None,
        claimants=tuple(sorted(claimants, key=lambda item: (item.verdict != "shown", -item.objectness, item.query))),
    )


def _claims(item: CuratedInstance, row: int) -> bool:
    place = int(np.searchsorted(item.pixels, row))
    return place < len(item.pixels) and int(item.pixels[place]) == row


@dataclass(frozen=True, kw_only=True)
class ProjectedAnchors:
    """Anchors as one camera sees them.

    Attributes
    ----------
    positions : array (N, 2) float32
        Pixel coordinates. Anchors outside the photo or behind the camera are drawn to the edge of the photo, on the
        side on which they lie.
    sights : tuple of N str
        "visible"; "occluded" by a nearer surface; "unknown" where the pixel has no depth; "outside" the photo;
        "behind" the camera.
    """

    positions: Float32
    sights: tuple[Sight, ...]


def project_anchors(
    anchors: Float32, world_to_camera: Float32, intrinsics: Float32, depth: Float32
) -> ProjectedAnchors:
    """Where anchors fall in a photo, and whether they can be seen there.

    Parameters
    ----------
    anchors : array (N, 3)
        World, scene units.
    world_to_camera : array (4, 4)
    intrinsics : array (3, 3)
        Pixels of H x W.
    depth : array (H, W)
        Scene units, NaN where unknown.

    Returns
    -------
    ProjectedAnchors
    """
    height, width = depth.shape
    camera = np.asarray(anchors, np.float64) @ world_to_camera[:3, :3].T.astype(np.float64) + world_to_camera[:3, 3]
    focal = np.array([intrinsics[0, 0], intrinsics[1, 1]], np.float64)
    center = np.array([intrinsics[0, 2], intrinsics[1, 2]], np.float64)
    far = camera[:, 2]
    behind = ~(far > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = camera[:, :2] * focal / far[:, None] + center  # (N, 2)
    directions = np.where(behind[:, None], camera[:, :2] * focal, places - center)
    inside = ~behind & (places >= 0).all(axis=1) & (places < (width, height)).all(axis=1)
    places[~inside] = _on_frame(directions[~inside], center, width, height)
    columns, rows = places[inside].astype(np.int64).T
    surface = np.full(len(far), np.nan)
    surface[inside] = depth[rows, columns]
    sights = sight_words(far, inside, surface)
    return ProjectedAnchors(positions=places.astype(np.float32), sights=tuple(sights.tolist()))


def _on_frame(directions: NDArray[np.float64], center: NDArray[np.float64], width: int, height: int) -> NDArray:
    """Where rays (M, 2) from the center leave the photo; straight down for a ray without direction."""
    directions = np.where(np.abs(directions).max(axis=1, keepdims=True) > 0, directions, (0.0, 1.0))
    size = np.array([width, height], np.float64)
    start = np.clip(center, 0, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(directions > 0, (size - start) / directions, -start / directions)  # (M, 2)
    reach = np.where(directions == 0, np.inf, reach).min(axis=1, keepdims=True)
    return np.clip(start + reach * directions, 0, size)


def anchor_in_views(result: Reconstruction, anchor: Float32) -> ProjectedAnchors:
    """One anchor as every camera sees it, without a depth map of each view: for marks in many small pictures.

    Parameters
    ----------
    result : Reconstruction
    anchor : array (3,)
        World, scene units.

    Returns
    -------
    ProjectedAnchors
        For S views in place of N anchors; the same as `project_anchors` view by view.
    """
    height, width = result.images.shape[1:3]
    cameras, lenses = result.world_to_camera.astype(np.float64), result.intrinsics.astype(np.float64)
    camera = cameras[:, :3, :3] @ np.asarray(anchor, np.float64) + cameras[:, :3, 3]  # (S, 3)
    focal, center = lenses[:, (0, 1), (0, 1)], lenses[:, :2, 2]
    far = camera[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        places = camera[:, :2] * focal / far[:, None] + center  # (S, 2)
    sights = anchor_sights(result, np.asarray(anchor, np.float32)[None])[0].tolist()
    for view, sight in enumerate(sights):
        if sight in ("outside", "behind"):
            way = camera[view, :2] * focal[view] if sight == "behind" else places[view] - center[view]
            places[view] = _on_frame(way[None], center[view], width, height)[0]
    return ProjectedAnchors(positions=places.astype(np.float32), sights=tuple(sights))
