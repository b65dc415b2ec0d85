"""What of a curated result goes into files: the instances asked for, and the rest of the scene as far as it is drawn.

What is seen is what is written: points that a filter dropped are left out, merged queries are one instance, and a
point that only a hidden instance claims is no more written than it is drawn.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from fast3dis_core.curation import Curated
from fast3dis_core.exports.labels import Labels
from fast3dis_core.reconstruction import Reconstruction, read_only


def exported(curated: Curated, queries: Collection[int], *, rest: bool) -> Reconstruction:
    """The result that the files are made of.

    Parameters
    ----------
    curated : Curated
    queries : collection of int
        Instances to write, shown or not.
    rest : bool
        Whether files of the whole scene also hold the points that none of them claims. Those of instances
        hidden by hand are left out in any case.

    Returns
    -------
    Reconstruction
        With these instances only; all of them are to be written, whatever their objectness.
    """
    scene = curated.as_reconstruction(queries)
    claimed = np.zeros(len(scene.cloud.points), np.bool_)
    for instance in scene.instances:
        claimed[instance.pixels] = True
    drawn = np.array(scene.cloud.valid)
    if rest:
        hidden = np.zeros_like(claimed)
        for item in curated.instances:
            if item.verdict == "hidden" and item.query not in queries:
                hidden[item.pixels] = True
        for item in curated.shown:  # of two claimants the shown one owns the point
            hidden[item.pixels] = False
        drawn &= claimed | ~hidden
    else:
        drawn &= claimed
    return replace(scene, cloud=replace(scene.cloud, valid=read_only(drawn)))


def labels_of(curated: Curated) -> Labels:
    """Names and colors as they are seen: the user's, and of a palette that is not the files' own every color."""
    colors = curated.curation.colors
    if curated.palette != "standard":
        colors = {item.query: item.color for item in curated.instances} | dict(colors)
    return Labels(names=curated.curation.names, colors=colors)
