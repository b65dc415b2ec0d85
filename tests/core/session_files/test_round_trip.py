"""Session files come back equal to the bit, small, and without loading anything heavy."""

import dataclasses
import datetime
import errno
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings

from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports import read_npz
from fast3dis_core.reconstruction import FilterReport
from fast3dis_core.session_files import SavedSession, entries, read_session, session_summary, write_session
from tests.core.session_files.sessions import FEATURES, session, session_bits, sessions
from tests.core.test_exports_archive import bits
from tests.scenes import replaced, synthetic_reconstruction


@settings(max_examples=60, deadline=None)
@given(sessions())
def test_any_session_round_trips_to_the_bit(tmp_path_factory, saved):
    path = tmp_path_factory.mktemp("session") / "a.f3d"
    write_session(path, saved)
    assert session_bits(read_session(path)) == session_bits(saved)


def test_a_session_with_everything_and_one_with_nothing(tmp_path):
    full, bare = session(), SavedSession(reconstruction=synthetic_reconstruction(views=1, queries=0))
    for name, saved in (("full", full), ("bare", bare)):
        write_session(tmp_path / f"{name}.f3d", saved)
        assert session_bits(read_session(tmp_path / f"{name}.f3d")) == session_bits(saved)
    assert read_session(tmp_path / "full.f3d", with_features=False).features is None


def test_arrays_are_shared_and_locked(tmp_path):
    scene = synthetic_reconstruction()
    confidence = scene.cloud.confidence.reshape(scene.images.shape[:3]).copy()
    write_session(tmp_path / "a.f3d", session(reconstruction=scene, features={"geometry/confidence": confidence}))
    restored = read_session(tmp_path / "a.f3d")
    cloud = restored.reconstruction.cloud
    assert np.shares_memory(cloud.colors, restored.reconstruction.images)
    assert np.shares_memory(cloud.confidence, restored.features["geometry/confidence"])
    assert not cloud.points.flags.writeable
    assert not restored.features["geometry/confidence"].flags.writeable
    assert not restored.reconstruction.instances[0].pixels.flags.writeable


def test_what_a_result_is_held_against_round_trips_to_the_bit(tmp_path):
    other = session(
        reconstruction=synthetic_reconstruction(views=1, height=28, width=14, queries=5),
        features={"rows": np.arange(784, dtype=np.int32)},
        layout=b"",
    )
    saved = session(beside=other)
    write_session(tmp_path / "x.f3d", saved)
    assert session_bits(read_session(tmp_path / "x.f3d")) == session_bits(saved)
    assert read_session(tmp_path / "x.f3d", with_features=False).beside.features.keys() == {"rows"}


def test_a_cloud_that_both_have_is_stored_once_and_comes_back_as_one(tmp_path):
    """Such as clusters of the same points."""
    alone = session(features=None, reconstruction=synthetic_reconstruction(views=4, height=112, width=140, queries=6))
    result = alone.reconstruction
    clusters = dataclasses.replace(result, instances=result.instances[:2], filters=())
    both = dataclasses.replace(alone, beside=SavedSession(reconstruction=clusters, origin={"title": "clusters"}))
    write_session(tmp_path / "alone.f3d", alone)
    write_session(tmp_path / "both.f3d", both)
    again = read_session(tmp_path / "both.f3d")
    assert session_bits(again) == session_bits(both)
    assert again.beside.reconstruction.cloud is again.reconstruction.cloud
    assert again.beside.reconstruction.images is again.reconstruction.images
    sizes = [(tmp_path / name).stat().st_size for name in ("alone.f3d", "both.f3d")]
    assert sizes[1] < 1.2 * sizes[0]


def test_a_session_of_an_earlier_version_has_nothing_beside(tmp_path):
    write_session(tmp_path / "x.f3d", session())
    with zipfile.ZipFile(tmp_path / "x.f3d") as archive:
        assert "beside" not in json.loads(archive.read("session.json"))
    assert read_session(tmp_path / "x.f3d").beside is None
    with pytest.raises(ValueError, match="held against"):
        session(beside=session(beside=session()))


def test_depth_of_the_features_is_stored_once(tmp_path):
    scene = synthetic_reconstruction(views=2, height=70, width=70)
    points = scene.cloud.points.reshape(2, 70, 70, 3)
    depth = np.stack([(view @ motion[2, :3]) + motion[2, 3] for view, motion in zip(points, scene.world_to_camera)])  # noqa: B905
    sizes = {}
    for name, features in (("without", None), ("with", {"geometry/depth": depth}), ("other", {"depth": depth})):
        saved = session(reconstruction=scene, features=features)
        write_session(tmp_path / name, saved)
        assert session_bits(read_session(tmp_path / name)) == session_bits(saved)
        sizes[name] = (tmp_path / name).stat().st_size
    assert sizes["with"] < sizes["without"] + 0.1 * depth.nbytes
    assert sizes["other"] > sizes["without"] + 0.9 * depth.nbytes


def test_smooth_scenes_are_several_times_smaller_than_their_arrays(tmp_path):
    scene = synthetic_reconstruction(views=3, height=84, width=112)
    write_session(tmp_path / "a.f3d", SavedSession(reconstruction=scene))
    with zipfile.ZipFile(tmp_path / "a.f3d") as archive:
        sizes = {entry.filename: entry.compress_size for entry in archive.infolist()}
    points = sizes["cloud/depth.npy"] + sizes["cloud/remainder.npy"]
    assert points < 0.35 * scene.cloud.points.nbytes
    assert sizes["instances/rows.npy"] < 0.1 * sum(instance.pixels.nbytes for instance in scene.instances)


def test_any_program_can_look_inside(tmp_path):
    from PIL import Image

    saved = session()
    write_session(tmp_path / "a.f3d", saved)
    with zipfile.ZipFile(tmp_path / "a.f3d") as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("session.json"))
        photo = np.array(Image.open(BytesIO(archive.read("photos/0001.png"))))
        arrays = [name for name in archive.namelist() if name.endswith(".npy")]
        loaded = {name: np.load(BytesIO(archive.read(name)), allow_pickle=False) for name in arrays}
    assert manifest["views"] == list(saved.reconstruction.names)
    assert np.array_equal(photo, saved.reconstruction.images[1])
    assert np.array_equal(loaded["cameras/world_to_camera.npy"], saved.reconstruction.world_to_camera)
    assert np.array_equal(loaded["features/mask_features.npy"], FEATURES["mask_features"])
    assert not any(array.dtype.hasobject or not array.flags.c_contiguous for array in loaded.values())


def test_summary_tells_what_a_list_shows(tmp_path):
    from PIL import Image

    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    write_session(tmp_path / "a.f3d", session(reconstruction=synthetic_reconstruction(views=4, height=28, width=420)))
    summary = session_summary(tmp_path / "a.f3d")
    assert (summary.views, summary.height, summary.width, summary.instances) == (4, 28, 420, 5)
    assert summary.origin["folder"] == "C:\\Küche ☕"
    assert summary.has_features
    assert before <= summary.saved <= datetime.datetime.now(datetime.UTC)
    assert Image.open(BytesIO(summary.thumbnail)).size == (140, 9)


def test_summary_needs_nothing_but_the_manifest_and_its_picture(tmp_path):
    write_session(tmp_path / "a.f3d", session())
    with zipfile.ZipFile(tmp_path / "a.f3d") as archive, zipfile.ZipFile(tmp_path / "b.f3d", "w") as other:
        for name in ("session.json", "thumbnail.png"):
            other.writestr(name, archive.read(name))
    expected = session_summary(tmp_path / "a.f3d")
    assert dataclasses.replace(session_summary(tmp_path / "b.f3d"), path=expected.path) == expected


def test_settings_that_json_cannot_spell(tmp_path):
    filters = tuple(
        FilterReport(name="f", setting=value, removed=0, total=1, unit="points")
        for value in (float("inf"), -float("inf"), 0.1, -0.0, 50)
    )
    saved = session(reconstruction=replaced(synthetic_reconstruction(), filters=filters))
    write_session(tmp_path / "a.f3d", saved)
    assert bits(read_session(tmp_path / "a.f3d").reconstruction.filters) == bits(filters)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("edits", {"hidden": {1, 2}}),
        ("edits", {1: "a"}),
        ("display", {"zoom": float("nan")}),
        ("origin", {"folder": os}),
        ("features", {"../a": np.zeros(1)}),
        ("features", {"Trace": np.zeros(1)}),
        ("features", {"a": np.array([{}])}),
        ("features", {"a": np.zeros(1, ">f4")}),
    ],
)
def test_values_no_file_can_hold_are_refused_at_once(field, value):
    with pytest.raises(ValueError, match=f"SavedSession.{field}"):
        session(**{field: value})


@pytest.mark.parametrize("pixels", [[3, 2], [2, 2], [-1, 4], [1175, 1176]])
def test_masks_no_reader_would_take_are_refused_at_once(tmp_path, pixels):
    scene = synthetic_reconstruction(views=1, height=28, width=42, queries=1)
    bad = dataclasses.replace(scene.instances[0], pixels=np.array(pixels, np.int32))
    with pytest.raises(ValueError, match="pixels of instance 0: expected sorted, unique rows"):
        write_session(tmp_path / "a.f3d", session(reconstruction=replaced(scene, instances=(bad,))))
    assert list(tmp_path.iterdir()) == []


def test_values_are_copied_and_tuples_become_lists():
    edits = {"hidden": (1, [2])}
    saved = session(edits=edits)
    edits["hidden"][1].append(3)
    assert saved.edits == {"hidden": [1, [2]]}
    deep = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ValueError, match="levels"):
        session(edits={"deep": deep})


def test_writing_and_reading_report_and_small_parts_make_the_same_arrays(tmp_path, monkeypatch):
    saved = session()
    write_session(tmp_path / "a.f3d", saved)
    monkeypatch.setattr(entries, "CHUNK", 500)
    seen = {"Saving b.f3d": [], "Opening b.f3d": []}

    def report(step, fraction):
        seen[step].append(fraction)

    write_session(tmp_path / "b.f3d", saved, report=report)
    assert session_bits(read_session(tmp_path / "b.f3d", report=report)) == session_bits(saved)
    for fractions in seen.values():
        assert len(fractions) > 20
        assert fractions == sorted(fractions)
        assert fractions[0] < 0.1
        assert fractions[-1] == 1


def test_writing_needs_little_memory_beyond_the_session(tmp_path):
    saved = SavedSession(reconstruction=synthetic_reconstruction(views=24, height=56, width=70, queries=4))
    write_session(tmp_path / "warm.f3d", saved)
    held = saved.reconstruction.cloud.points.nbytes
    tracemalloc.start()
    try:
        write_session(tmp_path / "a.f3d", saved)
        assert tracemalloc.get_traced_memory()[1] < 0.5 * held
    finally:
        tracemalloc.stop()


def test_cancel_and_refusals_leave_what_was_there(tmp_path):
    def stop_late(step, fraction):
        if fraction > 0.5:
            raise Cancelled

    path = tmp_path / "a.f3d"
    with pytest.raises(Cancelled):
        write_session(path, session(), report=stop_late)
    assert list(tmp_path.iterdir()) == []
    write_session(path, session())
    before = path.read_bytes()
    with pytest.raises(ExportError, match=r"a\.f3d exists already"):
        write_session(path, session())
    with pytest.raises(Cancelled):
        write_session(path, session(layout=b""), overwrite=True, report=stop_late)
    with pytest.raises(Cancelled):
        read_session(path, report=stop_late)
    with pytest.raises(ExportError, match="does not exist"):
        write_session(tmp_path / "missing" / "a.f3d", session())
    assert path.read_bytes() == before
    write_session(path, session(layout=b""), overwrite=True)
    assert read_session(path).layout == b""
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_at_the_end_keeps_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.f3d"
    write_session(path, session())
    before = path.read_bytes()

    def refuse(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(ExportError, match="is full"):
        write_session(path, session(layout=b""), overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_full_disk_midway_keeps_the_old_file(tmp_path, share):
    import resource

    path = tmp_path / "a.f3d"
    saved = session(features={"noise": np.random.default_rng(0).random(200_000)})
    write_session(path, saved)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * len(before)), limits[1]))
    try:
        with pytest.raises(ExportError, match="larger than this disk"):
            write_session(path, saved, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_no_reader_would_take_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "SPARE", 0)
    monkeypatch.setattr(entries, "DEFLATE_RATIO", 1)
    with pytest.raises(ExportError, match="no reader should trust"):
        write_session(tmp_path / "a.f3d", session())
    monkeypatch.setattr(entries, "CONTENT", 10)
    with pytest.raises(ExportError, match="at most 10"):
        write_session(tmp_path / "a.f3d", session())
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_first_format_opens(shipped_golden):
    saved = read_session(shipped_golden / "session_files" / "format1.f3d")
    expected = read_npz(shipped_golden / "session_files" / "format1.npz")
    assert bits(saved.reconstruction) == bits(expected)
    rest = session()
    assert (saved.origin, saved.edits, saved.names, saved.display, saved.layout) == (
        rest.origin,
        rest.edits,
        rest.names,
        rest.display,
        rest.layout,
    )
    assert {name: bits(array) for name, array in saved.features.items()} == {
        name: bits(array) for name, array in FEATURES.items()
    }


def test_importing_session_files_needs_numpy_alone():
    code = (
        "import sys, fast3dis_core.session_files, fast3dis_core.session_files.tensors\n"
        "heavy = {'torch', 'scipy', 'PIL', 'cv2', 'vtkmodules', 'PySide6'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
