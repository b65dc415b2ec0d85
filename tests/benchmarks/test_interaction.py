"""Cost of the cheap half: decode and assembly against views, queries, image size, and against encode."""

import pytest
import torch

from fast3dis_core.config import ModelConfig
from fast3dis_core.inference.assembly import assemble_instances
from fast3dis_core.inference.loading import WeightsStatus, untrained_network
from fast3dis_core.inference.steps import LoadedModel, decode_queries, encode_scene
from fast3dis_core.scene import EncodedScene, ViewBatch, scene
from tests.core.model.encoded import random_scene

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]


@pytest.fixture(scope="module")
def model():
    network = untrained_network(ModelConfig.for_size("nano")).eval()
    return LoadedModel(network=network, device=torch.device("cpu"), precision="float32", weights=WeightsStatus())


def cached(views: int, height: int = 168, width: int = 224) -> EncodedScene:
    return scene(random_scene(views=views, height=height, width=width, channels=128, queries=80), 0)


def photos(views: int, height: int = 168, width: int = 224) -> ViewBatch:
    return ViewBatch(
        images=torch.rand(views, 3, height, width),
        names=tuple(f"{index}.jpg" for index in range(views)),
        source_sizes=torch.tensor([[height, width]] * views),
        source_to_network=torch.eye(3, dtype=torch.float64).repeat(views, 1, 1),
    )


def test_decode_is_linear_in_views_and_blind_to_image_size(model, fastest, figure):
    few, many, large = cached(8), cached(64), cached(8, 378, 504)
    base, more, bigger = fastest(
        lambda: decode_queries(model, few),
        lambda: decode_queries(model, many),
        lambda: decode_queries(model, large),
    )
    figure("decode, N = 80, 8 views at 224 x 168", 1000 * base, "ms")
    figure("decode, 64 views over 8 views", more / base, "times")
    figure("decode, 504 x 378 over 224 x 168", bigger / base, "times")
    assert more / base < 8 * 1.25
    assert bigger / base < 2  # five times the pixels; sampling reads colder memory, nothing else


def test_decode_costs_little_beside_encode(model, fastest, figure):
    views = photos(8)
    encoded = encode_scene(model, views)
    slow, quick = fastest(lambda: encode_scene(model, views), lambda: decode_queries(model, encoded), repeats=3)
    figure("encode, nano, 8 views at 224 x 168", slow, "s")
    figure("encode over decode", slow / quick, "times")
    assert slow / quick > 10


def test_one_query_is_assembled_again_at_a_fraction_of_the_whole(model, fastest, figure):
    views = photos(8)
    encoded = encode_scene(model, views)
    trace = decode_queries(model, encoded)
    whole = assemble_instances(views, encoded, trace)
    query = whole.instances[0].query
    everything, one = fastest(
        lambda: assemble_instances(views, encoded, trace),
        lambda: assemble_instances(views, encoded, trace, queries=(query,), previous=whole),
    )
    figure("assembly of all queries, 8 views at 224 x 168", 1000 * everything, "ms")
    figure("assembly of one query again", 1000 * one, "ms")
    assert everything / one > 5
