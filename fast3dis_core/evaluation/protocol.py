"""Which classes are objects to be found, and ids as `average_precision` reads them. Paper section 4.

The paper does not say whether walls and floors count, and released code goes both ways, so both are offered and
every report names its protocol. What is not kept is void: a mask on it is neither right nor wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fast3dis_core.datasets.sample import STRUCTURE, UNLABELED
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.evaluation.average_precision import KEPT_LABEL, LABEL_STEP


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Choice of classes.

    Attributes
    ----------
    name : str
    void_classes : frozenset of str
        Classes that are not to be found, besides what is unlabelled.
    """

    name: str
    void_classes: frozenset[str]

    def keeps(self, class_name: str) -> bool:
        """Whether instances of a class are objects."""
        return class_name != UNLABELED and class_name not in self.void_classes


PROTOCOLS: Mapping[str, Protocol] = {
    "objects": Protocol(name="objects", void_classes=frozenset({STRUCTURE})),
    "all": Protocol(name="all", void_classes=frozenset()),
}
DEFAULT = "objects"  # the headline


def _known(protocol: str) -> Protocol:
    if protocol not in PROTOCOLS:
        raise ConfigError(f"Protocol must be one of {', '.join(PROTOCOLS)}, found {protocol!r}.")
    return PROTOCOLS[protocol]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How predictions are scored.

    Attributes
    ----------
    protocol : str
        A name in `PROTOCOLS`.
    icp : bool
        Refine alignments on points, where geometry was predicted.
    duplicate_overlap : float
        IoU above which a mask is left out as a duplicate of a better one; 0, the standard, leaves out none.

    Raises
    ------
    ConfigError
        If the protocol is unknown, or the overlap not in [0, 1).
    """

    protocol: str = DEFAULT
    icp: bool = True
    duplicate_overlap: float = 0.0

    def __post_init__(self) -> None:
        _known(self.protocol)
        if not 0 <= self.duplicate_overlap < 1:
            raise ConfigError(
                f"Duplicate overlap: expected an IoU of at least 0 (off) and below 1, found {self.duplicate_overlap:g}."
            )

    @property
    def name(self) -> str:
        """What its files are named after: the protocol, and whether duplicates were left out."""
        limit = self.duplicate_overlap
        return f"{self.protocol}-without-duplicates-{limit:g}" if limit else self.protocol


STANDARD = Scoring()


def encode(
    gt_ids: ArrayLike, class_ids: ArrayLike, class_names: Sequence[str], protocol: str = DEFAULT
) -> NDArray[np.int32]:
    """Give the kept objects of a scene the ids 1001, 1002, ... in the order of their own ids, and void 0.

    Parameters
    ----------
    gt_ids : array (...) of integers
        Instance ids of pixels or points; 0 or less = none.
    class_ids : array (I,) of integers
        Class of every id below I, as an index into `class_names`.
    class_names : sequence of str
    protocol : str
        A name in `PROTOCOLS`.

    Returns
    -------
    array (...) int32

    Raises
    ------
    ConfigError
        If the protocol is unknown.
    DatasetError
        If an id has no class, a class no name, or there are more objects than ids.
    """
    chosen = _known(protocol)
    ids, classes = np.asarray(gt_ids), np.asarray(class_ids)
    highest = int(ids.max(initial=0))
    if highest >= len(classes) or not ((classes >= 0) & (classes < len(class_names))).all():
        raise DatasetError(
            f"Instance ids up to {highest} need a class each, one of {len(class_names)} names: found classes of "
            f"{len(classes)} ids, the highest class being {int(classes.max(initial=-1))}."
        )
    kept = np.array([chosen.keeps(name) for name in class_names], np.bool_)[classes]  # (I,)
    present = np.zeros(len(classes), np.bool_)
    present[np.maximum(ids, 0)] = True
    kept &= present
    kept[0] = False
    if kept.sum() >= LABEL_STEP:
        raise DatasetError(
            f"A scene may hold {LABEL_STEP - 1} objects, found {int(kept.sum())}: split it into several scenes."
        )
    table = np.where(kept, KEPT_LABEL * LABEL_STEP + np.cumsum(kept), 0).astype(np.int32)
    return table[np.maximum(ids, 0)]


def class_agnostic(gt_ids: ArrayLike) -> NDArray[np.int32]:
    """Forget the classes of the vertices of a scan.

    Parameters
    ----------
    gt_ids : array (V,) of integers
        label * 1000 + instance, as `AnnotatedScene.gt_vertex_ids` has them for one of the protocols; label 0 = void.

    Returns
    -------
    array (V,) int32
        1001, 1002, ... in the order of the ids, 0 for void.

    Raises
    ------
    DatasetError
        If there are more objects than ids.
    """
    ids = np.asarray(gt_ids)
    known = ids >= LABEL_STEP
    objects, places = np.unique(ids[known], return_inverse=True)
    if len(objects) >= LABEL_STEP:
        raise DatasetError(
            f"A scene may hold {LABEL_STEP - 1} objects, found {len(objects)}: split it into several scenes."
        )
    numbered = np.zeros(ids.shape, np.int32)
    numbered[known] = KEPT_LABEL * LABEL_STEP + 1 + places
    return numbered
