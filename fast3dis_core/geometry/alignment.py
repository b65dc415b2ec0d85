"""Alignment of two worlds: Umeyama's similarity, its robust form, and point-to-point ICP.

`target ~ scale * rotation @ source + translation`. All in float64: the sums of squares of a trajectory
lose too much in float32. Used to bring given cameras and predicted ones together (paper 3.1, posed
input) and predictions to a ground-truth scan (paper 4.1). Which points take part is the caller's choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from fast3dis_core.errors import GeometryError
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid

COINCIDENT = 1e-12  # largest singular value of the covariance at or below which all points are one
COLLINEAR = 1e-6  # share of the first singular value at or below which the second counts as zero
WEAK = 1e-3  # share below which the rotation about the line is poorly determined
RANSAC_SEED = 42


@dataclass(frozen=True)
class Similarity:
    """`p -> scale * rotation @ p + translation`.

    Attributes
    ----------
    scale : Tensor () float64
    rotation : Tensor (3, 3) float64
    translation : Tensor (3,) float64
    is_weak : bool
        The points were so close to a line that the rotation about it is poorly determined.
    """

    scale: Tensor
    rotation: Tensor
    translation: Tensor
    is_weak: bool = False

    def transform(self, points: Tensor) -> Tensor:
        """Points (..., 3) of the source world to the target world, float64."""
        return self.scale * points.double() @ self.rotation.mT + self.translation

    def move_cameras(self, world_to_camera: Tensor) -> Tensor:
        """Cameras (..., 4, 4) of the source world to the target world; they stay rigid. float64."""
        camera_to_world = invert_rigid(world_to_camera.double())
        rotation = self.rotation @ camera_to_world[..., :3, :3]
        center = self.transform(camera_to_world[..., :3, 3])
        return invert_rigid(homogeneous(torch.cat([rotation, center[..., None]], dim=-1)))


def umeyama(source: Tensor, target: Tensor, *, with_scale: bool = True) -> Similarity:
    """Least-squares similarity between paired points (Umeyama 1991).

    Parameters
    ----------
    source, target : Tensor (N, 3)
        Pairs, N >= 3.
    with_scale : bool
        Off: a rigid motion, scale 1.

    Returns
    -------
    Similarity

    Raises
    ------
    GeometryError
        If points are not finite, or lie on a line: then no rotation is determined.
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3:
        raise ValueError(f"umeyama expects two tensors (N, 3), found {tuple(source.shape)} and {tuple(target.shape)}")
    source, target = source.double(), target.double()
    if not bool(source.isfinite().all() and target.isfinite().all()):
        raise GeometryError("Alignment expects finite points, found NaN or infinity: leave such points or cameras out.")
    if len(source) < 3:
        raise GeometryError(f"Alignment expects at least 3 pairs of points, found {len(source)}: use more views.")
    source_mean, target_mean = source.mean(dim=0), target.mean(dim=0)
    centered = source - source_mean
    covariance = (target - target_mean).mT @ centered / len(source)
    left, singular, right = torch.linalg.svd(covariance)
    first, second = float(singular[0]), float(singular[1])
    if first <= COINCIDENT or second <= COLLINEAR * first:
        raise GeometryError(
            f"Alignment expects points that span a plane, found {len(source)} pairs of points on a line: add views "
            "beside it."
        )
    sign = torch.ones_like(singular)
    sign[2] = torch.sign(torch.linalg.det(left) * torch.linalg.det(right))
    rotation = left * sign @ right
    scale = (singular * sign).sum() / centered.square().sum(dim=1).mean() if with_scale else torch.ones_like(sign[0])
    translation = target_mean - scale * rotation @ source_mean
    return Similarity(scale, rotation, translation, is_weak=second < WEAK * first)


def umeyama_ransac(
    source: Tensor,
    target: Tensor,
    *,
    draws: int = 10,
    sample_size: int | None = None,
    inlier_radius: float | None = None,
) -> Similarity:
    """Similarity that a minority of wrong pairs does not disturb.

    Parameters
    ----------
    source, target : Tensor (N, 3)
        Pairs.
    draws : int
        Random subsets tried, the same for the same number of pairs.
    sample_size : int, optional
        Pairs per subset; half of them, rounded up, by default, and never fewer than 3.
    inlier_radius : float, optional
        Target units. By default the median distance of the points, aligned by all pairs, to the
        nearest target.

    Returns
    -------
    Similarity
        Fitted to the inliers of the subset with most inliers, of equal ones the smallest mean error.

    Raises
    ------
    GeometryError
        If all pairs together, or all subsets, are degenerate.
    """
    generator = np.random.default_rng(RANSAC_SEED)
    count = len(source)
    size = max(3, (count + 1) // 2 if sample_size is None else sample_size)
    everything = umeyama(source, target)
    if inlier_radius is None:
        aligned = everything.transform(source)
        inlier_radius = float(np.median(torch.cdist(aligned, target.double()).amin(dim=1).cpu().numpy()))
    best: tuple[int, float] | None = None
    chosen, inliers = everything, torch.ones(count, dtype=torch.bool, device=source.device)
    for _ in range(draws):
        subset = torch.from_numpy(generator.choice(np.arange(count), size, replace=False)).to(source.device)
        try:
            model = umeyama(source[subset], target[subset])
        except GeometryError:  # this subset is degenerate; others need not be
            continue
        error = (model.transform(source) - target.double()).norm(dim=1)  # (N,)
        near = error <= inlier_radius
        rank = (int(near.sum()), -float(error[near].mean()) if bool(near.any()) else -float("inf"))
        if best is None or rank > best:
            best, chosen, inliers = rank, model, near
    if best is None:
        raise GeometryError(f"All {draws} random subsets of {size} pairs lie on a line: add views beside it.")
    return umeyama(source[inliers], target[inliers]) if best[0] >= 3 else chosen


def rotation_from_orientations(source: Tensor, target: Tensor) -> Tensor:
    """Rotation that best turns source camera orientations into target ones.

    Parameters
    ----------
    source, target : Tensor (N, 3, 3)
        Camera-to-world rotations, N >= 1.

    Returns
    -------
    Tensor (3, 3) float64
        Minimizes the sum of squared differences of `rotation @ source` and `target`.
    """
    left, _, right = torch.linalg.svd((target.double() @ source.double().mT).sum(dim=0))
    sign = torch.ones(3, dtype=torch.float64, device=left.device)
    sign[2] = torch.sign(torch.linalg.det(left) * torch.linalg.det(right))
    return left * sign @ right


@dataclass(frozen=True)
class IcpResult:
    """Outcome of `point_to_point_icp`.

    Attributes
    ----------
    rotation : Tensor (3, 3) float64
    translation : Tensor (3,) float64
        `p -> rotation @ p + translation`; the identity if not accepted.
    accepted : bool
        Whether the motion found was small and did not lose inliers.
    rotation_degrees, shift : float
        Angle of the motion found and way of the source's centroid, also if it was not accepted.
    inlier_fraction_before, inlier_fraction_after : float
        Share of source points within the last stage's distance of the target, before and after the
        motion found (also if it was not accepted).
    rmse_before, rmse_after : float
        Root mean square distance of these inliers; NaN if there are none.
    iterations : int
    """

    rotation: Tensor
    translation: Tensor
    accepted: bool
    rotation_degrees: float
    shift: float
    inlier_fraction_before: float
    inlier_fraction_after: float
    rmse_before: float
    rmse_after: float
    iterations: int


def point_to_point_icp(
    source: Tensor,
    target: Tensor,
    *,
    distances: Sequence[float] = (0.20, 0.10, 0.05),
    iterations: int = 30,
    tolerance: float = 1e-6,
    maximum_rotation: float = 10.0,
    maximum_translation: float = 0.5,
) -> IcpResult:
    """Refine a rigid alignment by iterated closest points (Besl and McKay 1992).

    Parameters
    ----------
    source : Tensor (N, 3)
        Roughly aligned, thinned by the caller.
    target : Tensor (M, 3)
    distances : sequence of float
        Largest distance of a pair in each stage, target units.
    iterations : int
        Most iterations per stage.
    tolerance : float
        A stage ends when the motion (radians and units) or the relative change of the error is below.
    maximum_rotation : float
        Degrees; a larger total rotation is not accepted.
    maximum_translation : float
        Target units; a larger shift of the source's centroid is not accepted.

    Returns
    -------
    IcpResult

    Raises
    ------
    GeometryError
        If either cloud is empty or not finite.
    """
    points, goals = (_finite_points(name, cloud) for name, cloud in (("source", source), ("target", target)))
    tree = cKDTree(goals)
    rotation, translation, used = np.eye(3), np.zeros(3), 0
    for limit in distances:
        previous = np.inf
        for _ in range(iterations):
            moved = points @ rotation.T + translation
            distance, nearest = tree.query(moved, distance_upper_bound=np.nextafter(limit, np.inf))
            paired = np.isfinite(distance)
            if paired.sum() < 3:
                break
            used += 1
            step, shift = _kabsch(moved[paired], goals[nearest[paired]])
            rotation, translation = step @ rotation, step @ translation + shift
            error = float(np.sqrt(np.mean(distance[paired] ** 2)))
            motion = max(_angle(step), float(np.linalg.norm(step @ moved.mean(axis=0) + shift - moved.mean(axis=0))))
            if motion < tolerance or abs(previous - error) < tolerance * error:
                break
            previous = error
    before = _inliers(tree, points, distances[-1])
    after = _inliers(tree, points @ rotation.T + translation, distances[-1])
    center = points.mean(axis=0)
    turn = float(np.degrees(_angle(rotation)))
    center_shift = float(np.linalg.norm(rotation @ center + translation - center))
    accepted = after[0] >= before[0] and turn < maximum_rotation and center_shift < maximum_translation
    return IcpResult(
        rotation=torch.from_numpy(rotation if accepted else np.eye(3)),
        translation=torch.from_numpy(translation if accepted else np.zeros(3)),
        accepted=bool(accepted),
        rotation_degrees=turn,
        shift=center_shift,
        inlier_fraction_before=before[0],
        inlier_fraction_after=after[0],
        rmse_before=before[1],
        rmse_after=after[1],
        iterations=used,
    )


def _finite_points(name: str, cloud: Tensor) -> np.ndarray:
    points = cloud.detach().cpu().double().numpy()
    if not len(points) or not np.isfinite(points).all():
        raise GeometryError(
            f"ICP expects a non-empty, finite {name} cloud, found {len(points)} points"
            f"{' with NaN or infinity' if len(points) else ''}: leave invalid points out."
        )
    return points


def _kabsch(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rigid motion of paired points; minimal rotation where they lie on a line."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    left, _, right = np.linalg.svd((target - target_mean).T @ (source - source_mean))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = left * sign @ right
    return rotation, target_mean - rotation @ source_mean


def _angle(rotation: np.ndarray) -> float:
    """Angle in radians; by the skew part, which stays exact for small angles."""
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    return float(np.arctan2(np.linalg.norm(skew), np.trace(rotation) - 1))


def _inliers(tree: cKDTree, points: np.ndarray, limit: float) -> tuple[float, float]:
    distance, _ = tree.query(points)
    near = distance[distance <= limit]
    return len(near) / len(points), float(np.sqrt(np.mean(near**2))) if len(near) else float("nan")
