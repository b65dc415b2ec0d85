"""Motions of the camera: fit, fly, standard directions, zoom to the pointer, a photo's own view and back.

Orbiting and panning are VTK's interactor style; here is what it lacks. An orbit keeps the scene's up axis up.
No flight takes longer than `FLIGHT`. Which points to look at is the caller's business.
"""

import time
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.viewport.poses import Pose, Vector, photo_pose

Side = Literal["front", "top", "side"]
# of the cameras' right axes: least spread from which to tell what they are square to, and most they may be off
SPREAD, LEVEL = 0.15, 0.3
LEAN = np.cos(np.radians(50))  # from the mean of their up axes
ANGLE = 30.0  # degrees of view, vertically, outside of photos
FLIGHT = 0.14  # seconds
TICK = 12  # ms between frames of a flight, if they are drawn that fast
TILT = 0.35  # how steeply the first look goes down on the scene, share of the forward direction
ASLANT = 0.8  # cosine between the cameras' forward and up beyond which up is somebody else's
POLE = 0.999  # cosine to the up axis beyond which it says nothing about what is up on the screen
TURN = 200.0  # degrees an orbit turns by a drag through the whole window
NOTCH = 1.15  # zoom of one wheel notch


class CameraControl(QObject):
    """Moves the camera of one renderer.

    Parameters
    ----------
    renderer : vtkRenderer
    parent : QObject

    Signals
    -------
    moved()
        The picture has to be drawn again.
    photo_left()
        The user turned away from a photo's own view.
    """

    moved = Signal()
    photo_left = Signal()

    def __init__(self, renderer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._renderer = renderer
        self.up: Vector = np.array([0.0, -1.0, 0.0])
        self.forward: Vector = np.array([0.0, 0.0, 1.0])
        self._photo: tuple[Any, ...] | None = None
        self._first: NDArray[np.float32] | None = None  # what the first look showed, until the camera is moved
        self._before_photo: Pose | None = None
        self._flight: tuple[Pose, Pose, float] | None = None
        self._clock = QTimer(self)
        self._clock.setInterval(TICK)
        self._clock.timeout.connect(self._fly_on)

    @property
    def flying(self) -> bool:
        """Whether a flight is on its way."""
        return self._flight is not None

    @property
    def in_photo(self) -> bool:
        """Whether the view is a photo's own, or on its way there."""
        return self._photo is not None

    @property
    def pose(self) -> Pose:
        """Where the camera is, or will be after the flight."""
        return self._flight[1] if self._flight else Pose.of(self._camera)

    @property
    def _camera(self) -> Any:
        return self._renderer.GetActiveCamera()

    def look_at(
        self,
        points: NDArray[np.float32],
        direction: Vector | None = None,
        *,
        up: Vector | None = None,
        fly: bool = True,
    ) -> None:
        """See all of some points (M, 3), from the present or another direction."""
        if not len(points):
            return
        here = self.pose
        if self._photo is not None:
            self._forget_photo()
            self.photo_left.emit()
        ahead = here.ahead if direction is None else direction
        ahead = ahead / np.linalg.norm(ahead)
        center, radius = extent(points)
        width, height = self._renderer.GetSize()
        half = np.radians(ANGLE / 2)
        narrow = min(half, np.arctan(np.tan(half) * width / max(1, height))) if width else half
        distance = radius / np.sin(narrow)
        if up is None:
            up = self.up if abs(ahead @ self.up) < POLE else here.up
        self._go(Pose(center - distance * ahead, center, up, ANGLE, float(distance * np.tan(half))), fly=fly)

    def first_look(self, points: NDArray[np.float32], *, fly: bool = True) -> None:
        """From behind and above the cameras; where they say nothing of what is up, level and then down."""
        forward = self.forward if abs(self.forward @ self.up) < ASLANT else self._level()
        self.look_at(points, forward - TILT * self.up, up=self.up, fly=fly)
        self._first = points

    def look_from(self, side: Side, points: NDArray[np.float32]) -> None:
        """Along one of the scene's axes: the way the cameras look, from above, or from the right."""
        level = self._level()
        direction = {"front": level, "top": -self.up, "side": np.cross(self.up, level)}[side]
        self.look_at(points, direction, up=level if side == "top" else self.up)

    def look_through(
        self,
        intrinsics: NDArray[np.float32],
        world_to_camera: NDArray[np.float32],
        size: tuple[int, int],
        distance: float,
    ) -> None:
        """Take a photo's own view; see `photo_pose`."""
        if self._photo is None:
            self._before_photo = self.pose
        self._photo = (intrinsics, world_to_camera, size, distance)
        self._go(self._photo_pose(), fly=True)

    def leave_photo(self) -> None:
        """Return to where the camera was before `look_through`, unless the user moved away since."""
        before = self._before_photo
        self._forget_photo()
        if before is not None:
            self._go(before, fly=True)

    def follow(self, other: "CameraControl") -> None:
        """Take the present pose of another camera, also in a flight; a photo's own view as this window shows it."""
        self._flight = None
        self._clock.stop()
        theirs = other._camera
        self._photo, self._before_photo = other._photo, other._before_photo
        exact = self._photo is not None and not other.flying
        (self._photo_pose() if exact else Pose.of(theirs)).give(self._camera)
        self._camera.SetParallelProjection(theirs.GetParallelProjection())
        self._renderer.ResetCameraClippingRange()

    def window_resized(self) -> None:
        """Keep a photo's view exact, and all of the scene in a first look."""
        if not self._renderer.GetSize()[0]:
            return
        if self._photo is not None:
            self._go(self._photo_pose(), fly=False)
        elif self._first is not None:
            self.first_look(self._first, fly=False)

    def set_orthographic(self, on: bool) -> None:
        """Without perspective, at the size things at the focal point have now."""
        camera = self._camera
        if bool(camera.GetParallelProjection()) == on:
            return
        half = np.tan(np.radians(camera.GetViewAngle() / 2))
        if on:
            camera.SetParallelScale(camera.GetDistance() * half)
        else:
            pose = self.pose
            camera.SetPosition(*(pose.focal_point - pose.ahead * camera.GetParallelScale() / half))
        camera.SetParallelProjection(on)
        self._redraw()

    def center_on(self, place: Vector) -> None:
        """Turn around another place; the direction stays."""
        here = self.pose
        shift = place - here.focal_point
        self._go(Pose(here.position + shift, place, here.up, here.angle, here.parallel_scale), fly=True)

    def zoom(self, notches: float, place: Vector) -> None:
        """Nearer, or farther if negative; `place` stays where it is on the screen."""
        self.stop()
        self.turned()
        camera, share = self._camera, NOTCH**-notches
        pose = Pose.of(camera)
        if camera.GetParallelProjection():
            camera.SetParallelScale(pose.parallel_scale * share)
            aside = place - pose.focal_point
            shift = (aside - (aside @ pose.ahead) * pose.ahead) * (1 - share)
            camera.SetFocalPoint(*(pose.focal_point + shift))
            camera.SetPosition(*(pose.position + shift))
        else:
            camera.SetFocalPoint(*(place + (pose.focal_point - place) * share))
            camera.SetPosition(*(place + (pose.position - place) * share))
        self._redraw()

    def turned(self) -> None:
        """The user moved the camera by hand: a photo's own view is over."""
        self.stop()
        self._first = None
        if self._photo is not None:
            self._forget_photo()
            Pose.of(self._camera).centered().give(self._camera)
            self.photo_left.emit()

    def orbit(self, start: Pose, across: float, upwards: float) -> None:
        """Turn around the focal point by a drag from `start`, in shares of the window; the up axis stays up."""
        up = self.up
        right = np.cross(start.ahead, start.up)
        level = np.cross(up, right)
        level = level / np.linalg.norm(level) if np.linalg.norm(level) > 1e-6 else self._level()
        yaw, tilt = -np.radians(TURN) * across, np.radians(TURN) * upwards
        level = np.cos(yaw) * level + np.sin(yaw) * np.cross(up, level)
        height = np.clip(np.arcsin(np.clip(start.ahead @ up, -1, 1)) + tilt, -np.pi / 2, np.pi / 2)
        ahead = np.cos(height) * level + np.sin(height) * up
        distance = np.linalg.norm(start.focal_point - start.position)
        position, upright = start.focal_point - distance * ahead, np.cos(height) * up - np.sin(height) * level
        Pose(position, start.focal_point, upright, start.angle, start.parallel_scale).give(self._camera)
        self._redraw()

    def stop(self) -> None:
        """End a flight at its goal."""
        if self._flight is not None:
            goal = self._flight[1]
            self._flight = None
            self._clock.stop()
            goal.give(self._camera)
            self._redraw()

    def frame(self) -> Vector:
        """Axes of the scene as rows (3, 3): right, up, and the level way the cameras look."""
        level = self._level()
        return np.array([np.cross(level, self.up), self.up, level])

    def _level(self) -> Vector:
        """The way the cameras look, without its slope."""
        level = self.forward - (self.forward @ self.up) * self.up
        if np.linalg.norm(level) < 1e-3:  # cameras that look straight down
            level = np.cross(self.up, np.roll(self.up, 1) + 0.1)
        return np.asarray(level / np.linalg.norm(level))

    def _photo_pose(self) -> Pose:
        assert self._photo is not None
        intrinsics, world_to_camera, size, distance = self._photo
        width, height = self._renderer.GetSize()
        return photo_pose(intrinsics, world_to_camera, size, (height, width), distance)

    def _forget_photo(self) -> None:
        self._photo = self._before_photo = None

    def _go(self, goal: Pose, *, fly: bool) -> None:
        self._first = None
        if self._flight is not None:
            self._flight = None
            self._clock.stop()
        if not fly:
            goal.give(self._camera)
            self._redraw()
            return
        self._flight = (Pose.of(self._camera), goal, time.perf_counter())
        self._clock.start()
        self.moved.emit()

    def _fly_on(self) -> None:
        if self._flight is None:
            return
        start, goal, began = self._flight
        share = (time.perf_counter() - began) / FLIGHT
        if share >= 1:
            self.stop()
            return
        start.towards(goal, share * share * (3 - 2 * share)).give(self._camera)
        self._redraw()

    def _redraw(self) -> None:
        self._renderer.ResetCameraClippingRange()
        self.moved.emit()


def extent(points: NDArray[np.float32]) -> tuple[Vector, float]:
    """Center (3,) and radius of the points without the outermost hundredth per axis."""
    if not len(points):
        return np.zeros(3), 1.0
    low, high = np.percentile(points[:: max(1, len(points) // 20_000)], [1, 99], axis=0)
    return (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-6)


def depth_ahead(
    points: NDArray[np.float32],
    intrinsics: NDArray[np.float32],
    world_to_camera: NDArray[np.float32],
    size: tuple[int, int],
) -> float:
    """How far in front of a camera what it sees is, by half; 0 if it sees nothing of the points (M, 3)."""
    sample = points[:: max(1, len(points) // 20_000)].astype(float)
    seen = sample @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    seen = seen[seen[:, 2] > 1e-6]
    places = seen @ intrinsics.T
    height, width = size
    inside = ((places[:, :2] >= 0) & (places[:, :2] <= places[:, 2:] * (width, height))).all(axis=1)
    return float(np.median(seen[inside, 2])) if inside.any() else 0.0


def upright(world_to_camera: NDArray[np.float32]) -> Vector:
    """What is up, as a unit vector (3,), from cameras (S, 4, 4).

    Cameras are held level more often than not, however they are tilted: then what is up is square to all their right
    axes. Where these agree, or cameras were rolled, it is the mean of their own up axes.
    """
    mean = mean_direction(-world_to_camera[:, 1, :3])
    if len(world_to_camera) < 3:
        return mean
    _, spread, axes = np.linalg.svd(world_to_camera[:, 0, :3].astype(float))
    plumb = axes[2] * (1 if axes[2] @ mean > 0 else -1)
    told = spread[1] > SPREAD * spread[0] and spread[2] < LEVEL * spread[1] and plumb @ mean > LEAN
    return np.asarray(plumb if told else mean)


def mean_direction(directions: NDArray[np.float32]) -> Vector:
    """Unit mean of directions (S, 3); the first where they cancel, as in a walk around."""
    mean = directions.astype(float).mean(axis=0)
    if np.linalg.norm(mean) < 0.1:
        mean = directions[0].astype(float)
    return np.asarray(mean / np.linalg.norm(mean))
