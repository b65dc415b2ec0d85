"""Features in a session file: the tensors come back, and decoding and assembling can go on from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fast3dis_core.errors import SessionError
from fast3dis_core.inference.assembly import assemble_instances
from fast3dis_core.session_files import SavedSession, read_session, write_session
from fast3dis_core.session_files.tensors import features_of, features_to
from tests.core.inference.test_assembly import make
from tests.core.test_exports_archive import bits


def scene():
    """Photos that came from bytes, as all do; encoded scene; trace of two different layers."""
    views, encoded, trace = make(views=2, height=28, width=42)
    images = (views.images * 255).byte().float() / 255
    sizes = torch.tensor([[480, 640], [1080, 1920]])
    last = replace(trace.layers[0], anchors=trace.layers[0].anchors + 0.1)
    return replace(views, images=images, source_sizes=sizes), encoded, replace(trace, layers=(trace.layers[0], last))


def saved_and_opened(path, views, encoded, trace, **options):
    reconstruction = assemble_instances(views, encoded, trace)
    features = features_of(views, encoded, trace, **options)
    write_session(path, SavedSession(reconstruction=reconstruction, features=features), overwrite=True)
    return read_session(path)


def tensors(value):
    """All tensors of nested values, with their places."""
    if isinstance(value, torch.Tensor):
        return {"": value}
    if isinstance(value, tuple):
        parts = enumerate(value)
    elif hasattr(value, "__dataclass_fields__"):
        parts = ((name, getattr(value, name)) for name in value.__dataclass_fields__)
    else:
        return {}
    return {f"{name}/{place}": tensor for name, part in parts for place, tensor in tensors(part).items()}


def test_all_tensors_come_back(tmp_path):
    values = scene()
    opened = saved_and_opened(tmp_path / "a.f3d", *values)
    restored = features_to(opened.features, opened.reconstruction)
    before, after = tensors(values), tensors(restored)
    assert before.keys() == after.keys()
    assert len(before) == 23
    for place, tensor in before.items():
        assert tensor.dtype == after[place].dtype, place
        assert torch.equal(tensor, after[place]), place
    assert restored[0].names == values[0].names
    assert restored[1].geometry.is_metric == values[1].geometry.is_metric


def test_assembling_goes_on_as_if_nothing_had_happened(tmp_path):
    values = scene()
    opened = saved_and_opened(tmp_path / "a.f3d", *values)
    again = assemble_instances(*features_to(opened.features, opened.reconstruction))
    assert bits(again) == bits(assemble_instances(*values)) == bits(opened.reconstruction)


def test_restored_tensors_are_their_own(tmp_path):
    opened = saved_and_opened(tmp_path / "a.f3d", *scene())
    _, encoded, _ = features_to(opened.features, opened.reconstruction)
    encoded.mask_features.zero_()
    assert opened.features["mask_features"].any()


def test_half_precision_is_smaller_and_close(tmp_path):
    views, encoded, trace = scene()
    whole = saved_and_opened(tmp_path / "whole.f3d", views, encoded, trace)
    half = saved_and_opened(tmp_path / "half.f3d", views, encoded, trace, half=True)
    maps = sum(array.nbytes for name, array in whole.features.items() if name.startswith(("levels", "mask")))
    saved = (tmp_path / "whole.f3d").stat().st_size - (tmp_path / "half.f3d").stat().st_size
    assert saved == pytest.approx(maps / 2, rel=0.01)
    _, restored, same = features_to(half.features, half.reconstruction)
    assert restored.mask_features.dtype == torch.float32
    torch.testing.assert_close(restored.mask_features, encoded.mask_features, rtol=2**-11, atol=1e-7)
    assert torch.equal(same.layers[-1].anchors, trace.layers[-1].anchors)
    assert torch.equal(restored.geometry.depth, encoded.geometry.depth)


def test_values_beyond_half_precision_keep_their_type():
    views, encoded, trace = scene()
    large = encoded.mask_features.clone()
    large[0, 0, 0, 0] = 1e5
    features = features_of(views, replace(encoded, mask_features=large), trace, half=True)
    assert features["mask_features"].dtype == np.float32
    assert features["levels/0"].dtype == np.float16


def test_incomplete_or_contradicting_features_are_told(tmp_path):
    opened = saved_and_opened(tmp_path / "a.f3d", *scene())
    features = dict(opened.features)
    with pytest.raises(SessionError, match="lack 'frame/scale'"):
        features_to({name: array for name, array in features.items() if name != "frame/scale"}, opened.reconstruction)
    for name, array in (
        ("initial_anchors", np.zeros((2, 3), np.float32)),
        ("views/source_sizes", np.zeros((5, 2), np.int64)),
        ("trace/queries", features["trace/queries"][:1]),
        ("trace/anchors", np.array(1.0)),
    ):
        with pytest.raises(SessionError, match="contradict each other"):
            features_to(features | {name: array}, opened.reconstruction)
