"""Training settings as TOML: there and back, defaults by stage and size, refusals that help."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.config import LossConfig, ModelConfig, TrainingConfig
from fast3dis_core.errors import ConfigError
from fast3dis_core.training.settings import read_toml, to_toml, training_config

shares = st.floats(0, 1)


@settings(max_examples=60, deadline=None)
@given(
    stage=st.sampled_from(["geometry", "instances"]),
    size=st.sampled_from(["nano", "base"]),
    rate=st.floats(1e-9, 10),
    share=shares,
    views=st.tuples(st.integers(2, 4), st.integers(4, 8)),
    augment=st.booleans(),
    ignored=st.lists(st.text(max_size=4) | st.just('\x7f\\"\n'), max_size=2),
    schedule=st.sampled_from(["dynamic", "fixed", "low", "off"]),
)
def test_toml_there_and_back(stage, size, rate, share, views, augment, ignored, schedule):
    config = TrainingConfig(
        stage=stage,
        model=ModelConfig.for_size(size, num_queries=33),
        loss=LossConfig(ignored_classes=tuple(ignored), overlap_schedule=schedule),
        learning_rate=rate,
        posed_share=share,
        low_views=views,
        augment=augment,
    )
    assert read_toml(to_toml(config), source="config.toml") == config


def test_defaults_follow_stage_and_size():
    geometry, instances = (training_config({"stage": stage}) for stage in ("geometry", "instances"))
    assert geometry.learning_rate > instances.learning_rate == 1e-4
    assert instances == TrainingConfig()
    assert instances.loss.anchor_weight == 0.5
    large = training_config({"model": {"size": "large"}, "loss": {"contrastive_weight": 0}})
    assert large.model == ModelConfig.for_size("large")
    assert (large.loss.contrastive_weight, large.loss.anchor_weight) == (0, 0.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("step = 3", r"no setting 'step'.*did you mean 'steps'"),
        ("[loss]\ndice_weigth = 1", r"no setting 'dice_weigth'.*did you mean 'dice_weight'"),
        ("[model]\nsize = 'nanno'", r"did you mean 'nano'"),
        ("steps = 'many'", r"steps must be of type int"),
        ("steps = 0", r"steps must lie between 1"),
        ("stage = 'both'", r"stage must be one of"),
        ("low_size = [80, 112]", r"multiples of 14"),
        ("low_views = [1, 4]", r"low_views\[0\] must lie between 2 and 4"),
        ("high_views = [2, 9]", r"high_views\[1\] must lie between 2 and 8"),
        ("low_views = [4, 3]", r"low_views"),
        ("low_views = [3]", r"low_views must be a list of 2, found \[3\]"),
        ("low_views = 'ab'", r"low_views must be a list of 2, found 'ab'"),
        ("low_size = [84, 'wide']", r"low_size\[1\] must be of type int, found 'wide'"),
        ("[loss]\nignored_classes = [3]", r"ignored_classes\[0\] must be of type str"),
        ("[model]\nnum_heads = 7", r"channels must be even and a multiple of 7 heads"),
        ("[model]\nlora_rank = 0", r"lora_rank must lie between 1"),
        ("precision = 'half'", r"precision must be one of"),
        ("loss = 3", r"\[loss\] must be a table"),
        ("steps = ", r"run.toml is no TOML file"),
    ],
)
def test_impossible_settings_are_refused_with_the_file(text, told):
    with pytest.raises(ConfigError, match=told) as caught:
        read_toml(text, source="run.toml")
    assert "run.toml" in str(caught.value)
