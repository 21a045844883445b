"""One run: a seed draws who does what, when, and what goes wrong; then all faults end, and what is left is held to the promises."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import uuid_utils
from sqlalchemy import select

from gridwatch.db.feed import FeedScope
from gridwatch.leads.models import Lead
from gridwatch.sync import heartbeats
from gridwatch.sync.models import Item
from tests.phone import Phone
from tests.simulator.book import Book
from tests.simulator.network import Network
from tests.simulator.offices import Offices, local
from tests.simulator.phones import HOME, Worker
from tests.simulator.seams import BEGUN, COMMITTING, ENDED, Died
from tests.simulator.server import Place, Server

STEPS = 120
# What happens in a step, with weights.
ACTS = {
    "work": 26, "sync": 30, "desk": 30, "tick": 8, "register": 6, "late": 6, "line": 4, "battery": 4, "move": 6, "clock": 3,
    "heartbeats": 2, "disable": 1, "revoke": 1, "backup": 1, "restore": 1,
}  # fmt: skip
SYNCS = {"sync": 6, "push": 2, "pull": 2, "pull by 3": 2, "pull by 1": 1}
FAST = (0, 0, 0, 0.05, -0.05, 3, -3, 30, -50)  # hours that the clock of a phone is ahead
ROUNDS = 3  # syncs within which everybody must hold what the server holds (promise P5)


class Simulation:
    """One run over one database. `trace` tells all that happened, a line each; `play` is to be called once."""

    def __init__(self, seed: int, place: Place, directory: Path, steps: int = STEPS) -> None:
        self.seed, self.place, self.steps, self._directory = seed, place, steps, directory
        self.dice = random.Random(seed)
        self.trace: list[str] = []
        self.book = Book()
        self.backup: tuple[Path, datetime] | None = None
        self.registered = self.restores = 0
        self.disabled: set[str] = set()

    @contextmanager
    def over(self) -> Iterator[Simulation]:
        """Play the run and let all faults end; the server is there, for whoever wants to look, until this ends."""
        with _the_same_every_time(self.seed):
            self.server = Server(self.place, self._directory)
            try:
                self.network = Network(self.server, self.book, self.dice, self.note)
                self.offices = Offices(self.server, self.dice)
                self.workers = [
                    Worker(number, username, self.network, self.server.clock.now, self.dice)
                    for number, username in enumerate(HOME, 1)
                ]
                if self.dice.random() < 0.7:
                    with self.network.undisturbed():
                        self._everybody_syncs()
                with self.server.seams.watching():
                    for _ in range(self.steps):
                        self._step()
                self._calm_down()
                yield self
            finally:
                self.server.close()

    def note(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{len(self.trace):04} {local(self.server.clock.now())} {who}: {what}")

    # -- a step --

    def _step(self) -> None:
        self._time_passes()
        if self.dice.random() < 0.2:
            self._set_a_trap()
        act = self.dice.choices(list(ACTS), list(ACTS.values()))[0]
        getattr(self, f"_{act}")()
        self.server.seams.disarm()

    def _time_passes(self) -> None:
        clock, chance = self.server.clock, self.dice.random()
        clock.advance(minutes=self.dice.choice([0, 0, 1, 5, 20, 45]))
        if chance < 0.05:
            self._until_morning(1)
        elif chance < 0.055 and self.backup is None:
            self._until_morning(self.dice.choice([3, 9, 32]))

    def _until_morning(self, days: int) -> None:
        morning = self.server.clock.today() + timedelta(days=days)
        self.server.clock.set(f"{morning.isoformat()} 08:35")
        self.note("clock", f"{days} nights pass")

    def _set_a_trap(self) -> None:
        """In the middle of what comes next the server dies, or somebody else is served."""
        point = self.dice.choice([BEGUN, BEGUN, COMMITTING, ENDED])
        if self.dice.random() < 0.4:
            self.server.seams.arm(point, lambda: self._dies(point))
        else:
            self.server.seams.arm(point, lambda: self._interrupts(point))

    def _dies(self, point: str) -> None:
        self.note("server", f"dies, a transaction has {point}")
        raise Died

    def _interrupts(self, point: str) -> None:
        """A phone is served while a transaction of somebody else is open. With one thread nobody may wait for its locks: so between
        begin and commit SQLite serves readers only, and nobody writes who could want what is locked."""
        may_write = point == ENDED or (point == BEGUN and self.place.name == "postgis")
        there = [one for one in self.workers if not one.busy and (may_write or one.only_reads())]
        if there:
            worker = self.dice.choice(there)
            self.note(worker.name, f"comes between, a transaction has {point}")
            with self.network.undisturbed():
                if may_write:
                    self._fills_in(worker)
                self._syncs(worker, "sync" if may_write else "pull")

    def _syncs(self, worker: Worker, how: str) -> None:
        self.note(worker.name, f"{how}: {worker.uses(lambda: worker.syncs(how))}")

    # -- what can happen --

    def _work(self) -> None:
        self._fills_in(self.dice.choice(self.workers))

    def _fills_in(self, worker: Worker) -> None:
        before = worker.store["last_no"]
        told = worker.uses(worker.works)
        kinds = [f"{item['device_no']} {item['kind']}" for item in worker.store["outbox"] if item["device_no"] > before]
        self.note(worker.name, f"queues {', '.join(kinds) or 'nothing'}: {told}")

    def _sync(self) -> None:
        self._syncs(self.dice.choice(self.workers), self.dice.choices(list(SYNCS), list(SYNCS.values()))[0])

    def _desk(self) -> None:
        self.note("desk", self.server.survives(self.offices.takes_a_step) or "the server died")

    def _tick(self, *, everything: bool = False) -> None:
        did = self.server.tick(everything=everything) or {}
        failed = [f"{name} {one['error']}" for name, one in did.items() if "error" in one]
        self.book.broke.extend(failed)
        counts = {name: {key: count for key, count in one.items() if count} for name, one in did.items()}
        self.note("tick", str({name: one for name, one in counts.items() if one}))

    def _register(self) -> None:
        self.registered += 1
        told = self.server.survives(lambda: self.offices.registers(self.registered))
        self.note("register", told or "the server died")

    def _late(self) -> None:
        if self.network.adrift:
            self.network.late(self.dice.randrange(len(self.network.adrift)))

    def _line(self) -> None:
        worker = self.dice.choice(self.workers)
        is_online = worker.store["online"]
        told = worker.uses(worker.phone.goes_offline if is_online else worker.phone.comes_back)
        self.note(worker.name, f"{'loses' if is_online else 'has'} the network: {told}")

    def _battery(self) -> None:
        worker = self.dice.choice(self.workers)
        if self.dice.random() < 0.3:
            worker.die()
            self.note(worker.name, "is switched off and on")
        else:
            worker.store.dies = (self.dice.randint(0, 8), self.dice.random() < 0.5)
            self.note(worker.name, f"will die in {worker.store.dies}")

    def _clock(self) -> None:
        worker = self.dice.choice(self.workers)
        worker.fast = timedelta(hours=self.dice.choice(FAST))
        self.note(worker.name, f"its clock is {worker.fast} ahead")

    def _move(self) -> None:
        self.note("supervisor", self.server.survives(self.offices.moves_somebody) or "the server died")

    def _heartbeats(self) -> None:
        self.server.survives(self.server.write_heartbeats)

    def _disable(self) -> None:
        if self.disabled:
            username = self.disabled.pop()
            told = self.server.survives(lambda: self.offices.enables(username))
        else:
            username = self.dice.choice(HOME)
            self.disabled.add(username)
            told = self.server.survives(lambda: self.offices.disables(username))
        self._excuse(lambda worker: worker.username == username)
        self.note("supervisor", told or "the server died")

    def _revoke(self) -> None:
        worker = self.dice.choice(self.workers)
        self._excuse(lambda one: one is worker)
        told = self.server.survives(lambda: self.offices.revokes(worker.store["device_id"]))
        self.note("supervisor", told or "the server died")

    def _excuse(self, whose: Callable[[Worker], bool]) -> None:
        for worker in self.workers:
            worker.excused = worker.excused or whose(worker)

    def _backup(self) -> None:
        if self.backup is None:
            self.backup = (self.server.back_up(), self.server.clock.now())
            self.note("server", "a backup")

    def _restore(self) -> None:
        """Only soon after the backup: phones offer again what was acknowledged in the last seven days (promise P11)."""
        if self.backup is None or self.server.clock.now() - self.backup[1] > timedelta(days=3):
            return
        self.server.seams.disarm()
        self.server.restore(self.backup[0])
        self.backup, self.restores = None, self.restores + 1
        with self.server.reading() as session:
            self.book.restored(set(session.scalars(select(Item.id))))
        self._excuse(lambda worker: True)
        self.note("server", "is restored")

    # -- the end --

    def _calm_down(self) -> None:
        """All faults end. What is adrift arrives, everybody is let in, and after a few days everything is where it belongs."""
        self.note("calm", "all faults end")
        self.network.calm = True
        while self.network.adrift:
            self.network.late(0)
        # All of them: the server may have died over letting somebody in again.
        for username in sorted(set(HOME)):
            self.offices.enables(username)
        self._excuse(lambda worker: True)
        for worker in self.workers:
            worker.die()
            worker.fast = timedelta()
            worker.phone.comes_back()
        for _ in range(2):  # the first may only find out that it must sign in again
            self._everybody_syncs()
        self._until_morning(4)  # what was held for something that never comes is handed to a person after three days
        for _ in range(2):  # the first applies what was held, the second tells of it
            self._tick(everything=True)
        for _ in range(ROUNDS):
            self._everybody_syncs()
        self.server.write_heartbeats()
        self.trace += self._state()

    def _everybody_syncs(self) -> None:
        for worker in self.workers:
            self._syncs(worker, "sync")

    def fresh_phone(self, username: str) -> Phone:
        """A phone that was never used before, with all that this person may hold."""
        worker = Worker(0, username, self.network, self.server.clock.now, self.dice)
        worker.signs_in()
        worker.phone.pull(limit=2_000)
        return worker.phone

    def _state(self) -> list[str]:
        """How it all ended, so that two runs of a seed are compared in that too."""
        with self.server.reading() as session:
            items = session.execute(select(Item.id, Item.device_no, Item.outcome, Item.code).order_by(Item.no)).all()
            leads = session.execute(select(Lead.no, Lead.id, Lead.state, Lead.rev).order_by(Lead.no)).all()
            scopes = session.execute(
                select(FeedScope.scope, FeedScope.docs, FeedScope.digest).order_by(FeedScope.scope)
            ).all()
        return [str(tuple(row)) for rows in (items, leads, scopes) for row in rows]


class _Ids:
    """Ids of the server from a seed: in rising order, like those of the clock."""

    def __init__(self, seed: int) -> None:
        self.dice, self.last = random.Random(f"ids {seed}"), 0x0199_0000_0000

    def __call__(self) -> uuid.UUID:
        self.last += 1
        return uuid.UUID(int=self.last << 80 | 7 << 76 | 2 << 62 | self.dice.getrandbits(62))


@contextmanager
def _the_same_every_time(seed: int) -> Iterator[None]:
    """Let nothing come from outside: ids and dice from the seed, and no timer of the server's own."""
    before = random.getstate()
    random.seed(seed)
    try:
        with patch.object(uuid_utils, "uuid7", _Ids(seed)), patch.object(heartbeats, "WAIT_S", 1e6):
            yield
    finally:
        random.setstate(before)
