"""Workers on this machine: processes of their own, each with a place that it opens once.

The invariant: a worker holds one job at a time, so that whoever dies loses one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from cultivar.evals.executing.base import DEATHS, Job, OpenPlace, Tried, deadly, do
from cultivar.pipe import receive, send


class LocalExecutor:
    """Does jobs in processes of this machine, which start when there is something to do.

    Args:
        open_place: Opens the place of one worker.
        workers: How many there are at most.
    """

    def __init__(self, open_place: OpenPlace, workers: int) -> None:
        self._workers = [_Worker(open_place) for _ in range(workers)]

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers of the processes that run."""
        return tuple(each.pid for each in self._workers if each.pid)

    def run(self, jobs: Sequence[Job]) -> Iterator[Tried]:
        """See `Executor`."""
        crew = _Crew(jobs)
        threads = [
            Thread(target=crew.work, args=(worker,), daemon=True)
            for worker in self._workers[: len(jobs)]
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in jobs:
                yield crew.next_done()
        finally:
            crew.stopped.set()
            if crew.unfinished:
                self.close()
            for thread in threads:
                thread.join()

    def close(self) -> None:
        """See `Executor`."""
        for worker in self._workers:
            worker.end()


class _Crew:
    """Threads that share jobs, each for one worker."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        self._done: SimpleQueue[Tried | BaseException] = SimpleQueue()
        self.unfinished = len(jobs)
        self.stopped = Event()
        for job in jobs:
            self._waiting.put(job)

    def work(self, worker: _Worker) -> None:
        """Have `worker` do jobs until none is left."""
        try:
            while not self.stopped.is_set():
                self._done.put(worker.do(self._waiting.get_nowait(), self.stopped))
        except Empty:
            return
        except BaseException as error:  # whoever listens is told
            self._done.put(error)

    def next_done(self) -> Tried:
        """What is done next, once it is.

        Raises:
            CultivarError: What its job raised.
        """
        done = self._done.get()
        if isinstance(done, BaseException):
            raise done
        self.unfinished -= 1
        return done


class _GoneError(Exception):
    """The worker ended before it had answered."""


class _Worker:
    """One process, which is started again when it has died."""

    def __init__(self, open_place: OpenPlace) -> None:
        self._open_place = open_place
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    @property
    def pid(self) -> int:
        """Its number; 0 where it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    def do(self, job: Job, stopped: Event) -> Tried:
        """Have a job done, by another process if one dies of it."""
        why = "the work was stopped"
        for _ in range(DEATHS):
            if stopped.is_set():
                break
            try:
                return self._ask(job)
            except _GoneError as gone:
                why = str(gone)
        return deadly(job, why)

    def end(self) -> None:
        """End the process, whatever it does."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            _ended(process)

    def _ask(self, job: Job) -> Tried:
        process = self._started()
        assert process.stdin
        assert process.stdout
        try:
            send(process.stdin, job)
            done, error = receive(process.stdout)
        except (OSError, EOFError, ValueError) as gone:
            self.end()
            raise _GoneError(_death(process)) from gone
        if error is not None:
            raise error
        result, key = done
        return Tried(job=job, result=result, key=key)

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._process is None:
                self._process = _start(self._open_place)
            return self._process


def _start(open_place: OpenPlace) -> subprocess.Popen[bytes]:
    # -P: nothing that lies in the current folder is taken for a module.
    command = [sys.executable, "-P", "-m", __name__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    with contextlib.suppress(OSError):  # one that died at once is noticed by whoever asks it
        send(process.stdin, open_place)
    return process


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _death(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    if code >= 0:
        return f"it ended with {code}"
    more = ", as where the memory is used up" if code == -signal.SIGKILL else ""
    return f"it was ended by {signal.Signals(-code).name}{more}"


def serve() -> None:
    """Do jobs from standard input until it ends."""
    # Ctrl-C is for whoever started us: they end us when they are done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_listen, args=(told,), daemon=True).start()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed here is no answer
    open_place: OpenPlace = told.get()
    place = None
    while True:
        job: Job = told.get()
        try:
            place = place or open_place()
            tried = do(job, place)
            send(answers, ((tried.result, tried.key), None))
        except Exception as error:  # it is raised where the job came from
            send(answers, (None, error))


def _listen(told: SimpleQueue[Any]) -> None:
    """Hand on what comes; once nothing can, end at once, with whatever is being done."""
    with contextlib.suppress(EOFError):
        while True:
            told.put(receive(sys.stdin.buffer))
    os._exit(0)


if __name__ == "__main__":
    serve()
