"""Several processes, one run: who I am under torchrun, and how gradients, losses and the wish to stop are shared.

Gradients are summed once per step in a single message, after all forward passes of the step, so that a run on W
processes takes the same steps as one process that does the passes one after the other. Paper section 3.6 is silent
on this. Which passes are whose is left to `batches`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from fast3dis_core.errors import ConfigError

PATIENCE = timedelta(hours=2)  # while one process renders rooms or validates, the others wait


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Place of this process among all.

    Attributes
    ----------
    rank, world : int
    local : int
        Place on this machine.
    """

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Return when all have come here."""
        if self.world > 1:
            dist.barrier()

    def most_urgent(self, wish: int) -> int:
        """Largest of all processes' wishes."""
        if self.world == 1:
            return wish
        wishes = torch.tensor(wish, device=_message_device())
        dist.all_reduce(wishes, dist.ReduceOp.MAX)
        return int(wishes)

    def sum_gradients(self, parameters: Mapping[str, nn.Parameter], terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sum the gradients of all processes in place, and return the sums of the loss terms.

        Parameters
        ----------
        parameters : mapping of str to nn.Parameter
            Where any process has a gradient, all have one afterwards.
        terms : mapping of str to Tensor ()
            The same names everywhere.
        """
        if self.world == 1:
            return dict(terms)
        present = torch.tensor([value.grad is not None for value in parameters.values()], dtype=torch.uint8)
        present = present.to(_message_device())
        dist.all_reduce(present, dist.ReduceOp.MAX)
        shared = [value for value, there in zip(parameters.values(), present.tolist(), strict=True) if there]
        parts = [torch.zeros_like(value) if value.grad is None else value.grad for value in shared]
        flat = torch.cat([*(part.flatten() for part in parts), torch.stack(list(terms.values())).to(parts[0])])
        dist.all_reduce(flat)
        pieces = flat.split([*(part.numel() for part in parts), len(terms)])
        for value, piece in zip(shared, pieces[:-1], strict=True):
            value.grad = piece.view_as(value).clone()
        return dict(zip(terms, pieces[-1].unbind(), strict=True))


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the processes of torchrun for the length of a block; alone without it.

    Parameters
    ----------
    device : torch.device
        CUDA processes talk through NCCL, others through gloo.

    Raises
    ------
    ConfigError
        If the variables of torchrun make no sense.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    given = [os.environ.get(name, "") for name in names]
    if not any(given[:2]):
        yield Ranks()
        return
    if not all(value.isdigit() for value in given):
        told = ", ".join(f"{name}={value or 'missing'}" for name, value in zip(names, given, strict=True))
        raise ConfigError(f"Expected numbers as torchrun sets them, found {told}; start with torchrun, or unset them.")
    rank, world, local = (int(value) for value in given)
    if world == 1:
        yield Ranks(rank=rank, world=world, local=local)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(rank=rank, world=world, local=local)
    finally:
        dist.destroy_process_group()


def _message_device() -> torch.device:
    """Where tensors must lie to be sent."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
