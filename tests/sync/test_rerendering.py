"""An upgrade that writes documents in another way sends again only what reads differently (`gridwatch rerender`)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from gridwatch.db.feed import Document, FeedRow
from gridwatch.sync.commands import rerender
from gridwatch.tasks.documents import task_documents
from gridwatch.tasks.models import Task
from tests.fixtures import Caller, Work
from tests.phone import Phone
from tests.sync.conftest import Tasks
from tests.sync.talk import part_of, pull, tokens_of


def run(app: Flask) -> dict[str, str]:
    """Run the command; what it says of each table."""
    done = CliRunner().invoke(rerender, obj=lambda: app, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return dict(line.split(": ", 1) for line in done.output.splitlines())


@pytest.fixture
def new_program(app: Flask, tasks: Tasks) -> list[str]:
    """Four tasks of the grid; afterwards a program that has a new word for one of them. Returns the ids of the tasks."""
    made = tasks(4)

    def says_more(session: Session, roots: list[Task]) -> Iterable[Document]:
        for one in task_documents(session, roots):
            more = {"door": "后门"} if one.id == made[2] else {}
            yield Document(one.kind, one.id, one.rev, one.scopes, {**one.body, **more}, one.fresh)

    app.extensions["gridwatch.feed"][Task] = says_more
    return made


def test_only_the_documents_that_read_differently_go_to_phones_again(
    app: Flask, worker: Caller, scope: str, new_program: list[str]
):
    known = tokens_of(pull(worker))
    assert run(app)["task"] == "4 已核对，1 有变 / looked at, changed"
    part = part_of(pull(worker, known), scope)
    assert part["mode"] == "delta"
    assert [(one["id"], one["doc"]["door"]) for one in part["changes"]] == [(new_program[2], "后门")]


def test_a_phone_converges_on_the_new_form(app: Flask, phone: Phone, new_program: list[str]):
    phone.pull()
    run(app)
    phone.pull()
    assert phone.store["incidents"] == 0
    assert {one: phone.documents("task")[one][1].get("door") for one in new_program} == {
        one: "后门" if one == new_program[2] else None for one in new_program
    }


def test_a_second_run_and_a_program_that_says_the_same_change_nothing(app: Flask, worker: Caller, tasks: Tasks):
    tasks(3)
    known = tokens_of(pull(worker))
    for _ in range(2):
        assert all(said.split("，")[1].startswith("0 ") for said in run(app).values())
    assert pull(worker, known)["scopes"] == []


def test_what_a_scope_should_hold_and_does_not_is_brought_back(
    app: Flask, worker: Caller, scope: str, tasks: Tasks, work: Work
):
    (lost,) = tasks(1)
    with work() as session:
        session.execute(update(FeedRow).where(FeedRow.doc_id == lost).values(op="leave", doc=None))
    known = tokens_of(pull(worker))
    run(app)
    assert [one["id"] for one in part_of(pull(worker, known), scope)["changes"]] == [lost]
