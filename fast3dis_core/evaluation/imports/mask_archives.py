"""Masks over the vertices of the scan in one archive per scene: Segment3D and MaskClustering. Paper 4.1 and 4.2."""

from pathlib import Path

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.evaluation.imports.imported import ImportedScene, ImportTarget, VertexMasks
from fast3dis_core.evaluation.imports.prediction_file import PredictionFile

SEGMENT3D = DataSetFiles(
    name="Segment3D",
    remedy="store pred_masks and pred_scores of its evaluation, or masks_binary and scores of its demo, by numpy.savez",
)
MASK_CLUSTERING = DataSetFiles(
    name="MaskClustering", remedy="run it on this scene, and keep its folder of class-agnostic predictions"
)


def segment3d(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE.npz` with `pred_masks` (V, K) and `pred_scores`, or `masks_binary` (K, V) and `scores`.

    The system itself keeps both in memory only. Its class-agnostic evaluation sets every score to 1, its demo does not:
    report both, see `ImportedScene.with_equal_scores`.

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
        If the file is missing, damaged, of other shapes, or about another number of vertices.
    """
    file = PredictionFile(folder / f"{target.scene_id}.npz", SEGMENT3D)
    arrays = file.arrays(("pred_masks", "pred_scores"), ("masks_binary", "scores"))
    by_column = "pred_masks" in arrays
    names = ("pred_masks", "pred_scores") if by_column else ("masks_binary", "scores")
    masks = file.masks(names[0], arrays[names[0]], len(target.vertices), by_column=by_column)
    scores = file.scores(names[1], arrays[names[1]], len(masks))
    notes = ("scores: as stored", "its published class-agnostic evaluation sets them to 1")
    return ImportedScene(
        scene_id=target.scene_id, system="segment3d", found=VertexMasks(masks=masks), scores=scores, notes=notes
    )


def mask_clustering(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE.npz` with `pred_masks` (V, K) and `pred_score` (K,).

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
        As `segment3d`.
    """
    file = PredictionFile(folder / f"{target.scene_id}.npz", MASK_CLUSTERING)
    arrays = file.arrays(("pred_masks", "pred_score"))
    masks = file.masks("pred_masks", arrays["pred_masks"], len(target.vertices), by_column=True)
    scores = file.scores("pred_score", arrays["pred_score"], len(masks))
    return ImportedScene(
        scene_id=target.scene_id, system="maskclustering", found=VertexMasks(masks=masks), scores=scores
    )
