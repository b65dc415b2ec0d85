"""Where one query looked: its attention over the views beside how each camera saw its anchor.

Attention that falls on a view where a surface hides the anchor read the features of another object; this says how
much does. It is where a query read, not why it decided. Paper section 3.4, eq. 3 and 4. This module needs NumPy alone.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.evidence import Evidence
from fast3dis_core.reconstruction import Float32, Reconstruction, read_only
from fast3dis_core.sights import Sight, anchor_sights

Look = Sight | Literal["muted"]
UNSEEN: tuple[Look, ...] = ("outside", "behind", "muted")  # left out by the decoder


@dataclass(frozen=True, kw_only=True)
class QueryEvidence:
    """Cross-attention of one query, in one layer and head or averaged over what was not named.

    Attributes
    ----------
    query : int
    shares : array (S,) float64
        Of its attention, by view.
    nowhere : float
        Share on the null key: on no view. With `shares` it sums to 1.
    layers : tuple of int
        The decoder layers averaged over, from 1.
    looks : array (len(layers), S) of str
        How each camera sees the anchor that the layer reads at: as `anchor_sights`, or "muted".
    positions : array (len(layers), S, 2) float32
        Pixels (x, y) where it read; NaN where the decoder left the view out.
    masses : dict of str to float
        Share of its attention on views by how they see the anchor.
    """

    query: int
    shares: NDArray[np.float64]
    nowhere: float
    layers: tuple[int, ...]
    looks: NDArray[np.object_]
    positions: Float32
    masses: dict[Look, float]

    @property
    def hidden(self) -> float:
        """Share of its attention on views where a surface hides the anchor."""
        return self.masses.get("occluded", 0.0)


def query_evidence(
    reconstruction: Reconstruction,
    evidence: Evidence,
    query: int,
    *,
    layer: int | None = None,
    head: int | None = None,
) -> QueryEvidence:
    """Where one query looked.

    Parameters
    ----------
    reconstruction : Reconstruction
        Decoded as `evidence` was.
    evidence : Evidence
    query : int
    layer : int, optional
        Decoder layer from 1; default: the mean of all.
    head : int, optional
        Head from 0; default: the mean of all.
    """
    layers = tuple(range(1, len(evidence.weights) + 1)) if layer is None else (layer,)
    picked = np.array(layers) - 1
    weights = evidence.weights[picked, query].astype(np.float64)  # (l, 1 + S, heads)
    weights = weights.mean(axis=2) if head is None else weights[:, :, head]  # (l, 1 + S)
    looks = anchor_sights(reconstruction, reconstruction.anchors[picked, query])  # layer l: A^(l-1)
    visible = evidence.visible[picked, query]  # (l, S)
    looks = np.where(~visible & np.isin(looks, ("visible", "occluded", "unknown")), "muted", looks)
    looks = np.where(visible & np.isin(looks, ("outside", "behind")), "unknown", looks)  # on the very edge of a photo
    masses = {word: float(np.where(looks == word, weights[:, 1:], 0).sum() / len(layers)) for word in np.unique(looks)}
    return QueryEvidence(
        query=query,
        shares=weights[:, 1:].mean(axis=0),
        nowhere=float(weights[:, 0].mean()),
        layers=layers,
        looks=looks,
        positions=read_only(evidence.positions[picked, query]),
        masses=masses,
    )


def evidence_csv(reconstruction: Reconstruction, evidence: Evidence, queries: Sequence[int]) -> str:
    """Everything that is known of some queries' attention, one line for each layer, head and view.

    Columns: query, layer from 1, head from 1, view from 1, photo, attention, anchor seen as, x, y in pixels. The null
    key has view 0 and no photo.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["query", "layer", "head", "view", "photo", "attention", "anchor", "x", "y"])
    layers, _, _, heads = evidence.weights.shape
    for query in queries:
        for layer in range(1, layers + 1):
            known = query_evidence(reconstruction, evidence, query, layer=layer)
            for head in range(heads):
                weights = evidence.weights[layer - 1, query, :, head]
                table.writerow([query, layer, head + 1, 0, "", f"{weights[0]:.6f}", "", "", ""])
                for view, name in enumerate(reconstruction.names):
                    x, y = known.positions[0, view]
                    place = ["", ""] if np.isnan(x) else [f"{x:.2f}", f"{y:.2f}"]
                    row = [query, layer, head + 1, view + 1, name, f"{weights[view + 1]:.6f}", known.looks[0, view]]
                    table.writerow([*row, *place])
    return text.getvalue()
