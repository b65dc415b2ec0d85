"""What a step sees is a function of its number: shared out, resumed and read ahead, it stays the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.config import TrainingConfig
from fast3dis_core.datasets.procedural_rooms import VALIDATION_SEEDS
from fast3dis_core.datasets.rendered import RoomCache
from fast3dis_core.errors import ConfigError
from fast3dis_core.training.batches import batches_from, check_shares, plan_step, scene_number
from fast3dis_core.training.scenes import training_scenes
from tests.core.training.tiny import tiny_config

pytestmark = pytest.mark.usefixtures("tiny_size")


@settings(max_examples=40, deadline=None)
@given(step=st.integers(0, 99), together=st.sampled_from([1, 2, 4, 8]), seed=st.integers(0, 3))
def test_passes_of_a_step_are_its_scenes(step, together, seed):
    config = TrainingConfig(
        steps=100, scenes_per_step=8, scenes_per_forward=together, scenes_per_forward_high=4, seed=seed
    )
    plan = plan_step(config, step)
    assert [scene for scenes in plan.passes for scene in scenes] == list(range(8 * step, 8 * step + 8))
    high = step >= 75
    assert {len(scenes) for scenes in plan.passes} == {4 if high else together}
    assert plan.size == (config.high_size if high else config.low_size)
    least, most = config.high_views if high else config.low_views
    assert least <= plan.views <= most
    assert plan == plan_step(config, step)


def test_all_numbers_of_views_and_both_modes_occur():
    config = TrainingConfig(steps=400)
    plans = [plan_step(config, step) for step in range(400)]
    assert {plan.views for plan in plans[:300]} == {3, 4}
    assert {plan.views for plan in plans[300:]} == set(range(2, 9))
    assert np.mean([plan.draw < 1 / 3 for plan in plans]) == pytest.approx(1 / 3, abs=0.08)


def test_every_round_shows_every_room_in_another_order():
    config = TrainingConfig()
    rounds = [[scene_number(config, 17, 17 * number + place) for place in range(17)] for number in range(3)]
    assert all(sorted(numbers) == list(range(17)) for numbers in rounds)
    assert rounds[0] != rounds[1] != rounds[2]


def read(config, cache, **options):
    defaults = {"first_step": 0, "rank": 0, "world": 1, "workers": 0, "pin": False}
    return list(batches_from(config, training_scenes(config, cache), **{**defaults, **options}))


def assert_same(first, second):
    assert len(first) == len(second)
    for one, two in zip(first, second, strict=True):
        assert one.loss_seed == two.loss_seed
        assert torch.equal(one.color_seeds, two.color_seeds)
        assert torch.equal(one.sample.views.images, two.sample.views.images)
        assert torch.equal(one.sample.geometry.world_to_camera, two.sample.geometry.world_to_camera)
        assert torch.equal(one.sample.instance_ids, two.sample.instance_ids)


def test_ranks_share_out_the_passes_of_every_step(room_cache):
    config = tiny_config(steps=3, scenes_per_step=4, scenes_per_forward=1)
    alone = read(config, room_cache)
    assert len(alone) == 12
    ranks = [read(config, room_cache, rank=rank, world=2) for rank in range(2)]
    assert_same(alone[::2], ranks[0])
    assert_same(alone[1::2], ranks[1])


def test_reading_on_from_a_step_gives_the_rest(room_cache):
    config = tiny_config(steps=4)
    alone = read(config, room_cache)
    assert_same(alone[2:], read(config, room_cache, first_step=2))


@pytest.mark.slow
def test_worker_processes_change_nothing(room_cache):
    config = tiny_config(steps=3)
    assert_same(read(config, room_cache), read(config, room_cache, workers=1))


def test_the_seed_of_a_run_changes_what_it_sees(room_cache):
    first, second = (read(tiny_config(steps=1, seed=seed), room_cache)[0] for seed in (0, 1))
    assert first.loss_seed != second.loss_seed
    assert not torch.equal(first.color_seeds, second.color_seeds)


def test_validation_rooms_are_not_training_rooms(room_cache):
    config = tiny_config()
    sample = training_scenes(config, room_cache).validation(0, size=config.low_size)
    cache = RoomCache(room_cache, views=config.room_views)
    assert sample.views.images.shape == (1, config.validation_views, 3, *config.low_size)
    stored = cache.room(VALIDATION_SEEDS[0], config.low_size)
    assert np.array_equal(sample.instance_ids[0].numpy(), stored.instance_ids[: config.validation_views])


@pytest.mark.parametrize(
    ("scenes", "low", "high", "world", "fits"),
    [(8, 4, 2, 2, True), (8, 3, 2, 1, False), (8, 8, 2, 2, False), (8, 4, 4, 2, True), (4, 32, 16, 1, True)],
)
def test_a_step_has_to_be_shared_out_evenly(scenes, low, high, world, fits):
    config = TrainingConfig(scenes_per_step=scenes, scenes_per_forward=low, scenes_per_forward_high=high)
    if fits:
        check_shares(config, world)
    else:
        with pytest.raises(ConfigError, match="cannot be shared out evenly"):
            check_shares(config, world)
