"""A small scan, and what other systems would write about it, each in its own format."""

import json
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from fast3dis_core.evaluation.imports import ImportTarget

SCENE = "scene0000_00"
FRAMES = ("0.jpg", "20.jpg", "40.jpg", "60.jpg")
VIEWS, HEIGHT, WIDTH = len(FRAMES), 24, 32
SCALE = 0.4  # predicted units per meter


@dataclass
class Scan:
    """Vertices with true objects 1 to 3 (0 = none), and cameras in the true and in a predicted world."""

    vertices: np.ndarray
    ids: np.ndarray
    true_cameras: np.ndarray
    cameras: np.ndarray
    points: np.ndarray  # predicted world, one vertex for each pixel
    pixel_ids: np.ndarray
    depth: np.ndarray

    @property
    def target(self):
        return ImportTarget(scene_id=SCENE, vertices=self.vertices, frames=FRAMES)

    @property
    def masks(self):
        return self.ids == np.arange(1, 4)[:, None]

    @property
    def truth(self):
        return dict(zip(FRAMES, self.true_cameras, strict=True))


def rigid(rotation, translation):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return matrix


def scan(seed=0):
    random = np.random.default_rng(seed)
    boxes = [random.uniform(0, 0.5, (170, 3)) + shift for shift in ([0, 0, 0], [1, 0, 0], [0, 1.2, 0])]
    vertices = np.concatenate([*boxes, random.uniform(-1, 2, (90, 3))]).astype(np.float32).astype(np.float64)
    ids = np.repeat([1, 2, 3, 0], [170, 170, 170, 90])
    ids[510:][(vertices[510:, None] > -0.1).all(axis=(1, 2))] = 0
    turns = Rotation.from_rotvec(random.normal(size=(VIEWS, 3)) * 0.2).as_matrix()
    true_cameras = np.stack([rigid(turn, [*random.uniform(-0.5, 0.5, 2), random.uniform(5, 7)]) for turn in turns])
    # the predicted world: true = rotation @ (points / SCALE) + shift
    rotation, shift = Rotation.random(random_state=7).as_matrix(), np.array([3.0, -2, 1])
    cameras = []
    for camera in true_cameras:
        to_true = rigid(rotation, shift)
        moved = camera @ to_true
        moved[:3, 3] *= SCALE
        cameras.append(moved)
    rows = random.permutation(np.resize(np.arange(len(vertices)), VIEWS * HEIGHT * WIDTH))
    rows = rows.reshape(VIEWS, HEIGHT, WIDTH)
    points = (vertices[rows] - shift) @ rotation * SCALE
    cameras = np.stack(cameras)
    depth = np.einsum("shwc,sc->shw", points, cameras[:, 2, :3]) + cameras[:, 2, 3][:, None, None]
    assert (depth > 0).all()
    return Scan(vertices, ids, true_cameras, cameras, points, ids[rows], depth)


def write_iggt(folder, scan):
    place = folder / SCENE
    (place / "dbscan_masks").mkdir(parents=True)
    for view in range(VIEWS):
        np.save(place / "dbscan_masks" / f"mask_{view:03}.npy", scan.pixel_ids[view])
    np.savez(
        place / "predictions.npz",
        depth=scan.depth[..., None].astype(np.float32),
        extrinsic=scan.cameras[:, :3].astype(np.float32),
        intrinsic=np.broadcast_to(np.eye(3, dtype=np.float32), (VIEWS, 3, 3)),
        world_points_from_depth=scan.points.astype(np.float32),
        part_feat=np.zeros((VIEWS, 8, 1, 1), np.float32),
    )
    return place


def write_panst3r(folder, scan, **changes):
    content = {
        "pan": (scan.pixel_ids * 5).astype(np.int32),
        "pts3d": scan.points.astype(np.float32),
        "world_to_camera": scan.cameras.astype(np.float32),
        "segment_ids": np.array([15, 5, 10]),
        "segment_scores": np.array([0.3, 0.9, 0.6]),
    }
    np.savez(folder / f"{SCENE}.npz", **(content | changes))


def write_sam3d(folder, scan, *, suffix=".pth"):
    groups = (scan.ids - 1).astype(np.int16)
    if suffix == ".pth":
        torch.save(groups, folder / f"{SCENE}.pth")
    else:
        np.save(folder / f"{SCENE}.npy", groups)


def write_segment3d(folder, scan, *, demo=False):
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    if demo:
        np.savez(folder / f"{SCENE}.npz", masks_binary=scan.masks, scores=scores)
    else:
        np.savez(folder / f"{SCENE}.npz", pred_masks=scan.masks.T, pred_scores=scores, pred_classes=np.zeros(3))


def write_mask_clustering(folder, scan):
    np.savez(
        folder / f"{SCENE}.npz",
        pred_masks=scan.masks.T,
        pred_score=np.ones(3),
        pred_classes=np.zeros(3, np.int32),
    )


def run_lengths(mask):
    """Runs as ScanNet++ stores them: starts count from 1."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    pairs = [f"{first + 1} {last - first}" for first, last in edges.reshape(-1, 2)]
    return {"length": len(mask), "counts": " ".join(pairs)}


def write_submission(folder, scan, *, runs=False):
    (folder / "predicted_masks").mkdir(parents=True)
    lines = []
    for number, mask in enumerate(scan.masks):
        name = f"predicted_masks/{SCENE}_{number:03}.{'json' if runs else 'txt'}"
        text = json.dumps(run_lengths(mask)) if runs else "\n".join(str(7 * value) for value in mask.astype(int))
        (folder / name).write_text(text + "\n")
        lines.append(f"{name} {number + 3} {0.9 - 0.1 * number:.4f}")
    (folder / f"{SCENE}.txt").write_text("\n".join(lines) + "\n")


def write_ply(path, columns, *, order="ascii"):
    """A PLY of vertices; `columns` maps `type name` to values."""
    count = len(next(iter(columns.values())))
    header = ["ply", f"format {order} 1.0", f"element vertex {count}"]
    header += [f"property {name}" for name in columns] + ["end_header"]
    if order == "ascii":
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        body = "".join(" ".join(map(repr, row)) + "\n" for row in rows).encode()
    else:
        sign = "<" if "little" in order else ">"
        kinds = {"float": "f4", "double": "f8", "int": "i4", "uchar": "u1"}
        table = np.empty(count, [(name.split()[1], sign + kinds[name.split()[0]]) for name in columns])
        for name, values in columns.items():
            table[name.split()[1]] = values
        body = table.tobytes()
    path.write_bytes("".join(f"{line}\n" for line in header).encode() + body)


def ply_columns(scan, *, scores=True):
    columns = {f"double {axis}": values for axis, values in zip("xyz", scan.vertices.T, strict=True)}
    columns["int instance"] = np.where(scan.ids > 0, scan.ids * 10, -1)
    if scores:
        columns["float score"] = np.array([0, 0.25, 0.5, 0.75])[scan.ids]
    return columns


def write_npz(folder, scan, **changes):
    """Labelled points in a predicted world."""
    content = {
        "points": scan.points.reshape(-1, 3).astype(np.float32),
        "instance": (scan.pixel_ids - 1).astype(np.int32).ravel(),
        "scores": np.array([0.9, 0.8, 0.7], np.float32),
        "frame": np.array("predicted"),
        "frames": np.array(FRAMES),
        "world_to_camera": scan.cameras,
    }
    content = {name: value for name, value in (content | changes).items() if value is not None}
    np.savez(folder / f"{SCENE}.npz", **content)
