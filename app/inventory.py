"""What this machine has to run with: weight files and devices; and the downloads the user asks for.

A download has a thread of its own, so that runs go on beside it; the network is used by nothing else in the program.
Files and hub belong to the core (`official_weights`), dialogs to presenters and widgets.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal

from app.worker import Worker
from fast3dis_core.errors import Cancelled
from fast3dis_core.transfers import Transfer, Watch

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

LINE = "inventory"
STOPPING = "Stopping"  # step of a download


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One weight file that is published or comes with the program.

    Attributes
    ----------
    name : str
        Such as "DA3-BASE"; identity.
    size : str
        Row of `MODEL_SIZES`.
    license, terms : str
        Name of the license, and what it asks, in a sentence.
    non_commercial : bool
    bytes : int
        About, for one that would be downloaded.
    page : str
        Where it comes from.
    runs : bool
        Whether FAST3DIS can run on it; the monocular networks have no cameras.
    path : Path, optional
        Where it is on this machine; None if it is not.
    arrived : int
        Bytes that an unfinished download left; the next one goes on from there.
    """

    name: str
    size: str
    license: str
    terms: str = ""
    non_commercial: bool = False
    bytes: int = 0
    page: str = ""
    runs: bool = True
    path: Path | None = None
    arrived: int = 0


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """What was found.

    Attributes
    ----------
    files : tuple of WeightFile
    devices : tuple of str
        Names for `RunSettings.device`, without "auto".
    heads : frozenset of str
        Sizes for which FAST3DIS heads are there: masks can be predicted.
    """

    files: tuple[WeightFile, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    heads: frozenset[str] = frozenset({"nano"})

    @property
    def sizes(self) -> tuple[str, ...]:
        """Sizes whose weights are there."""
        return tuple(dict.fromkeys(file.size for file in self.files if file.path is not None and file.runs))


@dataclass(frozen=True, kw_only=True)
class Download:
    """One that runs.

    Attributes
    ----------
    name : str
        Of its `WeightFile`.
    step : str
        Empty while the hub is asked; `STOPPING` after a cancel, until its thread has noticed.
    fraction : float
        Of the step, in [0, 1].
    transfer : Transfer
        What has arrived.
    """

    name: str
    step: str = ""
    fraction: float = 0.0
    transfer: Transfer = field(default_factory=Transfer)


class InventorySteps(Protocol):
    """What the core does for this."""

    def look_around(self) -> Belongings:
        """Weights and devices of this machine; the network is not asked."""

    def examine(self, path: Path, size: str, heads: bool) -> str:
        """Size that a file of the user's runs with; `CheckpointError` for a file that is of no use."""

    def download(self, name: str, accept_license: bool, report: "Report", watch: Watch) -> Path:
        """Fetch a published file and verify it; the only door to the network."""

    def arrived(self, name: str) -> int:
        """Bytes that an unfinished download of a file left."""


class Inventory:
    """What there is, and what arrives. All methods belong to the event loop's thread.

    Parameters
    ----------
    worker : Worker
        Of the runs: looking around imports what it uses.
    steps : InventorySteps
    failed : callable
        Told every error.

    Notes
    -----
    `changed` says that `belongings`, `download` or `examined` did; `arrived` carries the file that a download brought,
    `stopped` the one whose download was cancelled, once its thread is free.
    """

    changed = Signal()
    arrived = Signal(WeightFile)
    stopped = Signal(WeightFile)

    def __init__(self, worker: Worker, steps: InventorySteps, failed: Callable[[Exception], None]) -> None:
        self._worker, self._steps, self._failed = worker, steps, failed
        self._downloads = Worker(name="downloads")
        self._task: asyncio.Task[None] | None = None
        self.belongings = Belongings()
        self.download: Download | None = None
        self.examined: Path | None = None  # a file of the user's that is being looked at: no run should begin meanwhile

    async def look_around(self) -> None:
        """Find out what there is."""
        try:
            self.belongings = await self._worker.run(lambda report: self._steps.look_around(), line=LINE)
        except Cancelled:
            return
        self.changed.emit()

    async def examine(self, path: Path, size: str, *, heads: bool) -> str:
        """Size that a file of the user's runs with: the given one if it fits.

        Raises
        ------
        CheckpointError
            If the file is damaged, something else, or made for no size that can be run.
        """
        self.examined = path
        self.changed.emit()
        try:
            return await self._worker.run(lambda report: self._steps.examine(path, size, heads), line="examine")
        finally:
            if self.examined is path:  # no newer one was chosen
                self.examined = None
                self.changed.emit()

    def find(self, name: str) -> WeightFile:
        """File of a name."""
        return next(file for file in self.belongings.files if file.name == name)

    def start_download(self, name: str, *, accept_license: bool) -> None:
        """Fetch a file, unless another one is on its way."""
        if self.download is None:
            self._show(Download(name=name))
            self._task = asyncio.get_running_loop().create_task(self._fetch(name, accept_license))

    def cancel_download(self) -> None:
        """Stop it; what has arrived is kept and used the next time."""
        if self.download is not None:
            self._show(replace(self.download, step=STOPPING))
        self._downloads.cancel()

    async def close(self) -> None:
        """Stop everything and wait for it."""
        await self._downloads.close()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _fetch(self, name: str, accept_license: bool) -> None:
        loop = asyncio.get_running_loop()

        def follow(step: str, fraction: float) -> None:
            if self.download is not None:
                self._show(replace(self.download, step=step, fraction=fraction))

        def watch(transfer: Transfer) -> None:  # on the thread of the download
            loop.call_soon_threadsafe(self._on_transfer, transfer)

        try:
            path = await self._downloads.run(
                lambda report: self._steps.download(name, accept_license, report, watch), on_progress=follow
            )
        except Cancelled:
            if await self._ended(name):
                self.stopped.emit(self.find(name))
        except Exception as error:  # noqa: BLE001 - every error ends at the user
            await self._ended(name)
            self._failed(error)
        else:
            self._change(name, path=path, arrived=0)
            self._show(None)
            self.arrived.emit(self.find(name))

    async def _ended(self, name: str) -> bool:
        """What is left of it, once its thread is free; False if the program ends."""
        try:
            left = await self._downloads.run(lambda report: self._steps.arrived(name))
        except Cancelled:
            return False
        self._change(name, arrived=left)
        self._show(None)
        return True

    def _change(self, name: str, **changes: object) -> None:
        changed = replace(self.find(name), **changes)  # type: ignore[arg-type]
        files = tuple(changed if file.name == name else file for file in self.belongings.files)
        self.belongings = replace(self.belongings, files=files)

    def _on_transfer(self, transfer: Transfer) -> None:
        if self.download is not None and self.download.step != STOPPING:
            self._show(replace(self.download, transfer=transfer))

    def _show(self, download: Download | None) -> None:
        if download != self.download:
            self.download = download
            self.changed.emit()
