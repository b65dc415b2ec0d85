"""Kept classes become objects, the rest void."""

from typing import get_args

import numpy as np
import pytest
import torch

from fast3dis_core.datasets.annotated_scene import ProtocolName
from fast3dis_core.datasets.procedural_rooms import render_scenes
from fast3dis_core.datasets.replica import ReplicaScene
from fast3dis_core.datasets.scannet import ScanNetScene
from fast3dis_core.datasets.scannetpp import ScanNetPlusPlusScene
from fast3dis_core.datasets.scene_sampling import sample_scene
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.evaluation.average_precision import average_precision
from fast3dis_core.evaluation.protocol import PROTOCOLS, class_agnostic, encode
from tests.core.datasets import replica_tree, scannet_tree, scannetpp_tree

NAMES = ("unlabeled", "structure", "chair", "lamp")
CLASSES = [0, 1, 2, 0, 3, 2, 2]


def test_objects_leave_structure_out_and_all_keep_it():
    ids = torch.tensor([[0, 1, 2], [3, 4, -1], [5, 5, 2]])
    objects = encode(ids, torch.tensor(CLASSES), NAMES, "objects")
    assert objects.tolist() == [[0, 0, 1001], [0, 1002, 0], [1003, 1003, 1001]]
    assert encode(ids, CLASSES, NAMES, "all").tolist() == [[0, 1001, 1002], [0, 1003, 0], [1004, 1004, 1002]]
    assert encode(ids, CLASSES, NAMES).tolist() == objects.tolist()


def test_objects_out_of_sight_take_no_number():
    assert encode([6, 2, 6], CLASSES, NAMES).tolist() == [1002, 1001, 1002]
    assert encode([1200], [0] + [2] * 1200, NAMES).tolist() == [1001]


def test_a_rendered_room():
    sample = render_scenes([5], views=2, height=42, width=56)
    ids, classes = sample.instance_ids[0], sample.class_ids[0]
    structure = sample.class_names.index("structure")
    is_structure = (classes[ids.long()] == structure).numpy()
    found = {name: encode(ids, classes, sample.class_names, name) for name in PROTOCOLS}
    assert is_structure.any()
    assert not found["objects"][is_structure].any()
    assert (found["all"][is_structure] > 1000).all()
    others = ~is_structure & (ids > 0).numpy()
    for encoded in found.values():
        assert (encoded[others] > 1000).all()
        pairs = {*zip(ids.numpy()[others].tolist(), encoded[others].tolist(), strict=True)}
        assert len({first for first, _ in pairs}) == len({second for _, second in pairs}) == len(pairs)


def test_a_mask_on_the_floor_costs_under_all_alone():
    ids = np.repeat([1, 2], 200)
    masks = np.array([ids == 1, ids == 2])
    masks[0, 80:] = False  # part of the floor, no match
    scene = {"masks": masks, "scores": [0.9, 0.5]}
    figures = {
        name: average_precision([{**scene, "gt_ids": encode(ids, [0, 1, 2], NAMES, name)}], 50)["ap50"]
        for name in PROTOCOLS
    }
    assert figures["objects"] == 1
    assert figures["all"] < 0.5


def test_no_objects_are_legal():
    assert encode(np.zeros((0,), int), [0], NAMES).shape == (0,)
    assert encode(np.zeros((2, 2), int), [0], NAMES).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("ids", "classes", "protocol", "error", "message"),
    [
        ([1], [0, 1], "everything", ConfigError, "objects, all"),
        ([2], [0, 1], "all", DatasetError, "up to 2"),
        ([1], [0, 4], "all", DatasetError, "highest class being 4"),
        (np.arange(1001), [0] + [2] * 1000, "all", DatasetError, "found 1000"),
    ],
)
def test_what_cannot_be_encoded_is_refused(ids, classes, protocol, error, message):
    with pytest.raises(error, match=message):
        encode(ids, classes, NAMES, protocol)


# --- scans with classes of their own ---------------------------------------------------------------------


def test_protocols_of_scenes_are_those_of_pixels():
    assert get_args(ProtocolName) == tuple(PROTOCOLS)


def test_classes_are_forgotten_and_void_stays_void():
    assert class_agnostic([0, 7, 999, 39012, 7001, 7002, 39012]).tolist() == [0, 0, 0, 1003, 1001, 1002, 1003]
    assert class_agnostic(np.zeros((0,), int)).shape == (0,)
    with pytest.raises(DatasetError, match="999 objects, found 1000"):
        class_agnostic(np.arange(1000, 2000))


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize(
    ("tree", "kind", "targets"),
    [
        (scannet_tree, ScanNetScene, {"objects": 1, "all": 2}),
        (scannetpp_tree, ScanNetPlusPlusScene, {"objects": 2, "all": 3}),
        (replica_tree, ReplicaScene, {"objects": 2, "all": 3}),
    ],
)
def test_samples_of_data_sets_have_the_targets_of_their_scans(tmp_path, tree, kind, targets, name):
    scene = kind(tree.write_scene(tmp_path))
    sample = sample_scene(scene, max_views=2, long_edge=56)
    of_sample = encode(sample.surface.ids, sample.class_ids, sample.class_names, name)
    scored = scene.scored_vertices("objects")
    expected = class_agnostic(scene.gt_vertex_ids(name))
    expected = expected if scored is None else expected[scored]
    assert np.array_equal(of_sample > 0, expected > 0)
    pairs = {*zip(of_sample[expected > 0].tolist(), expected[expected > 0].tolist(), strict=True)}
    assert len(pairs) == len({first for first, _ in pairs}) == len({second for _, second in pairs}) == targets[name]
