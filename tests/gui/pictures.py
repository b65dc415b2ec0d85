"""Pictures of the window in its states: `python -m tests.gui.pictures OUT` (needs a display; `make pictures`).

It lies with the tests of the window because it plays their scenes through the same doors: the bundled network on the
bundled sample, and stand-ins where a picture needs 350 views, one view, long names or an error.
"""

import asyncio
import dataclasses
import os
import sys
from importlib.resources import files
from pathlib import Path

os.environ.setdefault("QT_API", "pyside6")

import qasync
from PIL import Image
from PySide6.QtWidgets import QApplication, QDialog

from app.application import Program
from app.command_line import Options
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import until
from tests.scenes import synthetic_reconstruction

SAMPLE = Path(str(files("resources"))) / "samples" / "study"
REAL = {"geometry": "given", "threshold": 0.2, "folder": SAMPLE}
HIJACKED = {"folder": SAMPLE.parent / "room-with-a-hijack"}
README = (
    "first-run",
    "result",
    "result-light",
    "inspector",
    "hijack",
    "pair",
    "compare",
)  # to be copied to resources/pictures
SMALL = (1000, 625)  # pixels
LONG = "a photo whose name somebody made of a whole sentence, with a date and the number of the room in it"


async def picture(app, out, name, *, size=(1440, 900), theme="dark", steps=None, folder=None, act=None, **options):
    """One state of a program of its own, saved as OUT/name.png."""
    options |= {"window_size": size, "theme": theme, "screenshot": Path("unused.png"), "exit": True}
    program = Program(app, Options(**options), steps=steps, questions=StandInQuestions())
    program.window.show()
    try:
        await program.workflow.start(program.look_around())
        if folder is not None:
            program.workflow.start(program.workflow.open_folder(folder))
            await until(lambda: steps is not None or program.session.reconstruction is not None, "a result", 120)
            await asyncio.sleep(1.5)
            await until(lambda: program.session.activity.idle or (steps and not steps.gate.is_set()), "the end", 120)
        if act is not None:
            await act(program)
            await until(lambda: program.session.activity.idle or (steps and not steps.gate.is_set()), "the end", 120)
        await program.save_screenshot(out / f"{name}.png")
    finally:
        for dialog in program.window.findChildren(QDialog):
            dialog.close()
        await program.close()
    print(out / f"{name}.png", flush=True)  # noqa: T201 - a script


def named(result, name):
    """The same scene, its photos called otherwise."""
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return type(result)(**{**values, "names": tuple(f"{name} {n:03d}.jpg" for n in range(len(result.names)))})


async def isolate(program):
    program.session.show(dataclasses.replace(program.session.display, selection=frozenset(biggest(program))))
    program.actions.trigger("isolate")
    program.actions.trigger("fit_selection")


def biggest(program):
    return [max(program.session.shown(), key=lambda item: len(item.pixels) * (item.query != 22)).query]


async def survey(program):
    program.workflow.start(program.workflow.survey([SAMPLE]))
    await asyncio.sleep(3.0)


async def fail(program):
    program.workflow.start(program.workflow.open_folder(Path("/photos/empty")))
    await until(lambda: program.window._error is not None, "the error")
    dialog = program.window._error
    await asyncio.sleep(0.2)
    dialog.grab().save(str(program.out / "error-dialog.png"))


def triggered(name, child=""):
    async def act(program):
        program.actions.trigger(name)
        await asyncio.sleep(0.3)
        if child:
            program.window.findChild(QDialog, child).grab().save(str(program.out / f"{child}.png"))

    return act


def in_front(panel):
    async def act(program):
        program.window.panels.set_shown(panel, True)
        program.session.show(dataclasses.replace(program.session.display, selection=frozenset(biggest(program))))
        await asyncio.sleep(1.0)

    return act


def inspected(tab, act=None):
    """The inspector in front with one of its tabs, and one query or a pair selected."""

    async def look(program):
        program.window.panels.set_shown("inspectorDock", True)
        program.inspector.widget.show_tab(tab)
        program.session.show(dataclasses.replace(program.session.display, selection=frozenset(biggest(program))))
        await until(lambda: program.session.inspection is not None, "the inspection", 60)
        if act is not None:
            await act(program)
        await asyncio.sleep(0.5)

    return look


async def mute(program):
    """What if the selected query and the first view were not there, with the changes colored."""
    program.actions.trigger("mute_query")
    program.actions.trigger("mute_view")
    await until(lambda: program.session.difference is not None and program.session.activity.idle, "the difference", 60)
    program.inspector.what_if.color_toggled.emit(True)


async def explain(program):
    """Two shown queries of different colors that share most pixels, through the photo that shows them best."""
    session = program.session
    shown = {item.query: item for item in session.shown()}
    taken = session.inspection.claims.taken
    apart = lambda i, j: sum(abs(a - b) for a, b in zip(shown[i].color, shown[j].color, strict=True)) > 150  # noqa: E731
    pairs = ((int(taken[i, j]), i, j) for i in shown for j in shown if i != j and apart(i, j))
    _, victim, thief = max(pairs)
    view = int(shown[victim].points_per_view.argmax())
    display = dataclasses.replace(session.display, selection=frozenset({victim, thief}), view=view, box=False)
    session.show(display)
    program.actions.trigger("color_contested")
    program.actions.trigger("through_photo")


async def moved(program):
    """The selected anchor moved into another instance."""
    session = program.session
    program.actions.trigger("anchors")
    other = min(session.shown(), key=lambda item: item.objectness)
    x, y, z = (float(value) for value in session.reconstruction.cloud.points[other.pixels].mean(axis=0))
    program.inspector.anchors.position_typed.emit((x, y, z))
    await until(program.inspector.anchors.changes.isVisible, "the changes", 60)


async def side_by_side(program):
    """The pair of `explain` next to each other."""
    await explain(program)
    program.actions.trigger("through_photo")
    program.actions.trigger("color_instance")
    program.actions.trigger("side_by_side")
    program.actions.trigger("fit_selection")
    await asyncio.sleep(1.0)


def colored(mode):
    async def color(program):
        program.session.show(dataclasses.replace(program.session.display, selection=frozenset()))
        program.actions.trigger(f"color_{mode}")

    return color


def beside(side, **settings):
    async def act(program):
        program.actions.trigger("arrange_compare")
        presenter = program.comparison.presenter
        presenter.choose(side)
        for name, value in settings.items():
            presenter.set_number(name, value)
        program.actions.trigger("compare")
        await until(lambda: program.session.comparison is not None, "the other side", 240)
        program.actions.trigger("fit")
        await asyncio.sleep(1.0)

    return act


async def all_pictures(app, out, only):
    running = StandInSteps(synthetic_reconstruction())
    running.gate.clear()
    scenes = {
        "first-run": {},
        "first-run-light": {"theme": "light", "size": (1280, 720)},
        "ready": {"act": survey},
        "running": {"steps": running, "folder": Path("/photos/kitchen")},
        "result": REAL,
        "result-light": REAL | {"theme": "light"},
        "result-1280x720": REAL | {"size": (1280, 720)},
        "result-3840x2160": REAL | {"size": (3840, 2160)},
        "isolated": REAL | {"act": isolate},
        "inspector": REAL | {"act": in_front("inspectorDock")},
        "anchors-small": REAL | {"act": inspected("Anchors"), "size": (1280, 720)},
        "anchors-light": REAL | {"act": inspected("Anchors"), "theme": "light", "size": (1280, 720)},
        "moved": REAL | {"act": inspected("Anchors", moved)},
        "moved-small": REAL | {"act": inspected("Anchors", moved), "theme": "light", "size": (1280, 720)},
        "evidence": REAL | {"act": inspected("Evidence")},
        "evidence-small": REAL | {"act": inspected("Evidence"), "theme": "light", "size": (1280, 720)},
        "hijacks-small": REAL | {"act": inspected("Hijacks"), "size": (1280, 720)},
        "what-if": REAL | {"act": inspected("What if", mute)},
        "what-if-small": REAL | {"act": inspected("What if", mute), "theme": "light", "size": (1280, 720)},
        "thresholds": REAL | {"act": inspected("Thresholds")},
        "thresholds-small": REAL | {"act": inspected("Thresholds"), "theme": "light", "size": (1280, 720)},
        "contested": REAL | {"act": inspected("Hijacks", colored("contested"))},
        "contested-light": REAL | {"act": inspected("Hijacks", colored("contested")), "theme": "light"},
        "hijack": HIJACKED | {"act": inspected("Hijacks", explain)},
        "hijack-light": HIJACKED | {"act": inspected("Hijacks", explain), "theme": "light", "size": (1280, 720)},
        "pair": HIJACKED | {"act": inspected("Hijacks", side_by_side)},
        "pair-small": HIJACKED | {"act": inspected("Hijacks", side_by_side), "theme": "light", "size": (1280, 720)},
        "pair-3840x2160": HIJACKED | {"act": inspected("Hijacks", side_by_side), "size": (3840, 2160)},
        "compare": REAL | {"act": beside("clustering")},
        "compare-truth-light": REAL | {"act": beside("truth"), "theme": "light", "size": (1280, 720)},
        "compare-3840x2160": REAL | {"act": beside("surface"), "size": (3840, 2160)},
        "log": REAL | {"act": triggered("panel_log"), "theme": "light"},
        "palette": {"act": triggered("command_palette", "commandPalette")},
        "keys": {"act": triggered("cheat_sheet", "cheatSheet")},
        "about": {"act": triggered("about", "aboutDialog")},
        "error": {"steps": StandInSteps(), "act": fail},
        "one-view": {"steps": StandInSteps(synthetic_reconstruction(views=1)), "folder": Path("/photos/one")},
        "350-views": {
            "steps": StandInSteps(synthetic_reconstruction(views=350, height=28, width=42)),
            "folder": Path("/photos/many"),
        },
        "long-names": {
            "steps": StandInSteps(named(synthetic_reconstruction(), LONG)),
            "folder": Path("/photos") / LONG,
        },
    }
    Program.out = out
    for name, scene in scenes.items():
        if not only or name in only:
            await picture(app, out, name, **scene)


def shrink(source, target):
    """The same picture small enough for the README."""
    picture = Image.open(source).convert("RGB").resize(SMALL, Image.Resampling.LANCZOS)
    picture.quantize(96, dither=Image.Dither.NONE).save(target, optimize=True)


def main(out, *only):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        runner.run(all_pictures(app, out, only))
    (out / "readme").mkdir(exist_ok=True)
    for name in README:
        if (out / f"{name}.png").exists():
            shrink(out / f"{name}.png", out / "readme" / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
