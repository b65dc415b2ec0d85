"""Voxel thinning: means of cells, every point has a voxel, and order does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import GeometryError
from fast3dis_core.geometry.neighbors import thin_voxels


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 60), voxel=st.sampled_from([0.1, 0.5, 2.0]))
def test_a_voxel_is_the_mean_of_its_cell(seed, count, voxel):
    random = np.random.default_rng(seed)
    points = random.normal(size=(count, 3))
    thinned = thin_voxels(points, voxel)
    cells = [tuple(cell) for cell in np.floor(points / voxel).astype(int)]
    assert len(thinned.points) == len(set(cells))
    for row in range(count):
        together = [other for other in range(count) if cells[other] == cells[row]]
        assert (thinned.members[together] == thinned.members[row]).all()
        np.testing.assert_allclose(thinned.points[thinned.members[row]], points[together].mean(axis=0), atol=1e-12)
    order = random.permutation(count)
    again = thin_voxels(points[order], voxel)
    np.testing.assert_allclose(again.points, thinned.points, atol=1e-12)
    np.testing.assert_array_equal(again.members, thinned.members[order])


def test_refusals():
    with pytest.raises(GeometryError, match="1 of 2 with NaN"):
        thin_voxels([[0, 0, 0], [np.nan, 0, 0]], 0.1)
    with pytest.raises(GeometryError, match="check the units"):
        thin_voxels([[0, 0, 0], [1e9, 0, 0]], 0.01)
