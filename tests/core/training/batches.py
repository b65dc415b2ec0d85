"""Batches of random scenes with a decoder trace and painted instance ids, for tests of the objective."""

from dataclasses import replace

import torch

from fast3dis_core.scene import DecoderLayer, DecoderTrace, EncodedScene
from tests.core.model.encoded import random_scene

HEIGHT, WIDTH, CHANNELS = 28, 42, 16  # masks of 7 x 10 cells


def batch_of(values):
    """Scenes that each carry a batch axis of one, as one batch."""
    first = values[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(values)
    if isinstance(first, tuple):
        return tuple(batch_of(list(items)) for items in zip(*values, strict=True))
    if hasattr(first, "__dataclass_fields__"):
        return replace(
            first, **{name: batch_of([getattr(v, name) for v in values]) for name in first.__dataclass_fields__}
        )
    return first


def random_layer(queries: int, generator: torch.Generator) -> DecoderLayer:
    def noise(*shape):
        return torch.randn(1, queries, *shape, generator=generator).requires_grad_()

    return DecoderLayer(
        anchors=noise(3), queries=noise(CHANNELS), objectness_logits=noise(), mask_embeddings=noise(CHANNELS)
    )


def random_batch(
    scenes: int = 2, *, views: int = 3, queries: int = 8, layers: int = 2, seed: int = 0
) -> tuple[EncodedScene, DecoderTrace, list[DecoderTrace]]:
    """Encoded scenes, their trace as a batch, and the traces of the single scenes; leaves are the single ones."""
    generator = torch.Generator().manual_seed(seed)
    encoded = batch_of(
        [
            random_scene(views=views, height=HEIGHT, width=WIDTH, channels=CHANNELS, queries=queries, seed=seed + index)
            for index in range(scenes)
        ]
    )
    single = [
        DecoderTrace(layers=tuple(random_layer(queries, generator) for _ in range(layers + 1))) for _ in range(scenes)
    ]
    return encoded, batch_of(single), single


def painted_ids(scenes: int = 2, *, views: int = 3, objects: int = 4, seed: int = 0) -> torch.Tensor:
    """Ids in vertical stripes that move from view to view, a band of unlabelled pixels above; (B, S, H, W) int32."""
    column = torch.arange(WIDTH) * objects // WIDTH
    stripes = torch.stack([(column + view + seed) % objects + 1 for view in range(views)])  # (S, W)
    ids = stripes[None, :, None, :].repeat(scenes, 1, HEIGHT, 1).int()
    ids[:, :, :8] = 0
    return ids


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
