"""What the decoder looked at and who claims what, for the panels that ask."""

from dataclasses import dataclass

from fast3dis_core.anchor_health import AnchorHealth
from fast3dis_core.evidence import Claims, Evidence
from fast3dis_core.reconstruction import Reconstruction


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
