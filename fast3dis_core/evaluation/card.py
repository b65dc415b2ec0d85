"""The model card of the bundled weights: what they are, what they reach, and for what they are no good.

Everything on it comes from files: the weights' own account of themselves, results of `evaluate`, and the training
runs. The same files give the same text. A floor that is missed on the validation rooms with predicted geometry is
told in the very first line, and no result can be chosen to hide it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.ablations import ablation_text
from fast3dis_core.evaluation.figures import FIGURES, missed_floors, table
from fast3dis_core.evaluation.report import goals_table, hardware, others_table, time_table
from fast3dis_core.evaluation.results import FORMAT_VERSION

LIMIT = "Not for real photographs: trained on rendered rooms only."
LICENSE = "Apache-2.0"
GOAL_SIZE = (168, 224)  # height, width the goals and floors were set for
_ORDER = [(split, source) for split in ("val", "test") for source in ("predicted", "posed", "given")]
_NEEDED = {"settings", "protocol", "figures", "scenes", "model", "runs", "average_precision", "name", "steps"}


@dataclass(frozen=True, kw_only=True)
class CardResults:
    """Results by what they are on the card.

    Attributes
    ----------
    main : mapping of (split, geometry) to result
        Of these weights and the protocol `objects`; "val", "predicted" is among them.
    walls : sequence of results
        Of these weights and another protocol.
    clustered : mapping of (split, geometry) to result
        Feature clustering on the mask features of these weights.
    filtered : sequence of results
        Of these weights, with duplicates dropped before scoring.
    ablations : sequence of results
        Of other weights.
    """

    main: Mapping[tuple[str, str], Mapping[str, Any]]
    walls: Sequence[Mapping[str, Any]]
    clustered: Mapping[tuple[str, str], Mapping[str, Any]]
    filtered: Sequence[Mapping[str, Any]]
    ablations: Sequence[Mapping[str, Any]]

    @property
    def headline(self) -> Mapping[str, Any]:
        """Validation rooms, predicted geometry."""
        return self.main["val", "predicted"]


@dataclass(frozen=True, kw_only=True)
class CardWeights:
    """The weight file a card is about.

    Attributes
    ----------
    name, sha256 : str
    size_bytes, parameters : int
    config, provenance : mapping
        Plain values of `ModelConfig` and `Provenance`.
    """

    name: str
    sha256: str
    size_bytes: int
    parameters: int
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]


def read_result(path: Path) -> dict[str, Any]:
    """A result file of `fast3dis evaluate`.

    Raises
    ------
    DatasetError
        If it is missing, damaged, or of a newer format.
    """
    try:
        result = json.loads(path.read_text("utf-8"))
        version = result["format_version"]
        missing = sorted(_NEEDED - set(result))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: expected a result of `fast3dis evaluate`, found none that reads ({error}); give result-*.json."
        ) from error
    if version != FORMAT_VERSION or missing:
        raise DatasetError(
            f"{path}: expected a result of format {FORMAT_VERSION}, found format {version}"
            f"{f' without {missing[0]}' if missing else ''}; evaluate again with this version."
        )
    return dict(result)


def sort_results(results: Sequence[Mapping[str, Any]], sha256: str) -> CardResults:
    """Tell by the hash of the weights what each result is.

    Parameters
    ----------
    results : sequence of mapping
    sha256 : str
        Of the weights the card is about.

    Raises
    ------
    DatasetError
        If the result every card needs is missing, or two say the same thing.
    """
    main: dict[tuple[str, str], Mapping[str, Any]] = {}
    clustered: dict[tuple[str, str], Mapping[str, Any]] = {}
    walls, filtered, ablations = [], [], []
    for result in results:
        settings = result["settings"]
        if settings["dataset"] != "procedural-rooms" or settings["method"] not in ("fast3dis", "feature-clustering"):
            continue  # a card is about weights, and about rooms
        key = (settings["split"], settings["geometry"])
        if result.get("duplicate_overlap"):
            if (settings["weights"], settings["method"], result["protocol"]) != (sha256, "fast3dis", "objects"):
                raise DatasetError(
                    f"{result['name']}: duplicates were dropped from it. A card shows this for the queries of its own "
                    "weights and the protocol objects alone; leave this result out."
                )
            filtered.append(result)
        elif settings["weights"] != sha256:
            ablations.append(result)
        elif result["protocol"] != "objects":
            walls.append(result)
        else:
            place = main if settings["method"] == "fast3dis" else clustered
            if key in place:
                raise DatasetError(
                    f"Two results of {settings['method']} on {key[0]} with geometry {key[1]}: expected one of each."
                )
            place[key] = result
    if ("val", "predicted") not in main:
        raise DatasetError(
            "A card needs the result of these weights on the validation rooms with predicted geometry and the protocol "
            f"objects; found none among {len(results)}. Run fast3dis evaluate --split val with these weights first."
        )
    return CardResults(main=main, walls=walls, clustered=clustered, filtered=filtered, ablations=ablations)


def card_text(
    weights: CardWeights,
    results: CardResults,
    *,
    training: Sequence[Mapping[str, Any]] = (),
    picture: str = "",
    pictured: Sequence[str] = (),
) -> str:
    """The card in Markdown.

    Parameters
    ----------
    weights : CardWeights
    results : CardResults
    training : sequence of mapping
        Accounts of the runs, first to last: fields of `training.account.RunAccount`.
    picture : str
        File name beside the card; empty for none.
    pictured : sequence of str
        Scenes in it, in reading order.
    """
    parts = [first_line(results.headline["figures"]), f"# {weights.name}", _what(weights)]
    if picture:
        parts += [f"![Photo, true instances and predicted instances of {len(pictured)} rooms]({picture})"]
        parts += [
            f"Validation rooms {', '.join(pictured)}: the first ones, not chosen ones. Rows of each: photo, truth, "
            "prediction (geometry predicted too). A true object has the color of the query that found it, and a color "
            "of its own if none did. Gray is claimed by nobody."
        ]
    parts += ["## What it reaches", *_reached(results), "## Training", _training(weights, training)]
    if results.filtered:
        parts += ["## With duplicates dropped", _filtered(results)]
    if results.clustered:
        parts += ["## Against clustering of the same features", _clustering(results)]
    if results.ablations:
        parts += ["## Ablations", ablation_text(results.ablations)]
    parts += ["## License", _license(weights)]
    return "\n\n".join(parts) + "\n"


def first_line(figures: Mapping[str, float | None]) -> str:
    """What everyone has to know, in one line."""
    missed = missed_floors(figures)
    if not missed:
        return LIMIT
    told = ", ".join(
        f"{figure.title} {figure.show(figures.get(figure.name))} (floor {figure.show(figure.floor)})"
        for figure in missed
    )
    return f"Not yet useful: {told}. {LIMIT}"


def _what(weights: CardWeights) -> str:
    config = weights.config
    return (
        f"FAST3DIS of size {config['size']}: {weights.parameters:,} parameters, {config['num_queries']} queries, "
        f"{config['num_layers']} decoder layers of {config['channels']} channels. {weights.size_bytes / 1e6:.1f} MB, "
        f"SHA-256 `{weights.sha256}`. It segments rooms of the generator it was trained on, for a first look, for "
        "tests and for demonstrations. For photographs, train FAST3DIS on Depth Anything 3 weights (see the README)."
    )


def _reached(results: CardResults) -> list[str]:
    columns = [
        (f"{split}, {source}", results.main[split, source])
        for split, source in _ORDER
        if (split, source) in results.main
    ]
    figures = [(heading, result["figures"]) for heading, result in columns]
    counts = [_counts(heading, result) for heading, result in columns]
    walls = [_with_walls(result) for result in results.walls]
    settings = results.headline["settings"]
    size = (settings["height"], settings["width"])
    smaller = (
        f" They were set for {GOAL_SIZE[1]} x {GOAL_SIZE[0]} pixels, which these weights have not been trained for yet."
        if size != GOAL_SIZE
        else ""
    )
    return [
        f"{settings['views']} views of {settings['width']} x {settings['height']} pixels a room, AP over all views "
        "together. Geometry is predicted; or posed, with the true cameras; or given, with true cameras and depth. "
        f"Goals and floors hold for val, predicted (✓ reached, ✗ below the floor).{smaller}",
        goals_table(figures, marked=("val, predicted",)),
        "\n".join(f"- {line}" for line in [*counts, *walls]),
        others_table(figures),
        f"Time on {hardware(results.headline)} (val, predicted):",
        time_table(results.headline),
    ]


def _filtered(results: CardResults) -> str:
    """Each result without duplicates below the standard one of the same rooms and geometry."""
    names = ("ap25", "ap50", "ap", "surface_ap25", "surface_ap50", "surface_ap")
    rows = []
    for result in results.filtered:
        settings = result["settings"]
        key = (settings["split"], settings["geometry"])
        limit = f"IoU above {result['duplicate_overlap']:g}"
        for title, entry in (("standard, nothing dropped", results.main.get(key)), (limit, result)):
            if entry is not None:
                values = [FIGURES[name].show(entry["figures"][name]) for name in names]
                rows.append((f"{', '.join(key)}, {_rooms(entry)}", title, *values))
    note = (
        "Not the standard figures, which are those above: here a mask is left out before scoring if its IoU with one "
        "of higher objectness exceeds a limit, as `fast3dis segment --duplicate-overlap` and the slider of the viewer "
        "do. The paper has no such step."
    )
    heads = ("rooms", "dropped as duplicates", "AP25", "AP50", "AP", "3D AP25", "3D AP50", "3D AP")
    return f"{note}\n\n{table(heads, rows)}"


def _with_walls(result: Mapping[str, Any]) -> str:
    settings, figures = result["settings"], result["figures"]
    told = ", ".join(f"{FIGURES[name].title} {FIGURES[name].show(figures[name])}" for name in ("ap25", "ap50", "ap"))
    return f"{settings['split']}, {settings['geometry']}, with walls, floors and ceilings as targets: {told}"


def _counts(heading: str, result: Mapping[str, Any]) -> str:
    counts = result["average_precision"]["multi_view"]["counts"]
    surface = result["average_precision"]["surface"]
    on_surface = f", {surface['counts']['targets']:,} targets in 3D" if surface else ""
    return f"{heading}: {_rooms(result)}, {counts['targets']:,} targets{on_surface}"


def _rooms(result: Mapping[str, Any]) -> str:
    count = len(result["scenes"])
    return f"{count} room{'' if count == 1 else 's'}"


def _training(weights: CardWeights, runs: Sequence[Mapping[str, Any]]) -> str:
    told = weights.provenance
    lines = [
        f"- data {told['data_version'] or 'unknown'}, {told['steps']:,} steps, {told['scenes_seen']:,} scenes seen, "
        f"code {told['code_commit'][:12] or 'unknown'}"
    ]
    for run in runs:
        lines.append(
            f"- stage {run['stage']}: {run['steps']:,} steps, {run['scenes_seen']:,} scenes, "
            f"{_duration(run['seconds'])} on {'; '.join(run['machines'])}; code "
            f"{', '.join(commit[:12] for commit in run['commits']) or 'unknown'}"
        )
        if run["settings"]:
            lines.append(f"  - other than the defaults: {_changes(run['settings'])}")
        if run["objective"]:
            lines.append(f"  - other than eq. 9 of the paper as read here: {_changes(run['objective'])}")
    return "\n".join(lines)


def _changes(changes: Mapping[str, Sequence[Any]]) -> str:
    return ", ".join(f"{name} {_plain(value)} (not {_plain(usual)})" for name, (value, usual) in changes.items())


def _plain(value: Any) -> str:
    text = " to ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text or "none"


def _clustering(results: CardResults) -> str:
    rows = []
    for key, clustered in results.clustered.items():
        for method, result in (("queries", results.main.get(key)), ("clustering", clustered)):
            if result is None:
                continue
            figures = result["figures"]
            peak = max((peak.get("machine", 0) for peak in result["peak_memory_bytes"].values()), default=0)
            rows.append(
                (
                    f"{method} ({', '.join(key)}, {_rooms(result)})",
                    *(FIGURES[name].show(figures[name]) for name in ("ap25", "ap50", "ap", "surface_ap50", "t_miou")),
                    f"{figures['seconds_per_scene']:.2f}",
                    f"{peak / 1e9:.2f}",
                    hardware(result),
                )
            )
    settings = next(iter(results.clustered.values()))["settings"]["clustering"]
    return "\n\n".join(
        [
            "The same mask features, smoothed over neighbors in 3D and clustered with HDBSCAN as IGGT does, in place "
            f"of queries. At most {settings['most_points']:,} pixels of a room are clustered, the others take the "
            "label of the nearest feature. Clusters have no scores; all are 1.",
            table(
                ("", "AP25", "AP50", "AP", "3D AP50", "T-mIoU", "seconds per room", "peak memory, GB", "on"),
                rows,
            ),
        ]
    )


def _license(weights: CardWeights) -> str:
    told = weights.provenance
    begun = "Trained from scratch on generated rooms: no photograph and no other weights went in."
    if told["backbone"] != weights.config["size"]:
        begun = f"The backbone is {told['backbone'] or 'unknown'}, whose license holds too."
    return f"{told['license'] or LICENSE}. {begun}"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
