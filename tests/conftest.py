"""Fixtures for every test: seeds, the census of threads, and where golden vectors lie."""

import random
import threading
from pathlib import Path

import numpy as np
import pytest

from tests import displays

GOLDEN = Path(__file__).parent / "golden"


def pytest_configure(config):
    displays.start(config)


def pytest_addoption(parser):
    displays.add_option(parser)
    parser.addoption(
        "--golden-dir",
        type=Path,
        default=GOLDEN,
        help="folder with da3/ and align/ golden vectors; every case found in it is run",
    )


def golden_folder(config, topic):
    """Golden vectors of a topic: DIR/topic, or DIR itself if it holds them directly."""
    folder = config.getoption("--golden-dir")
    return folder / topic if (folder / topic).is_dir() else folder


@pytest.fixture(scope="session")
def golden_file(request):
    """Paths of the golden files of a topic under `--golden-dir`; the test is skipped where that folder lacks it."""

    def find(topic, pattern):
        found = sorted(golden_folder(request.config, topic).glob(pattern))
        if not found:
            pytest.skip(f"no {topic}/{pattern} in the golden folder")
        return found

    return find


@pytest.fixture(scope="session")
def shipped_golden():
    """The golden vectors of this repository, whatever `--golden-dir` says."""
    return GOLDEN


@pytest.fixture(autouse=True)
def seeded():
    random.seed(0)
    np.random.seed(0)
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_surviving_threads():
    """A test that leaves a thread behind fails here, not three tests later."""
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and t.is_alive() and not t.daemon]
    for thread in left:
        thread.join(timeout=2)
    left = [thread.name for thread in left if thread.is_alive()]
    assert not left, f"threads left running: {left}"
