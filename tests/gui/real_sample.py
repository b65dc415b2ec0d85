"""The bundled sample with the bundled network, small: 8 views of 224 x 168 pixels with true cameras and depth.

What the network says of it depends on its weights, and these are trained further. So what a test drags is found by
asking the decoder (`way_to_another_object`), and where the objects are is read from the sample's own masks.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from app.session.plan import RunSettings
from fast3dis_core.reconstruction import AnchorOverride
from tests.gui.hands import has_masks, painted

SAMPLES = Path(str(files("resources"))) / "samples"
SETTINGS = RunSettings(resolution=224, maximum_views=8, geometry="given")
LEAST_PIXELS = 150  # of a mask or an object that is worth a drag
GAIN = 0.6  # share of a mask that an anchor takes to another object; more is not looked for


async def open_sample(program, name="study", *, anchors=True):
    """Run the network on a sample and wait until it is drawn."""
    program.workflow.defaults = SETTINGS
    await program.workflow.open_folder(SAMPLES / name, sample=True)
    assert has_masks(program)
    if anchors:
        program.actions.trigger("anchors")
    await painted(program)


def object_ids(program, name="study"):
    """True object of every cloud row, array (P,); 0 is none."""
    result = program.session.reconstruction
    height, width = result.images.shape[1:3]
    pictures = [Image.open(SAMPLES / name / "instance" / f"{Path(view).stem}.png") for view in result.names]
    ids = np.stack([np.asarray(picture.resize((width, height), Image.Resampling.NEAREST)) for picture in pictures])
    return np.where(result.cloud.valid, ids.reshape(-1), 0)


def share_on(pixels, ids, number):
    """Share of a mask that lies on an object."""
    return float(np.mean(ids[pixels] == number)) if len(pixels) else 0.0


def middle_of(program, ids, number):
    """The point of an object nearest to its middle, a tuple of three float."""
    points = program.session.reconstruction.cloud.points[ids == number]
    middle = np.median(points, axis=0)
    x, y, z = points[np.argmin(((points - middle) ** 2).sum(axis=1))]
    return float(x), float(y), float(z)


def moved_pixels(program, override):
    """Mask of a query, array (M,), after the exact answer to one moved anchor; empty below the floor."""
    steps, scene = program.workflow._steps, program.workflow._scene
    model = program.workflow._shelf.fetch(scene.settings, lambda step, fraction: None)
    interventions = program.session.edits.interventions
    trace = steps.decode(model, scene.encoded, (override,), interventions, lambda step, fraction: None)
    result = steps.assemble_one(
        scene.views, scene.encoded, trace, 0.5, -1, override.query, program.session.reconstruction
    )
    return next((item.pixels for item in result.instances if item.query == override.query), np.zeros(0, np.int32))


def way_to_another_object(program, ids, *, pinned=False):
    """Query, target object and its middle: an anchor that takes most of its mask to an object where it was not.

    The first that does by falling objectness, else the one that comes nearest to it.
    """
    numbers, counts = np.unique(ids[ids > 0], return_counts=True)
    best = (-1.0, -1, -1)
    for item in program.session.curated.shown:
        if len(item.pixels) < LEAST_PIXELS or best[0] >= GAIN:
            continue
        for number in numbers[counts >= 10 * LEAST_PIXELS]:
            override = AnchorOverride(query=item.query, position=middle_of(program, ids, number), pinned=pinned)
            pixels = moved_pixels(program, override)
            if len(pixels) >= LEAST_PIXELS:
                gain = share_on(pixels, ids, number) - share_on(item.pixels, ids, number)
                best = max(best, (gain, item.query, int(number)))
    _, query, number = best
    return query, number, middle_of(program, ids, number)
