import pytest

from fast3dis_core.evaluation.rooms import EvaluationRooms
from tests.core.evaluation.rooms import SEEDS, SIZE, VIEWS


@pytest.fixture(scope="session")
def room_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("rooms")


@pytest.fixture(scope="session")
def rooms(room_cache):
    found = EvaluationRooms(room_cache, views=VIEWS, size=SIZE)
    found.prepare(SEEDS)
    return found


@pytest.fixture(scope="session")
def sample(rooms):
    return rooms.sample(SEEDS[0])
