"""What the benchmarks of ScanNet and ScanNet++ take in: a text file per scene, and a file per mask. Paper section 4.2.

SCENE.txt                    one line per instance: MASK LABEL CONFIDENCE
predicted_masks/000.txt      one integer per vertex, not 0 = in the mask
predicted_masks/000.json     or {"length": V, "counts": "START LENGTH START LENGTH ..."}, the first vertex being 1
"""

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.evaluation.imports.imported import ImportedScene, ImportTarget, VertexMasks
from fast3dis_core.evaluation.imports.prediction_file import PredictionFile

SUBMISSION = DataSetFiles(
    name="a benchmark submission", remedy="write it as the instructions of the ScanNet or ScanNet++ benchmark say"
)
_RUNS = "runs: length V, and counts of starts and lengths within 1 to V"


def submission(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE.txt` and the masks it names; labels are left out.

    Parameters
    ----------
    folder : Path
    target : ImportTarget

    Returns
    -------
    ImportedScene

    Raises
    ------
    DatasetError
        If a file is missing, damaged, outside of the folder, or about another number of vertices.
    """
    listing = PredictionFile(folder / f"{target.scene_id}.txt", SUBMISSION)
    count = len(target.vertices)
    lines = [_instance(listing, line) for line in SUBMISSION.lines(listing.path, "lines MASK LABEL CONFIDENCE")]
    names = [name for name, _ in lines]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise listing.refusal("a mask file for each instance", f"{repeated} more than once")
    masks = np.zeros((len(lines), count), np.bool_)
    for row, name in enumerate(names):
        file = PredictionFile(folder / name, SUBMISSION)
        masks[row] = _runs(file, count) if file.path.suffix == ".json" else _listed(file, count)
    scores = listing.scores("confidences", np.array([score for _, score in lines], np.float64), len(lines))
    return ImportedScene(scene_id=target.scene_id, system="submission", found=VertexMasks(masks=masks), scores=scores)


def _instance(listing: PredictionFile, line: str) -> tuple[PurePosixPath, float]:
    """Mask file, relative to the folder, and confidence."""
    words = line.split()
    try:
        name, confidence = PurePosixPath(words[0]), float(words[2])
        float(words[1])
    except (IndexError, ValueError) as error:
        raise listing.refusal("lines MASK LABEL CONFIDENCE", repr(line[:80])) from error
    if len(words) != 3 or name.is_absolute() or ".." in name.parts:
        raise listing.refusal("a relative path without spaces, inside the folder", repr(line[:80]))
    return name, confidence


def _listed(file: PredictionFile, vertices: int) -> NDArray[np.bool_]:
    """Mask (V,) from one integer per vertex."""
    words = SUBMISSION.bytes(file.path, "a mask").split()
    file.check_vertices(len(words), vertices)
    try:
        return np.array(words, "S").astype(np.int64) != 0
    except ValueError as error:
        raise file.refusal("one integer per vertex", f"something else ({error})") from error


def _runs(file: PredictionFile, vertices: int) -> NDArray[np.bool_]:
    """Mask (V,) from runs."""
    content = SUBMISSION.json(file.path)
    length, counts = content.get("length"), content.get("counts")
    if not isinstance(length, int) or not isinstance(counts, str):
        raise file.refusal(_RUNS, f"length {length!r:.20} and counts {counts!r:.20}")
    file.check_vertices(length, vertices)
    try:
        runs = np.array(counts.split(), np.str_).astype(np.int64).reshape(-1, 2)
    except ValueError as error:
        raise file.refusal(_RUNS, f"counts {counts!r:.40}") from error
    first, last = runs[:, 0] - 1, runs.sum(axis=1) - 1
    if (first < 0).any() or (runs[:, 1] < 0).any() or (last > vertices).any():
        raise file.refusal(_RUNS, "runs that leave the mesh")
    changes = np.zeros(vertices + 1, np.int64)
    np.add.at(changes, first, 1)
    np.add.at(changes, last, -1)
    return np.cumsum(changes)[:-1] > 0
