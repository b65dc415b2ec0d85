"""A sample as an ordinary posed data set on disk.

    images/view_000.jpg …      RGB
    depth/view_000.png …       16 bit, millimeters, 0 = none; the factor stands in transforms.json
    instance/view_000.png …    16 bit, instance ids, 0 = unlabelled
    transforms.json            nerfstudio's layout: intrinsics in pixels (centers at +0.5), camera-to-world with
                               OpenGL axes (x right, y up, z back); world = OpenCV camera frame of view 0, meters
    surface.ply                points with color and instance id, on request

Reading it back is left to `posed_input`.
"""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_folder, write_staged
from fast3dis_core.geometry.cameras import invert_rigid

DEPTH_STEP = 1e-3  # meters per unit of a depth PNG
JPEG_QUALITY = 88

_OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def write_posed_dataset(
    sample: SceneSample, folder: str | Path, *, surface: bool = True, overwrite: bool = False
) -> tuple[str, ...]:
    """Write one scene as images, depth, ids, cameras and labelled points.

    Parameters
    ----------
    sample : SceneSample
        A single scene with geometry in meters.
    folder : str or Path
        Created if missing.
    surface : bool
        Also write `surface.ply`.
    overwrite : bool

    Returns
    -------
    tuple of str
        Names of the files written, relative to `folder`.

    Raises
    ------
    ExportError
        If the sample has no metric geometry, a file exists and `overwrite` is false, or the disk refuses.
    """
    if sample.geometry is None or not sample.geometry.is_metric:
        raise ExportError("A posed data set needs cameras and depth in meters, which this sample lacks.")
    stems = [Path(name).stem for name in sample.views.names]
    files: dict[str, bytes] = {}
    images = (sample.views.images.permute(0, 2, 3, 1).cpu().numpy() * 255 + 0.5).astype(np.uint8)  # (S, H, W, 3)
    depth = np.round(sample.geometry.depth.cpu().numpy() / DEPTH_STEP).clip(0, 65535).astype(np.uint16)
    ids = sample.instance_ids.cpu().numpy().astype(np.uint16)
    for index, stem in enumerate(stems):
        files[f"images/{stem}.jpg"] = _encoded(
            ".jpg", images[index, ..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        )
        files[f"depth/{stem}.png"] = _encoded(".png", depth[index], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        files[f"instance/{stem}.png"] = _encoded(".png", ids[index], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    files["transforms.json"] = json.dumps(_transforms(sample, stems), indent=1).encode()
    if surface and sample.surface is not None:
        files["surface.ply"] = _surface_ply(sample, images)
    with atomic_folder(folder, list(files), overwrite=overwrite) as staging:
        for name, content in files.items():
            write_staged(staging / name, content)
    return tuple(files)


def _encoded(suffix: str, image: NDArray[Any], options: list[int]) -> bytes:
    done, buffer = cv2.imencode(suffix, np.ascontiguousarray(image), options)
    if not done:
        raise ExportError(f"A {suffix} image of shape {image.shape} could not be encoded.")
    return bytes(buffer)


def _transforms(sample: SceneSample, stems: list[str]) -> dict[str, Any]:
    assert sample.geometry is not None
    height, width = sample.instance_ids.shape[-2:]
    camera_to_world = invert_rigid(sample.geometry.world_to_camera.double()).cpu().numpy() @ _OPENGL_FROM_OPENCV
    names = sample.class_names
    classes = {str(i): names[int(c)] for i, c in enumerate(sample.class_ids.tolist()) if c > 0}
    frames = []
    for index, stem in enumerate(stems):
        matrix = sample.geometry.intrinsics[index].tolist()
        frames.append(
            {
                "file_path": f"images/{stem}.jpg",
                "depth_file_path": f"depth/{stem}.png",
                "instance_file_path": f"instance/{stem}.png",
                "fl_x": matrix[0][0],
                "fl_y": matrix[1][1],
                "cx": matrix[0][2],
                "cy": matrix[1][2],
                "w": width,
                "h": height,
                "transform_matrix": camera_to_world[index].round(7).tolist(),
            }
        )
    return {
        "camera_model": "OPENCV",
        "depth_unit_scale_factor": DEPTH_STEP,
        "instance_classes": classes,
        "frames": frames,
    }


def _surface_ply(sample: SceneSample, images: NDArray[np.uint8]) -> bytes:
    """Binary PLY of the surface points; colors come from the first view that sees them."""
    assert sample.surface is not None
    points = sample.surface.points.cpu().numpy()
    vertices = np.zeros(
        len(points),
        [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"), ("instance", "<i4")],
    )
    for axis, values in zip("xyz", points.T, strict=True):
        vertices[axis] = values
    for channel, values in zip(("red", "green", "blue"), _colors(sample, points, images).T, strict=True):
        vertices[channel] = values
    vertices["instance"] = sample.surface.ids.cpu().numpy()
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment fast3dis-viewer; meters; world = OpenCV camera frame of view 0",
        f"element vertex {len(points)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
        "property int instance",
        "end_header\n",
    ]
    return "\n".join(header).encode() + vertices.tobytes()


def _colors(sample: SceneSample, points: NDArray[np.float32], images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Color (P, 3) of points from the view whose depth agrees best."""
    assert sample.geometry is not None
    colors = np.full((len(points), 3), 128, np.uint8)
    best = np.full(len(points), np.inf)
    height, width = images.shape[1:3]
    depth = sample.geometry.depth.cpu().numpy()
    transforms = sample.geometry.world_to_camera.cpu().numpy()
    for index, matrix in enumerate(sample.geometry.intrinsics.cpu().numpy()):
        camera = points @ transforms[index, :3, :3].T + transforms[index, :3, 3]
        z = np.maximum(camera[:, 2], 1e-6)
        x = np.floor((camera @ matrix.T)[:, 0] / z).astype(np.int64)
        y = np.floor((camera @ matrix.T)[:, 1] / z).astype(np.int64)
        inside = (camera[:, 2] > 1e-6) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        gap = np.full(len(points), np.inf)
        gap[inside] = np.abs(depth[index, y[inside], x[inside]] - z[inside])
        better = gap < best
        colors[better] = images[index, y[better], x[better]]
        best[better] = gap[better]
    return colors
