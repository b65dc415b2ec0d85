"""One group per vertex of the scan: SAM3D. Paper sections 4.1 and 4.2."""

from pathlib import Path

import numpy as np

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.evaluation.imports.imported import ImportedScene, ImportTarget, VertexMasks
from fast3dis_core.evaluation.imports.pickled_array import read_pickled_array
from fast3dis_core.evaluation.imports.prediction_file import PredictionFile

SAM3D = DataSetFiles(name="SAM3D", remedy="run it on this scene, and keep the .pth file of its save path")


def sam3d(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE.pth`, or the same array as `SCENE.npy`: the group of every vertex, -1 for none.

    Its vertices are those of the scan in the order of the data set's file. The ensemble with over-segments is only
    written as a picture, and cannot be read. Every score is 1.

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
        If there is not exactly one of the files, or it is damaged or about another number of vertices.
    """
    places = [path for path in (folder / f"{target.scene_id}{suffix}" for suffix in (".pth", ".npy")) if path.exists()]
    if len(places) != 1:
        raise SAM3D.refusal(folder, f"{target.scene_id}.pth or {target.scene_id}.npy", "both" if places else "neither")
    file = PredictionFile(places[0], SAM3D)
    groups = file.array() if file.path.suffix == ".npy" else read_pickled_array(file)
    groups = file.shaped("groups", groups, ("V",), kinds="iu").astype(np.int64)
    file.check_vertices(len(groups), len(target.vertices))
    ids = np.unique(groups[groups >= 0])
    return ImportedScene(
        scene_id=target.scene_id,
        system="sam3d",
        found=VertexMasks(masks=groups == ids[:, None]),
        scores=np.ones(len(ids), np.float32),
        notes=("scores: all 1, the system has none", "groups before the ensemble with over-segments"),
    )
