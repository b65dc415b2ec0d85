"""FAST3DIS: from unposed photos to 3D instance point clouds (arXiv 2603.25993).

The door of the library. Names are loaded on first use, so that importing this package imports nothing heavy::

    from fast3dis_core import load_model, read_image_folder, encode_scene, decode_queries, assemble_instances

    views = read_image_folder("photos/")
    model = load_model("nano")
    encoded = encode_scene(model, views)  # seconds: geometry and features
    trace = decode_queries(model, encoded)  # milliseconds: anchors and queries
    result = assemble_instances(views, encoded, trace)  # a Reconstruction: points and instances as arrays

World is the camera frame of view 0 with OpenCV axes (x right, y down, z forward). Lengths are scene units, meters
only if `result.is_metric`. Where to go on: `reconstruction` (what a result holds), `exports` (files), `curation`
(filters, names, merging), `interventions` and `inference.inspection` (what-ifs and evidence), `comparison`, `errors`.
"""

import importlib

TYPE_CHECKING = False  # without the module that has it: it takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any

    __version__: str
    from fast3dis_core.images import read_image_folder as read_image_folder
    from fast3dis_core.inference.assembly import assemble_instances as assemble_instances
    from fast3dis_core.inference.steps import decode_queries as decode_queries
    from fast3dis_core.inference.steps import encode_scene as encode_scene
    from fast3dis_core.inference.steps import load_model as load_model

_HOME = {
    "read_image_folder": "fast3dis_core.images",
    "load_model": "fast3dis_core.inference.steps",
    "encode_scene": "fast3dis_core.inference.steps",
    "decode_queries": "fast3dis_core.inference.steps",
    "assemble_instances": "fast3dis_core.inference.assembly",
}

__all__ = ["assemble_instances", "decode_queries", "encode_scene", "load_model", "read_image_folder"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> "Any":
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("fast3dis-viewer")
        except metadata.PackageNotFoundError:
            return "unknown (not installed)"
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
