"""Learned 3D anchors, shifted by the scene, and their content queries. Paper section 3.3, eq. 1."""

import torch
from torch import Tensor, nn

from fast3dis_core.model.perceptron import perceptron


class AnchorGenerator(nn.Module):
    """N anchors and N content queries from the global scene context.

    `gamma` is the mean of level 1/32 over views and pixels. Departure: it is taken after geometry injection, so that
    the context knows the geometry. The paper leaves the form of the content queries open; here they are learned
    embeddings plus a linear map of `gamma`.

    Parameters
    ----------
    num_queries : int
        N_a = N_q of the paper.
    channels : int
        C.
    """

    def __init__(self, *, num_queries: int, channels: int) -> None:
        super().__init__()
        self.initial_anchors = nn.Parameter(torch.rand(num_queries, 3) * 2 - 1)
        self.embeddings = nn.Parameter(torch.randn(num_queries, channels))
        self.shift = perceptron(channels, channels, channels, 3 * num_queries, zero_last=True)
        self.content = nn.Linear(channels, channels)

    def forward(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Eq. 1.

        Parameters
        ----------
        context : Tensor (B, C)
            gamma.

        Returns
        -------
        anchors : Tensor (B, N, 3)
            A^0, normalized coordinates.
        queries : Tensor (B, N, C)
            C^0.
        """
        anchors = self.initial_anchors + self.shift(context).unflatten(-1, (-1, 3))  # (B, N, 3)
        return anchors, self.embeddings + self.content(context)[:, None]
