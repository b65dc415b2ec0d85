"""A model and runs small enough to train in a test: a few hundred thousand parameters, three rooms."""

from fast3dis_core.config import MODEL_SIZES, DepthAnything3Config, ModelSize
from fast3dis_core.training.beginning import first_weights
from fast3dis_core.training.run_directory import RunDirectory
from fast3dis_core.training.settings import training_config

SIZE = "tiny"
ROW = ModelSize(
    preset="tiny",
    backbone=DepthAnything3Config(
        embed_dim=32,
        depth=6,
        num_heads=2,
        out_layers=(2, 3, 4, 5),
        features=16,
        out_channels=(8, 8, 16, 16),
        alternating_start=2,
        qk_norm_start=2,
        rope_start=2,
    ),
    channels=32,
    num_layers=2,
    num_heads=4,
    ffn_channels=64,
)


def register():
    """Make the size known in this process; tests undo it with monkeypatch."""
    MODEL_SIZES[SIZE] = ROW


def tiny_config(**changes):
    """Two scenes a step, in two passes late in the run."""
    return training_config(
        {
            "model": {"size": SIZE, "num_queries": 12, **changes.pop("model", {})},
            "steps": 8,
            "scenes_per_step": 2,
            "scenes_per_forward": 2,
            "scenes_per_forward_high": 1,
            "rooms": 3,
            "room_views": 4,
            "low_size": [28, 42],
            "high_size": [42, 56],
            "high_views": [2, 4],
            "precision": "float32",
            "log_every": 2,
            "save_every": 1000,
            "validate_every": 1000,
            "picture_every": 1000,
            "validation_rooms": 1,
            "validation_views": 2,
            **changes,
        }
    )


def begin(folder, config, weights="random"):
    run = RunDirectory(folder)
    run.begin(config, first_weights(config, weights))
    return run
