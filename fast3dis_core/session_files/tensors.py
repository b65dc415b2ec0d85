"""Photos, encoded scene and decoder trace as plain arrays for a session file, and back to tensors.

With them a reopened session decodes again: same anchors, queries and masks, if the weights are those of the run. In
half precision the features take half the space; on a trained model anchors then moved by 1e-5 of the scene's size
and one mask pixel in 8,000 changed (bfloat16, with its shorter fraction: nine times as many). Torch is imported
when the functions are called. Paper sections 3.1-3.4.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import SessionError
from fast3dis_core.reconstruction import Reconstruction

if TYPE_CHECKING:
    from torch import Tensor

    from fast3dis_core.scene import DecoderTrace, EncodedScene, ViewBatch

_GEOMETRY = ("depth", "confidence", "intrinsics", "world_to_camera")
_LAYER = ("anchors", "queries", "objectness_logits", "mask_embeddings")
_LARGEST_HALF = float(np.finfo(np.float16).max)


def features_of(
    views: "ViewBatch", encoded: "EncodedScene", trace: "DecoderTrace", *, half: bool = False
) -> dict[str, NDArray[Any]]:
    """Everything that decoding and assembling again needs besides the reconstruction and the weights.

    Parameters
    ----------
    views : ViewBatch
        Its pixels are left out: they are the images of the reconstruction.
    encoded : EncodedScene
        Of one scene, on any device.
    trace : DecoderTrace
    half : bool
        Store feature maps as float16, those with values beyond its range as they are.

    Returns
    -------
    dict of str to array
        For `SavedSession.features`; memory is shared with tensors on the CPU.
    """
    maps = {f"levels/{index}": level for index, level in enumerate(encoded.features)}
    maps["mask_features"] = encoded.mask_features
    tensors = {f"geometry/{name}": getattr(encoded.geometry, name) for name in _GEOMETRY}
    tensors |= {"frame/center": encoded.frame.center, "frame/scale": encoded.frame.scale}
    tensors |= {"initial_anchors": encoded.initial_anchors, "initial_queries": encoded.initial_queries}
    tensors |= {"views/source_sizes": views.source_sizes, "views/source_to_network": views.source_to_network}
    return {
        **{name: _array(tensor) for name, tensor in tensors.items()},
        "geometry/is_metric": np.array(encoded.geometry.is_metric),
        **{f"trace/{name}": np.stack([_array(getattr(layer, name)) for layer in trace.layers]) for name in _LAYER},
        **{name: _half(_array(tensor)) if half else _array(tensor) for name, tensor in maps.items()},
    }


def features_to(
    features: Mapping[str, NDArray[Any]], reconstruction: Reconstruction
) -> "tuple[ViewBatch, EncodedScene, DecoderTrace]":
    """The values that `features_of` was given, on the CPU.

    Parameters
    ----------
    features : mapping of str to array
    reconstruction : Reconstruction
        Of the same session; gives photos and their names.

    Raises
    ------
    SessionError
        If an array is missing, or shapes contradict each other.
    """
    from fast3dis_core.scene import DecoderLayer, DecoderTrace, EncodedScene, SceneFrame, SceneGeometry, ViewBatch

    tensor = _tensors_of(features)
    layers = {name: tensor(f"trace/{name}") for name in _LAYER}
    try:
        views = ViewBatch(
            images=_images(reconstruction),
            names=reconstruction.names,
            source_sizes=tensor("views/source_sizes"),
            source_to_network=tensor("views/source_to_network"),
        )
        encoded = EncodedScene(
            geometry=SceneGeometry(
                **{name: tensor(f"geometry/{name}") for name in _GEOMETRY},
                is_metric=bool(tensor("geometry/is_metric")),
            ),
            frame=SceneFrame(center=tensor("frame/center"), scale=tensor("frame/scale")),
            features=(tensor("levels/0"), tensor("levels/1"), tensor("levels/2")),
            mask_features=tensor("mask_features"),
            initial_anchors=tensor("initial_anchors"),
            initial_queries=tensor("initial_queries"),
        )
        trace = DecoderTrace(
            layers=tuple(
                DecoderLayer(**{name: layers[name][index] for name in _LAYER})
                for index in range(len(layers["anchors"]))
            )
        )
    except (ValueError, IndexError, TypeError) as error:
        raise SessionError(
            f"The features of this session contradict each other: {error}. Open it without them, or run again."
        ) from error
    return views, encoded, trace


def _tensors_of(features: Mapping[str, NDArray[Any]]) -> "Callable[[str], Tensor]":
    """Tensors by feature name, in memory of their own; half precision becomes float32 again."""
    import torch

    def tensor(name: str) -> "Tensor":
        if name not in features:
            raise SessionError(
                f"The features of this session lack {name!r}, found {', '.join(features) or 'none'}: "
                "open it without them, or run again."
            )
        array = features[name]
        return torch.from_numpy(np.array(array, np.float32 if array.dtype == np.float16 else array.dtype))

    return tensor


def _images(reconstruction: Reconstruction) -> "Tensor":
    """Photos as the network takes them, Tensor (S, 3, H, W) in [0, 1]."""
    import torch

    return torch.from_numpy(reconstruction.images.copy()).movedim(-1, 1).float().div(255).contiguous()


def _array(tensor: "Tensor") -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())


def _half(array: NDArray[Any]) -> NDArray[Any]:
    """The array as float16, or itself if that cannot hold it; NaN stays NaN."""
    return array if (np.abs(array) > _LARGEST_HALF).any() else array.astype(np.float16)
