"""Predictions of other systems, brought into one form and scored like ours. Paper sections 4.1 and 4.2.

`systems` is the door: a name, a folder and the scene it is about give an `ImportedScene` (`imported`). Each family of
files has its module: `label_images` (ids per pixel and view), `vertex_groups` (one id per vertex), `mask_archives`
(masks over vertices), `submissions` (text and masks of the benchmarks), `generic` (PLY, and the form of our own that
everything can be written in). `surface_masks` brings all of them onto the vertices of the scan. Nothing that is read is
ever run. Weights, code and data of these systems stay with the user.
"""

from fast3dis_core.evaluation.imports.generic import write_imported
from fast3dis_core.evaluation.imports.imported import ImportedScene, ImportTarget, LabelledPoints, VertexMasks
from fast3dis_core.evaluation.imports.surface_masks import SurfaceMasks, surface_masks
from fast3dis_core.evaluation.imports.systems import SYSTEMS, import_scene

__all__ = [
    "SYSTEMS",
    "ImportTarget",
    "ImportedScene",
    "LabelledPoints",
    "SurfaceMasks",
    "VertexMasks",
    "import_scene",
    "surface_masks",
    "write_imported",
]
