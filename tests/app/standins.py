"""Stand-ins for the core's steps and for the user, handed in through the doors the program has for them."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from app.core_steps import CoreSteps
from app.inventory import Belongings, WeightFile
from app.other_sides import OtherSides
from app.session.activity import ModelFacts
from app.session.edits import Edits
from app.session.origin import PhotoFacts
from app.session.plan import Estimate, Photo, Plan
from fast3dis_core.errors import CheckpointError, ImageFolderError
from fast3dis_core.evidence import AREA_THRESHOLDS, Claims, Evidence
from fast3dis_core.interventions import AnchorPrompt
from fast3dis_core.photo_files import PhotoSource
from fast3dis_core.reconstruction import Instance, Reconstruction
from tests.scenes import synthetic_reconstruction

# the synthetic scenes are small and exact: nothing of them is dropped
UNFILTERED = Edits(minimum_points=0, duplicate_overlap=0.0, confidence_percentile=0.0, depth_edge=0.0)


@dataclass
class StandInSteps(OtherSides):
    """Steps that answer with a synthetic scene.

    `gate` holds the geometry pass until it is set, `feature_gate` the feature pass, looking at `report` every few
    milliseconds as the core does between two layers. A folder named "empty" has no photos.
    """

    reconstruction: Reconstruction = field(default_factory=synthetic_reconstruction)
    status: str = ""
    geometry_only: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    feature_gate: threading.Event = field(default_factory=threading.Event)
    calls: list[str] = field(default_factory=list)
    surveyed: list[tuple[Path, ...]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    mask_thresholds: list[float] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)
    features_bytes: int = 0
    assembling_seconds: float = 0.0
    world_to_folder: tuple[float, ...] | None = None

    def __post_init__(self):
        self.gate.set()
        self.feature_gate.set()

    def _note(self, call):
        self.calls.append(call)
        self.threads.add(threading.get_ident())

    def describe(self):
        self._note("describe")
        return "stand-in · CPU"

    def survey(self, sources, found, frames, report):
        """Four photos of a folder; the file itself of anything that is named like a photo."""
        self.surveyed.append(sources)
        for source in sources:
            if source.name.startswith("empty"):
                raise ImageFolderError(f"No images in {source}: expected photos; choose another folder.")
            if source.suffix:
                found(stand_in_photo(source))
            else:
                for number in range(4):
                    report("Looking at the photos", number / 4)
                    found(stand_in_photo(source / f"view_{number}.jpg"))
        return Plan(sources=sources, offers=frozenset({"predicted", "posed"}))

    def read(self, plan, report):
        self._note("read")
        self.plans.append(plan)
        report("Reading photos", 1.0)
        facts = PhotoFacts(notes=plan.left_out, world_to_folder=self.world_to_folder)
        return SimpleNamespace(notes=plan.left_out, folder=plan.root), None, facts

    def load(self, settings, report):
        self._note("load")
        report("Loading the model", 1.0)
        return settings.size

    def facts(self, model):
        return ModelFacts(name=f"{model} · CPU", status=self.status, bytes=1000, geometry_only=self.geometry_only)

    def release(self):
        self._note("release")

    def see(self, model, views, geometry, chunk_views, report):
        self._note("see")
        self._pass("Geometry pass", self.gate, report)
        return "geometry"

    def build(self, views, geometry, report):
        self._note("build")
        report("Building the cloud", 1.0)
        return with_instances(self.reconstruction, [])

    def encode(self, model, views, geometry, chunk_views, report, on_geometry):
        self._note("encode")
        self._pass("Geometry pass", self.gate, report)
        on_geometry("geometry")
        self._pass("Feature pass", self.feature_gate, report)
        return SimpleNamespace(views=views)

    def _pass(self, step, gate, report):
        report(step, 0.0)
        while not gate.wait(0.005):
            report(step, 0.5)
        report(step, 1.0)

    def decode(self, model, encoded, overrides, interventions, report):
        self._note("decode")
        return SimpleNamespace(overrides=overrides, interventions=interventions)

    def follow(self, model, encoded, trace, query, overrides, interventions):
        self._note("follow")
        return SimpleNamespace(overrides=overrides, interventions=interventions)

    def propose(self, model, encoded, position, overrides, interventions):
        self._note("propose")
        scores = {"sampled": 0.6, "nearest": 0.5, "mean": 0.1}
        return tuple((AnchorPrompt(position=position, content=content), score) for content, score in scores.items())

    def assemble_one(self, views, encoded, trace, mask_threshold, layer, query, previous):
        """The query's mask shrinks to half."""
        self._note("assemble_one")
        parts = [_shrunk(item, 0.75) if item.query == query else item for item in previous.instances]
        return with_instances(previous, parts)

    def measure(self, encoded, trace, mask_threshold, layer, shown, report):
        self._note("measure")
        points, count = len(shown.cloud.points), len(shown.objectness[-1])
        return Claims(
            count=np.zeros(points, np.uint8),
            best=np.zeros(points, np.float32),
            margin=np.zeros(points, np.float32),
            winner=np.full(points, -1, np.int16),
            taken=np.zeros((count, count), np.int64),
            areas=np.zeros((count, len(AREA_THRESHOLDS)), np.int64),
            valid=np.array(shown.cloud.valid),
        )

    def probability(self, encoded, trace, queries, view, layer):
        """0.75 wherever an instance of the queries is in the view, and 0.125 elsewhere."""
        self._note("probability")
        _, height, width, _ = self.reconstruction.images.shape
        values = np.full((len(self.reconstruction.images), height * width), 0.125, np.float32)
        pixels = [item.pixels for item in self.reconstruction.instances if item.query in queries]
        values.reshape(-1)[np.concatenate([*pixels, np.zeros(0, np.int32)])] = 0.75
        return values[view].reshape(height, width)

    def look(self, model, encoded, overrides, interventions):
        self._note("look")
        layers, count = len(self.reconstruction.objectness) - 1, len(self.reconstruction.overlap)
        views = len(self.reconstruction.images)
        return Evidence(
            weights=np.full((layers, count, 1 + views, 2), 1 / (1 + views), np.float32),
            positions=np.zeros((layers, count, views, 2), np.float32),
            visible=np.ones((layers, count, views), bool),
        )

    def assemble(self, views, encoded, trace, mask_threshold, layer, previous, report):
        """The higher the threshold, the fewer pixels; the cloud stays the same object."""
        self._note("assemble")
        self.mask_thresholds.append(mask_threshold)
        self.layers.append(layer)
        time.sleep(self.assembling_seconds)
        report("Assembling instances", 0.0)
        return with_instances(
            self.reconstruction, [_shrunk(item, mask_threshold) for item in self.reconstruction.instances]
        )

    def look_around(self):
        self._note("look_around")
        files = (
            WeightFile(name="nano", size="nano", license="Apache-2.0", path=Path("/weights/nano.safetensors")),
            WeightFile(
                name="DA3-BASE", size="base", license="Apache-2.0", bytes=500_000_000, page="https://example.org"
            ),
        )
        return Belongings(files=files)

    def estimate(self, plan, report):
        self._note("estimate")
        return Estimate(seconds=10.0 * len(plan.chosen), memory_low=10**9, memory_high=2 * 10**9, device="CPU")

    def examine(self, path, size, heads):
        """What the name of the file says: "base.safetensors" is of size base, "page.safetensors" none at all."""
        if path.stem == "page":
            raise CheckpointError(f"{path}: expected weights, found a web page: download the file again.")
        return path.stem

    def download(self, name, accept_license, report, watch):
        raise AssertionError("no test asks for the network")

    def arrived(self, name):
        return 0

    def features(self, views, encoded, trace):
        return {"trace/anchors": np.array(self.reconstruction.anchors)}

    def features_size(self, views, encoded):
        return self.features_bytes

    def from_features(self, features, reconstruction):
        self._note("from_features")
        views = SimpleNamespace(notes=())
        return views, SimpleNamespace(views=views), SimpleNamespace(overrides=())

    def write_session(self, path, reconstruction, plain, layout, features, overwrite, report, beside=None):
        self._note("write_session")
        CoreSteps().write_session(path, reconstruction, plain, layout, features, overwrite, report, beside)

    def read_session(self, path, report):
        self._note("read_session")
        return CoreSteps().read_session(path, report)


def stand_in_photo(path, size=(120, 160), **changes):
    """A photo as the survey of the core tells of it."""
    thumbnail = np.full((12, 16, 3), 128, np.uint8)
    return Photo(source=PhotoSource(path), name=path.name, size=size, thumbnail=thumbnail, **changes)


def with_instances(result, instances):
    """The same scene with other instances."""
    names = (
        "names",
        "images",
        "intrinsics",
        "world_to_camera",
        "is_metric",
        "cloud",
        "anchors",
        "objectness",
        "overlap",
    )
    return Reconstruction(**{name: getattr(result, name) for name in names}, instances=tuple(instances))


def _shrunk(instance, mask_threshold):
    count = max(1, round(len(instance.pixels) * (1.5 - mask_threshold) / 1.5))
    return Instance(
        query=instance.query,
        objectness=instance.objectness,
        anchor=instance.anchor.copy(),
        pixels=np.array(instance.pixels[:count]),
    )


@dataclass
class StandInQuestions:
    """A user who answers at once."""

    folder_answer: Path | None = None
    save_answer: Path | None = None
    photos_answer: tuple[Path, ...] = ()
    license_answer: bool = False
    heads_answer: Path | None = None
    other_answer: Path | None = None
    overwrite_answer: bool = False
    existing_answer: str = "cancel"
    session_answer: Path | None = None
    save_session_answer: Path | None = None
    length_answer: float | None = None
    unsaved_answer: str = "discard"
    discard_answer: bool = True
    asked: list[str] = field(default_factory=list)

    async def folder(self):
        self.asked.append("folder")
        return self.folder_answer

    async def photos(self):
        self.asked.append("photos")
        return self.photos_answer

    async def weights(self, title):
        self.asked.append(title)
        return self.heads_answer

    async def accept_license(self, name, license_name, terms):
        self.asked.append(f"accept {license_name}")
        return self.license_answer

    async def heads(self):
        self.asked.append("heads")
        return self.heads_answer

    async def session_file(self):
        self.asked.append("session file")
        return self.session_answer

    async def other_result(self):
        self.asked.append("other result")
        return self.other_answer

    async def save_session_as(self, proposal, kinds, kind):
        """The kind proposed, unless the answer says another one."""
        self.asked.append(f"save session as {proposal.name}")
        self.kinds = kinds[kind:] + kinds[:kind]
        answer = self.save_session_answer
        return answer if answer is None or isinstance(answer, tuple) else (answer, kind)

    async def replace_changed(self, path):
        self.asked.append(f"changed {path.name}")
        return self.overwrite_answer

    async def unsaved(self, scene):
        self.asked.append(f"unsaved {scene}")
        return self.unsaved_answer

    async def discard_unsaved(self, scene):
        self.asked.append(f"discard {scene}")
        return self.discard_answer

    async def save_picture_as(self, proposal):
        self.asked.append(f"picture {proposal.name}")
        return self.save_answer

    async def save_film_as(self, proposal):
        self.asked.append(f"film {proposal.name}")
        return self.save_answer

    async def export_folder(self, proposal):
        self.asked.append(f"export to {proposal.name}")
        return self.folder_answer

    async def existing_files(self, folder, names, free):
        self.asked.append(f"{len(names)} exist, or {free.name}")
        return self.existing_answer

    async def true_length(self, measured):
        self.asked.append(f"true length of {measured}")
        return self.length_answer

    async def overwrite(self, path):
        self.asked.append(f"overwrite {path.name}")
        return self.overwrite_answer


class Recorder:
    """A widget that remembers what it was told: every method call, and the last arguments of each."""

    def __init__(self):
        self.calls = []
        self.heard = []
        self.last = {}

    def __getattr__(self, name):
        def note(*args, **kwargs):
            self.calls.append(name)
            self.heard.append((name, args))
            self.last[name] = (args, kwargs)

        return note

    def all_told(self, name):
        """Positional arguments of every call."""
        return [args for called, args in self.heard if called == name]

    def told(self, name):
        """Arguments of the last call: the only one, or all."""
        args, kwargs = self.last[name]
        return args[0] if len(args) == 1 and not kwargs else (*args, *kwargs.values())
