"""Exports as a user curated them: labels, thinning, what is hidden; and the folder that all exports share."""

import json

import numpy as np
import plyfile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.curation import Curation, curate
from fast3dis_core.errors import ExportError
from fast3dis_core.exports import (
    describe,
    instance_file_name,
    read_ply,
    write_colmap_text,
    write_glb,
    write_instance_plys,
    write_overlays,
    write_scene_ply,
)
from fast3dis_core.exports.labels import Labels
from fast3dis_core.exports.outputs import EXPORTS, Style, measure, planned_files, write_facts, write_outputs
from fast3dis_core.exports.scope import exported, labels_of
from fast3dis_core.exports.selection import voxel_thinned, writable_rows
from fast3dis_core.exports.similarity import Similarity
from fast3dis_core.palette import instance_color
from fast3dis_core.progress import silent
from fast3dis_core.reconstruction import exclusive_rows
from tests.core.test_exports_glb import Glb
from tests.scenes import synthetic_reconstruction

SCENE = synthetic_reconstruction(queries=5)
FIRST, SECOND = SCENE.instances[0].query, SCENE.instances[1].query
LABELS = Labels(names={FIRST: "Küche/Sofa\n2"}, colors={FIRST: (1, 2, 3)})
OFF = {
    "objectness_threshold": 0.0,
    "minimum_points": 0,
    "duplicate_overlap": 0.0,
    "confidence_percentile": 0.0,
    "depth_edge": 0.0,
}


def colors(table):
    return np.stack([table[name] for name in ("red", "green", "blue")], axis=1)


def everything(tmp_path, **style):
    style = Style(threshold=0.0, colors="instance", instance_colors="instance", **style)
    write_outputs(tmp_path, SCENE, exports=EXPORTS, style=style, report=silent)
    write_facts(tmp_path, describe(SCENE, 0.0, labels=style.labels))
    return style


def test_names_and_colors_reach_every_format(tmp_path):
    everything(tmp_path, labels=LABELS)
    path = tmp_path / "instances" / f"Küche_Sofa_2_{FIRST:03d}.ply"
    read = read_ply(path)
    assert f'name of query {FIRST}: "K\\u00fcche/Sofa\\n2"' in read.comments
    assert f"color of query {FIRST}: 1 2 3" in read.comments
    assert (colors(read.vertices) == (1, 2, 3)).all()
    assert len(plyfile.PlyData.read(path)["vertex"].data) == len(read.vertices)
    scene = read_ply(tmp_path / "scene.ply").vertices
    assert (colors(scene)[scene["instance"] == FIRST] == (1, 2, 3)).all()
    assert (colors(scene)[scene["instance"] == SECOND] == instance_color(SECOND)).all()
    node = next(node for node in Glb(tmp_path / "scene.glb").document["nodes"] if node["name"] == "Küche/Sofa\n2")
    assert node["extras"] == {"query": FIRST, "objectness": SCENE.instances[0].objectness, "color": [1, 2, 3]}
    facts = {item["query"]: item for item in json.loads((tmp_path / "report.json").read_text())["instances"]}
    assert (facts[FIRST]["name"], facts[FIRST]["color"]) == ("Küche/Sofa\n2", [1, 2, 3])
    assert facts[SECOND]["name"] == f"Instance {SECOND}"
    owner = exclusive_rows(SCENE.instances, len(SCENE.cloud.points)).reshape(SCENE.images.shape[:3])
    picture = np.asarray(Image.open(tmp_path / "overlays" / "view_000.png"))
    outlined = (picture == (1, 2, 3)).all(axis=-1)
    assert outlined.any()
    assert (owner[0][outlined] == FIRST).all()


def test_without_labels_nothing_is_said_of_names_or_colors(tmp_path):
    everything(tmp_path)
    read = read_ply(tmp_path / "instances" / f"instance_{FIRST:03d}.ply")
    assert not any(line.startswith(("name", "color", "voxel")) for line in read.comments)
    assert "name" not in describe(SCENE, 0.0)["instances"][0]
    assert write_overlays(tmp_path / "plain", SCENE, threshold=0.0)


def test_planned_files_are_exactly_what_is_written(tmp_path):
    style = everything(tmp_path, labels=LABELS)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    planned = planned_files(SCENE, exports=EXPORTS, style=style)
    assert set(planned) == written
    assert len(planned) == len(written) == measure(SCENE, exports=EXPORTS, style=style).files


@pytest.mark.parametrize("voxel_size", [None, 0.2])
def test_measured_points_are_the_written_ones_and_bytes_a_good_guess(tmp_path, voxel_size):
    style = Style(threshold=0.0, colors="photo", voxel_size=voxel_size)
    for name, file in (("scene", "scene.ply"), ("ply", "instances")):
        write_outputs(tmp_path, SCENE, exports=(name,), style=style, report=silent)
        files = [tmp_path / file] if name == "scene" else sorted((tmp_path / file).iterdir())
        told = measure(SCENE, exports=(name,), style=style)
        assert told.points == sum(len(read_ply(path).vertices) for path in files)
        assert told.instances == len(SCENE.instances)
        size = sum(path.stat().st_size for path in files)
        assert told.bytes <= size <= told.bytes + 1000 * len(files)


def test_thinning_keeps_the_surest_point_of_each_voxel_and_owner():
    rows = writable_rows(SCENE.cloud)
    owner = exclusive_rows(SCENE.instances, len(SCENE.cloud.points))
    kept = voxel_thinned(SCENE.cloud, rows, 0.3, Similarity.of(None), owner)
    assert 0 < len(kept) < len(rows) / 4
    assert (np.diff(kept) > 0).all()
    cells = np.floor(SCENE.cloud.points.astype(float) / 0.3)

    def key(row):
        return (*cells[row].tolist(), int(owner[row]))

    best = {}
    for row in rows.tolist():
        known = best.get(key(row))
        if known is None or SCENE.cloud.confidence[row] > SCENE.cloud.confidence[known]:
            best[key(row)] = row
    assert sorted(best.values()) == kept.tolist()


def test_voxels_are_measured_in_written_units():
    rows, cloud = writable_rows(SCENE.cloud), SCENE.cloud
    larger = Similarity.of(np.diag([10.0, 10.0, 10.0, 1.0]))
    assert np.array_equal(
        voxel_thinned(cloud, rows, 2.5, larger), voxel_thinned(cloud, rows, 0.25, Similarity.of(None))
    )


@pytest.mark.parametrize(("size", "words"), [(0.0, "above 0"), (float("nan"), "above 0"), (1e-9, "too small")])
def test_voxels_of_no_sense_are_refused(tmp_path, size, words):
    with pytest.raises(ExportError, match=words):
        write_glb(tmp_path / "a.glb", SCENE, threshold=0.0, voxel_size=size)
    assert list(tmp_path.iterdir()) == []


def test_thinned_cameras_file(tmp_path):
    whole = write_colmap_text(tmp_path / "whole", SCENE)
    thin = write_colmap_text(tmp_path / "thin", SCENE, voxel_size=0.3)
    lines = (tmp_path / "thin" / "sparse" / "0" / "points3D.txt").read_text().splitlines()
    assert 0 < thin < whole
    assert len([line for line in lines if not line.startswith("#")]) == thin


@given(st.dictionaries(st.integers(0, 200), st.text(max_size=300), min_size=1, max_size=6))
def test_file_names_of_instances_are_safe_and_unique(names):
    labels = Labels(names=names)
    files = [f"{labels.stem(query)}.ply" for query in range(201)]
    assert len({name.casefold() for name in files}) == len(files)
    for name in files:
        assert len(name.encode()) <= 255
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert not name.startswith((".", " "))
        assert name.partition(".")[0].lower() not in {"con", "aux", "nul", "prn", "com1"}


def test_a_name_becomes_a_file_name():
    assert instance_file_name(7, ".ply", "Sofa") == "Sofa_007.ply"
    assert instance_file_name(7, ".ply", "...") == instance_file_name(7, ".ply") == "instance_007.ply"
    assert instance_file_name(7, ".ply", "con.x") == "_con.x_007.ply"


class TestScope:
    def curated(self, **wishes):
        return curate(SCENE, Curation(**{**OFF, **wishes}))

    def test_hidden_points_are_written_no_more_than_drawn(self):
        curated = self.curated(hidden=frozenset({FIRST}))
        shown = {item.query for item in curated.shown}
        result = exported(curated, shown, rest=True)
        rows = {item.query: item.pixels for item in SCENE.instances}
        others = np.unique(np.concatenate([pixels for query, pixels in rows.items() if query != FIRST]))
        gone = np.setdiff1d(rows[FIRST], others)
        assert len(gone)
        expected = np.array(SCENE.cloud.valid)
        expected[gone] = False
        assert np.array_equal(result.cloud.valid, expected)
        assert {item.query for item in result.instances} == shown

    def test_a_hidden_instance_that_is_asked_for_is_written(self):
        curated = self.curated(hidden=frozenset({FIRST}))
        (instance,) = exported(curated, {FIRST}, rest=True).instances
        assert np.array_equal(instance.pixels, curated.find(FIRST).pixels)

    def test_without_the_rest_only_claimed_points_are_left(self):
        curated = self.curated()
        result = exported(curated, {FIRST, SECOND}, rest=False)
        union = np.union1d(*(item.pixels for item in result.instances))
        assert np.array_equal(np.flatnonzero(result.cloud.valid), union)

    def test_filters_and_merges_apply(self):
        curated = self.curated(merged=((FIRST, SECOND),), confidence_percentile=30.0)
        result = exported(curated, {FIRST}, rest=True)
        (instance,) = result.instances
        assert instance.query == FIRST
        assert np.array_equal(instance.pixels, curated.find(SECOND).pixels)
        assert result.cloud.valid.sum() < 0.75 * SCENE.cloud.valid.sum()

    def test_labels_are_the_users(self):
        curated = self.curated(names={FIRST: "Sofa"}, colors={SECOND: (9, 9, 9)})
        labels = labels_of(curated)
        assert (labels.name(FIRST), labels.color(SECOND)) == ("Sofa", (9, 9, 9))
        assert (labels.name(SECOND), labels.color(FIRST)) == (f"Instance {SECOND}", tuple(instance_color(FIRST)))

    def test_a_merge_is_told_in_headers_and_in_the_report(self, tmp_path):
        curated = self.curated(merged=((FIRST, SECOND),))
        labels = labels_of(curated)
        assert labels.members == {FIRST: (FIRST, SECOND)}
        result = exported(curated, None, rest=True)
        line = f"merged by hand into query {FIRST}: {FIRST} {SECOND}"
        write_instance_plys(tmp_path, result, threshold=0.0, labels=labels)
        write_scene_ply(tmp_path / "scene.ply", result, threshold=0.0, labels=labels)
        assert line in read_ply(tmp_path / "scene.ply").comments
        for item in result.instances:
            comments = read_ply(tmp_path / f"instance_{item.query:03d}.ply").comments
            assert (line in comments) == (item.query == FIRST)
        facts = describe(result, 0.0, labels=labels)
        merged = {item["query"]: item["merged"] for item in facts["instances"]}
        assert merged.pop(FIRST) == [FIRST, SECOND]
        assert not any(merged.values())

    def test_labels_follow_the_palette_on_show(self):
        seen = curate(SCENE, self.curated(colors={SECOND: (9, 9, 9)}).curation, palette="safe")
        labels = labels_of(seen)
        assert labels.color(SECOND) == (9, 9, 9)
        for item in seen.instances:
            assert labels.color(item.query) == item.color
        assert labels.color(FIRST) == tuple(instance_color(FIRST, "safe"))
