"""Rooms in which the network really hijacks: seeds searched, nothing staged.

    python tests/benchmarks/hijack_search.py --seeds 60
    python tests/benchmarks/hijack_search.py --seeds 60 --write resources/samples/room-with-a-hijack

A room of the procedural world is rendered for every seed and segmented by the bundled network (or `--weights`). A
hijack is an object of the room that two queries claim with an IoU of a half or more each, both of them shown; the
clearer the weaker of the two, the better the room. Printed are the best rooms. `--write` renders the best one at full
size, segments the written folder as the window would, and keeps it only if the hijack is there as well. The seeds
begin beyond those of training, validation and test. About two seconds for a room on two cores.
"""

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FIRST = 3_000_001_000
MATCH = 0.5
SMALLEST = 0.01  # share of all pixels that the object covers
VIEWS, HEIGHT, WIDTH = 8, 84, 112  # what nano reads
FULL = (378, 504)
MOST = 1_500_000  # bytes of a bundled sample


@dataclass(frozen=True)
class Hijack:
    """Two queries on one object of one room."""

    seed: int
    target: int
    word: str
    queries: tuple[int, int]
    objectness: tuple[float, float]
    iou: tuple[float, float]
    contested: int  # pixels that both claim
    rate: float  # hijack rate of the room

    @property
    def clarity(self) -> float:
        """Objectness and IoU of the weaker one."""
        return min(self.objectness) * min(self.iou)


def hijacks(seed, result, ids, words, threshold):
    """Every object that two shown queries claim, the clearest first."""
    from fast3dis_core.hijacking import hijack_groups, hijack_rate

    found, shown = [], result.shown(threshold)
    groups = hijack_groups(result.overlap, result.objectness[-1])
    rate = hijack_rate(groups, int((result.objectness[-1] >= 0.05).sum()))
    for target, word in words.items():
        truth = np.flatnonzero(ids == target)
        if len(truth) < SMALLEST * len(ids):
            continue
        on_it = []
        for item in shown:
            shared = len(np.intersect1d(item.pixels, truth, assume_unique=True))
            iou = shared / (len(item.pixels) + len(truth) - shared)
            if iou >= MATCH:
                on_it.append((item, iou))
        if len(on_it) < 2:
            continue
        (one, best), (two, next_best) = sorted(on_it, key=lambda pair: -pair[0].objectness * pair[1])[:2]
        contested = len(np.intersect1d(one.pixels, two.pixels, assume_unique=True))
        found.append(
            Hijack(
                seed=seed,
                target=target,
                word=word,
                queries=(one.query, two.query),
                objectness=(one.objectness, two.objectness),
                iou=(best, next_best),
                contested=contested,
                rate=rate,
            )
        )
    return sorted(found, key=lambda hijack: -hijack.clarity)


def segment(model, views, geometry):
    """Photos to result, with the true geometry or the network's own."""
    from fast3dis_core import assemble_instances, decode_queries, encode_scene

    encoded = encode_scene(model, views, geometry=geometry)
    return assemble_instances(views, encoded, decode_queries(model, encoded))


def room(seed, height, width):
    """A room as a sample."""
    from fast3dis_core.datasets.procedural_rooms import prepare_scenes, render
    from fast3dis_core.scene import scene

    drawn = prepare_scenes([seed], views=VIEWS, height=height, width=width)
    return scene(render(drawn, height=height, width=width, supersample=2), 0)


def words_of(sample):
    """What every object is called; walls, floor and ceiling are none."""
    return {int(target): sample.class_names[int(sample.class_ids[target])] for target in sample.object_ids()}


def search(model, seeds, threshold, geometry):
    """Hijacks of all rooms, the clearest first."""
    found = []
    for number, seed in enumerate(seeds):
        sample = room(seed, HEIGHT, WIDTH)
        result = segment(model, sample.views, sample.geometry if geometry == "given" else None)
        here = hijacks(seed, result, sample.instance_ids.numpy().ravel(), words_of(sample), threshold)
        found += here[:1]
        sys.stderr.write(f"\r{number + 1} rooms, {len(found)} with a hijack")
        sys.stderr.flush()
    sys.stderr.write("\n")
    return sorted(found, key=lambda hijack: -hijack.clarity)


def keep(model, hijack, folder, threshold, geometry):
    """Write the room as a sample and look whether the hijack is there when the folder is read; whether it is kept."""
    from fast3dis_core.datasets.procedural_rooms import write_posed_dataset
    from fast3dis_core.images import read_image_folder
    from fast3dis_core.posed_input import read_posed_folder

    sample = room(hijack.seed, *FULL)
    shutil.rmtree(folder, ignore_errors=True)
    write_posed_dataset(sample, folder, surface=False)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    posed = read_posed_folder(folder, with_depth=True, long_edge=WIDTH)
    views = posed.views if geometry == "given" else read_image_folder(folder, long_edge=WIDTH)
    result = segment(model, views, posed.geometry if geometry == "given" else None)
    lines, columns = (
        ((np.arange(small) + 0.5) * full / small).astype(int) for small, full in zip((HEIGHT, WIDTH), FULL, strict=True)
    )
    ids = sample.instance_ids.numpy()[:, lines][:, :, columns].ravel()
    assert len(ids) == len(result.cloud.points), "the folder was read at the size of the search"
    again = hijacks(hijack.seed, result, ids, words_of(sample), threshold)
    sys.stdout.write(f"{folder}: {size:,} bytes; " + (line(again[0]) if again else "the hijack is not there") + "\n")
    if not again or size > MOST:
        shutil.rmtree(folder)
        return False
    return True


def line(hijack):
    """One hijack in words."""
    one, two = hijack.queries
    return (
        f"seed {hijack.seed}: the {hijack.word} is claimed by queries {one} and {two}, objectness "
        f"{hijack.objectness[0]:.2f} and {hijack.objectness[1]:.2f}, IoU {hijack.iou[0]:.2f} and {hijack.iou[1]:.2f}, "
        f"{hijack.contested:,} pixels by both; hijack rate of the room {hijack.rate:.0%}"
    )


def main():
    """Search, tell, and keep the best."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=60, help="rooms to look at")
    parser.add_argument("--first", type=int, default=FIRST, help="the first seed")
    parser.add_argument("--only", type=int, nargs="*", help="these seeds and no others")
    parser.add_argument("--threshold", type=float, default=0.3, help="objectness from which a query is shown")
    parser.add_argument("--geometry", choices=("predicted", "given"), default="predicted")
    parser.add_argument("--weights", help="of nano; default: the bundled ones")
    parser.add_argument("--write", type=Path, help="folder for the best room")
    wishes = parser.parse_args()

    from fast3dis_core import load_model

    model = load_model("nano", weights=wishes.weights, device="cpu")
    seeds = wishes.only or range(wishes.first, wishes.first + wishes.seeds)
    found = search(model, seeds, wishes.threshold, wishes.geometry)
    for hijack in found[:10]:
        sys.stdout.write(line(hijack) + "\n")
    if wishes.write is not None:
        for hijack in found:
            if keep(model, hijack, wishes.write, wishes.threshold, wishes.geometry):
                return 0
    return 0 if found else 1


if __name__ == "__main__":
    raise SystemExit(main())
