"""The real `Steps`: every call imports what it needs of the core, on the worker thread.

Torch takes seconds to import; nothing here loads it before the first job. Order, progress and errors are
the business of `app.workflow`.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fast3dis_core.config import InferenceConfig
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction

if TYPE_CHECKING:
    from app.workflow import GeometryMode
    from fast3dis_core.progress import Report
    from fast3dis_core.scene import DecoderTrace, EncodedScene, PosedCameras, SceneGeometry, ViewBatch


class CoreSteps:
    """Implements `app.workflow.Steps` with `fast3dis_core`."""

    def describe(self) -> str:
        """PyTorch, its device, and the cores it may use."""
        import torch

        from fast3dis_core.inference.steps import choose_device

        device = choose_device("auto")
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} cores"
        return f"PyTorch {torch.__version__} · {device.type.upper()} · {name}"

    def read(
        self, folder: Path, geometry: "GeometryMode", resolution: int, report: "Report"
    ) -> "tuple[ViewBatch, PosedCameras | SceneGeometry | None]":
        """Photos; with `posed` also cameras, with `given` also depth."""
        if geometry == "predicted":
            from fast3dis_core.images import read_image_folder

            return read_image_folder(folder, long_edge=resolution, report=report), None
        from fast3dis_core.posed_input import read_posed_folder

        posed = read_posed_folder(folder, long_edge=resolution, with_depth=geometry == "given", report=report)
        return posed.views, posed.geometry if geometry == "given" else posed.cameras

    def load(self, size: str, weights: Path | None, report: "Report") -> Any:
        """Network with its weights."""
        from fast3dis_core.inference.steps import load_model

        return load_model(size, weights=weights, report=report)

    def name_model(self, model: Any) -> tuple[str, str]:
        """Such as "nano · CPU" and "untrained heads"."""
        return f"{model.config.size} · {model.device.type.upper()}", model.status

    def encode(
        self,
        model: Any,
        views: "ViewBatch",
        geometry: "PosedCameras | SceneGeometry | None",
        report: "Report",
    ) -> "EncodedScene":
        """Geometry, features and initial anchors."""
        from fast3dis_core.inference.steps import encode_scene

        return encode_scene(model, views, geometry=geometry, report=report)

    def decode(self, model: Any, encoded: "EncodedScene", overrides: tuple[AnchorOverride, ...]) -> "DecoderTrace":
        """Anchors and queries."""
        from fast3dis_core.inference.steps import decode_queries

        return decode_queries(model, encoded, overrides)

    def assemble(
        self,
        views: "ViewBatch",
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        previous: Reconstruction | None,
        report: "Report",
    ) -> Reconstruction:
        """Masks to points; the cloud of `previous` is kept."""
        from fast3dis_core.inference.assembly import assemble_instances

        config = InferenceConfig.paper(mask_threshold=mask_threshold)  # filters belong to the curation: they come off
        return assemble_instances(views, encoded, trace, config=config, previous=previous, report=report)

    def export(self, path: Path, reconstruction: Reconstruction, query: int, overwrite: bool, report: "Report") -> int:
        """One instance as PLY."""
        from fast3dis_core.exports import write_instance_ply

        return write_instance_ply(path, reconstruction, query, overwrite=overwrite, report=report)
