"""Photos and videos of every kind through the public doors of `images`, with real files."""

import contextlib
import io
import os
import re
import struct
import subprocess
import sys
import tracemalloc
import unicodedata
import zlib

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.errors import Cancelled, ConfigError, ImageFolderError
from fast3dis_core.images import list_images, natural_key, read_image_folder, uniform_indices

HEIGHT, WIDTH = 84, 112  # multiples of 14, so that long_edge = 112 leaves pixels as they are


def gradient(height=HEIGHT, width=WIDTH):
    """A smooth picture whose four corners differ: red grows to the right, green downwards."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / (width - 1), 255 * y / (height - 1), np.full(x.shape, 60)], axis=-1).astype(np.uint8)


def save(path, array=None, **options):
    Image.fromarray(gradient() if array is None else array).save(path, **options)
    return path


def read_pixels(path, long_edge=WIDTH):
    views = read_image_folder([path], long_edge=long_edge)
    return (views.images[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def png(width, height, body=b""):
    """A PNG file with a true header and whatever image data is given."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def refused(source, *parts, **options):
    """The message of the refusal, checked to be one line that says every part."""
    with pytest.raises(ImageFolderError) as caught:
        read_image_folder(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message  # what to do follows what was found
    for part in parts:
        assert part in message, message
    return message


class TestOrder:
    @given(st.lists(st.text(st.sampled_from("abAB019_-. é"), min_size=1), unique=True), st.randoms())
    def test_does_not_depend_on_the_order_of_listing(self, names, random):
        shuffled = random.sample(names, len(names))
        assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)

    @given(st.text("abc_", max_size=5), st.sets(st.integers(0, 10**9), min_size=2), st.integers(0, 4))
    def test_numbers_count_as_numbers(self, prefix, numbers, zeros):
        names = [f"{prefix}{'0' * zeros}{number}.jpg" for number in sorted(numbers)]
        assert sorted(sorted(names), key=natural_key) == names

    @given(st.text(), st.text())
    def test_different_names_never_tie(self, first, second):
        assert (natural_key(first) == natural_key(second)) == (first == second)

    def test_letter_case_and_composition_do_not_separate(self):
        decomposed = unicodedata.normalize("NFD", "é2.jpg")
        assert sorted(["é10.jpg", decomposed, "É1.jpg"], key=natural_key) == ["É1.jpg", decomposed, "é10.jpg"]

    def test_list_images_sorts_a_folder_and_keeps_the_order_of_a_list(self, tmp_path):
        for name in ["v10.jpg", "v2.JPG", "V1.png"]:
            save(tmp_path / name)
        assert [path.name for path in list_images(tmp_path)] == ["V1.png", "v2.JPG", "v10.jpg"]
        listed = [tmp_path / "v10.jpg", str(tmp_path / "V1.png")]
        assert [path.name for path in list_images(listed)] == ["v10.jpg", "V1.png"]


class TestSampling:
    @given(st.integers(1, 5000), st.integers(1, 300))
    @example(1, 1)
    @example(2, 1)
    def test_is_even_unique_and_keeps_both_ends(self, count, limit):
        indices = uniform_indices(count, limit)
        assert len(indices) == min(count, limit)
        assert indices[0] == 0
        assert len(indices) == 1 or indices[-1] == count - 1
        gaps = np.diff(indices)
        assert (gaps >= 1).all()
        assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1

    @pytest.mark.parametrize(
        ("count", "limit", "expected"),
        [(101, 5, (0, 25, 50, 75, 100)), (10, 4, (0, 3, 6, 9)), (8, 5, (0, 2, 4, 5, 7)), (0, 5, ())],
    )
    def test_worked_examples_of_the_protocol(self, count, limit, expected):
        assert uniform_indices(count, limit) == expected

    def test_fewer_views_than_photos_is_noted(self, tmp_path):
        for number in range(1000):
            (tmp_path / f"{number}.jpg").symlink_to(tmp_path / "one.jpeg")
        save(tmp_path / "one.jpeg")
        views = read_image_folder(tmp_path, long_edge=56, max_views=3)
        assert views.names == ("0.jpg", "500.jpg", "one.jpeg")
        assert any("3 of 1001 photos" in note for note in views.notes)

    def test_no_views_wanted_is_a_setting_error(self, tmp_path):
        save(tmp_path / "a.jpg")
        with pytest.raises(ConfigError, match="at least 1 view"):
            read_image_folder(tmp_path, max_views=0)

    def test_a_bad_long_edge_is_not_blamed_on_a_photo(self, tmp_path):
        save(tmp_path / "a.jpg")
        with pytest.raises(ConfigError, match="long edge"):
            read_image_folder(tmp_path, long_edge=3, skip_bad=True)


class TestFormats:
    @pytest.mark.parametrize("extension", ["png", "PNG", "bmp", "tif", "TIFF", "webp"])
    def test_lossless_formats_keep_every_pixel(self, tmp_path, extension):
        options = {"lossless": True} if extension == "webp" else {}
        path = save(tmp_path / f"photo.{extension}", **options)
        np.testing.assert_array_equal(read_pixels(path), gradient())

    @pytest.mark.parametrize("extension", ["jpg", "JPEG", "heic", "HEIF"])
    def test_lossy_formats_keep_the_picture(self, tmp_path, extension):
        if extension.lower().startswith("hei"):
            pytest.importorskip("pillow_heif").register_heif_opener()
        path = save(tmp_path / f"photo.{extension}", quality=95)
        assert np.abs(read_pixels(path).astype(int) - gradient()).mean() < 3

    def test_a_heic_photo_named_jpg_is_read(self, tmp_path):
        pytest.importorskip("pillow_heif").register_heif_opener()
        os.rename(save(tmp_path / "a.heic"), tmp_path / "a.jpg")
        assert read_pixels(tmp_path / "a.jpg").shape == (HEIGHT, WIDTH, 3)

    def test_heic_without_its_extra_names_the_command(self, tmp_path, monkeypatch):
        pytest.importorskip("pillow_heif").register_heif_opener()
        path = save(tmp_path / "a.heic")
        from fast3dis_core.photo import _register_heif

        _register_heif.cache_clear()
        monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
        refused([path], "pip install fast3dis-viewer[heic]")

    @pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
    def test_color_modes_become_rgb(self, tmp_path, mode):
        image = Image.fromarray(gradient()).convert(mode)
        path = tmp_path / ("photo.tif" if mode == "CMYK" else "photo.png")
        image.save(path)
        expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(read_pixels(path), expected)

    def test_a_palette_with_transparency_is_read_without_a_warning(self, tmp_path):
        image = Image.fromarray(gradient()).convert("P")
        image.save(tmp_path / "p.png", transparency=bytes(range(256)))
        np.testing.assert_array_equal(read_pixels(tmp_path / "p.png"), np.asarray(image.convert("RGB")))

    def test_a_cmyk_jpeg_is_read(self, tmp_path):
        Image.fromarray(gradient()).convert("CMYK").save(tmp_path / "c.jpg", quality=95)
        assert np.abs(read_pixels(tmp_path / "c.jpg").astype(int) - gradient()).mean() < 4

    @pytest.mark.parametrize("extension", ["png", "tif"])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_16_bits_keep_their_high_byte(self, tmp_path, extension, channels):
        wide = gradient().astype(np.uint16) * 256 + 200
        wide = wide[..., 0] if channels == 1 else wide
        path = tmp_path / f"wide.{extension}"
        assert cv2.imwrite(str(path), wide if channels == 1 else wide[..., ::-1])
        expected = gradient()[..., :1].repeat(3, axis=2) if channels == 1 else gradient()
        np.testing.assert_array_equal(read_pixels(path), expected)

    def test_floating_point_tiff_is_refused(self, tmp_path):
        save(tmp_path / "f.tif", np.random.rand(40, 40).astype(np.float32))
        refused(tmp_path, "f.tif", "floating-point")

    @pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "heic"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation_is_applied(self, tmp_path, extension, orientation):
        if extension == "heic":
            pytest.importorskip("pillow_heif").register_heif_opener()
        upright = gradient()
        stored = {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.transpose(1, 0, 2),
            6: np.rot90(upright),
            7: np.rot90(upright, 2).transpose(1, 0, 2),
            8: np.rot90(upright, -1),
        }[orientation]
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = save(tmp_path / f"turned.{extension}", np.ascontiguousarray(stored), exif=exif.tobytes())
        assert np.abs(read_pixels(path).astype(int) - upright).mean() < 4
        assert read_image_folder([path]).source_sizes.tolist() == [[HEIGHT, WIDTH]]

    def test_16_bit_gray_is_turned_upright_too(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        stored = np.rot90(gradient()[..., 0]).astype(np.uint16) * 256
        Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "g.png", exif=exif.tobytes())
        np.testing.assert_array_equal(read_pixels(tmp_path / "g.png")[..., 0], gradient()[..., 0])

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(block=st.binary(max_size=60), header=st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
    @example(block=b"\x01\0\x12\x01\x02\0\x04\0\0\0text", header=b"II*\0\x08\0\0\0")
    def test_damaged_exif_does_not_cost_the_photo(self, tmp_path, block, header):
        path = save(tmp_path / "a.jpg", exif=b"Exif\0\0" + header + block)
        assert len(read_image_folder([path], long_edge=28)) == 1


class TestFolder:
    def test_root_of_a_capture_stands_for_its_images(self, tmp_path):
        (tmp_path / "images").mkdir()
        (tmp_path / "transforms.json").write_text("{}")
        save(tmp_path / "images" / "b2.png")
        save(tmp_path / "images" / "b10.png")
        assert read_image_folder(tmp_path, long_edge=WIDTH).names == ("b2.png", "b10.png")
        save(tmp_path / "cover.png")  # photos of its own come first
        assert read_image_folder(tmp_path, long_edge=WIDTH).names == ("cover.png",)

    def test_hidden_and_foreign_files_are_ignored(self, tmp_path):
        for name in ["a.jpg", "a.png", "ünïcode 写真.jpg"]:
            save(tmp_path / name)
        for name in [".hidden.jpg", "._a.jpg", "notes.txt", "Thumbs.db"]:
            (tmp_path / name).write_bytes(b"not a photo")
        (tmp_path / "deeper").mkdir()
        views = read_image_folder(str(tmp_path), long_edge=56)
        assert views.names == ("a.jpg", "a.png", "ünïcode 写真.jpg")

    def test_equal_names_from_different_folders_stay_apart(self, tmp_path):
        for folder in ["left", "right"]:
            (tmp_path / folder).mkdir()
            save(tmp_path / folder / "1.jpg")
        views = read_image_folder([tmp_path / "left" / "1.jpg", tmp_path / "right" / "1.jpg"], long_edge=56)
        assert views.names == ("left/1.jpg", "right/1.jpg")

    def test_one_photo_is_a_scene(self, tmp_path):
        save(tmp_path / "only.jpg", gradient(600, 800))
        views = read_image_folder(tmp_path)
        assert views.images.shape == (1, 3, 378, 504)
        assert views.notes == ()
        assert views.images.dtype == torch.float32

    def test_mixed_shapes_are_cropped_and_noted(self, tmp_path):
        save(tmp_path / "tall.jpg", gradient(800, 600))
        save(tmp_path / "wide.jpg", gradient(600, 800))
        views = read_image_folder(tmp_path)
        assert views.images.shape == (2, 3, 378, 378)
        assert views.source_sizes.tolist() == [[800, 600], [600, 800]]
        assert any("2 of 2 were cropped to 378 x 378" in note and "25%" in note for note in views.notes)
        centers = views.source_to_network @ torch.tensor([[300.0, 400, 1], [400, 300, 1]]).double()[..., None]
        assert torch.allclose(centers[:, :2, 0], torch.full((2, 2), 189.0, dtype=torch.float64))

    def test_small_photos_are_noted(self, tmp_path):
        save(tmp_path / "small.png", gradient(30, 40))
        assert any("small.png, 40 x 30" in note for note in read_image_folder(tmp_path).notes)

    def test_photos_that_lose_their_shape_are_told(self, tmp_path):
        save(tmp_path / "wide.png", gradient(60, 800))  # 112 x 8.4 pixels, rounded to 112 x 14
        save(tmp_path / "wider.png", gradient(56, 800))
        (note,) = read_image_folder(tmp_path, long_edge=112).notes
        assert "2 of 2 photos (wider.png is stretched by 79%)" in note
        assert not read_image_folder(tmp_path, long_edge=560).notes

    def test_progress_runs_from_zero_to_one(self, tmp_path):
        for number in range(4):
            save(tmp_path / f"{number}.jpg")
        seen = []
        read_image_folder(tmp_path, long_edge=56, report=lambda step, fraction: seen.append((step, fraction)))
        assert {step for step, _ in seen} == {"Reading photos"}
        assert [fraction for _, fraction in seen] == [0, 0.25, 0.5, 0.75, 1]

    def test_cancel_stops_before_the_next_photo(self, tmp_path):
        save(tmp_path / "0.jpg")
        (tmp_path / "1.jpg").write_bytes(b"reading this would raise another error")

        def cancel(step, fraction):
            if fraction > 0:
                raise Cancelled

        with pytest.raises(Cancelled):
            read_image_folder(tmp_path, skip_bad=True, report=cancel)

    def test_one_full_size_photo_is_held_at_a_time(self, tmp_path):
        save(tmp_path / "0.png", gradient(1500, 2000), compress_level=0)
        for number in range(1, 8):
            os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
        tracemalloc.start()
        try:
            read_image_folder(tmp_path, long_edge=112)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2.5 * 1500 * 2000 * 3


class TestRefusals:
    def test_no_such_folder(self, tmp_path):
        refused(tmp_path / "nowhere", "nowhere", "found nothing")

    def test_empty_folder(self, tmp_path):
        refused(tmp_path, str(tmp_path), "an empty folder")

    def test_folder_of_text(self, tmp_path):
        (tmp_path / "readme.txt").write_text("hello")
        refused(tmp_path, "readme.txt", ".jpg")

    def test_a_text_file(self, tmp_path):
        (tmp_path / "readme.txt").write_text("hello")
        refused(tmp_path / "readme.txt", "readme.txt", ".jpg", ".mp4")

    def test_capture_without_photos(self, tmp_path):
        (tmp_path / "images").mkdir()
        (tmp_path / "transforms.json").write_text("{}")
        refused(tmp_path, "images, found an empty folder")

    def test_folder_with_a_video_only(self, tmp_path):
        (tmp_path / "clip.mov").write_bytes(b"")
        refused(tmp_path, "clip.mov", "open the video itself")

    def test_lists(self, tmp_path):
        photo, video = save(tmp_path / "a.jpg"), tmp_path / "clip.mp4"
        video.write_bytes(b"")
        refused([], "empty list")
        refused([photo, photo], "a.jpg twice")
        refused([photo, video], "clip.mp4")
        refused([photo, tmp_path / "gone.jpg"], "gone.jpg")

    @pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "bmp"])
    @pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.9])
    def test_truncated_files(self, tmp_path, extension, kept):
        whole = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
        Image.fromarray(noise).save(whole, {"jpg": "jpeg", "tif": "tiff"}.get(extension, extension))
        data = whole.getvalue()
        (tmp_path / f"cut.{extension}").write_bytes(data[: int(kept * len(data))])
        refused(tmp_path, f"cut.{extension}", "an empty file" if kept == 0 else "found")

    @pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "bmp"])
    @settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(damage=st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
    def test_any_damage_is_read_or_refused_but_never_leaks(self, tmp_path, extension, damage):
        whole = io.BytesIO()
        Image.fromarray(gradient(20, 30)).save(whole, {"jpg": "jpeg", "tif": "tiff"}.get(extension, extension))
        data = bytearray(whole.getvalue())
        for place, patch in damage:
            start = int(place * len(data))
            data[start : start + len(patch)] = patch
        path = tmp_path / f"hurt.{extension}"
        path.write_bytes(data)
        with contextlib.suppress(ImageFolderError):
            assert read_image_folder([path], long_edge=28).images.isfinite().all()

    def test_one_bad_photo_among_ten_is_named_or_skipped(self, tmp_path):
        for number in range(10):
            save(tmp_path / f"{number}.jpg")
        (tmp_path / "4.jpg").write_bytes((tmp_path / "4.jpg").read_bytes()[:700])
        refused(tmp_path, "4.jpg")
        views = read_image_folder(tmp_path, long_edge=56, skip_bad=True)
        assert len(views) == 9
        assert "4.jpg" not in views.names
        assert any(note.startswith("Left out 4.jpg") for note in views.notes)

    def test_all_bad_is_refused_even_when_skipping(self, tmp_path):
        for number in range(3):
            (tmp_path / f"{number}.jpg").write_bytes(b"no")
        refused(tmp_path, "none of 3", "2.jpg", skip_bad=True)

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (13, 200)])
    def test_tiny_photos(self, tmp_path, width, height):
        save(tmp_path / "dot.png", np.zeros((height, width, 3), np.uint8))
        refused(tmp_path, "dot.png", f"{width} x {height}", "14 x 14")

    def test_long_thin_photo(self, tmp_path):
        save(tmp_path / "thin.png", np.zeros((100, 20000, 3), np.uint8))
        refused(tmp_path, "thin.png", "20000 x 100", "found 3")

    @pytest.mark.parametrize("side", [13500, 17320, 100_000])
    def test_huge_photos_are_refused_from_their_header(self, tmp_path, side):
        (tmp_path / "huge.png").write_bytes(png(side, side))
        refused(tmp_path, "huge.png", "at most 178 megapixels")

    def test_a_large_but_allowed_header_does_not_warn(self, tmp_path):
        (tmp_path / "large.png").write_bytes(png(10_000, 10_000))
        refused(tmp_path, "large.png", "damaged data")

    def test_a_folder_named_like_a_photo(self, tmp_path):
        save(tmp_path / "a.jpg")
        (tmp_path / "x.jpg").mkdir()
        refused(tmp_path, "x.jpg", "found a folder")
        assert read_image_folder(tmp_path, long_edge=56, skip_bad=True).names == ("a.jpg",)

    def test_a_broken_link(self, tmp_path):
        (tmp_path / "x.jpg").symlink_to(tmp_path / "gone")
        refused(tmp_path, "x.jpg", "no such file")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
    def test_without_permission(self, tmp_path):
        save(tmp_path / "locked.jpg").chmod(0)
        refused(tmp_path, "locked.jpg", "permission denied")

    def test_a_refused_read_is_translated(self, tmp_path, monkeypatch):
        path = save(tmp_path / "locked.jpg")

        def deny(self, *args, **options):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(type(path), "open", deny)
        refused(tmp_path, "locked.jpg", "permission denied")


def write_video(path, frames, codec="mp4v"):
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 10, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def gray_steps(count):
    """Frames whose brightness is ten times their number."""
    return [np.full((HEIGHT, WIDTH, 3), 10 * number, np.uint8) for number in range(count)]


def levels(views):
    return (views.images.mean(dim=(1, 2, 3)) * 25.5).round().int().tolist()


class TestVideo:
    def test_frames_are_sampled_like_photos(self, tmp_path):
        views = read_image_folder(write_video(tmp_path / "clip.MP4", gray_steps(20)), long_edge=WIDTH, max_views=5)
        assert views.names == tuple(f"clip.MP4#{index:06d}" for index in (0, 5, 10, 14, 19))
        assert levels(views) == [0, 5, 10, 14, 19]
        assert views.source_sizes.tolist() == [[HEIGHT, WIDTH]] * 5
        assert any("5 of 20 frames" in note for note in views.notes)

    def test_colors_are_rgb(self, tmp_path):
        red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        red[..., 0] = 220
        views = read_image_folder(write_video(tmp_path / "red.avi", [red] * 3, "MJPG"), long_edge=WIDTH)
        assert views.images[:, 0].mean() > 0.8
        assert views.images[:, 1:].mean() < 0.1

    def test_a_stream_without_a_frame_count_is_counted(self, tmp_path):
        stream = io.BytesIO()
        for frame in gray_steps(12):
            Image.fromarray(frame).save(stream, "jpeg")
        (tmp_path / "stream.avi").write_bytes(stream.getvalue())
        capture = cv2.VideoCapture(str(tmp_path / "stream.avi"))
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) <= 0
        capture.release()
        assert levels(read_image_folder(tmp_path / "stream.avi", long_edge=WIDTH, max_views=3)) == [0, 6, 11]

    def test_a_header_that_promises_too_much_is_corrected(self, tmp_path):
        data = write_video(tmp_path / "whole.avi", gray_steps(20), "MJPG").read_bytes()
        twelve = b"00dc".join(data.split(b"00dc")[:13])
        (tmp_path / "cut.avi").write_bytes(twelve)
        views = read_image_folder(tmp_path / "cut.avi", long_edge=WIDTH, max_views=3)
        total = int(re.search(r"of (\d+) frames", views.notes[0]).group(1))
        assert total in (11, 12)  # whether the last, unterminated frame counts is the decoder's affair
        assert [int(name[-6:]) for name in views.names] == list(uniform_indices(total, 3))
        assert levels(views) == list(uniform_indices(total, 3))

    def test_rotation_metadata_is_applied(self, tmp_path):
        path = write_video(tmp_path / "turned.mp4", [gradient()] * 3)
        data = bytearray(path.read_bytes())
        matrix = data.index(b"tkhd") + 44
        one = 1 << 16
        data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, HEIGHT * one, 0, 1 << 30)
        path.write_bytes(data)
        views = read_image_folder(path, long_edge=WIDTH)
        assert views.source_sizes.tolist() == [[WIDTH, HEIGHT]] * 3
        expected = np.rot90(gradient(), -1)
        found = views.images[0].permute(1, 2, 0).numpy() * 255
        assert np.abs(found - expected).mean() < 8

    @pytest.mark.parametrize("content", [b"", b"not a video" * 100])
    def test_no_video_inside(self, tmp_path, content):
        (tmp_path / "clip.mp4").write_bytes(content)
        refused(tmp_path / "clip.mp4", "clip.mp4", "MP4 (H.264)")

    def test_the_decoder_adds_no_lines_of_its_own_to_an_error(self, tmp_path):
        (tmp_path / "clip.mp4").write_bytes(b"not a video" * 100)
        program = "import sys; from fast3dis_core.images import read_image_folder; read_image_folder(sys.argv[1])"
        # a process of its own: the decoder asks once how loud to be
        command = [sys.executable, "-c", program, str(tmp_path / "clip.mp4")]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()
        assert told[0].startswith("Traceback"), told
        assert "MP4 (H.264)" in told[-1]

    def test_cancel_while_reading(self, tmp_path):
        path = write_video(tmp_path / "clip.mp4", gray_steps(20))

        def cancel(step, fraction):
            if fraction > 0.3:
                raise Cancelled

        with pytest.raises(Cancelled):
            read_image_folder(path, long_edge=WIDTH, report=cancel)
