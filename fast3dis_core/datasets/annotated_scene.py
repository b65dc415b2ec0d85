"""What every annotated scene offers, and the labels of its vertices (paper 4.1, 4.4: ScanNet, ScanNet++, Replica).

A loader is an `AnnotatedScene`: views with cameras and, where the data set has them, depth, ids and a labelled mesh.
`scene_sampling` makes samples of it, `evaluation` scores its vertices. Camera axes are OpenCV, pixels have their
centers at +0.5, and the world is that of the data set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.mesh import Mesh
from fast3dis_core.datasets.sample import UNLABELED
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.preprocessing import Matrix, Pixels

# which classes are to be found: the objects of the data set's benchmark, or everything that is annotated
ProtocolName = Literal["objects", "all"]
LABEL_STEP = 1000  # an encoded id is label * 1000 + instance


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Labels of the vertices of a mesh.

    Attributes
    ----------
    vertex_ids : array (V,) int32
        Instance of every vertex; 0 = none.
    class_ids : array (I,) int64
        Class of every id below I, as a place in `class_names`; 0 for ids that label nothing.
    class_names : tuple of str
        Entry 0 is "unlabeled".
    labels : array (C,) int64
        Number of every class in encoded ids; positive but for entry 0.
    object_classes : frozenset of str
        Classes the data set's benchmark counts as objects.
    """

    vertex_ids: NDArray[np.int32]
    class_ids: NDArray[np.int64]
    class_names: tuple[str, ...]
    labels: NDArray[np.int64]
    object_classes: frozenset[str]

    def is_object(self) -> NDArray[np.bool_]:
        """Whether every class is one of the benchmark's objects, bool (C,)."""
        return np.array([name in self.object_classes for name in self.class_names], np.bool_)

    def encoded(self, protocol: ProtocolName) -> NDArray[np.int32]:
        """Ids of the vertices as benchmarks write them: label * 1000 + instance, 0 = void.

        Parameters
        ----------
        protocol : {"objects", "all"}

        Returns
        -------
        array (V,) int32
            The instance is the id itself; ids are numbered anew, rising, where one does not fit below 1000.

        Raises
        ------
        ConfigError
            If there is no such protocol.
        DatasetError
            If there are more objects than numbers.
        """
        check_protocol(protocol)
        kept = self.class_ids > 0
        if protocol == "objects":
            kept &= self.is_object()[self.class_ids]
        kept[0] = False
        present = np.zeros(len(kept), np.bool_)
        present[self.vertex_ids] = True
        numbers = np.flatnonzero(kept & present)
        if len(numbers) >= LABEL_STEP:
            raise DatasetError(
                f"A scene may hold {LABEL_STEP - 1} objects, found {len(numbers)}: split it into several scenes."
            )
        instances = numbers if numbers.max(initial=0) < LABEL_STEP else np.arange(1, len(numbers) + 1)
        table = np.zeros(len(kept), np.int32)
        table[numbers] = self.labels[self.class_ids[numbers]] * LABEL_STEP + instances
        return table[self.vertex_ids]


class AnnotatedScene(Protocol):
    """One scene of a data set; a *view* is a place in `frames`.

    Methods raise `DatasetError` for files that should be there and are not, or are not as documented. None means that
    the data set, or this scene of it, was made without.
    """

    @property
    def scene_id(self) -> str:
        """Name of the scene in the data set."""

    @property
    def frames(self) -> Sequence[str]:
        """Photos that exist and have a finite camera, in the order of their numbers."""

    @property
    def is_metric(self) -> bool:
        """Whether the world is in meters."""

    def intrinsics(self, view: int) -> Matrix:
        """K of the photo, array (3, 3) float64."""

    def world_to_camera(self, view: int) -> Matrix | None:
        """Exactly rigid, array (4, 4) float64."""

    def image(self, view: int) -> Pixels:
        """Photo of a pinhole camera, RGB (h, w, 3) uint8."""

    def depth(self, view: int) -> NDArray[np.float32] | None:
        """Depth along z at the pixels of the photo, 0 where unknown, array (h, w) float32."""

    def valid(self, view: int) -> NDArray[np.bool_] | None:
        """Pixels that show the scene, bool (h, w); None where all do."""

    def instance(self, view: int) -> NDArray[np.int32] | None:
        """Instance ids at the pixels of the photo, 0 = none, array (h, w) int32; the same ids as in the mesh."""

    def mesh(self) -> Mesh | None:
        """The scan."""

    def annotation(self) -> Annotation | None:
        """Labels of the vertices of the scan."""

    def gt_vertex_ids(self, protocol: ProtocolName) -> NDArray[np.int32] | None:
        """Encoded ids of the vertices (V,), see `Annotation.encoded`."""

    def scored_vertices(self, protocol: ProtocolName) -> NDArray[np.bool_] | None:
        """Vertices that count, bool (V,): the others are taken out before scoring. None where all do."""


def check_protocol(protocol: str) -> None:
    """Refuse an unknown protocol, with `ConfigError`."""
    if protocol not in get_args(ProtocolName):
        raise ConfigError(f"Protocol must be one of {', '.join(get_args(ProtocolName))}, found {protocol!r}.")


def classes_of(names: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names with "unlabeled" put first, and their labels 1, 2, ..., 0 being nothing."""
    return (UNLABELED, *names), np.arange(len(names) + 1)
