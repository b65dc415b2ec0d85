"""Photos as rectangles in space: one actor and one texture for as many as are shown.

The texture is an atlas: small copies of the photos in rows and columns. One photo alone keeps its pixels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkTexture

ATLAS = 4096  # most pixels of the atlas along an edge: every OpenGL can do that
CELL = 256  # most pixels of one photo of several along an edge


class PhotoPlanes:
    """Rectangles with photos.

    Parameters
    ----------
    plotter : pyvista.Plotter or QtInteractor
    opacity : float
        Below 1 the planes leave no depth behind, so that a click goes through them.
    """

    def __init__(self, plotter: Any, *, opacity: float = 1.0) -> None:
        self._mapper, self._texture = vtkPolyDataMapper(), vtkTexture()
        self._mapper.ScalarVisibilityOff()
        self._texture.InterpolateOn()
        self._texture.MipmapOff()
        self._actor = vtkActor()
        self._actor.SetMapper(self._mapper)
        self._actor.SetTexture(self._texture)
        self._actor.GetProperty().LightingOff()
        self._actor.GetProperty().SetOpacity(opacity)
        self._actor.ForceTranslucentOn() if opacity < 1 else self._actor.ForceOpaqueOn()
        self._actor.VisibilityOff()
        plotter.renderer.AddActor(self._actor)
        self._made: tuple[NDArray[np.uint8], tuple[int, ...]] | None = None

    def show(self, photos: NDArray[np.uint8], corners: NDArray[np.float64], chosen: Sequence[int]) -> None:
        """Show some photos.

        Parameters
        ----------
        photos : array (S, H, W, 3)
        corners : array (S, 4, 3)
            World, clockwise from the top left.
        chosen : sequence of int
            Which photos.
        """
        self._actor.SetVisibility(len(chosen) > 0)
        if not len(chosen):
            return
        if self._made is None or self._made[0] is not photos or self._made[1] != tuple(chosen):
            self._made = photos, tuple(chosen)
            picture, self._places = atlas(photos, chosen)
            self._texture.SetInputData(_image(picture))
        data = pv.PolyData()
        data.points = corners[list(chosen)].reshape(-1, 3).astype(np.float32)
        quads = np.arange(4 * len(chosen)).reshape(-1, 4)
        data.faces = np.insert(quads, 0, 4, axis=1).ravel()
        data.active_texture_coordinates = self._places.reshape(-1, 2)
        self._mapper.SetInputData(data)


def atlas(photos: NDArray[np.uint8], chosen: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Photos in one picture, and where.

    Returns
    -------
    picture : array (h, w, 3) uint8
    places : array (M, 4, 2) float32
        Texture coordinates of each photo's corners, clockwise from the top left; the second counts from below.
    """
    height, width = photos.shape[1:3]
    columns = int(np.ceil(np.sqrt(len(chosen) * height / width)))
    columns = min(max(columns, 1), len(chosen))
    rows = -(-len(chosen) // columns)
    edge = max(height, width) if len(chosen) == 1 else CELL
    step = max(1, *(-(-size // edge) for size in (height, width)))
    step = max(step, -(-columns * width // ATLAS), -(-rows * height // ATLAS))
    small = photos[list(chosen), ::step, ::step]  # (M, h, w, 3)
    down, across = small.shape[1:3]
    picture = np.zeros((rows * down, columns * across, 3), np.uint8)
    places = np.empty((len(chosen), 4, 2), np.float32)
    for place, photo in enumerate(small):
        row, column = divmod(place, columns)
        picture[row * down : (row + 1) * down, column * across : (column + 1) * across] = photo
        left, right = (column * across + 0.5) / picture.shape[1], ((column + 1) * across - 0.5) / picture.shape[1]
        top, bottom = 1 - (row * down + 0.5) / picture.shape[0], 1 - ((row + 1) * down - 0.5) / picture.shape[0]
        places[place] = (left, top), (right, top), (right, bottom), (left, bottom)
    return picture, places


def _image(picture: NDArray[np.uint8]) -> vtkImageData:
    """VTK's rows count from below."""
    image = vtkImageData()
    image.SetDimensions(picture.shape[1], picture.shape[0], 1)
    pixels = numpy_to_vtk(np.ascontiguousarray(picture[::-1]).reshape(-1, 3), deep=True)
    image.GetPointData().SetScalars(pixels)
    return image
