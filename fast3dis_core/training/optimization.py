"""AdamW for one stage: what decays, norms of gradients by room of the network, and the guard against NaN.

Numbers come from `TrainingConfig`, the schedule from `schedules`. Paper section 3.6 leaves the optimizer open.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fast3dis_core.config import TrainingConfig
from fast3dis_core.errors import TrainingError

# vectors that stand for something by themselves; decay would pull them to zero, which means nothing
_EMBEDDINGS = ("cls_token", "pos_embed", "camera_token", "anchors", "embeddings")
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_SHOWN = 3  # culprits named in a message


def adamw(parameters: Mapping[str, nn.Parameter], config: TrainingConfig) -> torch.optim.AdamW:
    """Optimizer with weight decay for matrices and convolutions only.

    Parameters
    ----------
    parameters : mapping of str to nn.Parameter
    config : TrainingConfig
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in parameters.items():
        groups[decays(name, parameter)].append(parameter)
    device = next(iter(parameters.values())).device
    return torch.optim.AdamW(
        [
            {"params": groups[True], "weight_decay": config.weight_decay},
            {"params": groups[False], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        fused=device.type in ("cpu", "cuda"),
    )


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies: not to norms, biases, factors, embeddings and anchors."""
    return parameter.ndim > 1 and not any(part in name.split(".")[-1] for part in _EMBEDDINGS)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The same rate for every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def optimizer_tensors(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Moments and step counts by `kind.parameter`; parameters that never had a gradient have none."""
    return {
        f"{kind}.{name}": optimizer.state[parameter][kind]
        for name, parameter in parameters.items()
        if parameter in optimizer.state
        for kind in _MOMENTS
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `optimizer_tensors` gave."""
    for name, parameter in parameters.items():
        if f"{_MOMENTS[0]}.{name}" in tensors:
            optimizer.state[parameter] = {kind: tensors[f"{kind}.{name}"].to(parameter.device) for kind in _MOMENTS}


def room_norms(parameters: Mapping[str, nn.Parameter]) -> dict[str, float]:
    """L2 norm of the gradients of every room; a room is what comes before the first dot of a name."""
    squares: dict[str, list[Tensor]] = {}
    for name, parameter in parameters.items():
        norms = squares.setdefault(name.partition(".")[0], [])
        if parameter.grad is not None:
            norms.append(parameter.grad.norm())
    return {room: float(torch.stack(norms).norm()) if norms else 0.0 for room, norms in squares.items()}


def clip_gradients(
    parameters: Mapping[str, nn.Parameter], terms: Mapping[str, Tensor], *, limit: float, step: int
) -> float:
    """Bound the global norm of the gradients, after making sure that it is a number.

    Parameters
    ----------
    parameters : mapping of str to nn.Parameter
    terms : mapping of str to Tensor ()
        Loss terms of the step, the total among them.
    limit : float
    step : int
        For the message.

    Returns
    -------
    float
        Norm before clipping.

    Raises
    ------
    TrainingError
        If a term or a gradient is not finite; it names the step and the culprits. Nothing is changed then.
    """
    gradients = {name: value.grad for name, value in parameters.items() if value.grad is not None}
    norm = torch.nn.utils.get_total_norm(list(gradients.values()))
    told = torch.stack([norm, *(term.to(norm) for term in terms.values())]).tolist()  # one wait for the device
    if not all(math.isfinite(value) for value in told):
        bad = [f"loss term {name}" for name, value in zip(terms, told[1:], strict=True) if not math.isfinite(value)]
        bad += [f"gradient of {name}" for name, value in gradients.items() if not bool(value.isfinite().all())]
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise TrainingError(
            f"Step {step}: expected finite losses and gradients, found NaN or infinity in "
            f"{', '.join(bad[:_SHOWN]) or 'the norm of the gradients'}{more}. The weights were not changed; resume "
            "from the last checkpoint with a lower learning rate."
        )
    torch.nn.utils.clip_grads_with_norm_(list(parameters.values()), limit, norm)
    return told[0]
