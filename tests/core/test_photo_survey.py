"""Photos of several folders and files, looked at and then read by choice."""

import numpy as np
import pytest
from PIL import Image

from fast3dis_core.errors import ImageFolderError
from fast3dis_core.images import read_selected
from fast3dis_core.photo_files import PhotoSource, list_sources
from fast3dis_core.photo_survey import survey_photos


def photo(path, width=112, height=84, value=0):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(path)
    return path


def test_folders_and_files_are_listed_once_and_what_is_passed_over_is_named(tmp_path):
    first, second = photo(tmp_path / "küche" / "2.png"), photo(tmp_path / "küche" / "10.png")
    photo(tmp_path / "küche" / "._2.png")
    alone, other = photo(tmp_path / "alone.png"), tmp_path / "notes.txt"
    other.write_text("no photo")
    listed = list_sources([tmp_path / "küche", alone, first, other])
    assert listed.files == (first, second, alone)
    assert {word for word in ("._2.png", "2.png was given twice", "notes.txt") if word in " ".join(listed.notes)} == {
        "._2.png",
        "2.png was given twice",
        "notes.txt",
    }
    with pytest.raises(ImageFolderError, match=r"\.jpg"):
        list_sources([other])


def test_a_survey_tells_sizes_and_names_what_is_damaged(tmp_path):
    wide, tiny, broken = (
        photo(tmp_path / "wide.jpg", 640, 480),
        photo(tmp_path / "tiny.png", 10, 10),
        tmp_path / "b.jpg",
    )
    broken.write_bytes(b"\xff\xd8 no photo")
    found = []
    survey_photos([wide, tiny, broken], found.append, long_edge=64, frames=4)
    assert [item.size for item in found] == [(480, 640), (10, 10), (0, 0)]
    assert found[0].thumbnail.shape == (48, 64, 3)
    assert found[0].problem == ""
    assert "14 x 14" in found[1].problem
    assert "b.jpg" in found[2].problem


def test_photos_turned_by_their_camera_are_upright(tmp_path):
    path = photo(tmp_path / "turned.jpg", 640, 480)
    exif = Image.Exif()
    exif[274] = 6
    Image.open(path).save(path, exif=exif)
    found = []
    survey_photos([path], found.append, long_edge=64, frames=4)
    assert found[0].size == (640, 480)
    assert found[0].thumbnail.shape[:2] == (64, 48)


def test_photos_are_read_in_the_chosen_order(tmp_path):
    dark, bright = photo(tmp_path / "a.png", value=0), photo(tmp_path / "b.png", value=255)
    views = read_selected([PhotoSource(bright), PhotoSource(dark)], long_edge=112, notes=("One left out.",))
    assert views.names == ("b.png", "a.png")
    assert [float(image.mean()) for image in views.images] == [1.0, 0.0]
    assert views.notes[0] == "One left out."
    with pytest.raises(ImageFolderError, match="include"):
        read_selected([])
