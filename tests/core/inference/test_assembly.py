import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from fast3dis_core.config import InferenceConfig
from fast3dis_core.errors import Cancelled
from fast3dis_core.inference.assembly import assemble_instances, build_cloud, flying_pixels
from fast3dis_core.masks import resize_logits
from fast3dis_core.scene import DecoderLayer, DecoderTrace, ViewBatch, scene
from tests.core.model.encoded import random_scene


def make(views=3, height=28, width=42, queries=6, seed=0):
    encoded = scene(random_scene(views=views, height=height, width=width, queries=queries, seed=seed), 0)
    generator = torch.Generator().manual_seed(seed)
    layer = DecoderLayer(
        anchors=encoded.initial_anchors,
        queries=encoded.initial_queries,
        objectness_logits=torch.linspace(-4, 4, queries),
        mask_embeddings=torch.randn(queries, 16, generator=generator),
    )
    batch = ViewBatch(
        images=torch.rand(views, 3, height, width, generator=generator),
        names=tuple(f"{index}.jpg" for index in range(views)),
        source_sizes=torch.tensor([[height, width]] * views),
        source_to_network=torch.eye(3, dtype=torch.float64).repeat(views, 1, 1),
    )
    return batch, encoded, DecoderTrace(layers=(layer, layer))


def plain_reading(batch, encoded, trace, config):
    """Section 3.5 with the full N x S x H x W tensor."""
    layer = trace.layers[-1]
    logits = torch.einsum("nc,schw->nshw", layer.mask_embeddings, encoded.mask_features)
    masks = functional.interpolate(
        logits.flatten(0, 1)[:, None], batch.images.shape[-2:], mode="bilinear", align_corners=False
    )
    masks = (masks.sigmoid() > config.mask_threshold).view(len(logits), -1)
    return {query: torch.nonzero(mask)[:, 0].numpy() for query, mask in enumerate(masks)}


def test_paper_mode_is_the_plain_reading_of_section_3_5():
    batch, encoded, trace = make()
    config = InferenceConfig.paper()
    result = assemble_instances(batch, encoded, trace, config=config)
    expected = plain_reading(batch, encoded, trace, config)
    scores = trace.layers[-1].objectness_logits.sigmoid()
    assert {item.query for item in result.instances} == {
        query for query, rows in expected.items() if scores[query] >= 0.05 and len(rows)
    }
    for item in result.instances:
        assert np.array_equal(item.pixels, expected[item.query])
        assert item.objectness == pytest.approx(float(scores[item.query]))
    assert [item.objectness for item in result.instances] == sorted(
        (i.objectness for i in result.instances), reverse=True
    )
    assert result.filters == ()


def test_points_are_the_unprojected_pixels():
    batch, encoded, trace = make()
    result = assemble_instances(batch, encoded, trace)
    np.testing.assert_allclose(result.cloud.points, encoded.geometry.points().reshape(-1, 3), rtol=1e-5, atol=1e-5)
    assert np.shares_memory(result.cloud.colors, result.images)
    np.testing.assert_array_equal(result.images, (batch.images.movedim(1, -1) * 255).round().byte().numpy())


def test_overlap_is_eq_8_before_normalization():
    batch, encoded, trace = make()
    result = assemble_instances(batch, encoded, trace)
    layer = trace.layers[-1]
    probability = torch.einsum("nc,schw->nshw", layer.mask_embeddings, encoded.mask_features).sigmoid().flatten(1)
    claims = layer.objectness_logits.sigmoid()[:, None] * probability
    for i in range(len(claims)):
        for j in range(len(claims)):
            assert result.overlap[i, j] == pytest.approx(float((claims[i] * claims[j]).sum()), rel=1e-4)


def test_every_filter_says_what_it_removed():
    batch, encoded, trace = make()
    depth = encoded.geometry.depth.clone()
    depth[0, 10, 10:30] = 50.0
    depth[1, 5] = torch.nan
    encoded = replace(encoded, geometry=replace(encoded.geometry, depth=depth))
    config = InferenceConfig(confidence_percentile=20.0, depth_edge=0.3, minimum_points=1500, duplicate_overlap=0.5)
    plain = assemble_instances(batch, encoded, trace, config=InferenceConfig.paper())
    result = assemble_instances(batch, encoded, trace, config=config)
    entries = {entry.name: entry for entry in result.filters}
    assert set(entries) == {"depth edge", "confidence percentile", "minimum points", "duplicate overlap"}
    assert not plain.cloud.valid[28 * 42 + 5 * 42 : 28 * 42 + 6 * 42].any()
    removed = int(plain.cloud.valid.sum() - result.cloud.valid.sum())
    assert removed == entries["depth edge"].removed + entries["confidence percentile"].removed
    kept = plain.cloud.valid.sum() - entries["depth edge"].removed
    assert entries["confidence percentile"].removed == pytest.approx(0.2 * kept, abs=2)
    assert entries["minimum points"].removed > 0
    assert entries["duplicate overlap"].total == entries["minimum points"].total - entries["minimum points"].removed
    assert entries["duplicate overlap"].removed == entries["duplicate overlap"].total - len(result.instances)
    assert all(len(item.pixels) >= 1500 and result.cloud.valid[item.pixels].all() for item in result.instances)


def test_flying_pixels_are_between_surfaces_only():
    depth = torch.full((9, 12), 4.0)
    depth[:, :5] = 2.0
    depth[:, 5] = 3.0  # the ramp a blurred depth edge leaves
    known = torch.ones_like(depth, dtype=torch.bool)
    marked = flying_pixels(depth, known, 0.1)
    assert marked[:, 5].all()
    assert marked.sum() == 9
    slanted = torch.linspace(2, 2.6, 12).repeat(9, 1)
    assert not flying_pixels(slanted, known, 0.1).any()


def test_reassembling_one_query_equals_assembling_all():
    batch, encoded, trace = make()
    before = assemble_instances(batch, encoded, trace)
    changed = trace.layers[-1].mask_embeddings.clone()
    changed[4] = torch.randn(16)
    moved = DecoderTrace(layers=(trace.layers[0], replace(trace.layers[-1], mask_embeddings=changed)))
    one = assemble_instances(batch, encoded, moved, queries=(4,), previous=before)
    everything = assemble_instances(batch, encoded, moved)
    assert one.cloud is before.cloud
    assert [item.query for item in one.instances] == [item.query for item in everything.instances]
    for item, expected in zip(one.instances, everything.instances, strict=True):
        assert np.array_equal(item.pixels, expected.pixels)


def test_a_query_below_the_floor_leaves_the_result():
    batch, encoded, trace = make()
    before = assemble_instances(batch, encoded, trace)
    logits = trace.layers[-1].objectness_logits.clone()
    logits[4] = -9.0
    silent_layer = replace(trace.layers[-1], objectness_logits=logits)
    after = assemble_instances(batch, encoded, DecoderTrace(layers=(silent_layer,)), queries=(4,), previous=before)
    assert {item.query for item in before.instances} - {item.query for item in after.instances} == {4}


def test_no_query_above_the_floor_is_legal():
    batch, encoded, trace = make()
    quiet = replace(trace.layers[-1], objectness_logits=torch.full((6,), -9.0))
    result = assemble_instances(batch, encoded, DecoderTrace(layers=(quiet,)))
    assert result.instances == ()
    assert result.cloud.valid.any()


def test_it_can_be_stopped_between_views():
    batch, encoded, trace = make()

    def stop(step, fraction):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        assemble_instances(batch, encoded, trace, report=stop)


def test_memory_does_not_grow_with_queries_and_views(monkeypatch):
    """With masks of two corners, which have to be read whole, nothing but a block is allocated beyond the cloud."""
    blocks = []

    def spy(logits, height, width):
        blocks.append(len(logits) * height * width)
        return resize_logits(logits, height, width)

    monkeypatch.setattr("fast3dis_core.inference.mask_pixels.resize_logits", spy)

    def peak(views, queries):
        batch, encoded, trace = make(views=views, height=56, width=84, queries=queries)
        corners = torch.zeros_like(encoded.mask_features)
        corners[..., 0, 0] = corners[..., -1, -1] = 1.0
        encoded = replace(encoded, mask_features=corners)
        layer = replace(trace.layers[-1], mask_embeddings=torch.full((queries, 16), 0.2))
        quiet = InferenceConfig.paper(mask_threshold=0.9)
        before = assemble_instances(batch, encoded, DecoderTrace(layers=(layer,)), config=quiet)
        tracemalloc.start()
        assemble_instances(
            batch, encoded, DecoderTrace(layers=(layer,)), config=quiet, queries=range(queries), previous=before
        )
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    small, large = peak(2, 4), peak(8, 32)
    assert set(blocks) == {56 * 84}
    assert large < small + 200_000  # one mask of all views and queries would be 9.6 million bytes


def test_images_survive_the_round_trip_to_bytes():
    batch, encoded, _ = make()
    images, _, _ = build_cloud(batch, encoded.geometry, InferenceConfig())
    assert np.abs(images / 255 - batch.images.movedim(1, -1).numpy()).max() <= 0.5 / 255 + 1e-6
