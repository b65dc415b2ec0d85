"""Damaged, foreign, newer and hostile files: always a `SessionError` with words, never another exception."""

import io
import json
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import SessionError
from fast3dis_core.session_files import entries, read_session, session_summary, write_session
from fast3dis_core.session_files.packing import planes
from fast3dis_core.session_files.photos import pack_photo
from tests.core.session_files.sessions import rewritten, session, session_bits
from tests.scenes import synthetic_reconstruction


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.f3d"
    saved = session(reconstruction=synthetic_reconstruction(views=1, height=14, width=14, queries=2))
    write_session(path, saved)
    return path.read_bytes(), session_bits(saved)


def outcome(path):
    """Bits of a session, or None if it was refused in words that name the file."""
    try:
        return session_bits(read_session(path))
    except SessionError as error:
        words = str(error)
    assert str(path) in words
    assert words.endswith(".")
    return None


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_truncated_file_is_always_refused(tmp_path_factory, good, data):
    content, _ = good
    path = tmp_path_factory.mktemp("cut") / "cut.f3d"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert outcome(path) is None


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path, good):
    content, expected = good
    noticed, path = 0, tmp_path / "bad.f3d"
    rng = np.random.default_rng(0)
    directory = content.rindex(b"PK\x05\x06")
    directory = struct.unpack("<I", content[directory + 16 : directory + 20])[0]
    # the contents, and the table of contents, which no check sum protects
    places = [*rng.choice(directory, 250), *rng.integers(directory, len(content), 250)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        found = outcome(path)
        assert found in (None, expected)  # equal: a date or an attribute that nobody reads
        noticed += found is None
    assert noticed > 250


def test_overwritten_stretches_are_noticed(tmp_path, good):
    content, expected = good
    path = tmp_path / "bad.f3d"
    rng = np.random.default_rng(1)
    for _ in range(100):
        start, length = rng.integers(len(content)), rng.integers(2, 300)
        damaged = bytearray(content)
        damaged[start : start + length] = rng.bytes(length)
        path.write_bytes(damaged)
        assert outcome(path) in (None, expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello", "is no session"),
        (b"PK", "damaged or incomplete"),
        (b"PK\x03\x04" + bytes(100), "table of contents"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no session"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    (tmp_path / "a.f3d").write_bytes(content)
    for read in (read_session, session_summary):
        with pytest.raises(SessionError, match=words):
            read(tmp_path / "a.f3d")


def test_missing_files_folders_and_other_zips_are_refused(tmp_path):
    with pytest.raises(SessionError, match="does not exist"):
        read_session(tmp_path / "a.f3d")
    with pytest.raises(SessionError, match="is a folder"):
        read_session(tmp_path)
    with zipfile.ZipFile(tmp_path / "zip.f3d", "w") as other:
        other.writestr("readme.txt", "hello")
    with pytest.raises(SessionError, match=r"session\.json is missing"):
        read_session(tmp_path / "zip.f3d")


def test_a_newer_format_names_both_versions(tmp_path):
    path = rewritten(tmp_path, {"format_version": 7, "program_version": "9.8.7", "extent": None})
    for read in (read_session, session_summary):
        with pytest.raises(SessionError, match=r"format 7 by version 9\.8\.7 .* up to format 1\. Update"):
            read(path)


def names_of(tmp_path):
    write_session(tmp_path / "all.f3d", session(), overwrite=True)
    with zipfile.ZipFile(tmp_path / "all.f3d") as archive:
        return archive.namelist()


def test_every_entry_is_needed(tmp_path):
    for name in names_of(tmp_path):
        if name == "thumbnail.png":
            read_session(rewritten(tmp_path, entries={name: None}))
        else:
            with pytest.raises(SessionError, match=f"{name} is missing"):
                read_session(rewritten(tmp_path, entries={name: None}))


def test_surplus_entries_are_never_touched(tmp_path):
    surplus = {"../../escaped.txt": b"x", "/etc/escaped": b"x", "notes.txt": b"from a later program"}
    path = rewritten(tmp_path, entries=surplus)
    before = sorted(tmp_path.parent.rglob("*"))
    assert session_bits(read_session(path)) == session_bits(session())
    assert sorted(tmp_path.parent.rglob("*")) == before


EXTENT = {"views": 2, "height": 14, "width": 28, "layers": 3, "queries": 3, "instances": 3, "runs": 30}


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"format": "other"}, "not the one of a session"),
        ({"format_version": 0}, "format_version"),
        ({"format_version": True}, "format_version"),
        ({"extent": []}, "extent: expected dict"),
        ({"extent": EXTENT | {"views": -1}}, "expected lengths"),
        ({"extent": EXTENT | {"views": 2.0}}, "views: expected int"),
        ({"extent": {"views": 2}}, "lacks 'height'"),
        ({"extent": EXTENT | {"height": 0, "width": 2**30, "views": 2**30}}, "fewer elements"),
        ({"extent": EXTENT | {"height": 28}}, r"runs\.npy|should be"),
        ({"views": ["one"]}, "expected 2 names, found 1"),
        ({"views": ["one", 2]}, "strings only"),
        ({"saved": "yesterday"}, "yesterday"),
        ({"saved": "2026-01-01T00:00:00"}, "zone"),
        ({"points_crc32": 1}, "points are not those"),
        ({"points_crc32": "1"}, "points_crc32: expected int"),
        ({"filters": [1]}, "filters"),
        ({"instance_scores": [0.5]}, "instance_scores: expected 3 numbers"),
        ({"instance_scores": [0.5, True, None]}, "instance_scores: expected 3 numbers"),
        ({"filters": [{"name": "a"}]}, "lacks 'setting'"),
        ({"origin": []}, "origin: expected dict"),
        ({"instance_names": {"x": "chair"}}, "invalid literal"),
        ({"instance_names": {"1": 2}}, "strings only"),
        ({"features": {"../x": ["<f4", [1]]}}, "unknown kind of name"),
        ({"features": {"x": ["|O", [1]]}}, "should be a type and a shape"),
        ({"features": {"x": ["<f4", [-1]]}}, "should be a type and a shape"),
        ({"features": {"x": ["<f4", [2**30, 2**30]]}}, "fewer elements"),
        ({"features": {"x": ["<f4", [2**40]]}}, "claim to hold"),
        ({"features": {"x": "cloud/valid"}}, "should be a type and a shape"),
        ({"features": {"x": ["<f4", [3]]}}, r"features/x\.npy is missing"),
        ({"edits": json.loads("[" * 200 + "]" * 200)}, "edits: expected dict"),
        ({"edits": {"a": json.loads("[" * 200 + "]" * 200)}}, "levels"),
    ],
)
def test_a_manifest_that_contradicts_is_told(tmp_path, manifest, words):
    with pytest.raises(SessionError, match=words):
        read_session(rewritten(tmp_path, manifest))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"beside": 3}, "expected dict"),
        ({"beside": {"size": -1, "shares_cloud": True}}, "expected bytes"),
        ({"beside": {"size": 10}}, "lacks 'shares_cloud'"),
        ({"beside": {"size": 2**30, "shares_cloud": True}}, "beside.npy should be"),
    ],
)
def test_nonsense_about_what_a_result_is_held_against_is_told(tmp_path, manifest, words):
    path = rewritten(tmp_path, manifest, saved=session(beside=session(features=None)))
    with pytest.raises(SessionError, match=words):
        read_session(path)


def test_what_a_result_is_held_against_is_checked_as_a_session_is(tmp_path):
    """Cut short, no session, of another size, or with something beside it in turn: refused, and never deeper."""
    own = session(features=None, layout=b"")
    write_session(tmp_path / "own.f3d", own)
    whole = (tmp_path / "own.f3d").read_bytes()
    write_session(tmp_path / "nested.f3d", session(features=None, layout=b"", beside=own))
    nested = (tmp_path / "nested.f3d").read_bytes()
    other = session(features=None, reconstruction=synthetic_reconstruction(views=1, height=14, width=14, queries=2))
    write_session(tmp_path / "other.f3d", other)
    for content, shares, words in (
        (whole[:-30], False, "table of contents"),
        (b"no archive at all", False, "is no session"),
        ((tmp_path / "other.f3d").read_bytes(), True, "a cloud of another size"),
        (nested, False, "is held against something, too"),
    ):
        manifest = {"beside": {"size": len(content), "shares_cloud": shares}}
        entry = {"beside.npy": npy(np.frombuffer(content, np.uint8))}
        with pytest.raises(SessionError, match=words):
            read_session(rewritten(tmp_path, manifest, entry))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{",
        b'{"format": "fast3dis session", "format_version": 1, "origin": NaN}',
        b"[" * 200_000,
        b"9" * 10_000,
    ],
)
def test_a_manifest_that_is_no_json_is_told(tmp_path, content):
    with pytest.raises(SessionError, match="damaged"):
        session_summary(rewritten(tmp_path, entries={"session.json": content}))


def masks(*gaps):
    return {"instances/rows.npy": npy(planes(np.array(gaps, np.uint32)))}


RUNS = {"extent": EXTENT | {"instances": 2, "runs": 2}, "instance_scores": [0.5, None]}
TWO = {
    "instances/queries.npy": npy(np.arange(2)),
    "instances/objectness.npy": npy(np.ones(2)),
    "instances/anchors.npy": npy(np.zeros((2, 3), np.float32)),
    "instances/runs.npy": npy(np.ones(2, np.int64)),
}


def test_masks_put_together_by_hand(tmp_path):
    restored = read_session(rewritten(tmp_path, RUNS, TWO | masks(1, 2, 0, 784)))
    first, second = restored.reconstruction.instances
    assert first.pixels.tolist() == [1, 2]
    assert np.array_equal(second.pixels, np.arange(784))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (masks(0, 0, 0, 1), "empty run"),
        (masks(1, 2, 700, 85), "leaves its 784 points"),
        (masks(0, 1, 2**32 - 1, 2**32 - 1), "leaves its 784 points"),
        (masks(0, 1, 0, 1, 0, 1), "should be"),
        ({"instances/runs.npy": npy(np.array([2, 1]))}, "not cut at their instances"),
        ({"instances/runs.npy": npy(np.array([-1, 3]))}, "not cut at their instances"),
        ({"instances/runs.npy": npy(np.array([2**62, 2**62 + 2]))}, "not cut at their instances"),
        ({"instances/runs.npy": npy(np.ones(2, np.int32))}, "should be <i8"),
        ({"instances/runs.npy": npy(np.ones((2, 1), np.int64))}, "should be <i8"),
        ({"instances/runs.npy": npy(np.ones(2, np.int64))[:-1]}, "should be <i8"),
        ({"instances/runs.npy": npy(np.array([{}, []], object))}, "should be <i8"),
        ({"instances/anchors.npy": npy(np.zeros((3, 2), np.float32).T)}, "should be <f4"),
        ({"instances/runs.npy": b""}, "should be <i8"),
        ({"photos/0000.png": b"GIF89a"}, "expected a PNG image of 28 x 14"),
        ({"photos/0000.png": pack_photo(np.zeros((14, 14, 3), np.uint8))}, "expected a PNG image of 28 x 14"),
        ({"photos/0000.png": pack_photo(np.zeros((14, 28, 3), np.uint8))[:-30]}, r"photos/0000\.png"),
    ],
)
def test_entries_that_contradict_are_told(tmp_path, changed, words):
    with pytest.raises(SessionError, match=words):
        read_session(rewritten(tmp_path, RUNS, TWO | masks(1, 2, 0, 784) | changed))


def test_a_photo_that_is_not_rgb_is_told(tmp_path):
    from PIL import Image

    stream = io.BytesIO()
    Image.new("L", (28, 14)).save(stream, "PNG")
    with pytest.raises(SessionError, match="expected an RGB image, found L"):
        read_session(rewritten(tmp_path, entries={"photos/0000.png": stream.getvalue()}))


def png_header(width, height):
    """A PNG that ends after announcing its size."""
    chunk = b"IHDR" + struct.pack(">II", width, height) + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def bomb(kind):
    """Manifest and entries of a small file that claims, or would expand to, very much."""
    if kind == "views":
        return {"extent": EXTENT | {"views": 2000, "height": 1000, "width": 1000}, "views": ["x"] * 2000}, {}
    if kind == "queries":
        return {"extent": EXTENT | {"queries": 2**20}}, {}
    if kind == "feature":
        return {"features": {"x": ["|u1", [2**33]]}}, {}
    if kind == "manifest":
        return {}, {"session.json": b" " * (entries.CONTENT + 1)}
    if kind == "layout":
        return {}, {"layout.bin": bytes(entries.CONTENT + 1)}
    return {}, {"photos/0000.png": png_header(60_000, 60_000)}


@pytest.mark.parametrize("kind", ["views", "queries", "feature", "manifest", "layout", "photo"])
def test_nothing_large_is_allocated_for_a_small_file(tmp_path, kind):
    manifest, changed = bomb(kind)
    path = rewritten(tmp_path, manifest, changed)
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    try:
        with pytest.raises(SessionError):
            read_session(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_masks_may_not_expand_beyond_reason(tmp_path, monkeypatch):
    count = 100
    described = {"extent": EXTENT | {"instances": count, "runs": count}, "instance_scores": [None] * count}
    changed = TWO | {
        "instances/queries.npy": npy(np.arange(count)),
        "instances/objectness.npy": npy(np.ones(count)),
        "instances/anchors.npy": npy(np.zeros((count, 3), np.float32)),
        "instances/runs.npy": npy(np.ones(count, np.int64)),
    }
    path = rewritten(tmp_path, described, changed | masks(*([0, 784] * count)))
    assert len(read_session(path).reconstruction.instances) == count
    monkeypatch.setattr(entries, "SPARE", 60_000)
    monkeypatch.setattr(entries, "DEFLATE_RATIO", 1)
    with pytest.raises(SessionError, match="claim to hold"):
        read_session(path)


def test_too_little_memory_has_ways_out(tmp_path, monkeypatch):
    path = rewritten(tmp_path)

    def refuse(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(np, "empty", refuse)
    with pytest.raises(SessionError, match="needs more memory than is free: close other programs"):
        read_session(path)


def test_encrypted_and_oddly_compressed_entries_are_refused(tmp_path):
    path = rewritten(tmp_path)
    content = path.read_bytes()
    directory = content.index(b"PK\x01\x02")
    for offset, value, words in ((8, 1, "encrypted"), (10, 14, "unknown way 14"), (10, 99, "unknown way 99")):
        damaged = bytearray(content)
        damaged[directory + offset] = value
        path.write_bytes(damaged)
        with pytest.raises(SessionError, match=words):
            read_session(path)
