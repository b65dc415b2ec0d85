"""Scenes of Aria Synthetic Environments: a view shows what an upright pinhole camera would see; damage is named."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from fast3dis_core.datasets.aria_files import read_trajectory, scene_numbers
from fast3dis_core.datasets.aria_synthetic import CAMERA, AriaSyntheticScene
from fast3dis_core.datasets.fisheye import rectification
from fast3dis_core.errors import DatasetError
from fast3dis_core.geometry.cameras import project, unproject
from tests.core.datasets.aria_tree import (
    BOXES,
    CLASSES,
    FLOOR,
    KNOWN,
    RUG,
    SOFA,
    STANDS,
    TABLE,
    cast,
    stored_frame,
    upright_to_world,
    write_scene,
)

SIZES = [(512, 512), (504, 504), (112, 112), (84, 112)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("ase") / "17")


@pytest.fixture
def damaged(folder, tmp_path):
    """A copy to break."""
    return shutil.copytree(folder, tmp_path / "17")


def truth(scene, view):
    """What the pinhole camera that the loader claims sees, cast without the fisheye."""
    height, width = scene.size
    y, x = np.mgrid[:height, :width] + 0.5
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(scene.intrinsics(view)).T
    return cast(rays, np.linalg.inv(scene.world_to_camera(view)))


@pytest.mark.parametrize("size", SIZES)
def test_views_are_what_an_upright_pinhole_camera_sees(folder, size):
    scene = AriaSyntheticScene(folder, size=size)
    for view, stand in enumerate(STANDS):
        assert np.allclose(scene.world_to_camera(view) @ upright_to_world(stand), np.eye(4), atol=1e-7)
        expected = truth(scene, view)
        ids = np.where(np.isin(expected.ids, list(KNOWN)), expected.ids, 0)
        assert np.mean(scene.instance_ids(view) == ids) > 0.995
        depth = scene.depth(view)
        known = (depth > 0) & (expected.distance > 0)  # rays have z = 1
        assert np.mean((depth > 0) == (expected.distance > 0)) > 0.998
        error = (depth - expected.distance)[known] / expected.distance[known]
        assert np.median(np.abs(error)) < 1.5e-3
        # away from edges, photos are equal up to JPEG and the mean over a pixel
        shown = scene.image(view)[known] / 255
        assert np.median(np.abs(shown - expected.colors[known])) < 0.005


def test_nothing_is_shifted(folder):
    """On the floor, depth tells the row: the mean offset is far below half a pixel, the nearest pixel's error not."""
    scene = AriaSyntheticScene(folder, size=(504, 504))
    for view in range(len(scene)):
        expected = truth(scene, view)
        floor = (expected.ids == FLOOR) & (scene.instance_ids(view) == FLOOR)
        slope = np.gradient(expected.distance, axis=0)
        floor &= np.abs(slope) > 1e-3
        rows = (scene.depth(view) - expected.distance)[floor] / slope[floor]
        rows = rows[np.abs(rows) < 2]
        assert len(rows) > 10_000
        assert abs(rows.mean()) < 0.05
        assert np.abs(rows).mean() < 0.5


def test_points_of_one_frame_are_seen_in_the_other(folder):
    scene = AriaSyntheticScene(folder)
    depth, ids, k, cameras = (
        torch.from_numpy(np.stack([read(view) for view in (0, 1)]))
        for read in (scene.depth, scene.instance_ids, scene.intrinsics, scene.world_to_camera)
    )
    points = unproject(depth.double(), k, cameras)[0][depth[0] > 0]  # (P, 3)
    pixels, z = project(points, k[1:], cameras[1:])
    (x, y), z = pixels[0].floor().long().unbind(-1), z[0]
    inside = (z > 0) & (x >= 0) & (x < 512) & (y >= 0) & (y < 512)
    seen = torch.zeros_like(z)
    seen[inside] = depth[1, y[inside], x[inside]].double()
    visible = inside & (seen > 0.97 * z)  # nothing stands in front
    assert visible.sum() > 30_000
    assert ((seen - z).abs() < 0.02 * z)[visible].double().mean() > 0.98
    own, other = ids[0][depth[0] > 0][visible], ids[1, y[visible], x[visible]]
    assert (own == other).double().mean() > 0.98
    # and they lie on the boxes and the floor
    heights = points[ids[0][depth[0] > 0] == FLOOR][:, 2]
    assert heights.abs().median() < 2e-3
    (_, _, _), (_, _, top) = BOXES[TABLE]
    assert points[ids[0][depth[0] > 0] == TABLE][:, 2].max() == pytest.approx(top, abs=0.01)


def test_projection_there_and_back(folder):
    scene = AriaSyntheticScene(folder, size=(504, 504))
    sample = scene.sample([0, 2]).geometry
    k, cameras = sample.intrinsics.double(), sample.world_to_camera.double()
    points = unproject(sample.depth.double(), k, cameras)
    y, x = torch.meshgrid(torch.arange(504) + 0.5, torch.arange(504) + 0.5, indexing="ij")
    for view in range(2):
        known = sample.depth[view] > 0
        pixels, _ = project(points[view][known], k[[view]], cameras[[view]])
        assert (pixels[0] - torch.stack([x, y], dim=-1)[known]).abs().max() < 1e-3


def test_stored_images_are_turned_clockwise(folder):
    scene = AriaSyntheticScene(folder)
    ids = stored_frame(STANDS[0])[2]
    lying = rectification(CAMERA, (512, 512), CAMERA.focal)
    assert np.array_equal(scene.instance_ids(0) == TABLE, np.rot90(lying.values(ids), k=3) == TABLE)
    compressed = np.asarray(Image.open(folder / "rgb" / "vignette0000000.jpg"))
    assert np.array_equal(scene.image(0), np.rot90(lying.photo(compressed), k=3))
    # the nearest floor is below, the far end of the room above
    assert (scene.instance_ids(0)[-40:] == FLOOR).mean() > 0.5
    assert (scene.depth(0)[:40] == 0).mean() > 0.5


@pytest.mark.parametrize("size", SIZES)
def test_every_pixel_of_a_view_is_inside_the_image_circle(size):
    focal = CAMERA.focal * max(size) / 512
    assert rectification(CAMERA, size, focal, clockwise=True).valid.all()


def test_a_sample_is_a_scene_of_the_first_view(folder):
    scene = AriaSyntheticScene(folder, size=(56, 84))
    sample = scene.sample([2, 0])
    assert sample.views.images.shape == (2, 3, 56, 84)
    assert sample.views.images.dtype == sample.geometry.world_to_camera.dtype == torch.float32
    assert torch.equal(sample.geometry.world_to_camera[0], torch.eye(4))
    relative = scene.world_to_camera(0) @ np.linalg.inv(scene.world_to_camera(2))
    assert np.allclose(sample.geometry.world_to_camera[1], relative, atol=1e-6)
    assert sample.geometry.is_metric
    assert torch.equal(sample.geometry.confidence, (sample.geometry.depth > 0).float())
    assert np.array_equal(sample.instance_ids[0], scene.instance_ids(2))
    assert sample.views.names == ("vignette0000002.jpg", "vignette0000000.jpg")
    assert set(sample.instance_ids.unique().tolist()) == {0, *KNOWN}
    assert [sample.class_names[sample.class_ids[number]] for number in (FLOOR, TABLE, SOFA)] == [
        "floor",
        "table",
        "sofa",
    ]
    assert sample.class_names == ("unlabeled", "floor", "sofa", "table")


def test_ids_without_a_class_and_of_ignored_classes_are_nothing(folder):
    scene = AriaSyntheticScene(folder, size=(112, 112), ignored_classes=("floor", "background"))
    assert RUG in stored_frame(STANDS[0])[2]
    found = {int(number) for view in range(3) for number in np.unique(scene.instance_ids(view))}
    assert found == {0, TABLE, SOFA, 8}
    assert scene.class_names == ("unlabeled", "empty_space", "sofa", "table")


def test_depth_without_meaning_is_nothing(damaged):
    path = damaged / "depth" / "depth0000000.png"
    Image.fromarray(np.full((704, 704), 65535, np.uint16)).save(path)
    assert not AriaSyntheticScene(damaged, size=(28, 28)).depth(0).any()


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ("rgb/vignette0000002.jpg", (0, 1)),
        ("depth/depth0000002.png", (0, 1)),
        ("instances/instance0000001.png", (0, 2)),
    ],
)
def test_only_complete_frames_count(damaged, missing, left):
    (damaged / missing).unlink()
    scene = AriaSyntheticScene(damaged, size=(28, 28))
    assert scene.frames == left
    assert len(scene) == 2
    assert np.allclose(scene.world_to_camera(1) @ upright_to_world(STANDS[left[1]]), np.eye(4), atol=1e-7)


def test_rows_may_be_missing_at_the_end_and_the_trajectory_may_be_txt(folder, damaged):
    lines = (folder / "trajectory.csv").read_text().splitlines()
    (damaged / "trajectory.csv").unlink()
    (damaged / "trajectory.txt").write_text("\n".join(lines[:3]))
    assert AriaSyntheticScene(damaged).frames == (0, 1)
    assert np.array_equal(read_trajectory(damaged), read_trajectory(folder)[:2])


def test_frames_are_in_the_order_of_their_numbers(damaged):
    for folder, name, ending in (
        ("rgb", "vignette", "jpg"),
        ("depth", "depth", "png"),
        ("instances", "instance", "png"),
    ):
        (damaged / folder / f"{name}0000001.{ending}").rename(damaged / folder / f"{name}10.{ending}")
        (damaged / folder / f"{name}0000002.{ending}").rename(damaged / folder / f"{name}9.{ending}")
    lines = (damaged / "trajectory.csv").read_text().splitlines()
    (damaged / "trajectory.csv").write_text("\n".join([*lines, *lines[1:] * 3]))
    assert AriaSyntheticScene(damaged).frames == (0, 9, 10)


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def convert(source, target, mode="L"):
    image = Image.fromarray(np.asarray(Image.open(source)).astype(np.uint8)).convert(mode)
    source.unlink()
    image.save(target)


def shrink(path):
    image = Image.open(path).resize((512, 512), Image.Resampling.NEAREST)
    image.save(path)


DAMAGES = {
    "no folder": (lambda f: shutil.rmtree(f), "17/rgb.*found none that reads"),
    "no depth": (lambda f: shutil.rmtree(f / "depth"), "17/depth.*scenes of the test split have no depth"),
    "no trajectory": (lambda f: (f / "trajectory.csv").unlink(), "trajectory.csv or trajectory.txt"),
    "no classes": (lambda f: (f / "object_instances_to_classes.json").unlink(), "object_instances_to_classes.json"),
    "classes are a list": (lambda f: (f / "object_instances_to_classes.json").write_text("[1]"), '"id": "class name"'),
    "classes by name": (
        lambda f: (f / "object_instances_to_classes.json").write_text('{"floor": 1}'), '"id": "class name"',
    ),
    "ids beyond 16 bits": (
        lambda f: (f / "object_instances_to_classes.json").write_text('{"70000": "sofa"}'), "expected ids below 65536",
    ),
    "no header": (lambda f: replace_text(f / "trajectory.csv", "#graph_uid", "1,2,3,4,5,6,7,8,9,1\n#"), "header line"),
    "empty trajectory": (lambda f: (f / "trajectory.csv").write_text(""), "header line and one row per frame"),
    "a row is cut": (
        lambda f: (f / "trajectory.csv").write_text((f / "trajectory.csv").read_text()[:-60]),
        "line 4: expected tx, ty",
    ),
    "a row is text": (lambda f: replace_text(f / "trajectory.csv", "graph,100000,-1,", "graph,1,-1,x"), "line 2"),
    "a pose is no number": (
        lambda f: replace_text(f / "trajectory.csv", "graph,100000,-1,", "graph,1,-1,nan,0,"),
        "line 2: expected finite",
    ),
    "a quaternion is none": (
        lambda f: replace_text(f / "trajectory.csv", "graph,100000,-1,", "graph,1,-1,9,9,"), "unit quaternion",
    ),
    "no frame is complete": (
        lambda f: [path.unlink() for path in (f / "rgb").iterdir()], "found 0 photos, 3 depth maps and 3 id maps",
    ),
    "ids in JPEG": (
        lambda f: convert(f / "instances" / "instance0000001.png", f / "instances" / "instance0000001.jpg"),
        "instances: expected 16-bit PNG.*instance0000001.*changes numbers",
    ),
    "depth in JPEG": (
        lambda f: convert(f / "depth" / "depth0000001.png", f / "depth" / "depth0000001.jpg"),
        "depth: expected 16-bit PNG",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_scenes_that_cannot_be_used_are_refused(damaged, name):
    damage, told = DAMAGES[name]
    damage(damaged)
    with pytest.raises(DatasetError, match=told) as caught:
        AriaSyntheticScene(damaged)
    assert "Aria Synthetic Environments" in str(caught.value)


FRAME_DAMAGES = {
    "a small photo": (lambda f: shrink(f / "rgb" / "vignette0000000.jpg"), "image", "704 x 704.*found 512 x 512"),
    "small ids": (lambda f: shrink(f / "instances" / "instance0000000.png"), "instance_ids", "704 x 704.*512 x 512"),
    "a cut photo": (
        lambda f: (f / "rgb" / "vignette0000000.jpg").write_bytes(b"\xff\xd8\xff"), "image", "one that does not read",
    ),
    "a cut map": (
        lambda f: (f / "depth" / "depth0000000.png").write_bytes((f / "depth" / "depth0000000.png").read_bytes()[:999]),
        "depth", "does not read",
    ),
    "ids in 8 bits": (
        lambda f: convert(f / "instances" / "instance0000000.png", f / "instances" / "instance0000000.png"),
        "instance_ids", "expected 16-bit gray.*mode L",
    ),
    "ids in a palette": (
        lambda f: convert(f / "instances" / "instance0000000.png", f / "instances" / "instance0000000.png", "P"),
        "instance_ids", "mode P",
    ),
    "a JPEG called PNG": (
        lambda f: shutil.copy(f / "rgb" / "vignette0000000.jpg", f / "instances" / "instance0000000.png"),
        "instance_ids", "does not read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAME_DAMAGES)
def test_frames_that_cannot_be_used_are_refused_with_their_file(damaged, name):
    damage, method, told = FRAME_DAMAGES[name]
    damage(damaged)
    scene = AriaSyntheticScene(damaged, size=(28, 28))
    with pytest.raises(DatasetError, match=told) as caught:
        getattr(scene, method)(0)
    assert "0000000." in str(caught.value)
    assert "Aria Synthetic Environments" in str(caught.value)
    getattr(scene, method)(1)


def test_scenes_of_a_folder_are_its_numbers(tmp_path):
    for name in ("9", "10", "2", "010", "notes", "-1"):
        (tmp_path / name).mkdir()
    (tmp_path / "3").write_text(json.dumps(CLASSES))
    assert scene_numbers(tmp_path) == (2, 9, 10)
    with pytest.raises(DatasetError, match=r"found none among 0 folders"):
        scene_numbers(tmp_path / "notes")
    with pytest.raises(DatasetError, match="check the path"):
        scene_numbers(tmp_path / "nowhere")
