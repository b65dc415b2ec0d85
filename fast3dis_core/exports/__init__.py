"""Results as files: point clouds as PLY, the scene as GLB.

Each format has its module. All write atomically and refuse to overwrite unless told to (`atomic`), agree on
what is written (`selection`) and in which frame (`similarity`). At module level the package needs NumPy alone.
"""

from fast3dis_core.exports.atomic import instance_file_name
from fast3dis_core.exports.colors import ColorMode
from fast3dis_core.exports.glb import write_glb
from fast3dis_core.exports.ply import PlyPoints, read_ply, write_instance_ply, write_ply, write_scene_ply

__all__ = [
    "ColorMode",
    "PlyPoints",
    "instance_file_name",
    "read_ply",
    "write_glb",
    "write_instance_ply",
    "write_ply",
    "write_scene_ply",
]
