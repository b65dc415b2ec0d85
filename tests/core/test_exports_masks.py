"""Id images and overlays, read by Pillow; and the names of files made from names of views."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports import view_stems, write_id_masks, write_overlays
from fast3dis_core.palette import instance_color
from fast3dis_core.reconstruction import Instance, exclusive_rows
from tests.scenes import replaced, synthetic_reconstruction


def owners(scene, instances):
    return exclusive_rows(instances, len(scene.cloud.points)).reshape(scene.images.shape[:3])


def test_id_images_hold_query_plus_one(tmp_path):
    scene = synthetic_reconstruction()
    threshold = scene.instances[3].objectness
    names = write_id_masks(tmp_path / "masks", scene, threshold=threshold)
    assert names == ("view_000.png", "view_001.png", "view_002.png")
    for name, owner in zip(names, owners(scene, scene.instances[:4]), strict=True):
        with Image.open(tmp_path / "masks" / name) as image:
            assert image.mode == "I;16"
            assert np.array_equal(np.asarray(image), owner + 1)


def test_id_images_and_overlays_of_an_empty_scene(tmp_path):
    scene = synthetic_reconstruction(views=1, queries=0)
    write_id_masks(tmp_path / "masks", scene, threshold=0.0)
    with Image.open(tmp_path / "masks" / "view_000.png") as image:
        assert not np.asarray(image).any()
    write_overlays(tmp_path / "overlays", scene, threshold=0.0)
    with Image.open(tmp_path / "overlays" / "view_000.png") as image:
        assert np.array_equal(np.asarray(image), scene.images[0])


def test_overlay_tints_inside_and_outlines(tmp_path):
    scene = synthetic_reconstruction()
    names = write_overlays(tmp_path, scene, threshold=0.0)
    seen_inside = 0
    for name, owner, photo in zip(names, owners(scene, scene.instances), scene.images, strict=True):
        with Image.open(tmp_path / name) as image:
            shown = np.asarray(image)
        height, width = owner.shape
        for row in range(height):
            for column in range(width):
                query = owner[row, column]
                around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
                inner = all(owner[y, x] == query for y, x in around if 0 <= y < height and 0 <= x < width)
                if query < 0:
                    assert np.array_equal(shown[row, column], photo[row, column])
                elif not inner:
                    assert np.array_equal(shown[row, column], instance_color(query))
                else:
                    seen_inside += 1
                    mixed = 0.55 * photo[row, column] + 0.45 * instance_color(query)
                    assert np.abs(shown[row, column] - mixed).max() <= 0.5 + 1e-3
    assert seen_inside > 100


def test_only_chosen_instances_appear(tmp_path):
    scene = synthetic_reconstruction()
    kept = scene.instances[-1]
    names = write_id_masks(tmp_path, scene, threshold=0.0, queries=[kept.query])
    shown = np.concatenate([np.asarray(Image.open(tmp_path / name)).ravel() for name in names])
    assert np.array_equal(np.flatnonzero(shown), kept.pixels)


def test_query_number_beyond_sixteen_bits_is_told(tmp_path):
    scene = synthetic_reconstruction(queries=1)
    far = Instance(query=65535, objectness=0.9, anchor=np.zeros(3, np.float32), pixels=np.zeros(0, np.int32))
    with pytest.raises(ExportError, match="65534, found 65535"):
        write_id_masks(tmp_path / "masks", replaced(scene, instances=(far,)), threshold=0.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_id_masks, write_overlays])
def test_cancel_midway_leaves_no_file(tmp_path, write):
    def stop_late(step, fraction):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        write(tmp_path, synthetic_reconstruction(), threshold=0.0, report=stop_late)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Cancelled):
        write(tmp_path / "new", synthetic_reconstruction(), threshold=0.0, report=stop_late)
    assert list(tmp_path.iterdir()) == []


def test_three_hundred_views(tmp_path):
    scene = synthetic_reconstruction(views=300, height=2, width=3)
    names = write_id_masks(tmp_path, scene, threshold=0.0)
    assert names[299] == "view_299.png"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["a.jpg", "b.PNG"], ["a", "b"]),
        (["a.jpg", "a.png", "A.webp"], ["a", "a_2", "A_3"]),
        (["left/001.jpg", "right/001.jpg", "left\\001.png"], ["left_001", "right_001", "left_001_2"]),
        (["../up.jpg", "/root.jpg", "./here.jpg"], ["up", "root", "here"]),
        (["Küche ☕.jpg", "Ku\u0308che ☕.jpg"], ["Küche ☕", "Ku\u0308che ☕_2"]),
        (["clip 1.5", "clip 1.5.jpg"], ["clip 1.5", "clip 1.5_2"]),
        (["clip.mp4#000012", "100%.jpg"], ["clip.mp4_000012", "100_"]),
        (["con.jpg", "what?.jpg", "...", "", ".jpg"], ["_con", "what_", "view", "view_2", "jpg"]),
        (["a_2.jpg", "a.jpg", "a.png"], ["a_2", "a", "a_3"]),
    ],
)
def test_stems_of_photos(names, stems):
    assert list(view_stems(names)) == stems


@given(st.lists(st.text(max_size=300), max_size=30), st.booleans())
def test_stems_are_distinct_and_legal_everywhere(names, spaces):
    stems = view_stems(names, spaces=spaces)
    assert len(stems) == len(names)
    assert len({unicodedata.normalize("NFC", stem).casefold() for stem in stems}) == len(names)
    for stem in stems:
        assert 0 < len(f"{stem}.png".encode()) < 255
        assert not set(stem) & set('/\\<>:"|?*\0\n')
        assert stem == stem.strip(". ")
        assert spaces or not any(letter.isspace() for letter in stem)
