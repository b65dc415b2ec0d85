"""Geometry, matching and losses run in float32 whatever precision the network around them runs in.

bfloat16 carries 8 bits: under autocast a point three meters away would move by centimeters, and a focal loss of a
confident query, the difference of squares of eq. 8 and similarities divided by a temperature drown. The paper says
nothing of precision; PanSt3R trains the same way.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor

P = ParamSpec("P")
Result = TypeVar("Result")


def full_precision(function: Callable[P, Result]) -> Callable[P, Result]:
    """Switch autocast off inside a function and raise its half-precision tensor arguments to float32.

    float64 stays as it is, so that gradients can be checked.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Result:
        values = (*args, *kwargs.values())
        device = next(value.device.type for value in values if isinstance(value, Tensor))
        with torch.autocast(device, enabled=False):
            return cast(Any, function)(
                *(_raised(value) for value in args), **{name: _raised(value) for name, value in kwargs.items()}
            )

    return wrapped


def _raised(value: Any) -> Any:
    half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if half else value
