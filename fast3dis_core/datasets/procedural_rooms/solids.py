"""Where a ray enters a unit solid: box, ellipsoid, frustum.

Rays come in solid coordinates, where the solid fills [-1, 1]^3, as one origin per column and one direction
per entry. Directions are not normalized, so the parameter t survives the affine map from world to solid
coordinates: with camera directions of z = 1 it is the z-depth. A miss is a number above `MISS`. The hot
loops avoid `torch.where`, which costs ten times a multiplication on a CPU: penalties are added instead.
"""

import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.primitives import BOX, ELLIPSOID, FRUSTUM

MISS = 1e8  # every entry beyond it is none
NEAR = 1e-3  # entries before it lie behind the eye

_STEEP = 1e9  # bound of a reciprocal, so that no ray parallel to a face makes an infinity
_PENALTY = 1e20
_BEYOND = 64.0  # longer than any ray inside a building, meters or fractions of a shadow ray

Vector = tuple[Tensor, Tensor, Tensor]


def entry(kind: int, origin: Vector, direction: Vector, taper: Tensor) -> Tensor:
    """Ray parameter at which rays enter solids of one kind.

    Parameters
    ----------
    kind : int
        `BOX`, `ELLIPSOID` or `FRUSTUM`.
    origin : 3 Tensors (n,)
        Solid coordinates.
    direction : 3 Tensors (R, n)
        Solid coordinates; overwritten.
    taper : Tensor (n,)
        Upper over lower radius of frusta.

    Returns
    -------
    Tensor (R, n)
        Above `MISS` where the ray misses, or starts inside, or would have to run backward.
    """
    if kind == BOX:
        return _enter_box(origin, direction)
    if kind == ELLIPSOID:
        return _enter_ellipsoid(origin, direction)
    assert kind == FRUSTUM
    return _enter_frustum(origin, direction, taper)


def _enter_box(origin: Vector, direction: Vector) -> Tensor:
    near, far = _slab(origin[0], direction[0])
    for axis in (1, 2):
        lower, upper = _slab(origin[axis], direction[axis])
        torch.maximum(near, lower, out=near)
        torch.minimum(far, upper, out=far)
    return _accept(near, near - far)


def _slab(origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Parameters at which a ray enters and leaves -1 <= x <= 1."""
    inverse = torch.reciprocal(direction).clamp_(-_STEEP, _STEEP)
    middle = inverse * -origin
    inverse.abs_()
    return middle - inverse, middle.add_(inverse)


def _accept(near: Tensor, gap: Tensor) -> Tensor:
    """Penalise rays whose `gap` is positive or whose entry lies before `NEAR`; in place."""
    torch.maximum(gap, NEAR - near, out=gap)
    return near.add_(gap.clamp_(min=0), alpha=_PENALTY)


def _enter_ellipsoid(origin: Vector, direction: Vector) -> Tensor:
    closest, squared = _closest(origin, direction)
    gap = torch.full_like(closest, -1.0)
    for start, step in zip(origin, direction, strict=True):
        gap += torch.addcmul(start, closest, step).square_()
    reach = gap.neg().clamp_(min=0).div_(squared).sqrt_()
    return _accept(closest.sub_(reach), gap)


def _closest(origin: Vector, direction: Vector) -> tuple[Tensor, Tensor]:
    """Parameter of the point nearest to the solid's center, and the squared length of the direction."""
    squared = direction[0].square()
    along = direction[0] * origin[0]
    for axis in (1, 2):
        squared.addcmul_(direction[axis], direction[axis])
        along.addcmul_(direction[axis], origin[axis])
    return along.neg_().div_(squared), squared


def _enter_frustum(origin: Vector, direction: Vector, taper: Tensor) -> Tensor:
    # radius over height: r(z) = base + slope * z for -1 <= z <= 1
    base, slope = (taper + 1) / 2, (taper - 1) / 2
    shift, _ = _closest(origin, direction)
    # from the point nearest to the center, else thin poles far away lose all digits
    x, y, z = (torch.addcmul(start, shift, step) for start, step in zip(origin, direction, strict=True))
    dx, dy, dz = direction
    radius, rate = base + slope * z, slope * dz
    a = dx.square().addcmul_(dy, dy).addcmul_(rate, rate, value=-1)
    b = (x * dx).addcmul_(y, dy).addcmul_(radius, rate, value=-1)
    c = x.square_().add_(y.square_()).addcmul_(radius, radius, value=-1)
    discriminant = b.square().addcmul_(a, c, value=-1)
    inverse = a.reciprocal().clamp_(-_STEEP, _STEEP)
    middle = b.mul_(inverse).neg_()
    reach = discriminant.clamp(min=0).sqrt_().mul_(inverse.abs())
    lower, upper = middle - reach, middle + reach
    # a < 0: the ray is steeper than the side and stays inside on one side of both roots
    steep = a.mul_(-_PENALTY).clamp_(0, 1)
    rising = dz.mul(_PENALTY).clamp_(0, 1)
    span = upper - lower
    turned = steep * rising * (span + _BEYOND)
    lower.addcmul_(steep, span).sub_(turned)
    upper.add_(steep, alpha=_BEYOND).sub_(turned)
    low, high = _slab_of(z, dz)
    near, far = torch.maximum(lower, low), torch.minimum(upper, high)
    gap = torch.maximum(near - far, discriminant.neg_().mul_(1 - steep))
    return _accept(near.add_(shift), gap)


def _slab_of(position: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    inverse = direction.reciprocal().clamp_(-_STEEP, _STEEP)
    middle = position.neg().mul_(inverse)
    inverse.abs_()
    return middle - inverse, middle.add_(inverse)


def gradient(kind: Tensor, point: Tensor, taper: Tensor, half: Tensor) -> Tensor:
    """Outward normal at a surface point, up to length.

    Parameters
    ----------
    kind, taper : Tensor (...)
    point : Tensor (3, ...)
        Solid coordinates, on the surface.
    half : Tensor (3, ...)
        Half extents, meters.

    Returns
    -------
    Tensor (3, ...)
        Along the local axes, metric proportions.
    """
    magnitude = point.abs()
    largest = magnitude.amax(0, keepdim=True)
    face = torch.sign(point) * (magnitude >= largest)
    smooth = point / half
    slope = (taper - 1) / 2
    radius = (taper + 1) / 2 + slope * point[2]
    radial = torch.sqrt(point[0].square() + point[1].square())
    on_cap = (1 - magnitude[2]) * half[2] < (radius - radial).abs() * half[0]
    side = torch.stack([point[0] / half[0], point[1] / half[1], -slope * radius / half[2]])
    zero = torch.zeros_like(radius)
    cap = torch.stack([zero, zero, torch.sign(point[2])])
    normal = torch.where(kind == BOX, face, smooth)
    return torch.where(kind == FRUSTUM, torch.where(on_cap, cap, side), normal)
