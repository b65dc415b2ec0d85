"""The estimate of a run in the window: that of the core, and what the window itself holds."""

from pathlib import Path

from app.core_steps import CoreSteps
from app.machine_steps import WINDOW
from app.session.plan import Plan, RunSettings
from fast3dis_core.config import ModelConfig
from fast3dis_core.inference.memory import estimate_memory
from fast3dis_core.progress import silent
from tests.app.standins import stand_in_photo


def test_the_estimate_counts_the_window_itself():
    photos = tuple(stand_in_photo(Path(f"/photos/{number}.jpg")) for number in range(3))
    settings = RunSettings(resolution=112, device="cpu")
    told = CoreSteps().estimate(Plan(sources=(Path("/photos"),), photos=photos, settings=settings), silent)
    alone = estimate_memory(
        ModelConfig.for_size("nano"), views=3, height=84, width=112, chunk_views=settings.chunk_views
    )
    assert told.network_size == (84, 112)
    assert (told.memory_low, told.memory_high) == (alone.low + WINDOW, alone.high + WINDOW)
    assert told.memory_there > told.memory_high
