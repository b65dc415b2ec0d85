"""Sessions for tests: made by hypothesis, compared to the bit, and taken apart to be put together wrongly."""

import json
import zipfile

import numpy as np
from hypothesis import strategies as st

from fast3dis_core.session_files import SavedSession, write_session
from tests.core.test_exports_archive import bits, floats, reconstructions
from tests.scenes import synthetic_reconstruction

FEATURES = {
    "geometry/depth": np.full((2, 14, 28), 2.5, np.float32),
    "mask_features": np.linspace(-1, 1, 48, dtype=np.float32).reshape(2, 4, 3, 2),
    "levels/0": np.arange(6, dtype=np.float16).reshape(1, 6),
    "geometry/is_metric": np.array(True),
    "empty": np.empty((3, 0), np.int64),
}


def session(**changes):
    """A small session with something in every field."""
    values = {
        "reconstruction": synthetic_reconstruction(views=2, height=14, width=28, queries=3),
        "origin": {"folder": "C:\\Küche ☕", "seconds": 0.1, "notes": [], "model": None},
        "edits": {"overrides": [{"query": 1, "position": [0.1, -2.5, 3e-9], "pinned": True}], "hidden": [2]},
        "names": {1: "chair 椅子", 0: ""},
        "display": {"view": 1, "isolated": []},
        "layout": b"\0\xffdocks",
        "features": FEATURES,
    }
    return SavedSession(**values | changes)


def session_bits(value):
    """A nested value that is equal for two sessions only if every bit of them is."""
    features = None if value.features is None else {name: bits(array) for name, array in value.features.items()}
    rest = value.origin, value.edits, value.names, value.display, value.layout
    beside = None if value.beside is None else session_bits(value.beside)
    return bits(value.reconstruction), repr(rest), features, beside


def rewritten(tmp_path, manifest=None, entries=None, saved=None):
    """A session file whose manifest and entries (bytes, or None to leave one out) were exchanged."""
    good, bad = tmp_path / "good.f3d", tmp_path / "bad.f3d"
    write_session(good, saved or session(), overwrite=True)
    with zipfile.ZipFile(good) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    if manifest:
        content["session.json"] = json.dumps(json.loads(content["session.json"]) | manifest).encode()
    content |= entries or {}
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            if data is not None:
                archive.writestr(name, data)
    return bad


def _json(leaves):
    return st.recursive(
        leaves,
        lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
        max_leaves=6,
    )


words = st.text(max_size=8)  # lone surrogates, as in undecodable file names, and NUL included
plain_values = st.dictionaries(
    words,
    _json(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words),
    max_size=3,
)
shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)
arrays = st.one_of(
    shapes.flatmap(floats),
    st.builds(
        lambda shape, dtype, seed: np.random.default_rng(seed).integers(0, 2, shape).astype(dtype),
        shapes,
        st.sampled_from(["bool", "uint8", "int16", "int64", "float16", "float64"]),
        st.integers(0, 99),
    ),
)
feature_names = st.sampled_from(["geometry/depth", "geometry/confidence", "mask_features", "trace/anchors", "a/b/c"])


@st.composite
def sessions(draw):
    """Any session, and features that repeat arrays of the cloud now and then."""
    reconstruction = draw(reconstructions())
    features = draw(st.none() | st.dictionaries(feature_names, arrays, max_size=3))
    shape = reconstruction.images.shape[:3]
    if features is not None and draw(st.booleans()):
        features["geometry/confidence"] = reconstruction.cloud.confidence.reshape(shape).copy()
        features["geometry/depth"] = draw(floats(shape))
    return SavedSession(
        reconstruction=reconstruction,
        origin=draw(plain_values),
        edits=draw(plain_values),
        names=draw(st.dictionaries(st.integers(-1, 400), words, max_size=3)),
        display=draw(plain_values),
        layout=draw(st.binary(max_size=20)),
        features=features,
    )
