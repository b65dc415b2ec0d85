"""Instances in the photos: id images for programs, overlays for people. One PNG per view.

Both have the network's image size and show one owner per pixel, the claimant of highest objectness.
"""

from collections.abc import Callable, Collection
from io import BytesIO
from pathlib import Path

import numpy as np

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_folder, write_staged
from fast3dis_core.exports.labels import PLAIN, Labels
from fast3dis_core.exports.names import view_stems
from fast3dis_core.exports.selection import chosen
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Bool, Int32, Reconstruction, UInt8, exclusive_rows

LARGEST_ID = 2**16 - 1
OVERLAY_OPACITY = 0.45  # of the color inside an outline; the photo must stay readable


def write_id_masks(
    folder: str | Path,
    reconstruction: Reconstruction,
    *,
    threshold: float,
    queries: Collection[int] | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> tuple[str, ...]:
    """Write 16-bit PNGs: query number + 1 where an instance owns the pixel, 0 elsewhere.

    Parameters
    ----------
    folder : str or Path
        Created if missing.
    reconstruction : Reconstruction
    threshold : float
        Objectness below which instances claim nothing.
    queries : collection of int, optional
        Of the instances at the threshold only these.
    overwrite : bool
    report : Report

    Returns
    -------
    tuple of S str
        File names in the folder, in view order.

    Raises
    ------
    ExportError
        If a file exists and `overwrite` is false, or cannot be written; then none is written.
    """
    for instance in chosen(reconstruction, threshold, queries):
        if instance.query + 1 > LARGEST_ID:
            raise ExportError(f"An id image holds query numbers up to {LARGEST_ID - 1}, found {instance.query}.")

    def id_image(_photo: UInt8, owner: Int32) -> np.ndarray:
        return (owner + 1).astype(np.uint16)

    return _write_views(folder, reconstruction, threshold, queries, id_image, "Writing id images", overwrite, report)


def write_overlays(
    folder: str | Path,
    reconstruction: Reconstruction,
    *,
    threshold: float,
    queries: Collection[int] | None = None,
    labels: Labels = PLAIN,
    overwrite: bool = False,
    report: Report = silent,
) -> tuple[str, ...]:
    """Write the photos with every instance tinted in its color and outlined.

    Colors are those of `labels`, else of the palette. Other parameters, result and errors: see `write_id_masks`.
    """
    highest = max((instance.query for instance in reconstruction.instances), default=-1)
    palette = labels.palette(highest + 1)

    def overlay(photo: UInt8, owner: Int32) -> UInt8:
        return _overlay(photo, owner, palette)

    return _write_views(folder, reconstruction, threshold, queries, overlay, "Writing overlays", overwrite, report)


def png(image: np.ndarray) -> bytes:
    """An image (H, W) uint16 or (H, W, 3) uint8 as the bytes of a PNG file."""
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def _write_views(
    folder: str | Path,
    reconstruction: Reconstruction,
    threshold: float,
    queries: Collection[int] | None,
    render: Callable[[UInt8, Int32], np.ndarray],
    step: str,
    overwrite: bool,
    report: Report,
) -> tuple[str, ...]:
    """Render every view from its photo (H, W, 3) and owners (H, W), and write all or none."""
    views, height, width = reconstruction.images.shape[:3]
    owner = exclusive_rows(chosen(reconstruction, threshold, queries), len(reconstruction.cloud.points))
    owner = owner.reshape(views, height, width)  # (S, H, W)
    names = tuple(f"{stem}.png" for stem in view_stems(reconstruction.names))
    with atomic_folder(folder, names, overwrite=overwrite) as staging:
        for index, name in enumerate(names):
            report(step, index / views)
            write_staged(staging / name, png(render(reconstruction.images[index], owner[index])))
        report(step, 1.0)
    return names


def _overlay(photo: UInt8, owner: Int32, palette: UInt8) -> UInt8:
    """Photo (H, W, 3) with tinted, outlined owners (H, W)."""
    overlay = photo.copy()
    claimed = owner >= 0
    color = palette[owner[claimed]].astype(np.float32)  # (M, 3)
    tinted = np.round((1 - OVERLAY_OPACITY) * photo[claimed] + OVERLAY_OPACITY * color).astype(np.uint8)
    edge = _edges(owner)[claimed, None]  # (M, 1)
    overlay[claimed] = np.where(edge, color.astype(np.uint8), tinted)
    return overlay


def _edges(owner: Int32) -> Bool:
    """Pixels with another owner above, below, left or right, array (H, W) bool. The frame is no edge."""
    edge = np.zeros(owner.shape, np.bool_)
    across = owner[:, 1:] != owner[:, :-1]
    down = owner[1:] != owner[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge
