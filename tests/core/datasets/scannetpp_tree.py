"""A folder in the format of ScanNet++ of the boxed room: a fisheye camera, a phone, a labelled mesh, metadata."""

import functools
import json
import struct
import zlib

import cv2
import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from tests.core.datasets.boxed_room import FLOOR, NOBODY, STANDS, STOOL, TABLE, cast, triangles, write_ply

SCENE = "7b6477cb95"
DSLR_SIZE, PHONE_SIZE = (50, 76), (60, 80)
DSLR = (34.0, 34.5, 38.6, 25.2, 0.03, -0.01, 0.004, -0.001)  # fx fy cx cy k1 k2 k3 k4
PHONE = (70.0, 70.5, 41.0, 29.0, 0.05, -0.04, 0.001, -0.002)  # fx fy cx cy k1 k2 p1 p2
PHOTOS = ("DSC00009.JPG", "DSC00010.JPG", "DSC00100.JPG")
FRAMES = ("frame_000000.jpg", "frame_000010.jpg", "frame_000020.jpg")
CLASSES = ("wall", "ceiling", "floor", "table", "chair", "remove me")
INSTANCE_CLASSES = ("table", "chair")
TABLE_OF_CLASSES = (
    "class,count,instance_map_to,semantic_map_to\nfloor,9,,\ndesk,5,,table\nREMOVE,3,,None\nstool,2,,chair\n"
)
DEPTH_SIZE = (192, 256)  # of the phone


def fisheye_rays(size=DSLR_SIZE, parameters=DSLR):
    """Rays (h, w, 3) with z = 1 of the pixels of the fisheye, by inverting its polynomial."""
    fx, fy, cx, cy, *k = parameters
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    bent = np.stack([(x - cx) / fx, (y - cy) / fy], axis=-1)
    radius = np.linalg.norm(bent, axis=-1)
    angle = radius.copy()
    for _ in range(30):
        value = angle * (1 + sum(c * angle ** (2 * n + 2) for n, c in enumerate(k)))
        slope = 1 + sum((2 * n + 3) * c * angle ** (2 * n + 2) for n, c in enumerate(k))
        angle -= (value - radius) / slope
    scale = np.divide(np.tan(angle), radius, out=np.ones_like(radius), where=radius > 0)
    return np.concatenate([bent * scale[..., None], np.ones((*size, 1))], axis=-1)


def phone_rays(size=PHONE_SIZE, parameters=PHONE):
    """Rays (h, w, 3) with z = 1 of the pixels of the phone, by repeated correction."""
    fx, fy, cx, cy, k1, k2, p1, p2 = parameters
    scale = np.array(PHONE_SIZE, float) / size
    y, x = (np.mgrid[: size[0], : size[1]] + 0.5) * scale[:, None, None]
    goal = np.stack([(x - cx) / fx, (y - cy) / fy], axis=-1)
    flat = goal
    for _ in range(40):
        u, v = np.moveaxis(flat, -1, 0)
        r2 = u * u + v * v
        radial = 1 + k1 * r2 + k2 * r2 * r2
        drift = np.stack([2 * p1 * u * v + p2 * (r2 + 2 * u * u), 2 * p2 * u * v + p1 * (r2 + 2 * v * v)], axis=-1)
        flat = (goal - drift) / radial[..., None]
    return np.concatenate([flat, np.ones((*size, 1))], axis=-1)


def write_colmap(folder, model, size, parameters, names, *, prefix=""):
    folder.mkdir(parents=True)
    height, width = size
    (folder / "cameras.txt").write_text(f"# Cameras\n1 {model} {width} {height} {' '.join(map(repr, parameters))}\n")
    lines = ["# Images"]
    # not in the order of their numbers
    for number, (name, stand) in reversed(list(enumerate(zip(names, STANDS, strict=True), 1))):
        motion = np.linalg.inv(stand)
        x, y, z, w = Rotation.from_matrix(motion[:3, :3]).as_quat().tolist()
        pose = " ".join(map(repr, (w, x, y, z, *motion[:3, 3].tolist())))
        lines += [f"{number} {pose} 1 {prefix}{name}", "1.5 2.5 -1 3.5 4.5 17"]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "points3D.txt").write_text("")


def write_dslr(folder):
    place = folder / "dslr"
    write_colmap(place / "colmap", "OPENCV_FISHEYE", DSLR_SIZE, DSLR, PHOTOS)
    for name in ("resized_images", "resized_anon_masks", "render_depth"):
        (place / name).mkdir()
    for number, (name, stand) in enumerate(zip(PHOTOS, STANDS, strict=True)):
        seen = cast(stand, fisheye_rays())
        Image.fromarray(seen.photo).save(place / "resized_images" / name, "JPEG", quality=95)
        mask = np.full(DSLR_SIZE, 255, np.uint8)
        if number == 1:
            mask[20:30, 30:50] = 0
        Image.fromarray(mask).save((place / "resized_anon_masks" / name).with_suffix(".png"))
        depth = np.rint(seen.depth * 1000).astype(np.uint16)
        Image.fromarray(depth).save((place / "render_depth" / name).with_suffix(".png"))


@functools.cache
def phone_depth(stand):
    """Depth of the phone's sensor at one of STANDS, meters, (192, 256) float32."""
    return cast(STANDS[stand], phone_rays(DEPTH_SIZE)).depth.astype(np.float32)


def depth_stream(stands):
    """All frames in one raw-deflate stream of meters."""
    packed = zlib.compressobj(1, wbits=-15)
    return b"".join(packed.compress(phone_depth(stand).tobytes()) for stand in stands) + packed.flush()


@functools.cache
def packed_record(stand, kind):
    """One frame with its length in front."""
    depth = phone_depth(stand)
    if kind == "deflate":
        packed = zlib.compressobj(1, wbits=-15)
        data = packed.compress(depth.tobytes()) + packed.flush()
    else:
        data = lz4(np.rint(depth * 1000).astype("<u2").tobytes())
    return struct.pack("<I", len(data)) + data


def packed_records(stands, kind):
    """A record per frame."""
    return b"".join(packed_record(stand, kind) for stand in stands)


def lz4(data):
    """An LZ4 block: literals, and matches with what stands at most 1,000 bytes before, overlapping ones included."""

    def lengths(count):
        rest = count - 15
        return bytes([255] * (rest // 255) + [rest % 255]) if rest >= 0 else b""

    block, start, place, last_seen = bytearray(), 0, 0, {}
    while place + 16 < len(data):
        key = data[place : place + 4]
        before = last_seen.get(key)
        last_seen[key] = place
        if before is None or place - before > 1000:
            place += 1
            continue
        end = place + 4
        while end < len(data) - 8 and data[end] == data[before + end - place]:
            end += 1
        literals, match = place - start, end - place - 4
        block.append(min(literals, 15) << 4 | min(match, 15))
        block += lengths(literals) + data[start:place] + struct.pack("<H", place - before) + lengths(match)
        start = place = end
    literals = len(data) - start
    return bytes(block) + bytes([min(literals, 15) << 4]) + lengths(literals) + data[start:]


def write_phone(folder):
    """Video frames, of which every tenth is in COLMAP, and depth extracted for them."""
    place = folder / "iphone"
    write_colmap(place / "colmap", "OPENCV", PHONE_SIZE, PHONE, FRAMES, prefix="video/")
    for name in ("rgb", "rgb_masks", "depth"):
        (place / name).mkdir()
    for number, (name, stand) in enumerate(zip(FRAMES, STANDS, strict=True)):
        Image.fromarray(cast(stand, phone_rays()).photo).save(place / "rgb" / name, quality=95)
        Image.fromarray(np.full(PHONE_SIZE, 255, np.uint8)).save((place / "rgb_masks" / name).with_suffix(".png"))
        stored = np.rint(phone_depth(number) * 1000).astype(np.uint16)
        Image.fromarray(stored).save((place / "depth" / name).with_suffix(".png"))


def write_labels(folder):
    """Four segments; those of TABLE and STOOL are in the larger group of the floor too, and in groups without class."""
    scans = folder / "scans"
    scans.mkdir(parents=True)
    vertices, faces, of_vertex = triangles()
    write_ply(scans / "mesh_aligned_0.05.ply", vertices, faces)
    segments = {NOBODY: 1000, FLOOR: 7, TABLE: 12, STOOL: 3}
    document = {"sceneId": SCENE, "segIndices": [segments[number] for number in of_vertex.tolist()]}
    (scans / "segments.json").write_text(json.dumps(document))
    groups = [
        {"id": 4, "objectId": 4, "label": "REMOVE", "segments": [3]},
        {"id": 9, "objectId": 9, "label": "floor", "segments": [7, 12, 3]},
        {"id": 1200, "objectId": 1200, "label": "desk", "segments": [12]},
        {"id": 2000, "objectId": 2000, "label": "stool", "segments": [3]},
        {"id": 2001, "objectId": 2001, "label": "something else", "segments": [12]},
    ]
    (scans / "segments_anno.json").write_text(json.dumps({"sceneId": SCENE, "segGroups": groups}))
    (scans / "mesh_aligned_0.05_mask.txt").write_text("3\n4\n150\n")


def write_metadata(root):
    (root / "metadata" / "semantic_benchmark").mkdir(parents=True)
    (root / "metadata" / "semantic_classes.txt").write_text("\n".join(CLASSES) + "\n")
    (root / "metadata" / "instance_classes.txt").write_text("\n".join(INSTANCE_CLASSES) + "\n")
    (root / "metadata" / "semantic_benchmark" / "map_benchmark.csv").write_text(TABLE_OF_CLASSES)
    (root / "splits").mkdir()
    (root / "splits" / "nvs_sem_val.txt").write_text(f"{SCENE}\n")


def write_scene(root):
    """ROOT/data/SCENE with both cameras, and the metadata; returns the folder of the scene."""
    folder = root / "data" / SCENE
    folder.mkdir(parents=True)
    write_dslr(folder)
    write_phone(folder)
    write_labels(folder)
    write_metadata(root)
    return folder


def toolkit_undistorted(photo):
    """A photo as the toolkit's published recipe undistorts it, and its K."""
    fx, fy, cx, cy, *k = DSLR
    matrix, size = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), (DSLR_SIZE[1], DSLR_SIZE[0])
    made = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(matrix, np.array(k), size, np.eye(3), balance=0.0)
    made[:2, 2] = size[0] / 2, size[1] / 2
    maps = cv2.fisheye.initUndistortRectifyMap(matrix, np.array(k), np.eye(3), made, size, cv2.CV_32FC1)
    return cv2.remap(photo, *maps, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), made
