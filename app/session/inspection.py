"""What the decoder looked at and who claims what, for the panels that ask."""

from dataclasses import dataclass

from fast3dis_core.anchor_health import AnchorHealth
from fast3dis_core.curation import Curation
from fast3dis_core.difference import QueryChange
from fast3dis_core.evidence import Claims, Evidence
from fast3dis_core.reconstruction import Reconstruction, UInt8


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What the decoder looked at, and who claims what.

    Attributes
    ----------
    reconstruction : Reconstruction
        The result it belongs to.
    claims : Claims
    evidence : Evidence
    health : tuple of AnchorHealth
        By query number, held against the instances before any filter.
    """

    reconstruction: Reconstruction
    claims: Claims
    evidence: Evidence
    health: tuple[AnchorHealth, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A result beside what it would be with other anchors and interventions, both as the user sees them.

    Attributes
    ----------
    reconstruction : Reconstruction
        The result it belongs to.
    reference : Reconstruction
        What it is held against, of the same cloud, mask threshold and layer.
    curation : Curation
        Of both.
    changes : tuple of QueryChange
        Of the instances shown.
    points : array (P,) uint8
        What became of every point; see `difference.point_changes`.
    """

    reconstruction: Reconstruction
    reference: Reconstruction
    curation: Curation
    changes: tuple[QueryChange, ...]
    points: UInt8

    def count(self, kind: int) -> int:
        """Number of points of a kind of `fast3dis_core.difference`."""
        return int((self.points == kind).sum())
