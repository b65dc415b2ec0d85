"""Results of other programs and runs, in their own formats, chosen in the file dialog and dropped on the window."""

from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLineEdit, QPushButton
from scipy.spatial.transform import Rotation

from app.core_steps import CoreSteps
from app.session.edits import Edits
from app.session.origin import Origin
from app.session.stored import to_plain
from fast3dis_core.exports import write_npz
from fast3dis_core.exports.ply import write_scene_ply
from fast3dis_core.reconstruction import exclusive_rows
from fast3dis_core.session_files import SavedSession, write_session
from tests.app.standins import StandInSteps
from tests.core.evaluation import foreign_files
from tests.core.evaluation.test_counterpart_predictions import predicted, saved
from tests.gui.hands import carry_files, click, until
from tests.gui.test_comparison import part, split
from tests.gui.test_window import SCENE, opened

LEAST = 5  # of 8 instances, which overlap: what every form has to bring back as pairs


def foreign_scan():
    """The scene as other systems see it, in a world of their own."""
    scale, turn, shift = 0.4, Rotation.random(random_state=7).as_matrix(), np.array([3.0, -2, 1])
    cameras = SCENE.world_to_camera.astype(np.float64).copy()
    cameras[:, :3, 3] = scale * (cameras[:, :3, 3] + cameras[:, :3, :3] @ shift)
    cameras[:, :3, :3] = cameras[:, :3, :3] @ turn
    shape = SCENE.images.shape[:3]
    points = (SCENE.cloud.points.astype(np.float64) - shift) @ turn * scale
    points[~SCENE.cloud.valid] = np.nan
    points = points.reshape(*shape, 3)
    depth = np.einsum("shwc,sc->shw", points, cameras[:, 2, :3]) + cameras[:, 2, 3][:, None, None]
    owners = exclusive_rows(SCENE.instances, len(SCENE.cloud.points)).reshape(shape)
    return SimpleNamespace(points=points, cameras=cameras, depth=np.nan_to_num(depth), pixel_ids=owners + 1)


def write_iggt(folder):
    return foreign_files.write_iggt(folder, foreign_scan()) / "predictions.npz"


def write_panst3r(folder):
    numbers = np.arange(1, 9)
    foreign_files.write_panst3r(
        folder, foreign_scan(), segment_ids=5 * numbers, segment_scores=np.linspace(0.2, 0.9, len(numbers))
    )
    return folder / f"{foreign_files.SCENE}.npz"


def write_points(folder):
    scan, there = foreign_scan(), SCENE.cloud.valid
    foreign_files.write_npz(
        folder,
        scan,
        points=scan.points.reshape(-1, 3)[there].astype(np.float32),
        instance=(scan.pixel_ids.ravel()[there] - 1).astype(np.int32),
        scores=np.linspace(0.2, 0.9, 8, dtype=np.float32),
        frames=np.array(SCENE.names),
    )
    return folder / f"{foreign_files.SCENE}.npz"


def write_ply(folder):
    write_scene_ply(folder / "scene.ply", SCENE, threshold=0.0)
    return folder / "scene.ply"


def write_f3d(folder):
    origin = to_plain(Origin(folder=folder, masks="there", model="nano · CPU", seconds=12.0))
    session = SavedSession(reconstruction=SCENE, origin={"origin": origin}, edits=to_plain(Edits(minimum_points=0)))
    write_session(folder / "kitchen.f3d", session)
    return folder / "kitchen.f3d"


def write_evaluation(folder):
    return saved(folder, predicted(SCENE), method="fast3dis", size="nano", geometry="predicted")


def write_segment(folder):
    """What the command leaves: its folder is meant, and its report stands for it in the dialog."""
    write_npz(folder / "reconstruction.npz", SCENE)
    (folder / "report.json").write_text("{}")
    return folder / "report.json"


FORMS = {
    "IGGT": write_iggt,
    "PanSt3R": write_panst3r,
    "points": write_points,
    "PLY": write_ply,
    "session": write_f3d,
    "evaluate": write_evaluation,
    "segment": write_segment,
}


async def beside(program):
    """The comparison that has come, without what was there before."""
    await until(lambda: program.session.comparison is not None and program.session.activity.idle, "the other side")
    found = program.session.comparison
    pairs = [line for line in found.lines if line.verdict in ("same", "changed")]
    assert len(pairs) >= LEAST, f"{found.counterpart.title}: {[line.verdict for line in found.lines]}"
    assert program.comparison.panel.table.isVisible()
    await until(lambda: program.comparison.second.view.isVisible(), "the second view")
    program.comparison.presenter.end()
    await until(lambda: program.session.comparison is None, "nothing")
    return found


async def choose(program, path):
    """By the panel's button and the file dialog."""
    program.comparison.presenter.choose("file")
    click(part(program, QPushButton, "comparisonRun"))
    await until(lambda: program.window.findChild(QFileDialog, "otherResultDialog") is not None, "the dialog")
    dialog = program.window.findChild(QFileDialog, "otherResultDialog")
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    field.setText(str(path))
    click(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Open))
    await until(lambda: program.window.findChild(QFileDialog, "otherResultDialog") is None, "its end")


def middle(program, widget):
    return widget.mapTo(program.window, QPoint(widget.width() // 2, widget.height() // 2))


@pytest.mark.parametrize("half", [tuple(FORMS)[:4], tuple(FORMS)[4:]], ids=" ".join)
def test_every_form_is_read_from_the_dialog_and_dropped(half, play, tmp_path):
    places = {}
    for name in half:
        (tmp_path / name).mkdir()
        places[name] = FORMS[name](tmp_path / name)

    async def story(program):
        await opened(program)
        await split(program)
        for number, path in enumerate(places.values()):
            await choose(program, path)
            first = await beside(program)
            targets = (program.comparison.panel, program.comparison.stage.widget(1))
            await carry_files(program.window, [path], middle(program, targets[number % 2]))
            second = await beside(program)
            assert [line.verdict for line in second.lines] == [line.verdict for line in first.lines]
        assert program.workflow._steps.surveyed == [], "nothing was opened instead"

    play(story, steps=Compared(SCENE))


def test_folders_are_dropped_and_what_cannot_be_read_is_told(play, tmp_path):
    for name in ("out", "empty"):
        (tmp_path / name).mkdir()
    write_segment(tmp_path / "out")

    async def story(program):
        await opened(program)
        second = await split(program)
        panel = program.comparison.panel
        await carry_files(program.window, [tmp_path / "out"], middle(program, panel))
        assert (await beside(program)).counterpart.title == "reconstruction.npz"
        failed = []
        program.session.failed.connect(failed.append)
        await carry_files(program.window, [tmp_path / "empty"], middle(program, program.comparison.stage.widget(1)))
        await until(lambda: failed, "an error")
        assert "choose a .f3d, .npz or .ply file" in str(failed[0])
        assert program.session.comparison is None
        assert not panel.property("dropping")
        program.window._error.close()
        await carry_files(program.window, [tmp_path / "out"], middle(program, program.viewport))
        await until(lambda: program.workflow._steps.surveyed, "the first view opens what is dropped on it")
        assert second is program.comparison.second

    play(story, steps=Compared(SCENE))


class Compared(StandInSteps):
    """The first run is no survey of what is dropped."""

    def survey(self, sources, found, frames, report):
        """As always; `surveyed` forgets the first."""
        plan = super().survey(sources, found, frames, report)
        if str(sources[0]) == "/photos/kitchen":
            self.surveyed.clear()
        return plan

    read_session = CoreSteps.read_session
