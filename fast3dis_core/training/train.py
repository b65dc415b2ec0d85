"""The loop of both stages: batches in, steps of the optimizer, logs, validation, states (paper 3.6).

A run is a `RunDirectory`; `train` continues it from its newest state, which is nothing for a new one. What a step
sees depends on its number alone (`batches`), so a run that was stopped and resumed is the same run, bit for bit on
one machine. What a stage computes is left to `stage_geometry` and `stage_instances`.
"""

import dataclasses
import logging
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fast3dis_core.config import TrainingConfig
from fast3dis_core.datasets.windows import change_colors
from fast3dis_core.errors import Cancelled, ConfigError, TrainingError
from fast3dis_core.inference.steps import choose_device, choose_precision, memory_errors
from fast3dis_core.pictures import write_sheet
from fast3dis_core.progress import Report, silent
from fast3dis_core.scene import to_device
from fast3dis_core.training.batches import Batch, StepPlan, TrainingScenes, batches_from, check_shares, plan_step
from fast3dis_core.training.beginning import build_stage, environment, provenance
from fast3dis_core.training.distributed import Ranks, joined
from fast3dis_core.training.interruption import Interruption, Reason
from fast3dis_core.training.optimization import (
    adamw,
    clip_gradients,
    optimizer_tensors,
    restore_optimizer,
    room_norms,
    set_learning_rate,
)
from fast3dis_core.training.run_directory import Counters, CsvLog, RunDirectory, State
from fast3dis_core.training.scenes import training_scenes
from fast3dis_core.training.schedules import learning_rate
from fast3dis_core.training.stage import TOTAL

EXPORTS = {"geometry": "geometry.safetensors", "instances": "model.safetensors"}
URGENCY: tuple[Reason | None, ...] = (None, "time", "stopped")  # reasons to end early, the strongest last
PICTURED = 4  # validation scenes in a picture
_STATE, _OPTIMIZER = "stage.", "optimizer."  # prefixes of tensors in a state

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a start of a run ended.

    Attributes
    ----------
    counters : Counters
    reason : {"finished", "until", "time", "stopped"}
        All steps done; those asked of this start; its minutes over; a signal.
    figures : mapping of str to float
        Means of the latest validation of this start; empty for none.
    export : Path
        The weights, ready for use.
    leads : bool
        Whether this process wrote the files.
    """

    counters: Counters
    reason: Reason
    figures: Mapping[str, float]
    export: Path
    leads: bool = True


def train(
    run: RunDirectory,
    *,
    cache: Path | str,
    device: str = "auto",
    minutes: float | None = None,
    until_step: int | None = None,
    workers: int = 0,
    render_ahead: bool = True,
    report: Report = silent,
) -> Outcome:
    """Continue a run until it is finished, its minutes are over, or a signal arrives.

    Parameters
    ----------
    run : RunDirectory
        Begun before.
    cache : Path or str
        Folder of rendered rooms, shared by all runs.
    device : str
        As for `choose_device`; under torchrun "cuda" is the device of the process.
    minutes : float, optional
        Wall-clock budget of this start, rendering included.
    until_step : int, optional
        Stop there, as a signal would, though the schedules run to the end of the config.
    workers : int
        Processes that read batches ahead, per training process; they also draw rooms.
    render_ahead : bool
        Render all rooms of the run before the first step; otherwise each when it is first read.
    report : Report

    Raises
    ------
    ConfigError, CheckpointError, DatasetError, ExportError, DeviceMemoryError
        As their names say.
    TrainingError
        If a loss or gradient is not finite; the newest state is older than that step.
    """
    target = choose_device(device)
    with Interruption(minutes) as interruption, joined(target) as ranks, memory_errors():
        config = run.config()  # only now: the process that leads may just have written it
        if target.type == "cuda":
            if str(target) == "cuda":
                target = torch.device("cuda", ranks.local % torch.cuda.device_count())
            torch.cuda.set_device(target)
            torch.set_float32_matmul_precision("high")  # TF32: three digits are enough for gradients
        trainer = Trainer(run, config, training_scenes(config, cache), ranks=ranks, device=target)
        if render_ahead:
            trainer.render_ahead(workers, interruption, report)
        end = config.steps if until_step is None else min(until_step, config.steps)
        return trainer.run(end, interruption, workers=workers, report=report)


class Trainer:
    """One start of a run; see `train`.

    Parameters
    ----------
    run : RunDirectory
    config : TrainingConfig
    scenes : TrainingScenes
    ranks : Ranks
    device : torch.device
    """

    def __init__(
        self, run: RunDirectory, config: TrainingConfig, scenes: TrainingScenes, *, ranks: Ranks, device: torch.device
    ) -> None:
        check_shares(config, ranks.world)
        precision = choose_precision(config.precision, device)
        self.directory, self.config, self.scenes = run, config, scenes
        self.ranks, self.device = ranks, device
        if ranks.leads and scenes.listing:
            run.note_scenes(scenes.listing)
        self.weights = run.weights()
        self.stage = build_stage(config, self.weights, device=device, precision=precision)
        self.optimizer = adamw(self.stage.trained, config)
        self.counters = Counters()  # put back by `_restore`
        self.figures: dict[str, float] = {}
        self._restore()
        self._resumed_from = self.counters.step
        self._logs: dict[Path, CsvLog] = {}
        if ranks.leads:
            run.sweep()
            run.add_environment(environment(device, precision, ranks.world, scenes.version))
        ranks.wait()

    def render_ahead(self, workers: int, interruption: Interruption, report: Report) -> None:
        """Do what can be done before the first step, as rendering rooms; ends early if the run has to."""

        def check(step: str, fraction: float) -> None:
            report(step, fraction)
            if interruption.reason:
                raise Cancelled

        if self.ranks.local == 0:  # machines may have disks of their own
            try:
                self.scenes.prepare(self.counters.step, device=self.device, workers=workers, report=check)
            except Cancelled:
                if not interruption.reason:
                    raise
        self.ranks.wait()

    def run(self, end: int, interruption: Interruption, *, workers: int, report: Report) -> Outcome:
        """Steps until `end` or an interruption; a state and the weights are written last."""
        config, first = self.config, self.counters.step
        loader = batches_from(
            config,
            self.scenes,
            first_step=first,
            rank=self.ranks.rank,
            world=self.ranks.world,
            workers=workers,
            pin=self.device.type == "cuda",
        )
        batches = iter(loader)
        reason: Reason = "finished" if end == config.steps else "until"
        saved = first
        while self.counters.step < end:
            wish = self.ranks.most_urgent(URGENCY.index(interruption.reason))
            if wish:
                reason = URGENCY[wish] or reason
                break
            report("Training", self.counters.step / config.steps)
            started = time.monotonic()
            step = self.counters.step
            plan = plan_step(config, step)
            mine = range(self.ranks.rank, len(plan.passes), self.ranks.world)
            row = self._step(step, plan, [next(batches) for _ in mine])
            self.counters = Counters(
                step=step + 1,
                scenes_seen=self.counters.scenes_seen + config.scenes_per_step,
                seconds=self.counters.seconds + time.monotonic() - started,
            )
            self._keep_books(row)
            if self.counters.step % config.save_every == 0:
                self._save()
                saved = self.counters.step
        if self.counters.step > saved:
            self._save()
        export = self.directory.folder / EXPORTS[config.stage]
        if self.ranks.leads:
            version = self.scenes.version
            said = provenance(config, self.weights, self.counters, self.figures, data_version=version)
            self.stage.export(export, said)
        self.ranks.wait()
        return Outcome(
            counters=self.counters, reason=reason, figures=self.figures, export=export, leads=self.ranks.leads
        )

    def _step(self, step: int, plan: StepPlan, batches: list[Batch]) -> dict[str, float] | None:
        """One step of the optimizer; a row of figures where the log wants one."""
        config, stage = self.config, self.stage
        rate = learning_rate(
            step,
            total_steps=config.steps,
            peak=config.learning_rate,
            final=config.final_learning_rate,
            warm_up_share=config.warm_up_share,
        )
        set_learning_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        terms: dict[str, Tensor] = {}
        for batch in batches:
            sample = to_device(batch.sample, self.device)
            if config.augment:
                sample = change_colors(sample, batch.color_seeds)
            generator = torch.Generator(self.device).manual_seed(batch.loss_seed)
            try:
                loss = stage.loss(sample, plan, progress=step / config.steps, generator=generator)
            except TrainingError as error:
                raise TrainingError(f"Step {step}: {error}") from error
            (loss.total / len(plan.passes)).backward()
            for name, value in loss.terms.items():
                terms[name] = terms.get(name, torch.zeros_like(value)) + value / len(plan.passes)
        terms = self.ranks.sum_gradients(stage.trained, terms)
        logged = (step + 1) % config.log_every == 0 or step + 1 == config.steps  # the last in any case
        by_room = room_norms(stage.trained) if logged else {}
        norm = clip_gradients(stage.trained, terms, limit=config.gradient_clip, step=step)
        self.optimizer.step()
        if not logged:
            return None
        told = torch.stack(list(terms.values())).tolist()
        return {
            "learning_rate": rate,
            "views": plan.views,
            "height": plan.size[0],
            **dict(zip(terms, told, strict=True)),
            "gradient_norm": norm,  # geometry has a loss term called gradient
            **{f"gradient_norm.{room}": value for room, value in by_room.items()},
            **stage.watch(),
        }

    def _keep_books(self, row: Mapping[str, float] | None) -> None:
        """Log, validate and draw, where the number of steps done says so."""
        config, counters = self.config, self.counters
        if row is not None and self.ranks.leads:
            head = {"step": counters.step, "seconds": counters.seconds, "scenes": counters.scenes_seen}
            self._add(self.directory.log, {**head, **row})
            logger.info("step %d: loss %.4f, %.1f s", counters.step, row[TOTAL], counters.seconds)
        pictured = counters.step % config.picture_every == 0 or counters.step == config.steps
        if pictured or counters.step % config.validate_every == 0:
            self._validate(pictured=pictured)

    def _validate(self, *, pictured: bool) -> None:
        """Score the validation scenes on the process that leads, at the resolution of the step."""
        if self.ranks.leads:
            config, step = self.config, self.counters.step
            size = plan_step(config, step - 1).size
            scores = []
            for index in range(config.validation_rooms):
                sample = self.scenes.validation(index, size=size)
                scores.append(self.stage.validate(to_device(sample, self.device)))
            self.figures = {
                name: _pooled(name, [score.figures[name] for score in scores]) for name in scores[0].figures
            }
            head = {"step": step, "height": size[0], "rooms": len(scores)}
            self._add(self.directory.validation, {**head, **self.figures})
            if pictured:
                write_sheet(self.directory.picture(step), [score.picture for score in scores[:PICTURED]])
        self.ranks.wait()

    def _add(self, path: Path, row: Mapping[str, float]) -> None:
        if path not in self._logs:
            self._logs[path] = CsvLog(path, tuple(row), after=self._resumed_from)
        self._logs[path].add(row)

    def _save(self) -> None:
        if self.ranks.leads:
            tensors = {f"{_STATE}{name}": value for name, value in self.stage.state().items()}
            moments = optimizer_tensors(self.optimizer, self.stage.trained)
            tensors.update({f"{_OPTIMIZER}{name}": value for name, value in moments.items()})
            self.directory.save(State(tensors=tensors, counters=self.counters))
        self.ranks.wait()

    def _restore(self) -> None:
        state = self.directory.load()
        if state is None:
            return
        parts: dict[str, dict[str, Tensor]] = {_STATE: {}, _OPTIMIZER: {}}
        for name, value in state.tensors.items():
            prefix = next(prefix for prefix in parts if name.startswith(prefix))
            parts[prefix][name.removeprefix(prefix)] = value
        self.stage.load_state(parts[_STATE])
        restore_optimizer(self.optimizer, self.stage.trained, parts[_OPTIMIZER])
        self.counters = state.counters


def longer(run: RunDirectory, steps: int) -> TrainingConfig:
    """Give a run another number of steps; its schedules then run to that end.

    Raises
    ------
    ConfigError
        If more steps are done already.
    """
    state = run.load()
    done = 0 if state is None else state.counters.step
    if steps < done:
        raise ConfigError(f"{run.folder} has {done} steps behind it: choose --steps {done} or more, found {steps}.")
    config = dataclasses.replace(run.config(), steps=steps)
    run.change_config(config)
    return config


def _pooled(name: str, values: list[float]) -> float:
    """Mean of the values that are numbers, NaN for none; the median of angles, since a lost scene is off by any."""
    known = [value for value in values if value == value]
    if not known:
        return float("nan")
    return statistics.median(known) if name.endswith("_degrees") else statistics.fmean(known)
