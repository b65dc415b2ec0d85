"""Files of torch.save, .pt and .pth, as plain tensors by name: nothing in them is ever run.

What the tensors are is left to `weight_files`, what becomes of them to `checkpoints`.
"""

import pickle
import re
import struct
import warnings
from pathlib import Path

import torch
from torch import Tensor

from fast3dis_core.errors import CheckpointError
from fast3dis_core.weight_files import ZIP, recognize_mistake

# what the unpickler of torch.load has been seen to raise on damaged bytes
_DAMAGE = (RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError, struct.error)


def read_torch_state(path: Path) -> dict[str, Tensor]:
    """State dict of a file written by torch.save.

    Raises
    ------
    CheckpointError
        If the file is empty, damaged, of another kind, holds anything but tensors, or would have to run code.
    """
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path} is empty: expected a weight file; download or export it again.")
    mistaken = recognize_mistake(path)
    if mistaken:
        raise CheckpointError(f"{path}: expected a weight file, found {mistaken}")
    with path.open("rb") as file:
        if file.read(len(ZIP)) != ZIP:
            raise CheckpointError(
                f"{path}: expected a state dict written by torch.save, found another kind of file (or one older than "
                "torch 1.6); get the weights as .safetensors."
            )
    try:
        with warnings.catch_warnings():  # about old pickle protocols: read or refused below either way
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        found = f"a pickle that asks to run {named[1]}" if named else "a file that is not a plain torch.save of tensors"
        raise CheckpointError(
            f"{path}: expected plain tensors, found {found}; it was not opened: get the weights as .safetensors."
        ) from error
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path}: expected a state dict written by torch.save, found a damaged or truncated file ({reason}); "
            "download or copy it again."
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content or not all(isinstance(item, Tensor) for item in content.values()):
        raise CheckpointError(
            f"{path}: expected a state dict of tensors by name, found {type(content).__name__}; "
            "get the weights as .safetensors."
        )
    return {str(key): value for key, value in content.items()}
