"""Interventions against plain recomputations: muting is absence, a prompt is one more query, following is decoding."""

from dataclasses import replace

import pytest
import torch

from fast3dis_core.config import ModelConfig
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.model.anchor_decoder import decoder_cameras, sampling_positions
from fast3dis_core.model.decoder_start import prompt_content
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.model.prediction_heads import objectness
from fast3dis_core.reconstruction import AnchorOverride
from tests.core.model.encoded import random_scene

QUERIES = 6


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    config = ModelConfig.for_size("nano", num_queries=QUERIES, channels=16, num_heads=4, num_layers=4, ffn_channels=32)
    network = Fast3DIS(config).eval()
    for layer in network.anchor_decoder.layers:
        torch.nn.init.normal_(layer.refinement[-1].weight, std=0.05)
    return network


@pytest.fixture
def scene():
    return random_scene(views=4, queries=QUERIES, seed=2)


def decode(network, scene, overrides=(), record=None, **changes):
    with torch.no_grad():
        return network.decode(scene, overrides, Interventions(**changes), record=record)


def rows(trace, chosen):
    """Everything the trace says of some queries."""
    return [
        tensor[:, chosen]
        for layer in trace.layers
        for tensor in (layer.anchors, layer.queries, layer.objectness_logits, layer.mask_embeddings)
    ]


def assert_alike(one, other):
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


def differ(one, other):
    return any(not torch.allclose(left, right, atol=1e-4) for left, right in zip(one, other, strict=True))


def without_views(scene, muted):
    kept = [view for view in range(scene.mask_features.shape[1]) if view not in muted]
    names = ("depth", "confidence", "intrinsics", "world_to_camera")
    geometry = replace(scene.geometry, **{name: getattr(scene.geometry, name)[:, kept] for name in names})
    features = tuple(level[:, kept] for level in scene.features)
    return replace(scene, geometry=geometry, features=features, mask_features=scene.mask_features[:, kept])


def only(scene, chosen):
    return replace(
        scene, initial_anchors=scene.initial_anchors[:, chosen], initial_queries=scene.initial_queries[:, chosen]
    )


def test_a_muted_query_is_as_if_it_were_not_there(network, scene):
    others = [0, 1, 3, 4, 5]
    muted = decode(network, scene, muted_queries=frozenset({2}))
    assert_alike(rows(muted, others), rows(decode(network, only(scene, others)), list(range(5))))
    assert all((objectness(layer)[:, 2] == 0).all() for layer in muted.layers)
    assert differ(rows(muted, others), rows(decode(network, scene), others))


def test_a_muted_view_is_as_if_no_anchor_could_see_it(network, scene):
    muted = decode(network, scene, muted_views=frozenset({1, 3}))
    whole = list(range(QUERIES))
    assert_alike(rows(muted, whole), rows(decode(network, without_views(scene, {1, 3})), whole))


def test_without_self_attention_every_query_is_decoded_alone(network, scene):
    apart = decode(network, scene, self_attention=False)
    for query in range(QUERIES):
        assert_alike(rows(apart, [query]), rows(decode(network, only(scene, [query])), [0]))


def test_a_cut_link_reaches_the_query_at_once_and_the_others_a_layer_later(network, scene):
    cut, whole = decode(network, scene, cut_links=frozenset({(0, 4)})), decode(network, scene)
    first, plain = cut.layers[1].queries[0], whole.layers[1].queries[0]
    assert not torch.allclose(first[0], plain[0], atol=1e-4)
    torch.testing.assert_close(first[1:], plain[1:], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(cut.layers[2].queries[0, 1:], whole.layers[2].queries[0, 1:], atol=1e-5)


def test_a_prompt_is_one_more_query(network, scene):
    place = tuple(scene.initial_anchors[0, 3].tolist())
    trace = decode(network, scene, prompts=(AnchorPrompt(position=place, content=3),))
    assert trace.layers[0].anchors.shape[1] == QUERIES + 1
    assert_alike(rows(trace, [QUERIES]), rows(trace, [3]))
    position = scene.initial_anchors.new_tensor(place)
    grown = replace(
        scene,
        initial_anchors=torch.cat([scene.initial_anchors, position[None, None]], 1),
        initial_queries=torch.cat([scene.initial_queries, scene.initial_queries[:, 3:4]], 1),
    )
    whole = list(range(QUERIES + 1))
    assert_alike(rows(trace, whole), rows(decode(network, grown), whole))


def test_a_removed_prompt_keeps_its_number_and_touches_nobody(network, scene):
    prompts = (AnchorPrompt(position=(0, 0, 3), removed=True), AnchorPrompt(position=(0.2, 0, 3), content=1))
    trace, alone = decode(network, scene, prompts=prompts), decode(network, scene, prompts=prompts[1:])
    kept = list(range(QUERIES))
    assert_alike(rows(trace, [*kept, QUERIES + 1]), rows(alone, [*kept, QUERIES]))
    assert (objectness(trace.layers[-1])[:, QUERIES] == 0).all()


def test_contents_of_prompts(network, scene):
    place = tuple(float(value) for value in scene.initial_anchors[0, 2] + 1e-3)

    def content(word):
        return prompt_content(scene, AnchorPrompt(position=place, content=word))[0, 0]

    torch.testing.assert_close(content("nearest"), scene.initial_queries[0, 2])
    torch.testing.assert_close(content("mean"), scene.initial_queries[0].mean(0))
    length = scene.initial_queries[0].norm(dim=-1).mean()
    torch.testing.assert_close(content("sampled").norm(), length)
    nowhere = prompt_content(scene, AnchorPrompt(position=(0, 0, -1e6), content="sampled"))
    assert nowhere.isfinite().all()


def test_pinned_prompts_stay_where_they_were_put(network, scene):
    place = (0.1, -0.2, 2.5)
    trace = decode(network, scene, prompts=(AnchorPrompt(position=place, content="mean", pinned=True),))
    for layer in trace.layers:
        torch.testing.assert_close(layer.anchors[0, QUERIES], torch.tensor(place), rtol=1e-4, atol=1e-4)


class TestFollowing:
    def test_nothing_changed_is_the_same_trace(self, network, scene):
        trace = decode(network, scene)
        with torch.no_grad():
            followed = network.follow(scene, trace, 2)
        assert_alike(rows(followed, list(range(QUERIES))), rows(trace, list(range(QUERIES))))

    @pytest.mark.parametrize("pinned", [False, True])
    def test_it_is_exact_where_the_others_do_not_answer(self, network, scene, pinned):
        overrides = (AnchorOverride(query=2, position=(0.3, 0.1, 2.0), pinned=pinned),)
        apart = Interventions(self_attention=False)
        with torch.no_grad():
            trace = network.decode(scene, (), apart)
            followed = network.follow(scene, trace, 2, overrides, apart)
            exact = network.decode(scene, overrides, apart)
        assert_alike(rows(followed, [2]), rows(exact, [2]))
        assert differ(rows(followed, [2]), rows(trace, [2]))

    def test_the_first_layer_is_exact_and_the_others_are_held(self, network, scene):
        overrides = (AnchorOverride(query=2, position=(0.3, 0.1, 2.0)),)
        trace = decode(network, scene)
        with torch.no_grad():
            followed = network.follow(scene, trace, 2, overrides)
        exact = decode(network, scene, overrides)
        torch.testing.assert_close(
            followed.layers[1].queries[0, 2], exact.layers[1].queries[0, 2], rtol=1e-4, atol=1e-5
        )
        others = [0, 1, 3, 4, 5]
        assert all(torch.equal(one, two) for one, two in zip(rows(followed, others), rows(trace, others), strict=True))


def test_evidence_is_where_the_anchors_of_the_layer_before_are_seen(network, scene):
    record = []
    trace = decode(network, scene, record=record, muted_views=frozenset({1}))
    cameras = decoder_cameras(scene.geometry, scene.frame)
    assert len(record) == len(trace.layers) - 1
    for evidence, before in zip(record, trace.layers, strict=False):
        image, visible = sampling_positions(scene.frame.normalize(before.anchors), cameras)
        torch.testing.assert_close(evidence.positions, image.transpose(1, 2), rtol=1e-3, atol=1e-3)
        assert not evidence.visible[..., 1].any()
        expected = visible.transpose(1, 2).clone()
        expected[..., 1] = False
        assert torch.equal(evidence.visible, expected)
        torch.testing.assert_close(evidence.weights.sum(2), torch.ones_like(evidence.weights[:, :, 0]))
        assert (evidence.weights[:, :, 1:][~evidence.visible] == 0).all()
