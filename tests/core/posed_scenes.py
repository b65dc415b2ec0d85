"""A scene of three colored points seen by pinhole or distorted cameras, written in every posed format."""

import json
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

MODEL_NUMBERS = {
    "SIMPLE_PINHOLE": 0,
    "PINHOLE": 1,
    "SIMPLE_RADIAL": 2,
    "RADIAL": 3,
    "OPENCV": 4,
    "OPENCV_FISHEYE": 5,
    "FULL_OPENCV": 6,
    "FOV": 7,
}
POINTS = np.array([[0.25, -0.1, 3.0], [-0.3, 0.2, 3.4], [0.05, 0.22, 2.7]])  # one per color channel
WIDE = np.array([[0.75, -0.4, 3.0], [-0.8, 0.55, 3.4], [0.05, 0.5, 2.7]])  # near the border, where lenses bend


@dataclass
class Camera:
    name: str
    world_to_camera: np.ndarray
    model: str = "PINHOLE"
    parameters: tuple = (190.0, 200.0, 83.0, 57.0)
    size: tuple = (120, 160)

    def project(self, points):
        """World points (N, 3) to pixels (N, 2) of the photo, by the formulas of COLMAP's documentation."""
        camera = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        u, v = (camera[:, :2] / camera[:, 2:]).T
        if self.model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
            f, cx, cy, *k = self.parameters
            fx = fy = f
        else:
            fx, fy, cx, cy, *k = self.parameters
        r2 = u * u + v * v
        if self.model in ("SIMPLE_RADIAL", "RADIAL"):
            radial = 1 + sum(value * r2 ** (power + 1) for power, value in enumerate(k))
            u, v = u * radial, v * radial
        elif self.model in ("OPENCV", "FULL_OPENCV"):
            k1, k2, p1, p2, k3, k4, k5, k6 = (*k, 0, 0, 0, 0)[:8]
            radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
            u, v = (
                u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u),
                v * radial + 2 * p2 * u * v + p1 * (r2 + 2 * v * v),
            )
        elif self.model == "OPENCV_FISHEYE":
            r = np.sqrt(r2)
            angle = np.arctan(r)
            bent = angle * (1 + sum(value * angle ** (2 * power + 2) for power, value in enumerate(k)))
            u, v = u * bent / r, v * bent / r
        return np.stack([fx * u + cx, fy * v + cy], axis=1)

    def photo(self, points):
        """Black, with one soft dot per point: the i-th in the i-th channel."""
        y, x = np.mgrid[: self.size[0], : self.size[1]] + 0.5
        dots = [255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18) for px, py in self.project(points)]
        return np.stack(dots, axis=-1).round().astype(np.uint8)


@dataclass
class Scene:
    cameras: list[Camera]
    points: np.ndarray

    def write_photos(self, folder):
        for camera in self.cameras:
            path = folder / camera.name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(camera.photo(self.points)).save(path)

    def write_depth(self, folder, values):
        (folder / "depth").mkdir(exist_ok=True)
        for camera, array in zip(self.cameras, values, strict=True):
            path = folder / "depth" / camera.name
            if array.dtype == np.uint16:
                Image.fromarray(array).save(path.with_suffix(".png"))
            else:
                np.save(path.with_suffix(".npy"), array)


def make_scene(
    *, count=3, center=(0.0, 0.0, 0.0), model="PINHOLE", parameters=(190.0, 200.0, 83.0, 57.0), points=POINTS
):
    """Cameras around `center` that look at three points in front of the first."""
    random = np.random.default_rng(5)
    cameras = []
    start = Rotation.from_euler("xyz", (20, -30, 10), degrees=True).as_matrix()
    for number in range(count):
        camera_to_world = np.eye(4)
        camera_to_world[:3, :3] = start @ Rotation.from_rotvec(random.uniform(-0.03, 0.03, 3)).as_matrix()
        camera_to_world[:3, 3] = np.array(center) + random.uniform(-0.1, 0.1, 3) * (number > 0)
        camera = Camera(f"photo{number}.png", np.linalg.inv(camera_to_world), model, parameters)
        cameras.append(camera)
    return Scene(cameras, points @ start.T + np.array(center))


def quaternion(camera):
    x, y, z, w = Rotation.from_matrix(camera.world_to_camera[:3, :3]).as_quat()
    return w, x, y, z


def write_colmap_text(scene, folder, *, place="sparse/0", photos="images"):
    scene.write_photos(folder / photos)
    model = folder / place
    model.mkdir(parents=True, exist_ok=True)
    cameras, images = ["# Camera list"], ["# Image list", "# Number of images: many"]
    for number, camera in enumerate(scene.cameras, 1):
        height, width = camera.size
        cameras.append(" ".join(map(str, (number, camera.model, width, height, *camera.parameters))))
        pose = map(repr, map(float, (*quaternion(camera), *camera.world_to_camera[:3, 3])))
        images.append(f"{number} {' '.join(pose)} {number} {camera.name}")
        images.append("" if number % 2 else "1.5 2.5 -1 3.5 4.5 17")
    (model / "cameras.txt").write_text("\n".join(cameras) + "\n")
    (model / "images.txt").write_text("\n".join(images) + "\n")
    return folder


def write_colmap_binary(scene, folder, *, place="sparse/0", photos="images"):
    scene.write_photos(folder / photos)
    model = folder / place
    model.mkdir(parents=True, exist_ok=True)
    cameras = images = struct.pack("<Q", len(scene.cameras))
    for number, camera in enumerate(scene.cameras, 1):
        height, width = camera.size
        cameras += struct.pack("<iiQQ", number, MODEL_NUMBERS[camera.model], width, height)
        cameras += struct.pack(f"<{len(camera.parameters)}d", *camera.parameters)
        images += struct.pack("<i7di", number, *quaternion(camera), *camera.world_to_camera[:3, 3], number)
        images += camera.name.encode() + b"\0" + struct.pack("<Q", number % 3)
        images += struct.pack("<ddq", 1.5, 2.5, -1) * (number % 3)
    (model / "cameras.bin").write_bytes(cameras)
    (model / "images.bin").write_bytes(images)
    (model / "rigs.bin").write_bytes(b"new files are ignored")
    return folder


def transforms(scene, *, per_frame=False, **extra):
    """The content of a transforms.json, with the intrinsics once or in every frame."""

    def intrinsics(camera):
        fx, fy, cx, cy, *rest = camera.parameters
        names = ("k1", "k2", "p1", "p2") if camera.model == "OPENCV" else ("k1", "k2", "k3", "k4")
        values = {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy, "h": camera.size[0], "w": camera.size[1]}
        return {**values, "camera_model": camera.model, **dict(zip(names, rest, strict=False))}

    frames = []
    for camera in scene.cameras:
        opengl = np.linalg.inv(camera.world_to_camera) @ np.diag([1.0, -1, -1, 1])
        frame = {"file_path": f"images/{camera.name}", "transform_matrix": opengl.tolist()}
        frames.append({**frame, **(intrinsics(camera) if per_frame else {})})
    return {**({} if per_frame else intrinsics(scene.cameras[0])), **extra, "frames": frames}


def write_transforms(scene, folder, content=None, **options):
    scene.write_photos(folder / "images")
    (folder / "transforms.json").write_text(json.dumps(content or transforms(scene, **options)))
    return folder


def write_transforms_per_frame(scene, folder):
    return write_transforms(scene, folder, per_frame=True)


def write_matrices(scene, folder, *, side=3):
    scene.write_photos(folder / "images")
    (folder / "poses").mkdir()
    fx, fy, cx, cy = scene.cameras[0].parameters
    matrix = np.eye(side)
    matrix[:2, :3] = (fx, 0, cx), (0, fy, cy)
    np.savetxt(folder / "intrinsics.txt", matrix)
    for camera in scene.cameras:
        pose = np.linalg.inv(camera.world_to_camera)
        (folder / "poses" / camera.name).with_suffix(".txt").write_text(
            "\n".join(" ".join(map(repr, map(float, row))) for row in pose)
        )
    return folder


WRITERS = {
    "colmap text": write_colmap_text,
    "colmap binary": write_colmap_binary,
    "transforms": write_transforms,
    "transforms per frame": write_transforms_per_frame,
    "matrices": write_matrices,
}
