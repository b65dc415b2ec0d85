"""Every combination of choices in the export dialog, against what is on show, by readers that are not the program's."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import plyfile
import pytest
import trimesh

from app.coloring import row_table
from app.presenters.painting import Painting
from app.session.export_wish import ExportWish
from tests.app.test_exporting import drive
from tests.core.test_exports_cameras import read_colmap

FORMATS = ("ply", "scene", "glb", "masks", "transforms", "colmap", "npz", "report")
TURN = np.array([[0.0, 0.0, 1.0, 4.0], [0.0, 1.0, 0.0, 5.0], [-1.0, 0.0, 0.0, 6.0], [0.0, 0.0, 0.0, 1.0]])
VOXEL = 0.4
SCOPES, COLORS = ("visible", "isolated", "selected", "all"), ("instance", "photo")
LENGTHS = {"shown": (0.5, "m"), "scene": (1.0, "scene units"), "own": (3.0, "scene units times 3.0")}


class Shown:
    """What the 3D view shows of a session, worked out from its painting alone."""

    def __init__(self, session, scope):
        self.session = session
        painting = Painting(session)
        rows, table = painting.rows(), painting.table()
        self.cloud = session.reconstruction.cloud
        self.owner = rows - 1
        self.drawn = (table[rows][:, 3] > 0) & self.cloud.valid
        self.shown = {item.query: item for item in session.curated.shown}
        alone = session.display.isolated if scope == "visible" else frozenset()
        if scope == "selected":
            self.queries = session.display.selection
            alone = self.queries
        elif scope == "all":
            self.queries = {item.query for item in session.curated.instances if item.verdict in ("shown", "hidden")}
        else:
            self.queries = set(alone) or set(self.shown)
        self.alone = bool(alone)
        self.colors = row_table(session.curated)[:, :3]
        for query in self.queries:  # also of those that are hidden
            self.colors[query + 1] = self.item(query).color

    def item(self, query):
        return self.session.curated.find(query)


def places(vertices):
    return np.stack([vertices[axis] for axis in "xyz"], axis=1).astype(float)


def shades(vertices):
    return np.stack([vertices[name] for name in ("red", "green", "blue")], axis=1)


def rows_of(written, expected):
    """Which expected rows the written points are; every one of them has to be one."""
    order = np.lexsort(expected.T)
    distance, nearest = trimesh.proximity.cKDTree(expected[order]).query(written)
    assert distance.max(initial=0.0) < 1e-4
    return order[nearest]


def cells(points, factor):
    return {tuple(cell) for cell in np.floor(points.astype(float) * factor).astype(int).tolist()}


@pytest.mark.parametrize(
    ("scope", "frame", "lengths", "voxel", "colors"),
    [
        pytest.param(*choices, marks=[] if number % 7 == 0 else [pytest.mark.slow])
        for number, choices in enumerate(itertools.product(SCOPES, ("view0", "folder"), LENGTHS, (0.0, VOXEL), COLORS))
    ],
)
def test_files_are_what_is_shown(tmp_path, scope, frame, lengths, voxel, colors):
    folder = tmp_path / "out"

    async def story(desk):
        desk.workflow._steps.world_to_folder = tuple(TURN.ravel())
        await desk.opened(folder)
        session = desk.session
        hidden, named, merged, other, *_ = (item.query for item in session.shown())
        session.edit(
            "x",
            replace(
                session.edits,
                hidden=frozenset({hidden}),
                names={named: "Große Vase/2"},
                colors={named: (10, 200, 30)},
                merged=((merged, other),),
                confidence_percentile=15.0,
                scale=0.5,
            ),
        )
        if scope == "selected":
            session.show(replace(session.display, selection=frozenset({named})))
        if scope == "isolated":
            session.show(replace(session.display, isolated=frozenset({merged})))
        asked = "visible" if scope == "isolated" else scope
        wish = ExportWish(
            folder=folder,
            scope=asked,
            formats=FORMATS,
            colors=colors,
            frame=frame,
            lengths=lengths,
            voxel_size=voxel,
            scale=LENGTHS["own"][0],
        )
        await desk.workflow.exporter.write(desk.workflow.exporter.order(wish), overwrite=False)
        assert desk.failed == []
        return Shown(session, asked)

    seen = drive(story)
    scale, units = LENGTHS[lengths]
    way = (TURN if frame == "folder" else np.eye(4)).copy()
    way[:3] *= scale
    expected = seen.cloud.points.astype(float) @ way[:3, :3].T + way[:3, 3]
    factor = scale / VOXEL if voxel else 0.0
    check_instances(folder, seen, expected, colors, units, factor)
    whole = check_scene(folder, seen, expected, colors, factor)
    check_glb(folder, seen, expected, whole)
    check_cameras(folder, seen, expected, way, scale, factor)
    check_archive(folder, seen, expected, units)
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["result"]["units"] == units
    assert {item["query"] for item in report["result"]["instances"]} == set(seen.queries)


def check_instances(folder, seen, expected, colors, units, factor):
    files = list((folder / "instances").iterdir())
    assert len(files) == len(seen.queries)
    for query in seen.queries:
        (path,) = (file for file in files if file.stem.endswith(f"_{query:03d}"))
        file = plyfile.PlyData.read(path)
        assert f"units: {units}" in file.comments
        vertices, item = file["vertex"].data, seen.item(query)
        assert np.isfinite(places(vertices)).all()
        if factor:
            rows = item.pixels[rows_of(places(vertices), expected[item.pixels])]
            assert len(vertices) == len(cells(seen.cloud.points[item.pixels], factor))
        else:
            rows = item.pixels
            assert np.allclose(places(vertices), expected[rows], atol=1e-4)
        own = seen.cloud.colors[rows] if colors == "photo" else np.broadcast_to(seen.colors[query + 1], (len(rows), 3))
        assert np.array_equal(shades(vertices), own)
        assert (vertices["instance"] == query).all()


def check_scene(folder, seen, expected, colors, factor):
    """Rows of the points of the whole scene."""
    vertices = plyfile.PlyData.read(folder / "scene.ply")["vertex"].data
    owner = vertices["instance"]
    assert set(owner.tolist()) <= {-1, *seen.queries}
    drawn = np.isin(seen.owner, list(seen.queries)) if seen.alone else seen.drawn
    drawn = drawn & seen.cloud.valid
    if set(seen.queries) <= set(seen.shown):  # of what is not on show nothing was painted
        candidates = np.flatnonzero(drawn)
        if factor:
            rows = candidates[rows_of(places(vertices), expected[candidates])]
        else:
            rows = candidates
            assert len(vertices) == len(rows)
            assert np.allclose(places(vertices), expected[rows], atol=1e-4)
        painted = np.where(np.isin(seen.owner, list(seen.queries)), seen.owner, -1)
        if not factor and not seen.alone:
            assert np.array_equal(owner, painted[rows])
    else:
        rows = rows_of(places(vertices), np.where(seen.cloud.valid[:, None], expected, 1e9))
        assert {row for query in seen.queries for row in seen.item(query).pixels.tolist()} >= set(
            rows[owner >= 0].tolist()
        )
    if colors == "photo":
        if not factor:
            assert np.array_equal(shades(vertices), seen.cloud.colors[rows])
    else:
        claimed = owner >= 0
        assert np.array_equal(shades(vertices)[claimed], seen.colors[owner[claimed] + 1])
    assert len(trimesh.load(folder / "scene.ply").vertices) == len(vertices)
    return vertices


def check_glb(folder, seen, expected, whole):
    scene = trimesh.load(folder / "scene.glb")
    found = []
    for name in scene.graph.nodes_geometry:
        turn, geometry = scene.graph[name]
        if isinstance(scene.geometry[geometry], trimesh.PointCloud):
            found.append(trimesh.transform_points(scene.geometry[geometry].vertices, turn) * [1, -1, -1])
    found = np.concatenate(found)
    assert len(found) == len(whole)
    order, there = (np.lexsort(np.round(points, 4).T) for points in (found, places(whole)))
    assert np.allclose(found[order], places(whole)[there], atol=2e-4)


def check_cameras(folder, seen, expected, way, scale, factor):
    result = seen.session.reconstruction
    document = json.loads((folder / "transforms" / "transforms.json").read_text("utf-8"))
    for frame, world_to_camera in zip(document["frames"], result.world_to_camera.astype(float), strict=True):
        position = way @ np.linalg.inv(world_to_camera)[:, 3]
        assert np.allclose(np.array(frame["transform_matrix"])[:3, 3], position[:3], atol=1e-5)
    _, images, points = read_colmap(folder / "colmap" / "sparse" / "0")
    assert len(images) == len(result.names)
    written = np.array([line[1:4] for line in points], float)
    if factor:
        assert len(cells(written / scale, 1.0)) <= len(written)
    rows_of(written, expected[seen.cloud.valid])


def check_archive(folder, seen, expected, units):
    with np.load(folder / "reconstruction.npz", allow_pickle=False) as archive:
        assert str(archive["units"]) == units
        valid = archive["valid"]
        assert np.allclose(archive["points"].reshape(-1, 3)[valid.ravel()], expected[valid.ravel()], atol=1e-4)


def test_masks_hold_the_pixels_that_are_shown(tmp_path):
    from PIL import Image

    async def story(desk):
        await desk.opened(tmp_path / "out")
        desk.session.edit("x", replace(desk.session.edits, hidden=frozenset({desk.session.shown()[0].query})))
        wish = ExportWish(folder=tmp_path / "out", formats=("masks",))
        await desk.workflow.exporter.write(desk.workflow.exporter.order(wish), overwrite=False)
        return Shown(desk.session, "visible")

    seen = drive(story)
    height, width = seen.session.reconstruction.images.shape[1:3]
    files = [tmp_path / "out" / "masks" / f"{Path(name).stem}.png" for name in seen.session.reconstruction.names]
    ids = np.stack([np.asarray(Image.open(file)) for file in files]).astype(int).reshape(-1)
    assert ids.size == len(files) * height * width
    there = np.isin(seen.owner, list(seen.shown))
    assert np.array_equal(ids[there], seen.owner[there] + 1)
    assert (ids[~there & seen.cloud.valid] == 0).all()
