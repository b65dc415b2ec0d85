"""Figures of a benchmark run, printed once at its end."""

import time

import pytest

FIGURES = pytest.StashKey[list]()


def pytest_configure(config):
    config.stash[FIGURES] = []


@pytest.fixture
def figure(request):
    """Note one figure: `figure("decode, 8 views", 0.021, "s")`."""
    return lambda name, value, unit: request.config.stash[FIGURES].append(f"{name}: {value:.4g} {unit}")


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[FIGURES]:
        terminalreporter.section("figures")
        for line in config.stash[FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture
def fastest():
    """Shortest time of each of several jobs, run in turn so that a busy moment hits all of them alike."""

    def measure(*jobs, repeats=7):
        best = [float("inf")] * len(jobs)
        for job in jobs:
            job()
        for _ in range(repeats):
            for index, job in enumerate(jobs):
                start = time.perf_counter()
                job()
                best[index] = min(best[index], time.perf_counter() - start)
        return best

    return measure
