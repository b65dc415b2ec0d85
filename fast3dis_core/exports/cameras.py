"""Cameras for other programs: nerfstudio's transforms.json and COLMAP's text model.

Both refer to the photos at the network's size, which are written beside them, because the intrinsics are
those of that size. Pixel centers lie at +0.5 in both formats, as in ours.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_folder, write_staged
from fast3dis_core.exports.masks import png
from fast3dis_core.exports.names import view_stems
from fast3dis_core.exports.selection import frame_facts, thinned, voxel_thinned, writable_rows
from fast3dis_core.exports.similarity import Float64, Similarity, Transform
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Reconstruction

LARGEST_SKEW = 0.1  # pixels of shear from center to edge that a camera without skew may hide
COLMAP_POINTS = 100_000  # COLMAP's text model takes about 60 bytes and a parsed line per point
CHUNK = 2**14  # points of text between two looks at `report`
_OPENGL_AXES = np.diag([1.0, -1.0, -1.0, 1.0])


def write_transforms_json(
    folder: str | Path,
    reconstruction: Reconstruction,
    *,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> None:
    """Write `transforms.json` and `images/`, as nerfstudio and Instant NGP read them.

    `transform_matrix` is camera-to-world with OpenGL camera axes (y up, z backward). The world keeps our
    axes; pass `transform` for a z-up world.

    Parameters
    ----------
    folder : str or Path
        Created if missing.
    reconstruction : Reconstruction
    transform : array (4, 4) or Similarity, optional
        From world to the written frame.
    overwrite : bool
    report : Report

    Raises
    ------
    ExportError
        If a file exists and `overwrite` is false or cannot be written, a camera is skewed, or `transform` is
        no similarity; then nothing is written.
    """
    similarity = Similarity.of(transform)
    _refuse_skew(reconstruction)
    camera_to_world = _invert_rigid(similarity.world_to_camera(reconstruction.world_to_camera)) @ _OPENGL_AXES
    height, width = reconstruction.images.shape[1:3]
    images = _image_names(reconstruction)
    frames = [
        {
            "file_path": name,
            "fl_x": float(intrinsics[0, 0]),
            "fl_y": float(intrinsics[1, 1]),
            "cx": float(intrinsics[0, 2]),
            "cy": float(intrinsics[1, 2]),
            "transform_matrix": matrix.tolist(),
        }
        for name, intrinsics, matrix in zip(images, reconstruction.intrinsics, camera_to_world, strict=True)
    ]
    document: dict[str, Any] = {
        "camera_model": "PINHOLE",
        "w": width,
        "h": height,
        "fast3dis": frame_facts(reconstruction.units, similarity),
        "frames": frames,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_folder(folder, transforms_files(reconstruction), overwrite=overwrite) as staging:
        _write_images(staging, reconstruction, images, report)
        write_staged(staging / "transforms.json", text.encode())


def write_colmap_text(
    folder: str | Path,
    reconstruction: Reconstruction,
    *,
    max_points: int | None = COLMAP_POINTS,
    voxel_size: float | None = None,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> int:
    """Write `sparse/0/{cameras,images,points3D}.txt` and `images/`, a COLMAP text model.

    Cameras are PINHOLE, one per view. Points have no tracks and error 0: they come from depth maps, not from
    matched features.

    Parameters
    ----------
    folder : str or Path
        Created if missing.
    reconstruction : Reconstruction
    max_points : int, optional
        Thin the valid points evenly to at most this number; None keeps all.
    voxel_size : float, optional
        Before that, thin to one point in a voxel of this edge, in written units.
    transform : array (4, 4) or Similarity, optional
        From world to the written frame.
    overwrite : bool
    report : Report

    Returns
    -------
    int
        Points written.

    Raises
    ------
    ExportError
        As `write_transforms_json`.
    """
    similarity = Similarity.of(transform)
    _refuse_skew(reconstruction)
    images = _image_names(reconstruction)
    cloud = reconstruction.cloud
    rows = thinned(voxel_thinned(cloud, writable_rows(cloud), voxel_size, similarity), max_points)
    comments = [f"# {name}: {value}" for name, value in frame_facts(reconstruction.units, similarity).items()]
    names = colmap_files(reconstruction)
    with atomic_folder(folder, names, overwrite=overwrite) as staging:
        write_staged(staging / names[0], _lines([*comments, *_camera_lines(reconstruction)]))
        write_staged(staging / names[1], _lines([*comments, *_image_lines(reconstruction, similarity, images)]))
        points = bytearray(_lines([*comments, "# POINT3D_ID X Y Z R G B ERROR TRACK[]"]))
        for start in range(0, len(rows), CHUNK):
            report("Writing points", start / len(rows))
            part = rows[start : start + CHUNK]
            places, colors = similarity.points(cloud.points[part]), cloud.colors[part]
            # column by column: a list for every point would set off the garbage collector, and all threads would wait
            columns = [column.tolist() for column in (*places.T, *colors.T)]
            points += _lines(
                f"{start + index} {x!r} {y!r} {z!r} {red} {green} {blue} 0"
                for index, (x, y, z, red, green, blue) in enumerate(zip(*columns, strict=True), start=1)
            )
        write_staged(staging / names[2], bytes(points))
        _write_images(staging, reconstruction, images, report)
    return len(rows)


def transforms_files(reconstruction: Reconstruction) -> list[str]:
    """What `write_transforms_json` writes, relative to its folder."""
    return ["transforms.json", *_image_names(reconstruction)]


def colmap_files(reconstruction: Reconstruction) -> list[str]:
    """What `write_colmap_text` writes, relative to its folder: cameras, images, points, then the photos."""
    model = "sparse/0"
    return [f"{model}/{part}.txt" for part in ("cameras", "images", "points3D")] + _image_names(reconstruction)


def _image_names(reconstruction: Reconstruction) -> list[str]:
    # COLMAP separates words by white space and has no quotes
    return [f"images/{stem}.png" for stem in view_stems(reconstruction.names, spaces=False)]


def _write_images(staging: Path, reconstruction: Reconstruction, names: list[str], report: Report) -> None:
    for index, name in enumerate(names):
        report("Writing photos", index / len(names))
        write_staged(staging / name, png(reconstruction.images[index]))
    report("Writing photos", 1.0)


def _camera_lines(reconstruction: Reconstruction) -> Iterator[str]:
    height, width = reconstruction.images.shape[1:3]
    yield "# CAMERA_ID MODEL WIDTH HEIGHT FX FY CX CY"
    for index, matrix in enumerate(reconstruction.intrinsics.tolist(), start=1):
        yield f"{index} PINHOLE {width} {height} {matrix[0][0]!r} {matrix[1][1]!r} {matrix[0][2]!r} {matrix[1][2]!r}"


def _image_lines(reconstruction: Reconstruction, similarity: Similarity, images: list[str]) -> Iterator[str]:
    from scipy.spatial.transform import Rotation

    world_to_camera = similarity.world_to_camera(reconstruction.world_to_camera)
    yield "# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then a line of POINTS2D[], empty here"
    for index, (matrix, name) in enumerate(zip(world_to_camera, images, strict=True), start=1):
        x, y, z, w = Rotation.from_matrix(matrix[:3, :3]).as_quat(canonical=True).tolist()
        numbers = " ".join(repr(value) for value in (w, x, y, z, *matrix[:3, 3].tolist()))
        yield f"{index} {numbers} {index} {name.removeprefix('images/')}"
        yield ""


def _lines(lines: Any) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _invert_rigid(transforms: Float64) -> Float64:
    inverse = transforms.copy()
    inverse[:, :3, :3] = transforms[:, :3, :3].transpose(0, 2, 1)
    inverse[:, :3, 3] = -np.einsum("sij,sj->si", inverse[:, :3, :3], transforms[:, :3, 3])
    return inverse


def _refuse_skew(reconstruction: Reconstruction) -> None:
    """Neither format has a skew; a pinhole that leaves out a visible one would be wrong in silence."""
    height = reconstruction.images.shape[1]
    intrinsics = reconstruction.intrinsics
    shear = np.abs(intrinsics[:, 0, 1] / intrinsics[:, 1, 1]) * height / 2
    for index in np.flatnonzero(shear > LARGEST_SKEW):
        raise ExportError(
            f"The camera of {reconstruction.names[index]} has a skew of {shear[index]:.2f} pixels, which this format "
            "cannot hold. Export reconstruction.npz, which keeps whole matrices."
        )
