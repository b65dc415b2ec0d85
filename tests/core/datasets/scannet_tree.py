"""A folder in the format of ScanNet V2, in both layouts, of the boxed room."""

import io
import json
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

from tests.core.datasets.boxed_room import FLOOR, NOBODY, SIZE, STANDS, STOOL, TABLE, K, cast, pixel_rays, triangles
from tests.core.datasets.boxed_room import write_ply as write_mesh

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
DEPTH_SIZE = (30, 44)
DEPTH_K = np.array([[36.0, 0.0, 22.5], [0.0, 35.0, 14.5], [0.0, 0.0, 1.0]])
NAME = "scene0017_01"
OBJECTS = {FLOOR: (4, "floor"), TABLE: (0, "dining table"), STOOL: (9, "foot stool")}  # objectId, raw category
TABLE_OF_LABELS = (
    "id\traw_category\tcategory\tnyu40id\n1\tdining table\ttable\t7\n2\tfloor\tfloor\t2\n3\tnothing\tx\t\n"
)
NYU40 = {FLOOR: 2, TABLE: 7, STOOL: 0}  # the table lacks stools
LOST = np.full((4, 4), -np.inf)


def poses():
    """Camera to world of every frame: the second one was lost."""
    return [STANDS[0], LOST, *STANDS[1:]]


def square(k):
    """4 x 4, counted from the center of the first pixel, as stored."""
    matrix = np.eye(4)
    matrix[:3, :3] = k - HALF
    return matrix


def views(depth_k=DEPTH_K, depth_size=DEPTH_SIZE):
    """Photo, depth in millimeters and ids of every frame; nothing where the pose was lost."""
    for pose in poses():
        seen = cast(STANDS[0] if pose is LOST else pose)
        depth = cast(STANDS[0] if pose is LOST else pose, pixel_rays(depth_k, depth_size)).depth
        yield seen.photo, np.rint(depth * 1000).astype(np.uint16), seen.ids


def encoded(image, kind, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def write_sens(path, *, color="jpeg", depth="zlib", depth_k=DEPTH_K, depth_size=DEPTH_SIZE, version=4):
    """A recording, field by field."""
    name = b"StructureSensor"
    codecs = {"raw": 0, "png": 1, "jpeg": 2}
    parts = [struct.pack("<IQ", version, len(name)), name]
    for matrix in (square(K), np.eye(4), square(depth_k), np.eye(4)):
        parts.append(matrix.astype("<f4").tobytes())
    parts.append(struct.pack("<ii", codecs[color], {"raw": 0, "zlib": 1, "occi": 2}[depth]))
    parts.append(struct.pack("<IIII", SIZE[1], SIZE[0], depth_size[1], depth_size[0]))
    parts.append(struct.pack("<fQ", 1000.0, len(poses())))
    for number, (pose, (photo, millimeters, _)) in enumerate(zip(poses(), views(depth_k, depth_size), strict=True)):
        options = {"quality": 95} if color == "jpeg" else {}
        photo_bytes = photo.tobytes() if color == "raw" else encoded(photo, color, **options)
        depth_bytes = millimeters.astype("<u2").tobytes()
        depth_bytes = depth_bytes if depth == "raw" else zlib.compress(depth_bytes)
        parts.append(pose.astype("<f4").tobytes())
        parts.append(struct.pack("<QQQQ", 100 * number, 100 * number + 1, len(photo_bytes), len(depth_bytes)))
        parts += [photo_bytes, depth_bytes]
    parts.append(struct.pack("<Q", 0))  # no frames of the inertial sensor
    path.write_bytes(b"".join(parts))


def write_extracted(folder):
    for name in ("color", "depth", "pose", "intrinsic"):
        (folder / name).mkdir()
    for number, (pose, (photo, millimeters, _)) in enumerate(zip(poses(), views(), strict=True)):
        Image.fromarray(photo).save(folder / "color" / f"{number}.jpg", quality=95)
        Image.fromarray(millimeters).save(folder / "depth" / f"{number}.png")
        np.savetxt(folder / "pose" / f"{number}.txt", pose)
    for camera, k in (("color", K), ("depth", DEPTH_K)):
        np.savetxt(folder / "intrinsic" / f"intrinsic_{camera}.txt", square(k))
        np.savetxt(folder / "intrinsic" / f"extrinsic_{camera}.txt", np.eye(4))


def instance_images():
    """Id images of every frame: objectId + 1."""
    table = np.zeros(4, np.uint8)
    for number, (object_id, _) in OBJECTS.items():
        table[number] = object_id + 1
    return [table[ids] for _, _, ids in views()]


def write_labels(folder, *, kind="binary_little_endian"):
    """Mesh, segments and groups; the floor has two segments."""
    vertices, faces, of_vertex = triangles()
    write_mesh(folder / f"{NAME}_vh_clean_2.ply", vertices, faces, kind=kind)
    segments = np.where(of_vertex == NOBODY, 77, 100 * of_vertex + (vertices[:, 0] > 0) * (of_vertex == FLOOR))
    document = {"params": {}, "sceneId": NAME, "segIndices": segments.tolist()}
    (folder / f"{NAME}_vh_clean_2.0.010000.segs.json").write_text(json.dumps(document))
    groups = [
        {
            "id": place,
            "objectId": object_id,
            "segments": np.unique(segments[of_vertex == number]).tolist(),
            "label": raw,
        }
        for place, (number, (object_id, raw)) in enumerate(OBJECTS.items())
    ]
    document = {"segmentsFile": f"scannet.{NAME}_vh_clean_2.0.010000.segs.json", "segGroups": groups}
    (folder / f"{NAME}.aggregation.json").write_text(json.dumps(document))


def write_scene(root, *, layout="sens", ids="zip"):
    """The scene under ROOT/scans, and the table of labels in ROOT; returns its folder."""
    folder = root / "scans" / NAME
    folder.mkdir(parents=True)
    (root / "scannetv2-labels.combined.tsv").write_text(TABLE_OF_LABELS)
    (folder / f"{NAME}.txt").write_text(
        f"axisAlignment = 1 0 0 5 0 1 0 5 0 0 1 5 0 0 0 1\ncolorHeight = {SIZE[0]}\ncolorWidth = {SIZE[1]}\n"
        f"depthHeight = {DEPTH_SIZE[0]}\ndepthWidth = {DEPTH_SIZE[1]}\n"
    )
    if layout == "sens":
        write_sens(folder / f"{NAME}.sens")
    else:
        write_extracted(folder)
    write_labels(folder)
    if ids == "zip":
        with zipfile.ZipFile(folder / f"{NAME}_2d-instance-filt.zip", "w") as archive:
            for number, image in enumerate(instance_images()):
                archive.writestr(f"instance-filt/{number}.png", encoded(image, "png"))
    elif ids == "folder":
        (folder / "instance-filt").mkdir()
        for number, image in enumerate(instance_images()):
            Image.fromarray(image).save(folder / "instance-filt" / f"{number}.png")
    return folder
