"""The real `Steps`: every call imports what it needs of the core, on the worker thread.

Torch takes seconds to import; nothing here loads it before the first job. Order, progress and errors are
the business of `app.workflow`.
"""

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.machine_steps import MachineSteps
from app.other_sides import OtherSides
from app.session.activity import ModelFacts
from app.session.origin import PhotoFacts
from app.session.plan import Photo, Plan, RunSettings
from fast3dis_core.config import GeometrySource, InferenceConfig
from fast3dis_core.evidence import Claims, Evidence
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction
from fast3dis_core.session_files.values import Features, SavedSession

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fast3dis_core.counterpart import Counterpart
    from fast3dis_core.model.fast3dis import Held
    from fast3dis_core.progress import Report
    from fast3dis_core.scene import DecoderTrace, EncodedScene, PosedCameras, SceneGeometry, ViewBatch


THUMBNAIL = 320  # long edge, pixels: sharp in a tile of 160 on a dense screen


class CoreSteps(MachineSteps, OtherSides):
    """Implements `app.steps.Steps` with `fast3dis_core`."""

    def __init__(self) -> None:
        # Torch's threads sleep while they wait for each other, where they would spin: beside them the window is drawn,
        # and on a machine without an idle core spinning made a decode fifty times slower. Read when torch is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self._held: tuple[weakref.ref[Any], weakref.ref[DecoderTrace], Held] | None = None  # for previews of a trace

    def describe(self) -> str:
        """PyTorch, its device, and the cores it may use."""
        import torch

        from fast3dis_core.inference.machine import memory_there
        from fast3dis_core.inference.steps import choose_device

        device = choose_device("auto")
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} cores"
        memory = f"{memory_there(device) / 2**30:.0f} GB of memory"
        return f"PyTorch {torch.__version__} · {device.type.upper()} · {name} · {memory}"

    def survey(self, sources: tuple[Path, ...], found: Callable[[Photo], None], frames: int, report: "Report") -> Plan:
        """Names, sizes and thumbnails; torch is not needed."""
        from fast3dis_core.photo_files import list_sources, view_names
        from fast3dis_core.photo_survey import SurveyedPhoto, survey_photos

        listing = list_sources(sources)
        names = dict(zip(listing.files, view_names(listing.files), strict=True))

        def deliver(photo: SurveyedPhoto) -> None:
            path, frame = photo.source.path, photo.source.frame
            found(
                Photo(
                    source=photo.source,
                    name=names[path] if frame is None else f"{names[path]}#{frame:06d}",
                    size=photo.size,
                    modified=path.stat().st_mtime if path.exists() else 0.0,
                    problem=photo.problem,
                    thumbnail=photo.thumbnail,
                )
            )

        survey_photos(listing.files, deliver, long_edge=THUMBNAIL, frames=frames, report=report)
        return Plan(sources=sources, notes=listing.notes, offers=_offers(sources))

    def read(self, plan: Plan, report: "Report") -> "tuple[ViewBatch, PosedCameras | SceneGeometry | None, PhotoFacts]":
        """The chosen photos; with `posed` also cameras, with `given` also depth."""
        settings, chosen = plan.settings, plan.chosen
        notes = (*plan.notes, *plan.left_out)
        if settings.geometry == "predicted":
            from fast3dis_core.images import read_selected

            photos = [photo.source for photo in chosen]
            views = read_selected(photos, long_edge=settings.long_edge, notes=notes, report=report)
            return views, None, PhotoFacts(notes=views.notes)
        from fast3dis_core.posed_input import read_posed_folder

        posed = read_posed_folder(
            plan.root,
            with_depth=settings.geometry == "given",
            long_edge=settings.long_edge,
            max_views=max(len(chosen), 1),
            photos=[photo.source.path for photo in chosen],
            notes=notes,
            report=report,
        )
        back = np.linalg.inv(posed.folder_to_world.numpy())
        facts = PhotoFacts(notes=posed.views.notes, world_to_folder=tuple(back.ravel().tolist()))
        return posed.views, posed.geometry if settings.geometry == "given" else posed.cameras, facts

    def load(self, settings: RunSettings, report: "Report") -> Any:
        """Network with its weights."""
        from fast3dis_core.inference.steps import load_model

        return load_model(
            settings.size,
            weights=settings.weights,
            heads=settings.heads,
            device=settings.device,
            precision=settings.precision,
            report=report,
        )

    def facts(self, model: Any) -> ModelFacts:
        """Such as "nano · CPU"."""
        tensors = (*model.network.parameters(), *model.network.buffers())
        return ModelFacts(
            name=f"{model.config.size} · {model.device.type.upper()}",
            status=model.status,
            bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
            geometry_only=model.weights.geometry_only,
        )

    def release(self) -> None:
        """What Python, the C library and CUDA hold back for later."""
        from fast3dis_core.inference.machine import give_back_memory

        give_back_memory()

    def see(
        self,
        model: Any,
        views: "ViewBatch",
        geometry: "PosedCameras | SceneGeometry | None",
        chunk_views: int,
        report: "Report",
    ) -> "SceneGeometry":
        """Depth and cameras."""
        from fast3dis_core.inference.steps import predict_geometry

        return predict_geometry(model, views, geometry=geometry, chunk_views=chunk_views, report=report)

    def build(self, views: "ViewBatch", geometry: "SceneGeometry", report: "Report") -> Reconstruction:
        """The cloud without filters: they belong to the curation."""
        from fast3dis_core.inference.assembly import assemble_geometry

        return assemble_geometry(views, geometry, config=InferenceConfig.paper(), report=report)

    def encode(
        self,
        model: Any,
        views: "ViewBatch",
        geometry: "PosedCameras | SceneGeometry | None",
        chunk_views: int,
        report: "Report",
        on_geometry: "Callable[[SceneGeometry], None]",
    ) -> "EncodedScene":
        """Geometry, features and initial anchors."""
        from fast3dis_core.inference.steps import encode_scene

        return encode_scene(
            model, views, geometry=geometry, chunk_views=chunk_views, report=report, on_geometry=on_geometry
        )

    def decode(
        self,
        model: Any,
        encoded: "EncodedScene",
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
        report: "Report",
    ) -> "DecoderTrace":
        """Anchors and queries."""
        from fast3dis_core.inference.steps import decode_queries

        return decode_queries(model, encoded, overrides, interventions=interventions, report=report)

    def follow(
        self,
        model: Any,
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        query: int,
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
    ) -> "DecoderTrace":
        """One query decoded again, the others held."""
        from fast3dis_core.inference.inspection import hold_queries, preview_query

        if self._held is None or self._held[0]() is not model or self._held[1]() is not trace:
            self._held = weakref.ref(model), weakref.ref(trace), hold_queries(model, encoded, trace)
        return preview_query(model, encoded, trace, query, overrides, interventions, held=self._held[2])

    def propose(
        self,
        model: Any,
        encoded: "EncodedScene",
        position: tuple[float, float, float],
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
    ) -> tuple[tuple[AnchorPrompt, float], ...]:
        """Three decodes."""
        from fast3dis_core.inference.inspection import prompt_candidates

        found = prompt_candidates(model, encoded, position, overrides, interventions)
        return tuple((prompt, score) for prompt, score, _ in found)

    def assemble(
        self,
        views: "ViewBatch",
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        layer: int,
        previous: Reconstruction | None,
        report: "Report",
    ) -> Reconstruction:
        """Masks to points; the cloud of `previous` is kept."""
        from fast3dis_core.inference.assembly import assemble_instances

        config = InferenceConfig.paper(mask_threshold=mask_threshold)  # filters belong to the curation: they come off
        return assemble_instances(views, encoded, trace, config=config, layer=layer, previous=previous, report=report)

    def assemble_one(
        self,
        views: "ViewBatch",
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        layer: int,
        query: int,
        previous: Reconstruction,
    ) -> Reconstruction:
        """The mask of one query."""
        from fast3dis_core.inference.assembly import assemble_instances

        config = InferenceConfig.paper(mask_threshold=mask_threshold)
        return assemble_instances(views, encoded, trace, config=config, layer=layer, queries=[query], previous=previous)

    def measure(
        self,
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        layer: int,
        shown: Reconstruction,
        report: "Report",
    ) -> Claims:
        """Who competes for every pixel."""
        from fast3dis_core.inference.inspection import measure_claims

        config = InferenceConfig.paper(mask_threshold=mask_threshold)
        return measure_claims(encoded, trace, shown.cloud, config=config, layer=layer, report=report)

    def probability(
        self, encoded: "EncodedScene", trace: "DecoderTrace", queries: tuple[int, ...], view: int, layer: int
    ) -> "NDArray[np.float32]":
        """How sure the network is of every pixel (H, W) of a view that it belongs to one of some queries."""
        from fast3dis_core.inference.inspection import mask_probability

        return mask_probability(encoded, trace, queries, view, layer=layer)

    def look(
        self,
        model: Any,
        encoded: "EncodedScene",
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
    ) -> Evidence:
        """What the cross-attention looks at."""
        from fast3dis_core.inference.inspection import decode_with_evidence

        return decode_with_evidence(model, encoded, overrides, interventions)[1]

    def features(self, views: "ViewBatch", encoded: "EncodedScene", trace: "DecoderTrace") -> Features:
        """In full precision: a reopened session answers to the bit."""
        from fast3dis_core.session_files.tensors import features_of

        return features_of(views, encoded, trace)

    def features_size(self, views: "ViewBatch", encoded: "EncodedScene") -> int:
        """Bytes of the maps, beside which the rest is small."""
        maps = (*encoded.features, encoded.mask_features)
        return sum(level.numel() * level.element_size() for level in maps)

    def from_features(
        self, features: Features, reconstruction: Reconstruction
    ) -> "tuple[ViewBatch, EncodedScene, DecoderTrace]":
        """On the CPU."""
        from fast3dis_core.session_files.tensors import features_to

        return features_to(features, reconstruction)

    def write_session(
        self,
        path: Path,
        reconstruction: Reconstruction,
        plain: dict[str, Any],
        layout: bytes,
        features: Features | None,
        overwrite: bool,
        report: "Report",
        beside: "Counterpart | None" = None,
    ) -> None:
        """Whole or not at all."""
        from app.session.kept_counterpart import saved_counterpart
        from fast3dis_core.session_files import SavedSession, write_session

        edits = plain["edits"]
        saved = SavedSession(
            reconstruction=reconstruction,
            origin=plain["origin"],
            edits=edits,
            names={int(query): name for query, name in edits["names"].items()},
            display=plain["display"],
            layout=layout,
            features=features,
            beside=None if beside is None else saved_counterpart(beside),
        )
        write_session(path, saved, overwrite=overwrite, report=report)

    def read_session(self, path: Path, report: "Report") -> SavedSession:
        """With every check of the format."""
        from fast3dis_core.session_files import read_session

        return read_session(path, report=report)


def _offers(sources: tuple[Path, ...]) -> frozenset[GeometrySource]:
    """Where cameras and depth can come from; a damaged camera file offers nothing, and says so when it is asked."""
    from fast3dis_core.errors import Fast3disError
    from fast3dis_core.posed_input.folder import find_cameras, read_cameras

    offers: set[GeometrySource] = {"predicted"}
    if len(sources) == 1 and sources[0].is_dir() and find_cameras(sources[0]) is not None:
        offers.add("posed")
        try:
            frames = read_cameras(sources[0]).frames
        except Fast3disError:
            frames = ()
        if frames and all(frame.depth is not None for frame in frames):
            offers.add("given")
    return frozenset(offers)
