"""Where a thousand broadcasts go on fifty workers that die, lie and come back: the real rules, simulated time.

`python -m bench.scheduler [--seed N] [--rounds N]`.  What is real: `transcoder.placement`, `transcoder.pool` and
`media.ladder`.  What is simulated: the clock, the stream of jobs with its group, and the workers' looks at it, with the
delays and the staleness that `transcoder.intake` has.
"""

import argparse
import heapq
import itertools
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.report import Figure, percentile, report
from media.ladder import Plan, plan
from media.policy import Policy
from media.source import Source
from transcoder.intake import ABANDONED_PATIENCE, IDLE_MS, POLL_MS
from transcoder.placement import (
    FULL_SECONDS,
    LONGEST_SECONDS,
    LOOK_SECONDS,
    STEP_SECONDS,
    Capacity,
    Trust,
    patience_seconds,
)
from transcoder.pool import Pool
from transcoder.workers import LIFE_MS

BROADCASTS = 1_000
WORKERS = 50
LIARS = 5
SPAN_SECONDS = 3_300.0
LEAST_SECONDS, MOST_SECONDS = 60.0, 1_200.0
PLAN_SECONDS = 1.5
"""From a claim to the first key frame, and so to the ladder."""
DEATHS = 40
BACK_SECONDS = 20.0
SIZES = ((1920, 1080, 60.0, 8000.0), (1920, 1080, 30.0, 6000.0), (1280, 720, 30.0, 3500.0), (640, 360, 30.0, 1000.0))
POLICY = Policy()


@dataclass(slots=True)
class Job:
    """One broadcast."""

    number: int
    source: Source
    seconds: float
    is_regular: bool
    """Its key frames are known to allow a copy."""
    waiting_since: float = 0.0
    holder: "Worker | None" = None
    claims: int = 0
    ends_at: float = 0.0
    plan: Plan | None = None


@dataclass(slots=True)
class Worker:
    """One simulated worker; `claim` is what a liar says instead of the truth."""

    name: str
    cores: float
    lie: Callable[[], Capacity] | None = None
    is_alive: bool = True
    is_sleeping: bool = False
    """It says that it has room, and takes nothing."""
    pool: Pool = field(default_factory=lambda: Pool(1.0))
    jobs: dict[int, Job] = field(default_factory=dict)
    life: int = 0
    is_claiming: bool = False
    trust: Trust = field(default_factory=Trust)

    def capacity(self) -> Capacity:
        """The truth."""
        return self.pool.capacity(self.name)


class Simulation:
    """Events in order of time."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._stream: list[Job] = []
        self._said: dict[str, tuple[float, Capacity]] = {}
        self._workers = [self._worker(number) for number in range(WORKERS)]
        self.waits: list[float] = []
        self.takeovers: list[float] = []
        self.fewer_for_nothing = 0
        self.planned = 0
        self.over = 0
        self.most_share = 0.0
        self.ended = 0
        self.peak_share = 0.0

    def run(self) -> None:
        """To the end of the last broadcast."""
        for worker in self._workers:
            self._at(self._random.uniform(0, POLL_MS / 1000), lambda worker=worker: self._look(worker))  # type: ignore[misc]  # bound now
        for number in range(BROADCASTS):
            self._at(self._random.uniform(0, SPAN_SECONDS), lambda number=number: self._start(number))  # type: ignore[misc]  # bound now
        for _ in range(DEATHS):
            self._at(self._random.uniform(60, SPAN_SECONDS), self._kill)
        while self._events and self.ended < BROADCASTS:
            self._now, _, act = heapq.heappop(self._events)
            if self._now > SPAN_SECONDS + MOST_SECONDS + 600:
                return
            act()

    def _worker(self, number: int) -> Worker:
        cores = self._random.choice((1.7, 3.4, 3.4, 6.8, 6.8, 13.6))
        name = f"w{number}"
        if number >= LIARS:
            return Worker(name, cores, pool=Pool(cores))
        # negative, not a number, endless, more than it has, and one that has much room and takes nothing
        lies = (
            lambda: Capacity(name, -4.0, -2.0, -1),
            lambda: Capacity(name, float("nan"), float("nan"), 0),
            lambda: Capacity(name, float("inf"), float("inf"), 0),
            lambda: Capacity(name, 4.0, 4_000.0, 0),
            lambda: Capacity(name, 1_000.0, 1_000.0, 0),
        )
        return Worker(name, cores, lies[number], pool=Pool(cores), is_sleeping=number == LIARS - 1)

    def _at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), act))

    def _start(self, number: int) -> None:
        width, height, fps, kbps = self._random.choices(SIZES, (1, 4, 4, 1))[0]
        source = Source("h264", width, height, fps, True, "aac", 48_000, 2, kbps)  # noqa: FBT003  # copyable
        seconds = self._random.uniform(LEAST_SECONDS, MOST_SECONDS)
        job = Job(number, source, seconds, self._random.random() < 0.5, waiting_since=self._now)
        self._stream.append(job)
        self._wake()

    def _wake(self) -> None:
        """The stream has an entry: who waits at once claims it after a round trip, the others after their patience."""
        for worker in self._workers:
            self._want(worker)

    def _want(self, worker: Worker) -> None:
        if not worker.is_alive or worker.is_sleeping or worker.is_claiming or worker.pool.is_full:
            return
        worker.is_claiming = True
        patience = self._patience(worker)
        began, life = self._now, worker.life

        def claim() -> None:
            """Look again before claiming: the entry may be gone, and others may have more room by now."""
            if worker.life != life or not worker.is_alive or not self._stream or worker.pool.is_full:
                worker.is_claiming = False
                return
            if self._now - began + 0.001 < min(patience, self._patience(worker)):
                self._at(STEP_SECONDS - LOOK_SECONDS, look)
                return
            worker.is_claiming = False
            job = self._stream.pop(0)
            self.waits.append(self._now - job.waiting_since)
            self._take(worker, job)
            if self._stream:
                self._wake()

        def look() -> None:
            """Who should have it by now?"""
            if self._stream and worker.life == life:
                worker.trust.doubt(self._living(worker), self._now - began + LOOK_SECONDS, self._now)
            self._at(LOOK_SECONDS, claim)

        trip = self._random.uniform(0.0005, 0.003)
        if patience:
            self._at(STEP_SECONDS - LOOK_SECONDS + trip, look)
        else:
            self._at(trip, claim)

    def _patience(self, worker: Worker) -> float:
        return patience_seconds(worker.capacity(), self._living(worker))

    def _look(self, worker: Worker) -> None:
        """One turn of a worker's loop: say what it has, look for abandoned entries."""
        if not worker.is_alive:
            return
        self._said[worker.name] = (self._now, worker.lie() if worker.lie else worker.capacity())
        if not worker.is_sleeping and not worker.pool.is_full:
            patience = self._patience(worker)
            idle = IDLE_MS / 1000 + patience * ABANDONED_PATIENCE
            for other in self._workers:
                for job in list(other.jobs.values()):
                    if job.holder is None and self._now - job.waiting_since >= idle:
                        del other.jobs[job.number]
                        self.takeovers.append(self._now - job.waiting_since)
                        self._take(worker, job)
                        break
        if self._stream:
            self._want(worker)
        life = worker.life
        self._at(POLL_MS / 1000, lambda: self._look(worker) if worker.life == life else None)

    def _living(self, worker: Worker) -> list[Capacity]:
        living = [capacity for at, capacity in self._said.values() if self._now - at <= LIFE_MS / 1000]
        return worker.trust.trusted(living, self._now)

    def _take(self, worker: Worker, job: Job) -> None:
        job.holder, job.plan = worker, None
        job.claims += 1
        worker.jobs[job.number] = job
        worker.pool.reserve(str(job.number))
        self._at(PLAN_SECONDS, lambda: self._plan(worker, job, job.claims))

    def _plan(self, worker: Worker, job: Job, claim: int) -> None:
        if job.holder is not worker or job.claims != claim:
            return
        gop_seconds = 2.0 if job.is_regular else None
        found = plan(job.source, POLICY, worker.pool.means(str(job.number), self._now), gop_seconds=gop_seconds)
        worker.pool.hold(str(job.number), found)
        job.plan = found
        self.planned += 1
        self.over += found.is_over
        held = sum(one.plan.cores for one in worker.jobs.values() if one.plan is not None and not one.plan.is_over)
        self.most_share = max(self.most_share, held / worker.cores)
        self.peak_share = max(self.peak_share, self._share())
        full = plan(job.source, POLICY, Pool(99.0).means("", 0.0), gop_seconds=gop_seconds)
        roomy = (one for one in self._workers if one.is_alive and not one.is_sleeping and one is not worker)
        if len(found.video) < len(full.video) and any(one.capacity().free > full.cores for one in roomy):
            self.fewer_for_nothing += 1
        if not job.ends_at:
            job.ends_at = self._now + job.seconds
        self._at(max(0.1, job.ends_at - self._now), lambda: self._end(worker, job, claim))

    def _share(self) -> float:
        """Of all living cores, what is held."""
        living = [one for one in self._workers if one.is_alive and not one.is_sleeping]
        cores = sum(one.cores for one in living)
        return 1 - sum(max(0.0, one.capacity().free) for one in living) / cores

    def _end(self, worker: Worker, job: Job, claim: int) -> None:
        if job.holder is worker and job.claims == claim:
            worker.jobs.pop(job.number)
            worker.pool.release(str(job.number))
            self.ended += 1

    def _kill(self) -> None:
        """One worker dies with its jobs, and comes back empty after a while."""
        worker = self._random.choice([one for one in self._workers if one.is_alive])
        worker.is_alive, worker.is_claiming, worker.life = False, False, worker.life + 1
        for job in worker.jobs.values():
            job.holder, job.waiting_since = None, self._now
        worker.pool = Pool(worker.cores)

        def back() -> None:
            worker.is_alive = True
            self._look(worker)

        self._at(BACK_SECONDS, back)


def measure(seed: int, rounds: int) -> dict[str, Figure]:
    """So many thousand broadcasts; the worst of all rounds counts."""
    waits: list[float] = []
    takeovers: list[float] = []
    starved = fewer = planned = over = 0
    share = peak = 0.0
    for number in range(rounds):
        simulation = Simulation(seed + number)
        simulation.run()
        waits += simulation.waits
        takeovers += simulation.takeovers
        starved += BROADCASTS - simulation.ended
        fewer += simulation.fewer_for_nothing
        planned += simulation.planned
        over += simulation.over
        share = max(share, simulation.most_share)
        peak = max(peak, simulation.peak_share)
    longest = LONGEST_SECONDS + FULL_SECONDS + POLL_MS / 1000
    return {
        "starved": Figure(starved, "broadcasts", 0),
        "claim_wait_p50": Figure(round(percentile(waits, 0.5), 4), "s", 0.01),
        "claim_wait_p99": Figure(round(percentile(waits, 0.99), 3), "s", LONGEST_SECONDS + 0.1),
        "claim_wait_max": Figure(round(max(waits), 3), "s", longest),
        "takeover_max": Figure(round(max(takeovers), 2), "s", IDLE_MS / 1000 + 2 * longest),
        "takeovers": Figure(len(takeovers), "jobs"),
        "most_loaded_worker": Figure(round(share, 3), "of its cores", 1.0),
        "fewer_rungs_beside_room": Figure(round(fewer / planned, 4), "of ladders", 0.05),
        "peak_of_all_cores": Figure(round(peak, 2), "held"),
        "ladders_over_capacity": Figure(over, "ladders"),
    }


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench scheduler")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    return report("scheduler", measure(arguments.seed, arguments.rounds))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
