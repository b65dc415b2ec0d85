"""What is known of one point, in words: whose it is, which photo saw it where, and its place."""

from fast3dis_core.curation import Curated

WORST_NAME = 60  # characters of a name before it is cut


def point_facts(curated: Curated, row: int, query: int) -> str:
    """Lines about a point.

    Parameters
    ----------
    curated : Curated
    row : int
        Of the cloud.
    query : int
        Of the instance that is drawn there; anything that is no instance for none.

    Returns
    -------
    str
        The instance with query and objectness, the photo with the pixel (column, row; counted from 0 in the photo as
        the network saw it), and the position in the scene's units.
    """
    whole = curated.reconstruction
    view, pixel = divmod(row, whole.pixels_per_view)
    down, across = divmod(pixel, whole.images.shape[2])
    x, y, z = (float(value) for value in whole.cloud.points[row])
    item = curated.find(query)
    owner = "No instance"
    if item is not None:
        name = _cut(item.name)
        owner = f"{name}\nQuery {item.query}, objectness {item.objectness:.2f}"
    return "\n".join(
        (
            owner,
            f"View {view + 1}: {_cut(whole.names[view])}",
            f"Pixel {across}, {down}",
            f"Position {x:.3f}, {y:.3f}, {z:.3f} {whole.units}",
        )
    )


def _cut(name: str) -> str:
    return name if len(name) <= WORST_NAME else f"{name[: WORST_NAME - 2]} …"
