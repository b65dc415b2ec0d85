"""Cameras from the ray map: the optional, slower road to poses of Depth Anything 3 (paper 3.1).

Rays of one view meet a plane in front of the camera in a homography of the pixel grid, found by RANSAC
on weighted direct linear transforms. It is factored into a rotation and a lower triangular matrix, the
order upstream evaluates with: exact for a principal point at the image center, and an approximation
beside it, where the inverse intrinsics would be upper triangular.
"""

import torch
from torch import Tensor

from fast3dis_core.errors import GeometryError
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid

MINIMUM_SLOPE = 1e-4  # rays with a smaller z component meet the plane too far away
CANDIDATE_SHARE = 0.3  # of the rays, the most confident ones, from which samples are drawn
DRAWS = 100
SAMPLE_SIZE = 8  # rays per draw; four would do
INLIER_RADIUS = 0.2  # units of the plane z = 1
REFIT_SHARE = 0.95
REFIT_LIMIT = 8000  # inliers in the last fit


def cameras_from_rays(
    ray: Tensor, confidence: Tensor, height: int, width: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Fit a pinhole camera to the rays of every view.

    Parameters
    ----------
    ray : Tensor (B, S, h, w, 6)
        Direction and origin, world.
    confidence : Tensor (B, S, h, w)
        At least 0.
    height, width : int
        Of the images, which the intrinsics refer to.
    generator : torch.Generator, optional
        On the CPU; all views use the same ranks. A fresh one with seed 0 by default.

    Returns
    -------
    world_to_camera : Tensor (B, S, 4, 4)
    intrinsics : Tensor (B, S, 3, 3)
        Pixels of height x width.

    Raises
    ------
    GeometryError
        If the rays of a view do not determine a camera.
    """
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    rows, columns = ray.shape[2:4]
    plane = _grid_points(rows, columns, like=ray)  # (n, 3)
    directions, origins = ray.flatten(0, 1).flatten(1, 2).split(3, dim=-1)  # (B*S, n, 3)
    valid = directions[..., 2].abs() > MINIMUM_SLOPE
    weights = confidence.flatten(0, 1).flatten(1) * valid  # (B*S, n)
    if bool((valid.sum(dim=1) < SAMPLE_SIZE).any()):
        raise GeometryError(
            f"Cameras from rays need {SAMPLE_SIZE} rays per view that point forward or backward, found fewer: "
            "use the camera decoder instead (use_ray_pose=False)."
        )
    # a harmless divisor where the weight is 0
    targets = directions[..., :2] / torch.where(valid, directions[..., 2], 1.0)[..., None]  # (B*S, n, 2)
    candidates = max(SAMPLE_SIZE, int(CANDIDATE_SHARE * len(plane)))
    ranks = torch.stack([torch.randperm(candidates, generator=generator)[:SAMPLE_SIZE] for _ in range(DRAWS)])
    ranks = ranks.to(ray.device)  # (DRAWS, SAMPLE_SIZE)
    homographies = torch.stack(
        [_robust_homography(plane, t, w, ranks, generator) for t, w in zip(targets, weights, strict=True)]
    )  # (B*S, 3, 3)
    if not bool(homographies.isfinite().all()):
        raise GeometryError(
            "The rays of a view do not determine a camera: use the camera decoder instead (use_ray_pose=False)."
        )
    rotation, lower = _orthogonal_times_lower(homographies)
    center = (origins * weights[..., None]).sum(dim=1) / weights.sum(dim=1)[:, None]  # (B*S, 3)
    camera_to_world = homogeneous(torch.cat([rotation.to(ray.dtype), center[..., None]], dim=-1))
    half = lower.new_tensor([width / 2, height / 2])
    intrinsics = torch.diag_embed(torch.cat([half / lower.diagonal(dim1=-2, dim2=-1)[:, :2], lower[:, 2, 2:]], dim=-1))
    offset = torch.nn.functional.pad((lower[:, 2, :2] + 1) * half, (0, 1))  # (B*S, 3)
    intrinsics = intrinsics + torch.nn.functional.pad(offset[..., None], (2, 0))
    shape = ray.shape[:2]
    return invert_rigid(camera_to_world).unflatten(0, shape), intrinsics.to(ray.dtype).unflatten(0, shape)


def _grid_points(rows: int, columns: int, *, like: Tensor) -> Tensor:
    """Homogeneous centers (n, 3) of a grid's cells in an image that spans -1 to 1."""
    x = (2 * torch.arange(columns, device=like.device, dtype=like.dtype) + 1) / columns - 1
    y = (2 * torch.arange(rows, device=like.device, dtype=like.dtype) + 1) / rows - 1
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)  # (rows*columns, 2)
    return torch.nn.functional.pad(points, (0, 1), value=1.0)


def _robust_homography(
    points: Tensor, targets: Tensor, weights: Tensor, ranks: Tensor, generator: torch.Generator
) -> Tensor:
    """Homography (3, 3) float64 with positive determinant from one view's n rays.

    Parameters
    ----------
    points : Tensor (n, 3)
    targets : Tensor (n, 2)
    weights : Tensor (n,)
    ranks : Tensor (DRAWS, SAMPLE_SIZE) int64
        Places in the order of falling weight.
    generator : torch.Generator
        Thins the inliers of the last fit.
    """
    order = weights.argsort(descending=True)
    sample = order[ranks]  # (DRAWS, SAMPLE_SIZE)
    models = _fit_homography(points[sample], targets[sample], weights[sample])  # (DRAWS, 3, 3)
    mapped = points @ models.to(points.dtype).mT  # (DRAWS, n, 3)
    error = (mapped[..., :2] / mapped[..., 2:] - targets).norm(dim=-1)  # (DRAWS, n)
    inliers = error < INLIER_RADIUS
    best = inliers[(inliers * weights).sum(dim=-1).argmax()].nonzero().squeeze(-1)  # (m,)
    if len(best) > REFIT_LIMIT:
        keep = max(int(REFIT_SHARE * len(best)), REFIT_LIMIT)
        confident = best[weights[best].argsort(descending=True)[:keep]]
        best = confident[torch.randperm(keep, generator=generator)[:REFIT_LIMIT].to(confident.device)]
    model = _fit_homography(points[best], targets[best], weights[best])
    return torch.where(torch.linalg.det(model) < 0, -model, model)


def _fit_homography(points: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted direct linear transform.

    Parameters
    ----------
    points : Tensor (..., m, 3)
    targets : Tensor (..., m, 2)
    weights : Tensor (..., m)

    Returns
    -------
    Tensor (..., 3, 3) float64
        With entry [2, 2] equal to 1.
    """
    # In double precision the normal equations lose nothing that float32 rays hold, and stay 9 x 9.
    points, targets = points.double(), targets.double()
    zero = torch.zeros_like(points)
    u, v = targets[..., :1], targets[..., 1:]
    rows = torch.cat(
        [torch.cat([-points, zero, points * u], dim=-1), torch.cat([zero, -points, points * v], dim=-1)], dim=-2
    )  # (..., 2m, 9)
    doubled = torch.cat([weights, weights], dim=-1).double()[..., None]
    _, vectors = torch.linalg.eigh((rows * doubled).mT @ rows)
    model = vectors[..., 0].unflatten(-1, (3, 3))  # (..., 3, 3), of the smallest eigenvalue
    return model / model[..., 2:, 2:]


def _orthogonal_times_lower(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Factor (..., 3, 3) matrices into Q and lower triangular L, positive diagonal, `L[2, 2] = 1`."""
    orthogonal, upper = torch.linalg.qr(matrix.flip(-1))
    orthogonal, lower = orthogonal.flip(-1), upper.flip(-1, -2)
    sign = torch.where(lower.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(lower.dtype)  # (..., 3)
    orthogonal, lower = orthogonal * sign[..., None, :], lower * sign[..., :, None]
    return orthogonal, lower / lower[..., 2:, 2:]
