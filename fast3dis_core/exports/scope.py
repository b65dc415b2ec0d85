"""What of a curated result goes into files: the instances asked for, and the rest of the scene as far as it is drawn.

What is seen is what is written: points that a filter dropped are left out, merged queries are one instance, and a
point that only a hidden instance claims is no more written than it is drawn.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from fast3dis_core.curation import Curated
from fast3dis_core.exports.labels import Labels
from fast3dis_core.reconstruction import FilterReport, Reconstruction, read_only


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
        With these instances only; its `filters` are those of the run and then the curation's.
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
    cloud = replace(scene.cloud, valid=read_only(drawn))
    return replace(scene, cloud=cloud, filters=(*scene.filters, *filters_of(curated)))


def filters_of(curated: Curated) -> tuple[FilterReport, ...]:
    """What the filters of a curation left out, in the words of assembly; one entry per filter that is on."""
    wishes, dropped = curated.curation, curated.dropped_points
    points, small = len(curated.keep), max(1, wishes.minimum_points)
    removed = sum(len(item.pixels) < small for item in curated.instances)
    repeated = sum(item.duplicate_of is not None for item in curated.instances)
    rows = (
        ("depth edge", wishes.depth_edge, dropped["depth_edge"], points, "points"),
        ("confidence percentile", wishes.confidence_percentile, dropped["confidence_percentile"], points, "points"),
        ("minimum points", wishes.minimum_points, removed, len(curated.instances), "instances"),
        ("duplicate overlap", wishes.duplicate_overlap, repeated, len(curated.instances) - removed, "instances"),
    )
    return tuple(
        FilterReport(name=name, setting=setting, removed=removed, total=total, unit=unit)
        for name, setting, removed, total, unit in rows
        if setting
    )


def labels_of(curated: Curated) -> Labels:
    """Names, colors and merges as they are seen: the user's, and of another palette than the files' own every color."""
    colors = curated.curation.colors
    if curated.palette != "standard":
        colors = {item.query: item.color for item in curated.instances} | dict(colors)
    members = {item.query: item.members for item in curated.instances if len(item.members) > 1}
    return Labels(names=curated.curation.names, colors=colors, members=members)
