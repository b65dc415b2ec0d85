import pytest

from fast3dis_core.config import MODEL_SIZES
from tests.core.training import tiny


@pytest.fixture
def tiny_size(monkeypatch):
    monkeypatch.setitem(MODEL_SIZES, tiny.SIZE, tiny.ROW)


@pytest.fixture(scope="session")
def room_cache(tmp_path_factory):
    """One folder of rendered rooms for all tests: rendering takes longer than training."""
    return tmp_path_factory.mktemp("rooms")
