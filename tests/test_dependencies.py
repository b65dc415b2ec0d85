"""The one-way rule: who may import whom, read from the syntax tree of every file."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# rooms of the core in order; a room imports only from groups further left, or from its own group
CORE = [
    {"errors", "config", "progress", "cost", "apart", "starting", "transfers"},
    {"geometry", "masks", "palette", "color_scales"},
    {
        "scene", "reconstruction", "hijacking", "point_filters", "duplicates", "curation", "interventions", "evidence",
        "comparison", "anchor_health", "edit_log", "ledger", "sights", "query_evidence", "counterpart", "difference",
        "thresholds",
    },
    {
        "torch_files", "photo_files", "photo_survey", "preprocessing", "photo", "video", "images", "posed_input",
        "exports", "session_files", "pictures", "weight_files", "official_weights", "checkpoints",
        "hub", "hub_cache", "downloads",
    },
    {"model"},
    {"inference"},
    {"datasets"},
    {"training"},
    {"baselines"},
    {"evaluation"},
    {"cli", "__main__"},
]  # fmt: skip
APP = [
    {
        "log_book",
        "report",
        "actions",
        "anchor_actions",
        "action",
        "action_needs",
        "autosave_files",
        "command_search",
        "comparison_words",
        "other_sides",
        "arrivals",
        "coloring",
        "drawing_order",
        "finding_colors",
        "hijack_pictures",
        "immortal",
        "number_colors",
        "pair_colors",
        "photo_layers",
        "point_facts",
        "session",
        "steps",
        "timetable",
        "worker",
    },
    {"jobs", "run_job"},
    {"wishes"},
    {"command_text", "comparing", "exporter", "filming", "keeper", "probe"},
    {"autosave", "workflow"},
    {"presenters"},
    {"composition"},  # construction and wiring by domain, so that the application stays readable
    {"application"},
    {"start"},
]
SHOWN = {"widgets", "viewport"}  # know neither session nor workflow; only the application knows them
QT = {"PySide6", "superqt", "qasync", "qtpy", "shiboken6"}
VTK = {"vtk", "vtkmodules", "pyvista", "pyvistaqt"}
# what the app may take from the core before the first job runs: NumPy is enough for these
LIGHT = {
    "errors", "config", "reconstruction", "hijacking", "point_filters", "duplicates", "curation", "interventions",
    "evidence", "comparison", "anchor_health", "edit_log", "ledger", "sights", "query_evidence", "counterpart", "cost",
    "difference", "thresholds", "exports", "session_files", "palette", "color_scales", "photo_files", "progress",
    "starting", "transfers",
}  # fmt: skip
TRAINING_MACHINE = {
    "torch", "numpy", "scipy", "safetensors", "PIL", "cv2", "rich", "typer", "huggingface_hub", "hdbscan",
    "pillow_heif", "markdown_it",
}  # fmt: skip


def files(package):
    return sorted(path for path in (ROOT / package).rglob("*.py"))


def room(path):
    """`app/session/edits.py` lives in `session`, `app/worker.py` in `worker`."""
    part = path.relative_to(ROOT).parts[1]
    return part.removesuffix(".py")


def imports(path, *, module_level=False):
    """Full names imported by a file, without those that only type checkers see."""
    found = []

    def walk(node, top):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                found.extend((f"{child.module}.{alias.name}", top) for alias in child.names)
            walk(child, top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    walk(ast.parse(path.read_text(encoding="utf-8")), True)
    return [name for name, top in found if top or not module_level]


def test_every_core_room_has_a_place_in_the_order():
    known = set().union(*CORE) | {"__init__"}
    assert {room(path) for path in files("fast3dis_core")} <= known


@pytest.mark.parametrize("path", files("fast3dis_core"), ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_only_from_the_left(path):
    level = {name: index for index, rooms in enumerate(CORE) for name in rooms} | {"__init__": len(CORE)}
    for name in imports(path):
        package, *rest = name.split(".")
        assert package not in QT | VTK | {"app"}, f"{path.name} imports {name}"
        if package == "fast3dis_core" and rest:
            assert level.get(rest[0], 0) <= level[room(path)], f"{path.relative_to(ROOT)} imports {name}"
        elif package not in {"fast3dis_core", "resources", *sys.stdlib_module_names}:
            assert package in TRAINING_MACHINE, (
                f"{path.relative_to(ROOT)} imports {name}, unknown to a training machine"
            )


@pytest.mark.parametrize("path", files("app"), ids=lambda path: str(path.relative_to(ROOT)))
def test_app_rooms_know_what_they_may(path):
    here = room(path)
    for name in imports(path):
        package, *rest = name.split(".")
        if package in QT:
            assert here in SHOWN | {"application", "composition"}, f"{path.name}: Qt in {here}"
        if package in VTK:
            assert here == "viewport", f"{path.name}: VTK in {here}"
        if package == "app" and rest:
            level = {room_name: index for index, rooms in enumerate(APP) for room_name in rooms}
            if here in SHOWN:
                # the table of actions is words and states: widgets make menus and keys from it
                # and the viewport draws what the worker has put in order
                known = {here, "actions"} | ({"drawing_order"} if here == "viewport" else set())
                assert rest[0] in known, f"{path.name}: {here} imports {name}"
            elif here in level:
                assert rest[0] not in SHOWN or here in {"application", "composition"}, (
                    f"{path.name}: {here} imports {name}"
                )
                assert level.get(rest[0], -1) <= level[here], f"{path.name}: {here} imports {name}"


@pytest.mark.parametrize("path", files("app"), ids=lambda path: str(path.relative_to(ROOT)))
def test_app_loads_nothing_heavy_at_module_level(path):
    for name in imports(path, module_level=True):
        package, *rest = name.split(".")
        assert package != "torch", f"{path.name} imports torch at module level"
        if package == "fast3dis_core":
            assert rest, f"{path.name} imports the whole core"
            assert rest[0] in LIGHT, f"{path.name} imports {name} at module level"


@pytest.mark.parametrize(
    "module", ["fast3dis_core", "fast3dis_core.reconstruction", "fast3dis_core.exports", "fast3dis_core.session_files"]
)
def test_light_modules_stay_light(module):
    code = f"import sys, {module}; assert not {{'torch', 'cv2', 'PIL', 'PySide6', 'vtkmodules'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_catch_all_rooms():
    for path in [*files("fast3dis_core"), *files("app")]:
        assert not {"utils", "helpers", "common", "manager", "misc"} & {
            part.removesuffix(".py") for part in path.relative_to(ROOT).parts
        }


def test_modules_stay_readable():
    for path in [*files("fast3dis_core"), *files("app")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) < 400, f"{path.relative_to(ROOT)} has {len(lines)} lines"
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
                assert node.end_lineno - start < 60, f"{path.relative_to(ROOT)}:{node.name} is too long"
