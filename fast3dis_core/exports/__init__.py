"""Results as files: point clouds, masks, cameras, reports, and whole reconstructions.

Each format has its module. All write atomically and refuse to overwrite unless told to (`atomic`), agree on
what is written (`selection`), in which frame (`similarity`) and under which names (`names`). At module level
the package needs NumPy alone.
"""

from fast3dis_core.exports.archive import read_npz, read_npz_labels, write_npz
from fast3dis_core.exports.cameras import write_colmap_text, write_transforms_json
from fast3dis_core.exports.colors import ColorMode
from fast3dis_core.exports.glb import write_glb
from fast3dis_core.exports.masks import write_id_masks, write_overlays
from fast3dis_core.exports.names import instance_file_name, view_stems
from fast3dis_core.exports.ply import (
    PlyPoints,
    read_ply,
    write_instance_ply,
    write_instance_plys,
    write_ply,
    write_scene_ply,
)
from fast3dis_core.exports.report import describe, write_report

__all__ = [
    "ColorMode",
    "PlyPoints",
    "describe",
    "instance_file_name",
    "read_npz",
    "read_npz_labels",
    "read_ply",
    "view_stems",
    "write_colmap_text",
    "write_glb",
    "write_id_masks",
    "write_instance_ply",
    "write_instance_plys",
    "write_npz",
    "write_overlays",
    "write_ply",
    "write_report",
    "write_scene_ply",
    "write_transforms_json",
]
