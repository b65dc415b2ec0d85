"""Cameras and depth that come with a folder of photos; the door of this package (paper 4: training, evaluation).

`folder` reads a whole folder, `colmap`, `transforms` and `matrices` read one format each, `lens` undistorts and
`depth` reads depth maps. Photos without cameras are read by `fast3dis_core.images`.
"""

from fast3dis_core.posed_input.folder import PosedViews, find_cameras, read_posed_folder

__all__ = ["PosedViews", "find_cameras", "read_posed_folder"]
