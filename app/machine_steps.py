"""What this machine can do, told by the core: weights, devices, and what a run would cost. Mixed into `CoreSteps`.

Every call is made on a worker's thread and imports what it needs; nothing here decides or shows anything.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.inventory import Belongings, WeightFile
from app.session.plan import Estimate, Plan
from fast3dis_core.config import MODEL_SIZES, ModelConfig

if TYPE_CHECKING:
    from fast3dis_core.progress import Report
    from fast3dis_core.transfers import Watch

BUNDLED = "nano"  # comes with the program
# bytes that this program holds before any run, beyond the process `inference.memory` was fitted to: Qt, VTK and
# graphics in software (727 MB against 334 MB, window of 1440 x 900)
WINDOW = 390_000_000


class MachineSteps:
    """Implements `app.inventory.InventorySteps` and `app.estimating.EstimateStep`."""

    def look_around(self) -> Belongings:
        """Weights by size, where they are, and the devices."""
        from fast3dis_core.downloads import arrived_bytes
        from fast3dis_core.inference.machine import devices_there
        from fast3dis_core.official_weights import (
            LICENSE_TERMS,
            OFFICIAL_WEIGHTS,
            bundled_file,
            cached_file,
            find_weights,
        )

        files = [WeightFile(name=BUNDLED, size=BUNDLED, license="Apache-2.0", path=bundled_file(BUNDLED))]
        for weights in OFFICIAL_WEIGHTS:
            path = cached_file(weights)
            if weights.deprecated and path is None:
                continue  # nobody should begin with these
            if path is None and not weights.deprecated:
                path = find_weights(weights.size)  # of FAST3DIS_WEIGHTS
            files.append(
                WeightFile(
                    name=weights.name,
                    size=weights.size,
                    license=weights.license,
                    terms=LICENSE_TERMS[weights.license],
                    non_commercial=weights.non_commercial,
                    bytes=weights.approximate_bytes,
                    page=weights.page,
                    runs=MODEL_SIZES[weights.size].backbone.cameras,
                    path=path,
                    arrived=0 if path is not None else arrived_bytes(weights),
                )
            )
        return Belongings(files=tuple(files), devices=devices_there(), heads=_with_heads(files))

    def examine(self, path: Path, size: str, heads: bool) -> str:
        """Size that a file of the user's runs with."""
        from fast3dis_core.checkpoints import identify
        from fast3dis_core.weight_files import usable_size

        return usable_size(path, identify(path), size, heads=heads)

    def download(self, name: str, accept_license: bool, report: "Report", watch: "Watch") -> Path:
        """Fetch and verify one published file."""
        from fast3dis_core.downloads import download
        from fast3dis_core.official_weights import official_weights

        return download(official_weights(name), accept_license=accept_license, report=report, watch=watch).path

    def arrived(self, name: str) -> int:
        """Bytes of a published file that an unfinished download left."""
        from fast3dis_core.downloads import arrived_bytes
        from fast3dis_core.official_weights import official_weights

        return arrived_bytes(official_weights(name))

    def estimate(self, plan: Plan, report: "Report") -> Estimate:
        """Seconds and bytes of a run, and what the common size cuts off."""
        from fast3dis_core.inference.machine import memory_there
        from fast3dis_core.inference.memory import estimate_memory
        from fast3dis_core.inference.run_time import estimate_seconds
        from fast3dis_core.inference.steps import choose_device, choose_precision
        from fast3dis_core.preprocessing import common_crop, plan_resize

        settings, photos = plan.settings, plan.chosen
        device = choose_device(settings.device)
        choose_precision(settings.precision, device)
        sizes = [plan_resize(*photo.size, long_edge=settings.long_edge).size for photo in photos]
        crop = common_crop(sizes)
        height, width = crop.size
        lost = [crop.lost(view) for view in range(len(photos))]
        worst = max(range(len(photos)), key=lost.__getitem__)
        config = ModelConfig.for_size(settings.size)
        views, given = len(photos), settings.geometry == "given"
        memory = estimate_memory(config, views=views, height=height, width=width, chunk_views=settings.chunk_views)
        own = WINDOW if device.type == "cpu" else 0
        seconds = estimate_seconds(config, views=views, height=height, width=width, device=device, given_geometry=given)
        return Estimate(
            seconds=seconds,
            memory_low=memory.low + own,
            memory_high=memory.high + own,
            memory_there=memory_there(device),
            network_size=crop.size,
            cropped=sum(share > 0 for share in lost),
            worst_crop=(photos[worst].name, lost[worst]),
            device=device.type.upper(),
        )


def _with_heads(files: Sequence[WeightFile]) -> frozenset[str]:
    """Sizes whose file is a complete FAST3DIS checkpoint, masks included."""
    from fast3dis_core.errors import CheckpointError
    from fast3dis_core.weight_files import identify_file

    sizes: set[str] = set()
    for file in files:
        if file.path is not None and file.path.suffix == ".safetensors":
            try:
                if identify_file(file.path).kind == "fast3dis":
                    sizes.add(file.size)
            except CheckpointError:
                continue  # told when it is loaded
    return frozenset(sizes)
