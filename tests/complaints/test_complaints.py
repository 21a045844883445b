"""What users of other sync products complain of, each told once from beginning to end. docs/sync.md has the list, and names
the tests of the features where one of those tells it already.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from gridwatch.db import feed
from gridwatch.db.base import db
from gridwatch.domain.item_catalogue import BUILT_IN
from gridwatch.items.service import publish
from gridwatch.people.service import assign_grid, end_duty
from gridwatch.sync import housekeeping, words
from gridwatch.sync.models import Item
from gridwatch.tasks.models import Task, Visit
from gridwatch.tasks.service import close_task
from tests.fixtures import PASSWORD, Caller, Clock, Work, World, user_of
from tests.phone import Paused, Phone, Store, item_sha256
from tests.sync.conftest import ALL_WELL, Tasks, loses_the_grid
from tests.sync.talk import FILE, LEAD, SOMEBODY, Make, Put, outcome_document, over_flask, pull, push, stored, tokens_of


def test_work_is_refused_or_dropped_in_silence(
    worker: Caller, work: Work, clock: Clock, tasks: Tasks, visit: Make, item: Make
):
    """CHT, QFieldCloud, WatermelonDB: what a worker sent was refused or purged, and nobody ever heard of it.

    Here a day on which everything goes wrong: each item is stored word for word before anybody interprets it, and its sender
    is told what became of it and what to do, at once and again by pull.
    """
    withdrawn, done, wrong = tasks(3)
    with work() as session:
        close_task(session, session.get_one(Task, withdrawn), "withdrawn", clock.now())
    push(worker, visit(done))
    day = [
        visit(withdrawn), visit(done), visit(wrong, item_version="RG01@99"), visit(wrong, payload={"result": "?"}),
        item("from.the.future"), item(depends_on=[SOMEBODY]), item("lead.report", payload={}), item(payload="no object"),
    ]  # fmt: skip
    results = push(worker, *day)
    assert [result["outcome"] for result in results] == ["superseded"] * 2 + ["review"] * 3 + ["held"] + ["review"] * 2
    for sent, result in zip(day, results, strict=True):
        assert result["receipt"]["item_sha256"] == item_sha256(sent)
        (row,) = stored(work, sent["id"])
        assert json.loads(row.raw) == sent
        told = outcome_document(worker, sent["id"])
        assert (told["outcome"], told["code"], told["receipt"]) == (
            result["outcome"],
            result["code"],
            result["receipt"],
        )
        sentence = words.MESSAGES[result["outcome"], result["code"]][0]
        assert told["message"].startswith(sentence.removesuffix("。"))


def test_reassigned_work_stays_on_the_phone(
    phone: Phone, worker: Caller, work: Work, clock: Clock, world: World, tasks: Tasks, scope: str
):
    """CHT, Avni, RxDB: work that was given to somebody else stayed on the old phone for ever.

    Here the phone was away for a month, with a visit that nobody has seen: the next sync brings the visit in as evidence,
    takes every document of the grid off the phone, and by id nothing of it is there any more.
    """
    (task,) = tasks(1)
    phone.sync()
    phone.goes_offline()
    made = phone.visits(phone.tasks()[0], ALL_WELL, files=[FILE])
    with work() as session:
        loses_the_grid(session, clock, world)
    clock.advance(days=29, hours=23)
    phone.comes_back()
    phone.sync()
    assert set(phone.store["docs"]) == {f"user:{world.people['grid_worker']}"}
    assert phone.documents("task") == {}
    assert phone.outcome_of(made) == ("superseded", "reassigned")
    assert worker.get(f"/api/v1/tasks/{task}").status == 404
    with work() as session:
        assert (session.get_one(Task, task).state, session.get_one(Visit, made["id"]).effect) == (
            "issued",
            "superseded",
        )


def test_a_lost_reply_makes_duplicates(app: Flask, phone: Phone, work: Work, scope: str):
    """ODK, Survey123, WatermelonDB: the answer was lost, the phone sent again, and the record was there up to ten times.

    Here every second answer is lost on the way back for a whole day.
    """
    phone.sync()
    right, number = phone._send, 0
    lost = "the answer was lost"

    def every_second_answer_is_lost(*asked: Any) -> Any:
        nonlocal number
        number += 1
        answer = right(*asked)
        if number % 2:
            raise OSError(lost)
        return answer

    phone._send = every_second_answer_is_lost
    for number_of_lead in range(5):
        phone.reports({**LEAD, "title": f"作坊 {number_of_lead}"}, scope=scope, files=[FILE])
        with pytest.raises(Paused, match=lost):
            phone.sync()
        phone.push()
    phone._send = right
    phone.sync()
    assert phone.store["outbox"] == []
    assert len(phone.documents("my_lead")) == 5
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Item)) == 5


def test_a_first_sync_takes_hours(app: Flask, client: Caller, work: Work, world: World, scope: str, put: Put):
    """CHT, Collect, CouchDB, CommCare: the first sync asked for each document, or each revision, and took hours.

    Here 5,000 documents, each changed three times, come in three answers; what an answer costs the database does not hang
    on how many there are; and the next phone of the grid is served the same build.
    """
    names = [f"n{number:04}" for number in range(4_999)]
    for rev in (1, 2, 3):
        put(scope, *names, rev=rev, size=200)
    first, second = client.as_("grid_worker"), client.as_("grid_worker")
    costs = [_fetches_everything(app, caller, scope) for caller in (first, second)]
    assert [len(answers) for answers in costs] == [3, 3]
    assert max(sum(costs, [])) <= 12
    assert sum(costs[1]) < sum(costs[0])


def _fetches_everything(app: Flask, caller: Caller, scope: str) -> list[int]:
    """Pull until nothing is left; the number of statements of each answer."""
    seen: list[str] = []
    with app.app_context():
        engine = db.engine
    listener = lambda *told: seen.append(told[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listener)
    known: dict[str, str] = {}
    costs, documents = [], 0
    while True:
        before = len(seen)
        answer = pull(caller, known, limit=2_000)
        costs.append(len(seen) - before)
        documents += sum(len(part["changes"]) for part in answer["scopes"] if part["scope"] == scope)
        known |= tokens_of(answer)
        if not answer["more"]:
            break
    event.remove(engine, "before_cursor_execute", listener)
    assert documents == 5_000
    return costs


def test_deleted_things_come_back_and_live_things_vanish(
    phone: Phone, work: Work, clock: Clock, world: World, scope: str, put: Put
):
    """Mergin, Kinto: a phone that was away too long brought deleted records back, or lost some that were there.

    Here it is away for longer than the server remembers deletions; meanwhile things are deleted, made, and moved from one of
    its grids to the other. Afterwards it holds exactly what a fresh phone holds.
    """
    second = f"grid:{world.grid_2}"
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker"), world.grid_2, from_on=clock.today(), at=clock.now())
    put(scope, "deleted", "stays", "moves")
    with work() as session:
        both = feed.Document("note", "of both", 1, frozenset({scope, second}), {"text": "在两个网格"})
        feed.stage(session, [both])
    phone.sync()
    assert set(phone.documents("note")) == {"deleted", "stays", "moves", "of both"}
    put(second, "moves", rev=2)
    put(second, "of both", rev=2)
    phone.sync()
    assert {name: one[0] for name, one in phone.documents("note").items()} == {
        "deleted": scope, "stays": scope, "moves": second, "of both": second,
    }, "what one scope lets go of stays while another holds it"  # fmt: skip
    phone.goes_offline()
    put(None, "deleted", rev=2)
    clock.advance(days=200)
    with work() as session:
        assert housekeeping.purge_tombstones(session, clock.now(), 180) > 0
    put(scope, "made meanwhile")
    phone.comes_back()
    phone.sign_in("grid_worker", PASSWORD)
    phone.sync()
    assert set(phone.documents("note")) == {"stays", "moves", "of both", "made meanwhile"}
    assert phone.store["incidents"] == 0
    put(None, "of both", rev=3)
    phone.sync()
    assert "of both" not in phone.documents("note")


def test_forms_changed_while_offline_and_the_work_is_refused(phone: Phone, work: Work, tasks: Tasks, clock: Clock):
    """Enketo, DHIS2, QField: the form changed while the worker was away, and everything filled in on the old one failed.

    Here a published form never changes: a new question makes a new version, and the old one is still understood.
    """
    (task,) = tasks(1)
    phone.sync()
    phone.goes_offline()
    made = phone.visits(phone.tasks()[0], ALL_WELL, files=[FILE])
    old = next(one for one in BUILT_IN if one["code"] == "RG02")
    sign = {"name": "sign", "title": {"zh": "招牌", "en": "sign"}, "type": "boolean", "required": True}
    asks_more = {**old, "version": 2, "effective_on": str(clock.today()), "fields": [*old["fields"], sign]}
    with work() as session:
        publish(session, asks_more, "", actor_id="system", at=clock.now())
    phone.comes_back()
    phone.sync()
    assert phone.outcome_of(made) == ("accepted", None)
    with work() as session:
        assert (session.get_one(Task, task).state, session.get_one(Visit, made["id"]).findings) == ("done", ALL_WELL)


def test_an_old_app_is_locked_out_with_its_work_inside(worker: Caller, tasks: Tasks, visit: Make):
    """Enketo, CHT: after an upgrade of the server an old app could do nothing any more, and its unsent work was stuck in it."""
    (task,) = tasks(1)
    answer = worker.post("/api/v1/sync/pull", {"schema": 0, "scopes": {}})
    assert (answer.status, answer.body["code"]) == (409, "sync.schema_too_old")
    assert "仍可发送" in answer.body["do"]
    (result,) = push(worker, visit(task))
    assert result["outcome"] == "accepted"


def test_the_storage_was_cleared_and_nobody_noticed(
    app: Flask, phone: Phone, client: Caller, clock: Clock, write_heartbeats: Callable[[], None]
):
    """Dexie, LokiJS, PouchDB, KoboToolbox: the system cleared the browser's storage, unsent work with it, and nobody knew.

    Here each item has a number: the supervisor sees which ones never came, and that the phone says it has nothing to send.
    """
    phone.queue("suggestion.submit", {"text": "一"})
    phone.sync()
    phone.goes_offline()
    for text in ("二", "三"):
        phone.queue("suggestion.submit", {"text": text})
    phone.store.save(outbox=[], docs={}, tokens={})  # the system made room
    phone.comes_back()
    phone.sync()
    write_heartbeats()
    listed = client.as_("community_dispatcher").get("/api/v1/sync/devices").body["items"]
    (seen,) = [one["ledger"] for one in listed if one["device"]["id"] == phone.store["device_id"]]
    assert (seen["highest"], seen["missing"], seen["waiting"]) == (1, [{"first": 2, "last": 3}], None)
    page = client.as_("community_dispatcher").get("/sync", headers={"Accept": "text/html"})
    assert (page.status, "第 2–3 号没有到" in page.response.get_data(as_text=True)) == (200, True)


def test_two_people_share_a_phone_and_one_loses_work(
    app: Flask, phone: Phone, client: Caller, clock: Clock, world: World, work: Work, scope: str
):
    """CHT, Avni, OpenSRP: on a shared phone one person's sign-in signed the other out, and his unsent work was lost or sent as hers.

    Here each has a sign-in, numbers and scopes of his own on one device, and sends what he filled in, whoever was on it between.
    """
    phone.sync()
    phone.goes_offline()
    his = phone.queue("suggestion.submit", {"text": "路灯坏了"}, scope=scope)
    hers_store = Store()
    hers_store.save(device_id=phone.store["device_id"])
    other = Phone(hers_store, over_flask(app), clock.now)
    other.sign_in("grid_worker_2", PASSWORD)
    hers = other.queue("suggestion.submit", {"text": "井盖松了"}, scope=f"grid:{world.grid_2}")
    other.sync()
    assert scope not in other.store["docs"]
    clock.advance(hours=1)  # his access token has run out meanwhile
    phone.comes_back()
    phone.sync()
    assert (his["device_no"], hers["device_no"]) == (1, 1)
    assert phone.outcome_of(his) == other.outcome_of(hers) == ("accepted", None)
    senders = {one["id"]: stored(work, one["id"])[0].user_id for one in (his, hers)}
    assert senders == {his["id"]: world.people["grid_worker"], hers["id"]: world.people["grid_worker_2"]}
    listed = client.as_("street_dispatcher").get("/api/v1/sync/devices").body["items"]
    ledgers = [one["ledger"] for one in listed if one["device"]["id"] == phone.store["device_id"]]
    assert [(one["highest"], one["missing"]) for one in ledgers] == [(1, []), (1, [])]


@pytest.mark.parametrize(
    "wrong", [timedelta(days=730), timedelta(days=-3_650)], ids=["two years ahead", "ten years behind"]
)
def test_a_phone_with_a_wrong_clock_misses_or_spoils_data(
    app: Flask, work: Work, clock: Clock, tasks: Tasks, put: Put, scope: str, world: World, wrong: timedelta
):
    """CHT, Avni: a phone with a wrong clock fetched nothing, hid new records, or stamped its own with a date in the future.

    Here order is the server's count, and the phone measures how wrong it is: its work is dated right and on time.
    """
    (task,) = tasks(1)
    phone = Phone(Store(), over_flask(app), lambda: clock.now() + wrong)
    phone.sign_in("grid_worker", PASSWORD)
    phone.sync()
    made = phone.visits(phone.tasks()[0], ALL_WELL, files=[FILE])
    put(scope, "new")
    phone.sync()
    assert set(phone.documents("note")) == {"new"}
    assert phone.outcome_of(made) == ("accepted", None)
    with work() as session:
        seen = session.get_one(Visit, made["id"])
        assert (seen.performed_at, seen.timeliness) == (clock.now(), "on_time")


@pytest.mark.parametrize("breaks_at", range(6))
def test_after_a_broken_sync_the_next_one_goes_on(
    phone: Phone, work: Work, put: Put, scope: str, world: World, breaks_at: int
):
    """Mergin, DHIS2, QFieldCloud: after the network had gone during a sync, the app said it was syncing and never did again.

    Here a sync breaks off at each of its requests, before it or behind it, and the next one ends where it would have ended.
    What starts it (the network is back, the app is opened, a timer, a button) is the app's; the server asks for no order.
    """
    put(scope, *(f"n{number}" for number in range(30)))
    for text in ("一", "二"):
        phone.queue("suggestion.submit", {"text": text}, scope=scope)
    right, asked = phone._send, 0

    def breaks(*request: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == breaks_at // 2 + 1:
            if breaks_at % 2:
                right(*request)
            raise OSError("no network")
        return right(*request)

    phone._send = breaks

    def syncs() -> None:
        phone.push()
        phone.pull(limit=10)

    with pytest.raises(Paused, match="no network"):
        syncs()
    phone._send = right
    phone.sync()
    assert phone.store["outbox"] == []
    assert len(phone.documents("note")) == 30
    assert {document["outcome"] for _, document in phone.documents("outcome").values()} == {"accepted"}
    assert phone.store["incidents"] == 0


def test_the_grid_is_there_again_when_the_duty_comes_back(
    phone: Phone, work: Work, clock: Clock, world: World, scope: str, put: Put
):
    """CHT, RxDB: after a worker got an area back, its records did not come, since the phone thought that it had them."""
    put(scope, "a")
    phone.sync()
    with work() as session:
        end_duty(session, user_of(session, "grid_worker"), world.grid, last_on=date(2026, 9, 18), at=clock.now())
    clock.set("2026-09-19 09:00")
    phone.sync()
    assert phone.documents("note") == {}
    put(scope, "b")
    with work() as session:
        assign_grid(session, user_of(session, "grid_worker"), world.grid, from_on=clock.today(), at=clock.now())
    phone.sync()
    assert set(phone.documents("note")) == {"a", "b"}
