"""How large points are drawn: so large that the surface looks closed, at every distance and in windows of every size.

Points of a cloud have a spacing in space; how many pixels that is depends on the camera. Sizes have limits: a speck is
seen on any screen, and from very near a surface falls into points rather than into blots. While the camera moves the
size follows; in a picture of another size points grow with the picture.
"""

from typing import Any

import numpy as np

from app.viewport.point_cloud_layer import POINT_SIZE, PointCloudLayer

HEIGHT_PER_PIXEL = 500  # device pixels of the viewport's height for each pixel of the smallest points
LARGEST = 4.0  # times as large as the smallest
POINTS_PER_PIXEL = 3  # of a picture: more of them are behind others
COVER = 1.4  # edge of a point in spacings: squares in any order leave gaps otherwise


class PointSize:
    """Keeps the points of one cloud as large as they have to be.

    Parameters
    ----------
    renderer : vtkRenderer
    cloud : PointCloudLayer
    """

    def __init__(self, renderer: Any, cloud: PointCloudLayer) -> None:
        self._renderer, self._cloud = renderer, cloud
        self._scale, self._window, self._picture, self._share = 1.0, 1.0, 1.0, 1.0
        self._tag = renderer.AddObserver("StartEvent", self._apply)

    def set_scale(self, scale: float) -> bool:
        """As a multiple of what suits the window and the cloud; whether it is another."""
        changed, self._scale = scale != self._scale, scale
        return changed

    def set_heights(self, window: float, picture: float | None = None) -> None:
        """Device pixels of the window, and those of a picture of the same scene that is about to be drawn."""
        self._window = max(1.0, window)
        self._picture = (picture or self._window) / self._window

    def spare(self, pixels: int | None) -> None:
        """Draw as many points as a picture of so many pixels can show, and larger ones; all of them for None."""
        self._share = 1.0
        if pixels is not None:
            self._share = min(1.0, POINTS_PER_PIXEL * pixels / max(1, self._cloud.drawn))
        self._cloud.set_share(self._share)

    def pixels(self) -> float:
        """Edge of a point in the window, device pixels."""
        smallest = max(POINT_SIZE, round(self._window / HEIGHT_PER_PIXEL))
        wanted = COVER * self._cloud.spacing * self._window / self._seen_height()
        return self._scale * min(max(smallest, wanted), LARGEST * smallest)

    def end(self) -> None:
        """Leave the renderer alone."""
        self._renderer.RemoveObserver(self._tag)

    def _seen_height(self) -> float:
        """What the window shows from its lower to its upper edge at the point the camera turns around, scene units."""
        camera = self._renderer.GetActiveCamera()
        half = camera.GetParallelScale()
        if not camera.GetParallelProjection():
            half = camera.GetDistance() * np.tan(np.radians(camera.GetViewAngle() / 2))
        return max(2 * float(half), 1e-12)

    def _apply(self, *_: object) -> None:
        self._cloud.set_point_size(max(1.0, self.pixels() * self._picture / self._share**0.5))
