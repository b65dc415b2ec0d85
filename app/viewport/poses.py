"""Where a camera stands and what it sees: poses as values, and the pose that repeats a photo to the pixel.

VTK's camera knows one focal length and keeps its axis in the middle. A photo's principal point becomes VTK's
"window center"; a focal length that differs between the axes becomes a stretch of the picture. How the camera
gets from pose to pose is left to `camera_control`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonTransforms import vtkTransform
from vtkmodules.vtkRenderingCore import vtkCamera

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pose:
    """Everything that decides what a camera sees, but for the clipping range.

    Attributes
    ----------
    position, focal_point, up : array (3,)
        World.
    angle : float
        Vertical field of view, degrees.
    parallel_scale : float
        Half the height seen without perspective, scene units.
    center : (x, y)
        VTK's window center: where the axis leaves the middle, in half windows.
    stretch : float
        Of the picture, horizontally.
    """

    position: Vector
    focal_point: Vector
    up: Vector
    angle: float = 30.0
    parallel_scale: float = 1.0
    center: tuple[float, float] = (0.0, 0.0)
    stretch: float = 1.0

    @classmethod
    def of(cls, camera: vtkCamera) -> "Pose":
        """Pose that a camera has."""
        transform = camera.GetUserTransform()
        return cls(
            np.array(camera.GetPosition()),
            np.array(camera.GetFocalPoint()),
            np.array(camera.GetViewUp()),
            camera.GetViewAngle(),
            camera.GetParallelScale(),
            tuple(camera.GetWindowCenter()),
            transform.GetMatrix().GetElement(0, 0) if transform else 1.0,
        )

    def give(self, camera: vtkCamera) -> None:
        """Put a camera there."""
        camera.SetFocalPoint(*self.focal_point)
        camera.SetPosition(*self.position)
        camera.SetViewUp(*self.up)
        camera.SetViewAngle(self.angle)
        camera.SetParallelScale(self.parallel_scale)
        camera.SetWindowCenter(*self.center)
        transform = None
        if abs(self.stretch - 1) > 1e-9:
            transform = vtkTransform()
            transform.Scale(self.stretch, 1.0, 1.0)
        camera.SetUserTransform(transform)

    @property
    def ahead(self) -> Vector:
        """Unit direction of view (3,)."""
        return _split(self.focal_point - self.position)[0]

    def centered(self) -> "Pose":
        """The same place with the axis in the middle and nothing stretched."""
        return replace(self, center=(0.0, 0.0), stretch=1.0)

    def turned(self, axis: Vector, angle: float) -> "Pose":
        """The same distance from the focal point, turned around it by an angle in degrees about a unit axis."""
        turn = np.radians(angle)

        def around(vector: Vector) -> Vector:
            return np.asarray(
                np.cos(turn) * vector
                + np.sin(turn) * np.cross(axis, vector)
                + (1 - np.cos(turn)) * (axis @ vector) * axis
            )

        offset = self.position - self.focal_point
        return replace(self, position=self.focal_point + around(offset), up=around(self.up))

    def towards(self, other: "Pose", share: float) -> "Pose":
        """A pose on the way: turning around the focal point, not through it."""
        ahead, distance = _split(self.focal_point - self.position)
        other_ahead, other_distance = _split(other.focal_point - other.position)
        direction = _between(ahead, other_ahead, share, self.up)
        focal_point = (1 - share) * self.focal_point + share * other.focal_point
        length = distance ** (1 - share) * other_distance**share

        def mixed(one: float, two: float) -> float:
            return (1 - share) * one + share * two

        return Pose(
            focal_point - length * direction,
            focal_point,
            _between(self.up, other.up, share, ahead),
            mixed(self.angle, other.angle),
            mixed(self.parallel_scale, other.parallel_scale),
            (mixed(self.center[0], other.center[0]), mixed(self.center[1], other.center[1])),
            mixed(self.stretch, other.stretch),
        )


def photo_pose(
    intrinsics: NDArray[np.floating],
    world_to_camera: NDArray[np.floating],
    size: tuple[int, int],
    window: tuple[float, float],
    distance: float,
) -> Pose:
    """Pose in which the scene lies over the photo pixel by pixel, the whole photo as large as the window allows.

    Parameters
    ----------
    intrinsics : array (3, 3)
        Pixels of `size`.
    world_to_camera : array (4, 4)
    size : (height, width)
        Of the photo, pixels.
    window : (height, width)
        Of the picture, any unit.
    distance : float
        Of the focal point along the axis; decides around what the user turns, not what is seen.
    """
    height, width = size
    scale = photo_scale(size, window)
    rotation, shift = np.asarray(world_to_camera[:3, :3], float), np.asarray(world_to_camera[:3, 3], float)
    position = -rotation.T @ shift
    focal_x, focal_y = float(intrinsics[0, 0]), float(intrinsics[1, 1])
    stretch = focal_x / focal_y
    half_height = window[0] / (2 * scale * focal_y)  # of the picture at distance 1
    return Pose(
        position,
        position + distance * rotation[2],
        -rotation[1],
        float(np.degrees(2 * np.arctan(half_height))),
        distance * half_height,
        (
            -2 * scale * (float(intrinsics[0, 2]) - width / 2) / window[1] / stretch,
            2 * scale * (float(intrinsics[1, 2]) - height / 2) / window[0],
        ),
        stretch,
    )


def photo_scale(size: tuple[int, int], window: tuple[float, float]) -> float:
    """Window pixels per photo pixel when the whole photo is in the window."""
    return min(window[0] / size[0], window[1] / size[1])


def _split(vector: Vector) -> tuple[Vector, float]:
    length = float(np.linalg.norm(vector))
    return vector / length, length


def _between(one: Vector, two: Vector, share: float, aside: Vector) -> Vector:
    """Unit vector between two; opposite ones go by `aside`."""
    mixed = (1 - share) * one / np.linalg.norm(one) + share * two / np.linalg.norm(two)
    if np.linalg.norm(mixed) < 0.05:
        mixed = mixed + 0.5 * aside / np.linalg.norm(aside)
    return np.asarray(mixed / np.linalg.norm(mixed))
