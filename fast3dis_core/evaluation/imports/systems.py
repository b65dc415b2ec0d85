"""Which systems can be imported, and the door to them. Paper section 4.1."""

from collections.abc import Callable, Mapping
from pathlib import Path

from fast3dis_core.errors import ConfigError
from fast3dis_core.evaluation.imports.generic import generic_npz, generic_ply
from fast3dis_core.evaluation.imports.imported import ImportedScene, ImportTarget
from fast3dis_core.evaluation.imports.label_images import iggt_demo, panst3r
from fast3dis_core.evaluation.imports.mask_archives import mask_clustering, segment3d
from fast3dis_core.evaluation.imports.submissions import submission
from fast3dis_core.evaluation.imports.vertex_groups import sam3d

SYSTEMS: Mapping[str, Callable[[Path, ImportTarget], ImportedScene]] = {
    "iggt": iggt_demo,
    "panst3r": panst3r,
    "sam3d": sam3d,
    "segment3d": segment3d,
    "maskclustering": mask_clustering,
    "submission": submission,
    "ply": generic_ply,
    "npz": generic_npz,
}


def import_scene(system: str, folder: Path | str, target: ImportTarget) -> ImportedScene:
    """Read what a system predicted for one scene.

    Parameters
    ----------
    system : str
        A name in `SYSTEMS`; what each expects in the folder is said by its reader.
    folder : Path or str
        With files or folders of all scenes.
    target : ImportTarget

    Returns
    -------
    ImportedScene

    Raises
    ------
    ConfigError
        If the system is unknown.
    DatasetError
        If a file is missing, damaged, not in the system's format, or does not fit the scene.
    """
    if system not in SYSTEMS:
        raise ConfigError(
            f"Imports are known of {', '.join(SYSTEMS)}, found {system!r}; write other ones as ply or npz."
        )
    return SYSTEMS[system](Path(folder), target)
