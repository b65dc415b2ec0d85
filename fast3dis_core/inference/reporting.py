"""Progress of a network that knows nothing of it: hooks on its layers report, and so let a run be stopped.

Every layer without parts of its own asks before it starts, so the time between two reports is that of one
convolution or of one piece of one linear layer. How far a step is, marked layers tell: each counts as much as it
costs, in multiplications that follow from the architecture. Which steps there are is the business of `steps`.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import nn

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.model.depth_anything3.monocular import MonocularNetwork
from fast3dis_core.model.depth_anything3.nested import NestedNetwork
from fast3dis_core.model.depth_anything3.pieces import Product
from fast3dis_core.model.depth_anything3.vision_transformer import VisionTransformer
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.model.pixel_decoder import ResidualUnit
from fast3dis_core.progress import Report

HEAD_FACTOR = 10.0  # multiplications of a depth head per pixel and squared width: its 3 x 3 convolutions counted
ALMOST = 0.99  # a step is done when it ends, not when its last layer starts


class Mark(NamedTuple):
    """A layer by which a step's progress is told.

    Attributes
    ----------
    layer : nn.Module
    cost : float
        Of one call, in any unit.
    calls : float
        How often it runs in the step.
    by_rows : bool
        Whether `cost` is that of a row (N times L of its output (N, heads, L, C)), and `calls` the number of them:
        an attention that is computed in pieces.
    """

    layer: nn.Module
    cost: float
    calls: float = 1.0
    by_rows: bool = False


@contextmanager
def reporting(network: nn.Module, marks: Sequence[Mark], report: Report, step: str) -> Iterator[None]:
    """Report before every layer of a network that runs in this context.

    Parameters
    ----------
    network : nn.Module
        Its innermost layers ask `report`, which may raise to stop the run.
    marks : sequence of Mark
    report : Report
    step : str
    """
    total = sum(mark.cost * mark.calls for mark in marks) or 1.0
    done = 0.0

    def ask(*_: object) -> None:
        report(step, min(done / total, ALMOST))

    def count(mark: Mark) -> Callable[..., None]:
        def finished(_layer: nn.Module, _inputs: object, output: Any) -> None:
            nonlocal done
            done += mark.cost * (output.shape[0] * output.shape[2] if mark.by_rows else 1.0)

        return finished

    report(step, 0.0)
    innermost = [layer for layer in network.modules() if next(layer.children(), None) is None]
    handles = [layer.register_forward_pre_hook(ask) for layer in innermost]
    handles += [mark.layer.register_forward_hook(count(mark)) for mark in marks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    report(step, 1.0)


@contextmanager
def reporting_construction(ask: Callable[[], None]) -> Iterator[None]:
    """Ask each time a module is put into another one: filling large layers with numbers takes seconds."""
    thread = threading.get_ident()

    def registered(*_: object) -> None:
        if threading.get_ident() == thread:  # the hook is one of the whole process
            ask()

    handle = nn.modules.module.register_module_module_registration_hook(registered)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def reporting_copies(network: nn.Module, ask: Callable[[], None]) -> Iterator[None]:
    """Ask each time a module is about to be filled from a state dict."""
    handles = [layer.register_load_state_dict_pre_hook(lambda *_: ask()) for layer in network.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def geometry_marks(network: Fast3DIS, views: int, height: int, width: int, chunk_views: int) -> list[Mark]:
    """Layers by which the geometry pass is told: blocks of the transformers, convolutions of the heads."""
    model = network.backbone.model
    parts = (model.da3, model.da3_metric) if isinstance(model, NestedNetwork) else (model,)
    marks: list[Mark] = []
    for part in parts:
        transformer = part.backbone.pretrained
        marks += block_marks(transformer, views, height, width, together=not isinstance(part, MonocularNetwork))
        layers = [layer for name, layer in part.head.named_modules() if isinstance(layer, nn.Conv2d) and _runs(name)]
        cost = HEAD_FACTOR * views * height * width * transformer.config.features**2
        chunks = -(-views // chunk_views)
        marks += [Mark(layer, cost / len(layers) / chunks, chunks) for layer in layers]
    return marks


def feature_marks(network: Fast3DIS, views: int, height: int, width: int) -> list[Mark]:
    """Layers by which the feature pass is told."""
    return block_marks(network.backbone.any_view.backbone.pretrained, views, height, width)


def block_marks(
    transformer: VisionTransformer, views: int, height: int, width: int, *, together: bool = True
) -> list[Mark]:
    """Blocks of a transformer; those that see all views together cost more, the more views there are.

    What makes them cost more is their attention. It takes minutes on a CPU, and is told piece by piece.
    """
    config = transformer.config
    tokens = 1 + (height // PATCH_SIZE) * (width // PATCH_SIZE)
    last = max(config.out_layers)
    marks = []
    for index, block in enumerate(transformer.blocks[: last + 1]):
        across = together and 0 <= config.alternating_start <= index and index % 2 == 1
        seen, rows = tokens * views if across else tokens, views * tokens
        attention = 2.0 * seen * config.embed_dim  # of a row
        marks.append(Mark(block, rows * (12.0 * config.embed_dim**2 + (0.0 if across else attention))))
        if across:
            products = [layer for layer in block.modules() if isinstance(layer, Product)]
            marks += [Mark(product, attention, rows, by_rows=True) for product in products]
    return marks


def pixel_marks(network: Fast3DIS, views: int, chunk_views: int) -> list[Mark]:
    """Layers by which the pixel decoder is told; each finer level has four times the pixels."""
    decoder = network.pixel_decoder
    chunks = -(-views // chunk_views)
    units = [layer for layer in decoder.modules() if isinstance(layer, ResidualUnit)]  # coarse to fine
    return [Mark(unit, 4.0**level, chunks) for level, unit in enumerate(units)]


def _runs(name: str) -> bool:
    """Whether a layer of a depth head takes part: the second chain, for rays, does not."""
    return "_aux" not in name
