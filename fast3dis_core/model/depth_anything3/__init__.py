"""Depth Anything 3, the frozen backbone of FAST3DIS (paper 3.1): `DepthAnything3` is the way in."""

from fast3dis_core.model.depth_anything3.network import DepthAnything3
from fast3dis_core.model.depth_anything3.prediction import DepthPrediction

__all__ = ["DepthAnything3", "DepthPrediction"]
