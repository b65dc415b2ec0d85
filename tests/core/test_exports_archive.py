"""reconstruction.npz: bit-equal round trips, and words instead of tracebacks for damaged files."""

import dataclasses
import math
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports import archive, read_npz, read_npz_labels, write_npz
from fast3dis_core.exports.labels import PLAIN, Labels
from fast3dis_core.exports.similarity import Similarity
from fast3dis_core.reconstruction import FilterReport, Instance, PointCloud, Reconstruction
from tests.scenes import replaced, synthetic_reconstruction


def bits(value):
    """A nested tuple that is equal for two values only if every bit of them is."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if dataclasses.is_dataclass(value):
        return {item.name: bits(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [bits(item) for item in value]
    if isinstance(value, float):  # a single number that is none is a word in a file, without payload
        return float, np.float64(math.nan if math.isnan(value) else value).tobytes()
    return type(value), value


def floats(shape):
    return st.integers(0, 2**32 - 1).map(
        # all bit patterns, NaN payloads and negative zeros included
        lambda seed: np.random.default_rng(seed).integers(0, 256, (*shape, 4), np.uint8).view(np.float32)[..., 0]
    )


@st.composite
def reconstructions(draw):
    views, height, width = draw(st.integers(0, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    layers, queries = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    count = views * height * width
    images = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (views, height, width, 3), np.uint8)
    colors = images.reshape(-1, 3) if draw(st.booleans()) else np.full((count, 3), 7, np.uint8)
    word = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
    pixels = st.lists(st.sampled_from(range(count)), unique=True).map(sorted) if count else st.just([])
    instance = st.builds(
        lambda query, objectness, anchor, rows, score: Instance(
            query=query, objectness=objectness, anchor=anchor, pixels=np.array(rows, np.int32), score=score
        ),
        st.integers(0, 300),
        st.floats(0, 1),
        floats((3,)),
        pixels,
        st.none() | st.floats(0, 1),
    )
    filters = st.builds(
        FilterReport,
        name=word,
        setting=st.floats(),
        removed=st.integers(0, 2**40),
        total=st.integers(0, 2**40),
        unit=word,
    )
    return Reconstruction(
        names=tuple(draw(st.lists(word, min_size=views, max_size=views))),
        images=images,
        intrinsics=draw(floats((views, 3, 3))),
        world_to_camera=draw(floats((views, 4, 4))),
        is_metric=draw(st.booleans()),
        cloud=PointCloud(
            points=draw(floats((count, 3))),
            colors=colors,
            confidence=draw(floats((count,))),
            valid=np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool),
        ),
        instances=tuple(draw(st.lists(instance, max_size=4))),
        anchors=draw(floats((layers, queries, 3))),
        objectness=draw(floats((layers, queries))),
        overlap=draw(floats((queries, queries))),
        filters=tuple(draw(st.lists(filters, max_size=3))),
    )


@settings(max_examples=60, deadline=None)
@given(reconstructions())
def test_any_reconstruction_round_trips_to_the_bit(tmp_path_factory, scene):
    path = tmp_path_factory.mktemp("archive") / "reconstruction.npz"
    write_npz(path, scene)
    assert bits(read_npz(path)) == bits(scene)


def test_colors_stay_a_view_of_the_images(tmp_path):
    scene = synthetic_reconstruction()
    write_npz(tmp_path / "a.npz", scene)
    restored = read_npz(tmp_path / "a.npz")
    assert np.shares_memory(restored.cloud.colors, restored.images)
    assert not restored.cloud.points.flags.writeable


def test_small_parts_make_the_same_file(tmp_path, monkeypatch):
    scene = synthetic_reconstruction()
    write_npz(tmp_path / "a.npz", scene)
    monkeypatch.setattr(archive, "CHUNK", 1000)
    fractions = []
    write_npz(tmp_path / "b.npz", scene, report=lambda step, fraction: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert bits(read_npz(tmp_path / "b.npz")) == bits(scene)
    write_npz(tmp_path / "c.npz", scene)
    assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()


def test_numpy_alone_can_read_it(tmp_path):
    scene = synthetic_reconstruction()
    write_npz(tmp_path / "a.npz", scene)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert tuple(arrays["names"]) == scene.names
        assert np.array_equal(arrays["points"], scene.cloud.points, equal_nan=True)
        first, second = arrays["instance_offsets"][1:3]
        assert np.array_equal(arrays["instance_pixels"][first:second], scene.instances[1].pixels)
        assert arrays["instance_queries"][1] == scene.instances[1].query
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path):
    scene = synthetic_reconstruction(views=1, height=4, width=6, queries=2)
    write_npz(tmp_path / "good.npz", scene)
    content = (tmp_path / "good.npz").read_bytes()
    expected = bits(scene)
    noticed = 0
    for place in np.random.default_rng(0).permutation(len(content))[:400]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / "bad.npz").write_bytes(damaged)
        try:
            assert bits(read_npz(tmp_path / "bad.npz")) == expected  # a date or an attribute nobody reads
        except ExportError:
            noticed += 1
    assert noticed > 250
    for length in (0, 1, 21, 22, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "bad.npz").write_bytes(content[:length])
        with pytest.raises(ExportError, match=r"bad\.npz"):
            read_npz(tmp_path / "bad.npz")


def rewritten(tmp_path, **changes):
    write_npz(tmp_path / "good.npz", synthetic_reconstruction(), overwrite=True)
    with np.load(tmp_path / "good.npz") as arrays:
        content = dict(arrays) | changes
    np.savez(tmp_path / "bad.npz", **{name: array for name, array in content.items() if array is not None})
    return tmp_path / "bad.npz"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": None}, "expected the arrays"),
        ({"surplus": np.zeros(3)}, "expected the arrays"),
        ({"points": np.zeros((5, 3))}, "points should be float32"),
        ({"points": np.zeros((5, 3), np.float32)}, r"colors should be uint8 of shape \(P, 3\)"),
        ({"names": np.array(["a", "b"])}, "images should be uint8"),
        ({"names": np.array([1, 2, 3])}, "names should be U"),
        ({"images": np.zeros((3, 2, 2, 3), np.uint8)}, "need as many points"),
        ({"instance_offsets": np.array([0, 5, 3, 6, 7, 8])}, "do not cut"),
        ({"instance_offsets": np.array([0, 1])}, "do not cut"),
        ({"instance_pixels": np.full(719, 9999, np.int32)}, "do not cut|not sorted rows"),
        ({"format_version": np.array(4)}, "update it"),
        ({"instance_scores": None}, "expected the arrays"),
        ({"instance_colors": np.zeros((5, 4), np.uint8)}, "instance_colors should be"),
        ({"transform": None}, "expected the arrays"),
        ({"overlap": np.zeros((5, 4), np.float32)}, "overlap should be"),
        ({"names": np.array([{}, [], ()], object)}, "damaged or no reconstruction"),
    ],
)
def test_contradictions_are_told(tmp_path, changes, words):
    with pytest.raises(ExportError, match=words):
        read_npz(rewritten(tmp_path, **changes))


@pytest.mark.parametrize("change", ["negative", "beyond", "unsorted"])
def test_pixels_must_be_rows_of_the_cloud(tmp_path, change):
    scene = synthetic_reconstruction()
    pixels = np.concatenate([instance.pixels for instance in scene.instances])
    if change == "negative":
        pixels[0] = -1
    elif change == "beyond":
        pixels[-1] = len(scene.cloud.points)
    else:
        pixels[:2] = pixels[1::-1]
    with pytest.raises(ExportError, match="not sorted rows"):
        read_npz(rewritten(tmp_path, instance_pixels=pixels))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as other:
        other.writestr("readme.txt", "hello")
    for name in ("text.npz", "zip.npz", "missing.npz", "."):
        with pytest.raises(ExportError):
            read_npz(tmp_path / name)


def test_cancel_and_refusal_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "CHUNK", 4096)

    def stop_late(step, fraction):
        if fraction > 0.5:
            raise Cancelled

    scene = synthetic_reconstruction()
    with pytest.raises(Cancelled):
        write_npz(tmp_path / "a.npz", scene, report=stop_late)
    assert list(tmp_path.iterdir()) == []
    write_npz(tmp_path / "a.npz", scene)
    with pytest.raises(Cancelled):
        read_npz(tmp_path / "a.npz", report=stop_late)
    with pytest.raises(ExportError, match="exists already"):
        write_npz(tmp_path / "a.npz", scene)
    write_npz(tmp_path / "a.npz", replaced(scene, is_metric=True), overwrite=True)
    assert read_npz(tmp_path / "a.npz").is_metric


def test_importing_exports_needs_numpy_alone():
    code = (
        "import sys, fast3dis_core.exports, fast3dis_core.hijacking, fast3dis_core.palette\n"
        "heavy = {'torch', 'scipy', 'PIL', 'cv2', 'vtkmodules', 'PySide6'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_files_of_earlier_formats_are_read(tmp_path):
    since = dict.fromkeys(("instance_names", "instance_colors", "transform", "units", "instance_scores"))
    path = rewritten(tmp_path, format_version=np.array(1), **since)
    assert bits(read_npz(path)) == bits(synthetic_reconstruction())
    assert read_npz_labels(path) == PLAIN
    path = rewritten(tmp_path, format_version=np.array(2), instance_scores=None)
    assert bits(read_npz(path)) == bits(synthetic_reconstruction())


def test_names_and_colors_come_back(tmp_path):
    scene = synthetic_reconstruction()
    first, second, *others = (item.query for item in scene.instances)
    labels = Labels(names={first: "Große Vase/2", second: "x" * 300}, colors={second: (1, 2, 3)})
    write_npz(tmp_path / "a.npz", scene, labels=labels)
    again = read_npz_labels(tmp_path / "a.npz")
    assert again.names == labels.names
    assert again.colors == {query: labels.color(query) for query in (first, second, *others)}
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["instance_names"][2] == f"Instance {others[0]}"


def test_the_written_frame_is_that_of_the_other_files(tmp_path):
    scene = synthetic_reconstruction()
    turn = np.array([[0, 0, 1, 4], [0, 1, 0, 5], [-1, 0, 0, 6], [0, 0, 0, 1]], float)
    similarity = Similarity.written(world_to_folder=turn, scale=2.0, meters=True)
    write_npz(tmp_path / "a.npz", scene, transform=similarity)
    moved = read_npz(tmp_path / "a.npz")
    assert moved.is_metric
    expected = 2 * (scene.cloud.points @ turn[:3, :3].T + turn[:3, 3])
    assert np.allclose(moved.cloud.points, expected, atol=1e-5, equal_nan=True)
    assert np.allclose(moved.anchors[0, 1], 2 * (turn[:3, :3] @ scene.anchors[0, 1] + turn[:3, 3]), atol=1e-5)
    camera = moved.world_to_camera[1]
    seen = moved.cloud.points @ camera[:3, :3].T + camera[:3, 3]
    before = scene.cloud.points @ scene.world_to_camera[1, :3, :3].T + scene.world_to_camera[1, :3, 3]
    assert np.allclose(seen, 2 * before, atol=1e-4, equal_nan=True)
    with np.load(tmp_path / "a.npz") as arrays:
        assert np.array_equal(arrays["transform"], similarity.matrix)
        assert arrays["units"] == "m"
