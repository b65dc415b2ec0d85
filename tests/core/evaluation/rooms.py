"""Two small rooms, and predictions that are right by construction."""

import numpy as np
import torch

from fast3dis_core.evaluation.prediction import ScenePrediction
from fast3dis_core.geometry.alignment import Similarity

SEEDS = (1_000_000_000, 1_000_000_001)
VIEWS, SIZE = 3, (56, 70)
MODEL = {
    "config": {"size": "nano"},
    "weights": "nano.safetensors",
    "heads": "",
    "status": "trained",
    "provenance": None,
}


def true_prediction(sample, *, similarity=None, ids=None, scene_id="room"):
    """Every labelled instance as a mask of score 1, true geometry, anchors at the mean point of each object.

    With `similarity` everything is told in another world of another scale.
    """
    truth = sample.geometry
    labels = sample.instance_ids.numpy()
    present = np.unique(labels[labels > 0]) if ids is None else np.asarray(ids)
    masks = labels[None] == present[:, None, None, None]
    points = truth.points().double().numpy()
    anchors = np.array([points[mask].mean(axis=0) for mask in masks]).reshape(-1, 3)
    depth, cameras = truth.depth.double(), truth.world_to_camera.double()
    if similarity is not None:
        depth = depth * similarity.scale
        cameras = similarity.move_cameras(cameras)
        anchors = similarity.transform(torch.from_numpy(anchors)).numpy()
    ones = np.ones(len(present), np.float32)
    return ScenePrediction(
        scene_id=scene_id,
        masks=masks,
        queries=np.arange(len(present), dtype=np.int32),
        scores=ones,
        objectness=ones,
        anchors=anchors.astype(np.float32),
        depth=depth.float().numpy(),
        intrinsics=truth.intrinsics.numpy(),
        world_to_camera=cameras.float().numpy(),
        seconds={"Geometry pass": 0.5, "Feature pass": 0.25},
        peak_memory={"Geometry pass": {"machine": 1_000_000_000}, "Feature pass": {"machine": 2_000_000_000}},
        made_by={"device": "cpu (test)", "precision": "float32", "code_commit": "abc", "versions": {}, "model": MODEL},
    )


def some_similarity(scale=0.37, seed=0):
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    return Similarity(
        torch.tensor(scale, dtype=torch.float64),
        torch.from_numpy(rotation),
        torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64),
    )
