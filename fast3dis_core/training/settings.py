"""`TrainingConfig` as a TOML file: one table for the run, `[model]` and `[loss]` for the other two configs.

Reading is Python's own; writing covers what configs hold: strings, numbers, booleans and lists of them. Unknown
keys are refused by `config.from_mapping`. Paper section 3.6 leaves most of these values open.
"""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from fast3dis_core.config import LossConfig, ModelConfig, TrainingConfig, from_mapping, to_mapping
from fast3dis_core.errors import ConfigError

# what the stages do not share: a backbone from scratch stands a higher rate, and has no objects to tell apart
STAGE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "geometry": {"learning_rate": 4e-4},
    "instances": {},
}
# views of a head-worn camera are square; 504 is the paper's size, and memory holds few scenes of it
DATA_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "procedural-rooms": {},
    "aria-synthetic": {
        "low_size": (112, 112),
        "low_views": (2, 8),
        "high_size": (504, 504),
        "scenes_per_forward_high": 2,
    },
}


def training_config(values: Mapping[str, Any]) -> TrainingConfig:
    """Config from plain values, with the defaults of its stage, of its data and of its model size.

    Parameters
    ----------
    values : mapping
        Fields of `TrainingConfig`; "model" and "loss" are mappings of their own.

    Raises
    ------
    ConfigError
        For an unknown key or an impossible value.
    """
    tables = {name: values.get(name, {}) for name in ("model", "loss")}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(f"[{name}] must be a table of settings, found {table!r}.")
    plain = {name: value for name, value in values.items() if name not in tables}
    model = {"size": "nano", **tables["model"]}
    defaults = TrainingConfig()
    stage = STAGE_DEFAULTS.get(str(plain.get("stage", defaults.stage)), {})
    data = DATA_DEFAULTS.get(str(plain.get("data", defaults.data)), {})
    return from_mapping(
        TrainingConfig,
        {
            **stage,
            **data,
            **plain,
            "model": ModelConfig.for_size(model.pop("size"), **model),
            "loss": from_mapping(LossConfig, {**to_mapping(defaults.loss), **tables["loss"]}),
        },
    )


def read_toml(text: str, *, source: str) -> TrainingConfig:
    """Config from the text of a TOML file.

    Parameters
    ----------
    text : str
    source : str
        Name of the file, for messages.

    Raises
    ------
    ConfigError
        If it is no TOML, or see `training_config`.
    """
    try:
        return training_config(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is no TOML file ({error}): correct that line.") from error
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def to_toml(config: TrainingConfig) -> str:
    """Text of a TOML file that `read_toml` turns into an equal config."""
    values = to_mapping(config)
    tables = [name for name, value in values.items() if isinstance(value, dict)]
    lines = [f"{name} = {_literal(value)}" for name, value in values.items() if name not in tables]
    for table in tables:
        lines += ["", f"[{table}]", *(f"{name} = {_literal(value)}" for name, value in values[table].items())]
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, float):
        return repr(value)  # shortest text that reads back as the same number; 1e-06 is TOML too
    # strings, integers and booleans look alike in both, but for escapes of two halves and the delete character
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
