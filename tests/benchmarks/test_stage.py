"""What the choices of the stage cost: frames with and without depth shading, cameras, photos in space and the floor.

xvfb-run -a -s "-screen 0 1600x1000x24" python -m pytest tests/benchmarks/test_stage.py -m benchmark -rP
"""

import numpy as np
import pytest

from tests.gui.conftest import REASON, _has_display
from tests.scenes import synthetic_reconstruction

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.skipif(not _has_display(), reason=REASON),
]
ROUNDS = 7


@pytest.fixture
def stage(qapp):
    """2.1 million points, of which software OpenGL draws a million, and eleven cameras."""
    from app.viewport.viewport import Viewport

    scene = synthetic_reconstruction(views=11, height=378, width=504, queries=80)
    viewport = Viewport()
    viewport.resize(1000, 700)
    viewport.show()
    qapp.processEvents()
    cloud = scene.cloud
    viewport.show_cloud(cloud.points, cloud.colors, cloud.valid)
    viewport.set_rows(np.zeros(len(cloud.points), np.int32))
    viewport.set_table(np.array([[0, 0, 0, 128]], np.uint8))
    viewport.set_point_colors("photo")
    viewport.show_cameras(scene.intrinsics, scene.world_to_camera, scene.images.shape[1:3], scene.images)
    viewport.fit_all()
    qapp.processEvents()
    yield viewport
    viewport.close_view()
    viewport.deleteLater()


def frame(stage):
    stage.view.request_render()
    stage.view.repaint()
    return stage.view.frame_seconds


def test_no_choice_doubles_a_frame_but_the_shading_by_depth(stage, figure):
    choices = {
        "depth shading": (lambda: stage.dressing.set_eye_dome(True), lambda: stage.dressing.set_eye_dome(False)),
        "grid": (lambda: stage.dressing.set_grid(True), lambda: stage.dressing.set_grid(False)),
        "photos in space": (
            lambda: stage.cameras.set_look(shown=True, hung=True, scale=1.0),
            lambda: stage.cameras.set_look(shown=True, hung=False, scale=1.0),
        ),
    }
    figure("points drawn", stage.drawn_points[0], "points")
    figure("frame", 1000 * np.median([frame(stage) for _ in range(ROUNDS)]), "ms")
    for name, (on, off) in choices.items():
        pairs = []
        for _ in range(ROUNDS):
            on()
            frame(stage)  # the first one compiles
            with_it = frame(stage)
            off()
            frame(stage)
            pairs.append(with_it / frame(stage))
        growth = float(np.median(pairs))
        figure(f"frame with {name} over without", growth, "times")
        assert growth < (4.0 if name == "depth shading" else 2.0), name
