"""What a procedural room is made of: analytic solids, the objects they form, and the scene they stand in.

Three solids are enough: the box, the ellipsoid, and the frustum, which is a cylinder at taper 1 and a
cone at taper 0. Every solid is the image of a unit solid inside [-1, 1]^3 under a rotation, a scaling by
`half` and a shift, so that one affine map takes a ray to the unit solid and leaves its parameter alone.
Layout frame: meters, z up, the floor at z = 0. Random choices live in `furniture`, `small_things` and
`arrangement`, looks in `materials`, rays in `ray_caster`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.procedural_rooms.materials import Material
from fast3dis_core.datasets.sample import STRUCTURE

Array = NDArray[np.float64]

BOX, ELLIPSOID, FRUSTUM = 0, 1, 2

IDENTITY = np.eye(3)


@dataclass(frozen=True)
class Part:
    """One solid of an object, in the object's frame (z up, floor contact at z = 0, front toward +y).

    Attributes
    ----------
    kind : int
        `BOX`, `ELLIPSOID` or `FRUSTUM` (axis along local z).
    center : tuple of 3 float
        Meters.
    half : tuple of 3 float
        Half extents along the local axes, meters; of a frustum, the radii at its lower end.
    material : int
        Index into the materials of the object.
    axes : array (3, 3)
        Rows are the local axes in the object's frame.
    taper : float
        Radius at the upper end over radius at the lower end, frustum only.
    """

    kind: int
    center: tuple[float, float, float]
    half: tuple[float, float, float]
    material: int = 0
    axes: Array = field(default_factory=lambda: IDENTITY)
    taper: float = 1.0


@dataclass(frozen=True)
class Support:
    """A rectangle of an object on which smaller things can stand, in the object's frame.

    Attributes
    ----------
    center : tuple of 3 float
        z is the height of the surface.
    half : tuple of 2 float
        Extents along x and y, meters.
    clearance : float
        Free height above the surface, meters.
    purpose : str
        Which things belong there: "table", "desk", "shelf", "cabinet", "sofa", "bed", "tv" or "stool".
    """

    center: tuple[float, float, float]
    half: tuple[float, float]
    clearance: float
    purpose: str


@dataclass(frozen=True)
class Prototype:
    """An object before it is placed. Placing one twice makes identical twins.

    Attributes
    ----------
    name : str
        Class of the object, such as "chair".
    parts : sequence of Part
    materials : sequence of Material
    supports : sequence of Support
    """

    name: str
    parts: Sequence[Part]
    materials: Sequence[Material]
    supports: Sequence[Support] = ()

    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper corner of the box around all parts, arrays (3,), object frame."""
        centers, axes, half = part_arrays(self.parts)
        reach = reach_along(np.array([part.kind for part in self.parts]), axes, half)
        return (centers - reach).min(0), (centers + reach).max(0)


def part_arrays(parts: Sequence[Part]) -> tuple[Array, Array, Array]:
    """Centers (n, 3), axes (n, 3, 3) and half extents (n, 3) of some parts."""
    centers = np.array([part.center for part in parts])
    axes = np.array([part.axes for part in parts])
    half = np.array([part.half for part in parts])
    return centers, axes, half


def reach_along(kind: NDArray[np.int64], directions: Array, half: Array) -> Array:
    """How far solids reach from their centers along some directions.

    Parameters
    ----------
    kind : array (...)
    directions : array (..., 3, d)
        Unit vectors as columns, in the local axes of each solid. With the `axes` of a solid these are the
        axes of the frame around it.
    half : array (..., 3)

    Returns
    -------
    array (..., d)
        Exact for boxes, ellipsoids and cylinders; a cone counts as its cylinder.
    """
    scaled = np.abs(directions) * half[..., None]
    across = np.sqrt(scaled[..., 0, :] ** 2 + scaled[..., 1, :] ** 2)
    along = scaled[..., 2, :]
    kind = np.asarray(kind)[..., None]
    round_ = np.where(kind == ELLIPSOID, np.sqrt(across**2 + along**2), across + along)
    return np.asarray(np.where(kind == BOX, scaled.sum(-2), round_))


def turn_z(yaw: float) -> Array:
    """Matrix that turns column vectors about +z by `yaw` radians."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def tilted(pitch: float = 0.0, roll: float = 0.0, yaw: float = 0.0) -> Array:
    """Local axes, as rows, of a part pitched about x, then rolled about y, then turned about z (radians)."""
    cp, sp, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
    about_y = np.array([[cr, 0.0, sr], [0.0, 1.0, 0.0], [-sr, 0.0, cr]])
    return (turn_z(yaw) @ about_y @ about_x).T


def box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], material: int = 0) -> Part:
    """Upright box between two corners."""
    center = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, (z[0] + z[1]) / 2)
    half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2, (z[1] - z[0]) / 2)
    return Part(BOX, center, half, material)


def cylinder(x: float, y: float, z: tuple[float, float], radius: float, material: int = 0, taper: float = 1.0) -> Part:
    """Upright cylinder or cone frustum; `taper` is the upper radius over `radius`."""
    height = (z[1] - z[0]) / 2
    if taper > 1.0:  # the unit frustum narrows upward; turn it over
        flipped = np.diag([1.0, -1.0, -1.0])
        widest = radius * taper
        return Part(FRUSTUM, (x, y, (z[0] + z[1]) / 2), (widest, widest, height), material, flipped, 1 / taper)
    return Part(FRUSTUM, (x, y, (z[0] + z[1]) / 2), (radius, radius, height), material, taper=taper)


def ellipsoid(center: tuple[float, float, float], half: tuple[float, float, float], material: int = 0) -> Part:
    """Ellipsoid with upright axes."""
    return Part(ELLIPSOID, center, half, material)


@dataclass(frozen=True)
class Light:
    """A small round light.

    Attributes
    ----------
    position : array (3,)
        Layout frame, meters; inside the room.
    color : array (3,)
        Linear RGB times strength: irradiance at one meter.
    radius : float
        Meters; spreads the samples of soft shadows.
    """

    position: Array
    color: Array
    radius: float


@dataclass(frozen=True)
class RoomLayout:
    """Everything in one room, in the layout frame.

    Attributes
    ----------
    kind, taper, instance : arrays (P,)
        Per solid; instance ids start at 1.
    center, half : arrays (P, 3)
    axes : array (P, 3, 3)
        `local = axes @ (point - center)`.
    material : array (P,)
        Row of `materials`.
    materials : array (M, MATERIAL_WIDTH)
    names : tuple of str
        Class per instance id; entry 0 is "unlabeled".
    lights : tuple of 2 Light
    ambient : array (3,)
        Linear RGB.
    outline : array (V, 2)
        Corners of the floor, counterclockwise.
    height : float
    focus : array (3,)
        Middle of the furniture, where cameras like to look.
    doorway : bool
        Whether one wall is open to a corridor.
    """

    kind: NDArray[np.int64]
    taper: Array
    instance: NDArray[np.int64]
    center: Array
    half: Array
    axes: Array
    material: NDArray[np.int64]
    materials: Array
    names: tuple[str, ...]
    lights: tuple[Light, Light]
    ambient: Array
    outline: Array
    height: float
    focus: Array
    doorway: bool

    @property
    def is_structure(self) -> NDArray[np.bool_]:
        """Per solid: whether it belongs to walls, floor, ceiling or their fittings, array (P,)."""
        flags = np.array([name == STRUCTURE for name in self.names])
        return np.asarray(flags[self.instance])
