"""Every golden file under `--golden-dir` becomes a test."""

import pytest

from tests.conftest import golden_folder
from tests.core.model.depth_anything3.recipe import read_case

PATTERNS = {
    "network_case": "net_*.npz",
    "nested_case": "net_*.npz",
    "function_case": "func_*.npz",
    "api_case": "api_*.npz",
    "key_list": "keys_*.json",
}
PIXELS_OF_A_QUICK_TEST = 200_000
SLOW_PRESETS = ("large", "giant", "nested")


def pytest_generate_tests(metafunc):
    folder = golden_folder(metafunc.config, "da3")
    for name, pattern in PATTERNS.items():
        if name in metafunc.fixturenames:
            paths = sorted(folder.glob(pattern), key=_model_first)
            if name == "nested_case":
                paths = [path for path in paths if "any_depth" in read_case(path)[0]]
            metafunc.parametrize(name, [pytest.param(p, id=p.stem, marks=_marks(p)) for p in paths])


def _model_first(path):
    """Order by configuration, so that the cached model serves all its cases."""
    meta = read_case(path)[1] if path.suffix == ".npz" else {}
    return meta.get("config", ""), path.name


def _marks(path):
    meta = read_case(path)[1] if path.suffix == ".npz" else {}
    pixels = meta.get("B", 1) * meta.get("S", 1) * meta.get("H", 0) * meta.get("W", 0)
    wide = any(name in meta.get("config", "") for name in SLOW_PRESETS) and "config_values" not in meta
    return [pytest.mark.slow] if wide or pixels > PIXELS_OF_A_QUICK_TEST else []
