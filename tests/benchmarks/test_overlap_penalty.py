"""Time of the overlap penalty against the number of queries: linear, for no matrix of all pairs is formed."""

import pytest
import torch

from fast3dis_core.training.losses import overlap_loss
from tests.core.training.batches import random_batch

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
FEW, MANY = 400, 3200


def test_time_of_the_penalty_is_linear_in_queries(fastest, figure):
    valid = torch.ones(1, 3, 7, 10, dtype=torch.bool)

    def penalty(queries):
        encoded, trace, _ = random_batch(1, queries=queries)
        return lambda: overlap_loss(trace.layers[1], encoded.mask_features, valid).backward()

    few, many = fastest(penalty(FEW), penalty(MANY))
    figure(f"overlap penalty and its gradient, {MANY} queries over {FEW}", many / few, "times")
    assert many / few < 16  # 8 if linear, 64 if not
