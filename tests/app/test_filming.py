"""Films and pictures as files: read back frame by frame, stopped, and refused by the disk."""

import asyncio
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from app.filming import Filming
from app.jobs import Jobs
from app.session.picture_wish import FilmWish
from app.session.session import Session
from app.worker import Worker
from fast3dis_core.errors import Cancelled, ExportError

SMALL = FilmWish(seconds=2, rate=10, height=32)


def drawn(share):
    """A picture whose brightness is the share of the turn."""
    return np.full((32, 48, 3), round(200 * share) + 20, np.uint8)


def filmed(path, wish=SMALL, draw=drawn, *, overwrite=False, meanwhile=None, warn=lambda seconds: None):
    """Film within a program of nothing but a session and its worker; the session."""

    async def whole():
        session, worker = Session(), Worker()
        jobs = Jobs(session, worker)
        filming = Filming(jobs)
        try:
            film = asyncio.ensure_future(filming.film(path, wish, draw, overwrite=overwrite, warn=warn))
            if meanwhile is not None:
                await meanwhile(session, jobs)
            await film
        finally:
            await jobs.close()
        return session

    return asyncio.run(whole())


def test_a_gif_has_every_frame_in_its_time_and_goes_on_for_ever(tmp_path):
    path = tmp_path / "turn.gif"
    filmed(path)
    with Image.open(path) as film:
        assert (film.size, film.n_frames, film.info["loop"]) == ((48, 32), SMALL.frames, 0)
        total = 0
        for number in range(film.n_frames):
            film.seek(number)
            total += film.info["duration"]
            assert abs(int(np.array(film.convert("RGB"))[5, 5, 0]) - int(drawn(number / SMALL.frames)[0, 0, 0])) <= 4
        assert total == 1000 * SMALL.seconds


def test_an_mp4_has_every_frame(tmp_path):
    path = tmp_path / "turn.mp4"
    filmed(path, FilmWish(format="mp4", seconds=2, rate=10, height=32))
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FPS) == 10
    for number in range(20):
        found, frame = film.read()
        assert found
        assert abs(int(frame[5, 5, 2]) - int(drawn(number / 20)[0, 0, 0])) <= 6
    assert not film.read()[0]
    film.release()


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_a_stopped_film_leaves_nothing_behind(tmp_path, suffix):
    path = tmp_path / f"turn.{suffix}"
    frames = []

    def slow(share):
        frames.append(share)
        time.sleep(0.01)
        return drawn(share)

    async def stop(session, jobs):
        while len(frames) < 5:
            await asyncio.sleep(0.005)
        assert session.activity.job == f"Filming {path.name}", "the user can see and stop it"
        jobs.cancel()

    with pytest.raises(Cancelled):
        filmed(path, FilmWish(format=suffix, seconds=60, rate=10), slow, meanwhile=stop)
    assert len(frames) < 20, "nobody draws what nobody writes"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_a_frame_that_cannot_be_drawn_ends_the_film(tmp_path, suffix):
    def broken(share):
        if share > 0.4:
            raise ZeroDivisionError("no graphics")
        return drawn(share)

    with pytest.raises(ZeroDivisionError, match="no graphics"):
        filmed(tmp_path / f"turn.{suffix}", FilmWish(format=suffix, seconds=2, rate=10), broken)
    assert not list(tmp_path.iterdir())


def test_a_film_is_written_over_another_only_if_it_may(tmp_path):
    path = tmp_path / "turn.gif"
    path.write_bytes(b"mine")
    with pytest.raises(ExportError, match="exists already"):
        filmed(path)
    assert path.read_bytes() == b"mine"
    filmed(path, overwrite=True)
    assert path.read_bytes().startswith(b"GIF89a")


def test_the_window_has_its_turn_between_two_frames(tmp_path):
    turns = []

    async def beat(session, jobs):
        while not turns or session.activity.job:
            turns.append(session.activity.fraction)
            await asyncio.sleep(0.001)

    filmed(tmp_path / "turn.gif", meanwhile=beat)
    assert len(turns) > 10
    assert max(turns) > 0.5, "progress is told"


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_frames_that_the_window_pauses_for_are_told_of_once(tmp_path, monkeypatch, seconds):
    monkeypatch.setattr("app.filming.PAUSE", 0.04)
    told = []

    def slow(share):
        time.sleep(seconds)
        return drawn(share)

    filmed(tmp_path / "turn.gif", FilmWish(seconds=2, rate=10, height=32), slow, warn=told.append)
    assert [spent >= 0.05 for spent in told] == [True] * bool(seconds)
