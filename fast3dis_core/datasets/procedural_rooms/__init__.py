"""An endless training set of furnished rooms, rendered from a seed (paper 4.1: training scenes).

No real photographs, no asset files: rooms are lists of analytic solids (`arrangement`), cast on any device
(`ray_caster`, `shading`), labelled exactly, and the same for the same (`VERSION`, seed). `render_scenes`
returns a batched `SceneSample`; `prepare_scenes, prepare_walks` and `render` are its two halves, for workers that draw
rooms while a GPU renders others; `write_posed_dataset` writes an ordinary folder with cameras and depth.
What a seed is used for is fixed by the ranges of `version`.
"""

from fast3dis_core.datasets.procedural_rooms.packing import CLASS_NAMES, MOST_INSTANCES, PreparedScenes
from fast3dis_core.datasets.procedural_rooms.rendering import prepare_scenes, prepare_walks, render, render_scenes
from fast3dis_core.datasets.procedural_rooms.version import TEST_SEEDS, TRAIN_SEEDS, VALIDATION_SEEDS, VERSION
from fast3dis_core.datasets.procedural_rooms.writing import write_posed_dataset

__all__ = [
    "CLASS_NAMES",
    "MOST_INSTANCES",
    "TEST_SEEDS",
    "TRAIN_SEEDS",
    "VALIDATION_SEEDS",
    "VERSION",
    "PreparedScenes",
    "prepare_scenes",
    "prepare_walks",
    "render",
    "render_scenes",
    "write_posed_dataset",
]
