"""The worker: one thread, newest wins in each line, a flag that stops, an end that waits."""

import asyncio
import threading

import pytest

from app.worker import Worker
from fast3dis_core.errors import Cancelled, GeometryError


def drive(story):
    """Run `story(worker)` and close the worker, whatever happened."""

    async def play():
        worker = Worker()
        try:
            return await asyncio.wait_for(story(worker), 10)
        finally:
            await worker.close()

    return asyncio.run(play())


def held(gate, value=None):
    """A job that reports until the gate opens."""

    def job(report):
        while not gate.wait(0.002):
            report("Holding", 0.5)
        return value

    return job


async def started(worker):
    while not worker.busy:
        await asyncio.sleep(0)


def test_jobs_run_on_one_other_thread():
    async def story(worker):
        return [await worker.run(lambda report: threading.get_ident()) for _ in range(3)]

    threads = drive(story)
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_progress_arrives_on_the_loops_thread_in_order():
    heard = []

    def job(report):
        report("One", 0.0)
        report("One", 1.0)
        report("Two", 0.0)

    async def story(worker):
        await worker.run(job, on_progress=lambda step, fraction: heard.append((step, fraction, threading.get_ident())))

    drive(story)
    assert [entry[:2] for entry in heard] == [("One", 0.0), ("One", 1.0), ("Two", 0.0)]
    assert {entry[2] for entry in heard} == {threading.get_ident()}


def test_frequent_progress_is_thinned_but_steps_are_not():
    heard = []

    def job(report):
        for number in range(5000):
            report(f"Step {number // 2500}", number / 5000)

    async def story(worker):
        await worker.run(job, on_progress=lambda step, fraction: heard.append(step))

    drive(story)
    assert set(heard) == {"Step 0", "Step 1"}
    assert len(heard) < 500


def test_errors_come_back_to_the_caller():
    def job(report):
        raise GeometryError("no depth")

    async def story(worker):
        with pytest.raises(GeometryError, match="no depth"):
            await worker.run(job)
        return await worker.run(lambda report: "next")

    assert drive(story) == "next"


def test_cancel_frees_the_caller_at_once_and_the_thread_at_its_next_report():
    stopped = threading.Event()
    reached = threading.Event()

    def job(report):
        reached.set()
        try:
            held(threading.Event())(report)
        except Cancelled:
            stopped.set()
            raise

    async def story(worker):
        task = asyncio.create_task(worker.run(job))
        while not reached.is_set():
            await asyncio.sleep(0.001)
        worker.cancel()
        with pytest.raises(Cancelled):
            await asyncio.wait_for(task, 0.5)
        return await worker.run(lambda report: stopped.is_set())

    assert drive(story), "the next job must not start before the cancelled one has stopped"


def test_a_cancelled_job_that_never_reports_does_not_hold_its_caller():
    gate = threading.Event()

    async def story(worker):
        task = asyncio.create_task(worker.run(lambda report: gate.wait(5)))
        await started(worker)
        worker.cancel()
        with pytest.raises(Cancelled):
            await asyncio.wait_for(task, 0.5)
        assert worker.busy
        gate.set()

    drive(story)


def test_of_the_waiting_jobs_the_newest_wins():
    gate = threading.Event()
    ran = []

    async def story(worker):
        first = asyncio.create_task(worker.run(held(gate, "first")))
        await started(worker)
        waiting = []
        for number in range(4):
            waiting.append(asyncio.create_task(worker.run(lambda report, number=number: ran.append(number))))
            await asyncio.sleep(0)
        gate.set()
        results = await asyncio.gather(first, *waiting, return_exceptions=True)
        assert results[0] == "first"
        assert [type(result) for result in results[1:4]] == [Cancelled] * 3
        assert results[4] is None

    drive(story)
    assert ran == [3]


def test_lines_do_not_push_each_other_out():
    gate = threading.Event()

    async def story(worker):
        first = asyncio.create_task(worker.run(held(gate, "compute"), line="compute"))
        await started(worker)
        others = [asyncio.create_task(worker.run(lambda report, n=n: n, line=n)) for n in ("write", "compute", "look")]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(first, *others)

    assert drive(story) == ["compute", "write", "compute", "look"]


def test_cancelling_one_line_leaves_the_others():
    gate = threading.Event()

    async def story(worker):
        running = asyncio.create_task(worker.run(held(gate, "written"), line="write"))
        await started(worker)
        waiting = asyncio.create_task(worker.run(lambda report: "never", line="compute"))
        await asyncio.sleep(0)
        worker.cancel("compute")
        with pytest.raises(Cancelled):
            await waiting
        gate.set()
        return await running

    assert drive(story) == "written"


def test_a_caller_that_was_cancelled_stops_its_job_and_does_not_block_the_next():
    async def story(worker):
        task = asyncio.create_task(worker.run(held(threading.Event())))
        await started(worker)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await worker.run(lambda report: "next")

    assert drive(story) == "next"


def test_a_waiting_caller_that_was_cancelled_is_skipped():
    gate = threading.Event()
    ran = []

    async def story(worker):
        first = asyncio.create_task(worker.run(held(gate)))
        await started(worker)
        waiting = asyncio.create_task(worker.run(lambda report: ran.append("waiting")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        await first
        await worker.run(lambda report: ran.append("last"))

    drive(story)
    assert ran == ["last"]


def test_close_cancels_waits_and_refuses_later_jobs():
    stopped = threading.Event()

    def job(report):
        try:
            held(threading.Event())(report)
        finally:
            stopped.set()

    async def story():
        worker = Worker()
        task = asyncio.create_task(worker.run(job))
        await started(worker)
        await worker.close()
        assert stopped.is_set()
        with pytest.raises(Cancelled):
            await task
        with pytest.raises(Cancelled, match="closing"):
            await worker.run(lambda report: None)

    asyncio.run(story())
