"""Renderings as NICE-SLAM's and the labelled quad mesh of Replica, of the boxed room."""

import json

import numpy as np
from PIL import Image

from tests.core.datasets.boxed_room import FLOOR, NOBODY, SIZE, STANDS, STOOL, TABLE, K, cast, quads, write_ply

SCALE = 6553.5
# objects are numbered as the data set does, from 0; object 3 has no class
OBJECT_IDS = {NOBODY: 3, FLOOR: 0, TABLE: 7, STOOL: 5}
CLASSES = {40: "floor", 80: "table", 76: "stool", 0: "undefined"}
LABELS = [40, -1, -1, -1, -1, 76, -1, 80]  # class of every object id


def write_renderings(folder, *, camera=True):
    """ROOT/room0 and ROOT/cam_params.json."""
    (folder / "results").mkdir(parents=True)
    for number, stand in enumerate(STANDS):
        seen = cast(stand)
        Image.fromarray(seen.photo).save(folder / "results" / f"frame{number:06d}.jpg", quality=95)
        depth = np.rint(seen.depth * SCALE).clip(0, 65535).astype(np.uint16)
        Image.fromarray(depth).save(folder / "results" / f"depth{number:06d}.png")
    (folder / "traj.txt").write_text("\n".join(" ".join(f"{v:.18e}" for v in stand.ravel()) for stand in STANDS) + "\n")
    if camera:
        values = {"fx": K[0, 0], "fy": K[1, 1], "cx": K[0, 2] - 0.5, "cy": K[1, 2] - 0.5, "scale": SCALE}
        document = {"camera": {"w": SIZE[1], "h": SIZE[0], **values}}
        (folder.parent / "cam_params.json").write_text(json.dumps(document))


def write_labels(folder):
    """ROOT/room_0/habitat."""
    place = folder / "habitat"
    place.mkdir(parents=True)
    vertices, faces, _, of_face = quads()
    objects = np.array([OBJECT_IDS[number] for number in of_face.tolist()])
    write_ply(place / "mesh_semantic.ply", vertices, faces, properties={"object_id": objects})
    document = {
        "classes": [{"id": number, "name": name} for number, name in CLASSES.items()],
        "id_to_label": LABELS,
        "objects": [
            {"id": number, "class_id": LABELS[number], "class_name": CLASSES.get(LABELS[number], "")}
            for number in sorted(OBJECT_IDS.values())
        ],
    }
    (place / "info_semantic.json").write_text(json.dumps(document))


def write_scene(root):
    """Renderings and labels beside each other; returns the folder of the renderings."""
    write_renderings(root / "room0")
    write_labels(root / "room_0")
    return root / "room0"
