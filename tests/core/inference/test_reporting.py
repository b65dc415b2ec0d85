"""Every step can be stopped between small pieces, and its fraction follows the cost of its layers."""

import pytest
import torch

from fast3dis_core.config import InferenceConfig, ModelConfig
from fast3dis_core.errors import Cancelled
from fast3dis_core.inference.assembly import assemble_geometry, assemble_instances
from fast3dis_core.inference.loading import WeightsStatus, build_network, untrained_network
from fast3dis_core.inference.reporting import ALMOST, block_marks
from fast3dis_core.inference.steps import LoadedModel, decode_queries, encode_scene, load_model, predict_geometry
from fast3dis_core.model.depth_anything3 import vision_transformer
from fast3dis_core.scene import ViewBatch


@pytest.fixture(scope="module")
def model():
    network = untrained_network(ModelConfig.for_size("nano", num_queries=6)).eval()
    return LoadedModel(network=network, device=torch.device("cpu"), precision="float32", weights=WeightsStatus())


def photos(views=3, height=28, width=42):
    return ViewBatch(
        images=torch.rand(views, 3, height, width, generator=torch.Generator().manual_seed(1)),
        names=tuple(f"{index}.jpg" for index in range(views)),
        source_sizes=torch.tensor([[height, width]] * views),
        source_to_network=torch.eye(3, dtype=torch.float64).repeat(views, 1, 1),
    )


class Listener:
    """Counts reports and stops at the n-th of a step."""

    def __init__(self, step="", number=0):
        self.heard, self.step, self.number = [], step, number

    def __call__(self, step, fraction):
        self.heard.append((step, fraction))
        if step == self.step and sum(name == step for name, _ in self.heard) > self.number:
            raise Cancelled

    def fractions(self, step):
        return [fraction for name, fraction in self.heard if name == step]


def whole_run(model, report):
    views = photos()
    encoded = encode_scene(model, views, chunk_views=2, report=report)
    trace = decode_queries(model, encoded, report=report)
    return assemble_instances(views, encoded, trace, config=InferenceConfig.paper(), report=report)


STEPS = [
    "Geometry pass",
    "Feature pass",
    "Pixel decoder",
    "Decoding queries",
    "Building the cloud",
    "Assembling instances",
    "Measuring overlap",
]


def test_every_step_reports_from_nought_to_one(model):
    listener = Listener()
    whole_run(model, listener)
    assert list(dict.fromkeys(step for step, _ in listener.heard)) == STEPS
    for step in STEPS:
        fractions = listener.fractions(step)
        assert (fractions[0], fractions[-1]) == (0.0, 1.0)
        assert fractions == sorted(fractions)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_can_be_stopped_in_its_middle(model, step):
    counter = Listener()
    whole_run(model, counter)
    middle = len(counter.fractions(step)) // 2
    stopped = Listener(step, middle)
    with pytest.raises(Cancelled):
        whole_run(model, stopped)
    assert stopped.heard[-1][0] == step
    assert stopped.fractions(step)[-1] < 1.0
    assert not any(layer._forward_pre_hooks or layer._forward_hooks for layer in model.network.modules())
    whole_run(model, Listener())


def test_loading_is_asked_for_many_times_and_can_be_stopped():
    listener = Listener()
    load_model("nano", report=listener)
    fractions = listener.fractions("Loading the model")
    assert len(fractions) > 100
    assert fractions == sorted(fractions)
    with pytest.raises(Cancelled):
        load_model("nano", report=Listener("Loading the model", 50))
    assert not torch.nn.modules.module._global_module_registration_hooks


def test_loading_with_reports_gives_the_same_network():
    silent, _ = build_network("nano")
    told, _ = build_network("nano", report=lambda fraction: None)
    assert all(torch.equal(a, b) for a, b in zip(silent.state_dict().values(), told.state_dict().values(), strict=True))


def test_a_long_attention_is_reported_piece_by_piece_and_stays_the_same(monkeypatch):
    attention = vision_transformer.Attention(48, 3, qk_norm=True).eval()
    tokens = torch.randn(1, 2100, 48)
    calls = []
    attention.product.register_forward_pre_hook(lambda *_: calls.append(1))
    with torch.inference_mode():
        pieces = attention(tokens)
        assert len(calls) == 3
        monkeypatch.setattr(vision_transformer, "PIECE", 10_000)
        whole = attention(tokens)
    torch.testing.assert_close(pieces, whole)


def test_blocks_that_see_all_views_cost_more(model):
    marks = block_marks(model.network.backbone.any_view.backbone.pretrained, 50, 378, 504)
    blocks = {mark.cost for mark in marks if not mark.by_rows}
    attentions = {mark.cost * mark.calls for mark in marks if mark.by_rows}
    assert len(attentions) == 1
    assert attentions.pop() > 5 * max(blocks)


def test_an_attention_over_all_views_moves_the_bar_while_it_is_computed(model, monkeypatch):
    def told():
        listener = Listener()
        predict_geometry(model, photos(), report=listener)
        fractions = listener.fractions("Geometry pass")
        assert fractions == sorted(fractions)
        assert fractions[-2] == ALMOST  # everything that was expected came
        return len(set(fractions))

    whole = told()
    monkeypatch.setattr(vision_transformer, "PIECE", 4)  # tokens; the three photos have 7 each
    transformer = model.network.backbone.any_view.backbone.pretrained
    together = sum(mark.by_rows for mark in block_marks(transformer, 3, 28, 42))
    assert together > 0
    assert told() >= whole + 4 * together


def test_the_geometry_pass_alone_is_that_of_the_whole(model):
    views, listener = photos(), Listener()
    alone = predict_geometry(model, views, report=listener)
    assert {step for step, _ in listener.heard} == {"Geometry pass"}
    whole = encode_scene(model, views).geometry
    assert torch.equal(alone.depth, whole.depth)
    assert torch.equal(alone.world_to_camera, whole.world_to_camera)


def test_the_cloud_of_the_geometry_is_the_cloud_of_the_result(model):
    views, config = photos(), InferenceConfig.paper()
    encoded = encode_scene(model, views)
    geometry = assemble_geometry(views, encoded.geometry, config=config)
    assert geometry.instances == ()
    assert geometry.overlap.shape == (0, 0)
    trace = decode_queries(model, encoded)
    result = assemble_instances(views, encoded, trace, config=config, previous=geometry)
    assert result.cloud is geometry.cloud
    assert result.images is geometry.images
    plain = assemble_instances(views, encoded, trace, config=config)
    assert (plain.cloud.points == result.cloud.points).all()
    assert [len(item.pixels) for item in plain.instances] == [len(item.pixels) for item in result.instances]
