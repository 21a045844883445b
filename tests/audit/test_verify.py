"""Promise P16 in small: whatever is changed in the event log behind the program's back is found, with its position."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta

import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.audit.commands import verify
from gridwatch.audit.queries import Break, Head, breaks, heads
from gridwatch.config import Settings
from gridwatch.db.base import db
from tests.fixtures import Clock, Work

CHAINS = ("441900004003", "441900004005", None)
EVENTS_A_CHAIN = 12


@pytest.fixture
def log(work: Work, clock: Clock) -> None:
    """A log of three chains, twelve events each, written in units of work of different sizes."""
    for number in range(EVENTS_A_CHAIN):
        with work() as session:
            for chain in CHAINS:
                audit.record(
                    session, chain=chain, act="lead.accept", subject=("lead", f"线索-{number:04d}"), actor_id=f"person-{number}",
                    at=clock.now() + timedelta(seconds=number), version=number if number % 3 else None,
                    data={"reason": f"第{number}次", "n": number},
                )  # fmt: skip


@pytest.fixture
def session(app, log) -> Iterator[Session]:
    """A session whose changes are thrown away."""
    with app.app_context():
        yield db.session()
        db.session.rollback()


def places(found: Iterator[Break]) -> set[tuple[str, int]]:
    return {(one.chain, one.no) for one in found}


def test_an_untouched_log_holds(session: Session):
    assert list(breaks(session)) == []
    assert [(head.chain, head.no) for head in heads(session)] == [
        ("441900004003", 12), ("441900004005", 12), ("system", 12),
    ]  # fmt: skip


# -- mutations: each changes something and says where it must be seen ---------------------------------------------------

Place = tuple[str, int]
Mutation = Callable[[Connection, random.Random], Place]


def _victim(chance: random.Random, first: int = 1, last: int = EVENTS_A_CHAIN) -> Place:
    return chance.choice([chain or "system" for chain in CHAINS]), chance.randint(first, last)


def _on(place: Place) -> dict[str, object]:
    return {"chain": place[0], "no": place[1]}


WHERE = "WHERE chain = :chain AND no = :no"


def change_a_byte_of(column: str) -> Mutation:
    """One character of a text column becomes another."""

    def mutate(connection: Connection, chance: random.Random) -> Place:
        place = _victim(chance)
        value = connection.execute(text(f"SELECT {column} FROM event {WHERE}"), _on(place)).scalar_one()
        at = chance.randrange(len(value))
        other = chance.choice([letter for letter in "0123456789abcdef" if letter != value[at]])
        changed = {**_on(place), "value": value[:at] + other + value[at + 1 :]}
        connection.execute(text(f"UPDATE event SET {column} = :value {WHERE}"), changed)
        return place

    return mutate


def change_the_instant(connection: Connection, chance: random.Random) -> Place:
    place = _victim(chance)
    if connection.dialect.name == "postgresql":
        change = "at = at + interval '1 microsecond'"
    else:  # the same instant, spelled otherwise
        change = "at = replace(at, 'T', ' ')"
    connection.execute(text(f"UPDATE event SET {change} {WHERE}"), _on(place))
    return place


def change_the_number(connection: Connection, chance: random.Random) -> Place:
    place = _victim(chance)
    connection.execute(text(f"UPDATE event SET no = no + 1000 {WHERE}"), _on(place))
    return place


def change_the_version(connection: Connection, chance: random.Random) -> Place:
    place = _victim(chance)
    connection.execute(text(f"UPDATE event SET version = coalesce(version, 0) + 1 {WHERE}"), _on(place))
    return place


def forget_the_version(connection: Connection, chance: random.Random) -> Place:
    place = ("system", chance.choice([2, 3, 5]))
    connection.execute(text(f"UPDATE event SET version = NULL {WHERE}"), _on(place))
    return place


def delete_one(connection: Connection, chance: random.Random) -> Place:
    place = _victim(chance)
    connection.execute(text(f"DELETE FROM event {WHERE}"), _on(place))
    return place


def cut_off_the_end(connection: Connection, chance: random.Random) -> Place:
    place = _victim(chance)
    connection.execute(text("DELETE FROM event WHERE chain = :chain AND no >= :no"), _on(place))
    return place


def delete_and_close_the_gap(connection: Connection, chance: random.Random) -> Place:
    place = _victim(chance, last=EVENTS_A_CHAIN - 1)
    connection.execute(text(f"DELETE FROM event {WHERE}"), _on(place))
    for no in range(place[1] + 1, EVENTS_A_CHAIN + 1):
        connection.execute(text(f"UPDATE event SET no = no - 1 {WHERE}"), {"chain": place[0], "no": no})
    connection.execute(text("UPDATE event_chain SET length = length - 1 WHERE chain = :chain"), _on(place))
    return place


def append_a_true_looking_one(connection: Connection, chance: random.Random) -> Place:
    chain, no = _victim(chance)[0], EVENTS_A_CHAIN + 1
    last = connection.execute(text("SELECT hash FROM event WHERE chain = :chain AND no = :no"), _on((chain, no - 1)))
    fields = {"chain": chain, "no": no, "actor_id": "x", "act": "lead.close", "subject_kind": "lead", "subject_id": "x",
              "version": 1, "data": "{}", "previous": last.scalar_one()}  # fmt: skip
    moment = "2026-09-18T01:00:00.000000Z"
    hashed = audit.hash_of_fields([fields["previous"], chain, no, moment, "x", "lead.close", "lead", "x", 1, "{}"])
    names = ", ".join([*fields, "at", "hash"])
    values = ", ".join(f":{name}" for name in [*fields, "at", "hash"])
    connection.execute(text(f"INSERT INTO event ({names}) VALUES ({values})"), {**fields, "at": moment, "hash": hashed})
    return chain, no


def swap_two(connection: Connection, chance: random.Random) -> Place:
    chain, one = _victim(chance, last=EVENTS_A_CHAIN - 1)
    other = chance.randint(one + 1, EVENTS_A_CHAIN)
    for before, after in ((one, -1), (other, one), (-1, other)):
        connection.execute(
            text("UPDATE event SET no = :after WHERE chain = :chain AND no = :before"),
            {"chain": chain, "before": before, "after": after},
        )
    return chain, one


def move_to_another_chain(connection: Connection, chance: random.Random) -> Place:
    place = _victim(chance)
    connection.execute(text(f"UPDATE event SET chain = 'elsewhere' {WHERE}"), _on(place))
    return place


def change_the_head(column: str) -> Mutation:
    """A byte of the row that says where a chain ends."""

    def mutate(connection: Connection, chance: random.Random) -> Place:
        chain = _victim(chance)[0]
        change = {"length": "length + 1", "head": "'f' || substr(head, 2)", "chain": "'x' || chain"}[column]
        if column == "head":
            starts = connection.execute(text("SELECT head FROM event_chain WHERE chain = :chain"), {"chain": chain})
            change = "'e' || substr(head, 2)" if starts.scalar_one().startswith("f") else change
        connection.execute(text(f"UPDATE event_chain SET {column} = {change} WHERE chain = :chain"), {"chain": chain})
        return chain, {"length": EVENTS_A_CHAIN + 1, "head": EVENTS_A_CHAIN, "chain": 1}[column]

    return mutate


def lose_the_head(connection: Connection, chance: random.Random) -> Place:
    chain = _victim(chance)[0]
    connection.execute(text("DELETE FROM event_chain WHERE chain = :chain"), {"chain": chain})
    return chain, 1


TEXTS = ("chain", "actor_id", "act", "subject_kind", "subject_id", "data", "previous", "hash")
MUTATIONS: dict[str, Mutation] = {
    **{f"byte of {column}": change_a_byte_of(column) for column in TEXTS},
    "instant": change_the_instant,
    "number": change_the_number,
    "version": change_the_version,
    "version forgotten": forget_the_version,
    "deleted": delete_one,
    "end cut off": cut_off_the_end,
    "deleted, gap closed": delete_and_close_the_gap,
    "appended": append_a_true_looking_one,
    "two swapped": swap_two,
    "moved to another chain": move_to_another_chain,
    **{f"head: {column}": change_the_head(column) for column in ("length", "head", "chain")},
    "head lost": lose_the_head,
}


@pytest.mark.parametrize("seed", range(5))
def test_every_change_is_found_where_it_was_made(session: Session, seed: int):
    """Twenty-two ways of tampering, five times each at random places."""
    missed = []
    for name, mutate in MUTATIONS.items():
        place = mutate(session.connection(), random.Random(f"{name}/{seed}"))
        if place not in places(breaks(session)):
            missed.append((name, place))
        session.rollback()
    assert missed == []
    assert list(breaks(session)) == [], "the rollbacks left something behind"


@pytest.mark.parametrize("database_url", ["spatialite"], indirect=True)
def test_what_is_no_text_any_more_is_found_and_ends_nothing(session: Session):
    """A file can hold bytes that are no UTF-8; PostgreSQL refuses them by itself."""
    session.execute(text("UPDATE event SET data = CAST(x'7bff7d' AS TEXT) WHERE chain = 'system' AND no = 4"))
    session.execute(text("UPDATE event SET no = 'many' WHERE chain = 'system' AND no = 9"))
    assert {("system", 4), ("system", 9)} <= places(breaks(session))


def test_a_cut_off_end_with_a_corrected_head_is_found_by_an_anchor_that_was_kept(session: Session):
    kept = heads(session)
    session.execute(text("DELETE FROM event WHERE chain = 'system' AND no > 9"))
    session.execute(
        text("UPDATE event_chain SET length = 9, head = (SELECT hash FROM event WHERE chain = 'system' AND no = 9) "
             "WHERE chain = 'system'")
    )  # fmt: skip

    assert list(breaks(session)) == [], "the database alone cannot know"
    assert places(breaks(session, kept)) == {("system", 12)}


def test_a_log_that_grew_since_still_matches_its_anchor(session: Session):
    early = [
        Head(row.chain, row.no, row.hash)
        for row in session.execute(text("SELECT chain, no, hash FROM event WHERE no = 7"))
    ]
    assert list(breaks(session, early)) == []
    assert places(breaks(session, [Head("system", 7, "0" * 64)])) == {("system", 7)}


# -- the command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(log, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRIDWATCH_DATABASE_URL", settings.database_url)
    return lambda *arguments: CliRunner().invoke(verify, arguments)


def test_the_command_says_all_is_well(run):
    answer = run()
    assert (answer.exit_code, "3 条链、36 条记录，完好" in answer.output) == (0, True), answer.output


def test_the_command_names_chain_and_number_and_fails(run, work: Work):
    with work() as session:
        session.execute(text("UPDATE event SET act = 'lead.void' WHERE chain = '441900004005' AND no = 5"))
    answer = run()
    assert (answer.exit_code, "441900004005 #5: 写入后被改动" in answer.output) == (1, True), answer.output


def test_heads_are_printed_and_held_against(run, tmp_path, work: Work):
    file = tmp_path / "heads.json"
    file.write_text(run("--heads").output)
    assert [head["no"] for head in orjson.loads(file.read_bytes())] == [12, 12, 12]
    assert run("--against", str(file)).exit_code == 0

    file.write_text("not what was printed")
    answer = run("--against", str(file))
    assert (answer.exit_code, "heads.json" in answer.output) == (1, True)
