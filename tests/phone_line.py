"""The commands of the phone: what `python tests/phone.py` runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phone import Paused, Phone, Store, first_answers
from phone_files import Photos
from phone_http import over_http


def _lead(phone: Phone, options: argparse.Namespace) -> dict[str, Any]:
    scope = next((scope for scope in phone.store["docs"] if scope.startswith("grid:")), None)
    lon, _, lat = (options.place or "").partition(",")
    place = {"lon": float(lon), "lat": float(lat), "crs": "WGS84", "source": "gps"} if options.place else None
    payload = {name: getattr(options, name) for name in ("category", "title", "address")} | {
        "description": options.title
    }
    return phone.reports(payload, scope=scope, place=place, files=[Photos(phone).take(options.title.encode())])


def _visit(phone: Phone, task_id: str | None) -> dict[str, Any]:
    task = next(task for task in phone.tasks() if task_id in (None, task["id"]))
    photo = Photos(phone).take(task["id"].encode())
    return phone.visits(task, first_answers(phone.store["ref"]["items"], task["form"]), files=[photo])


def _status(phone: Phone) -> Iterator[str]:
    store = phone.store
    yield f"{'online' if store['online'] else 'offline'}, epoch {store['epoch']}, incidents {store['incidents']}"
    yield from (f"{scope}: {len(docs)} documents" for scope, docs in store["docs"].items())
    yield from (f"waits {item['device_no']} {item['kind']} {item['id']}" for item in store["outbox"])
    for done in [*store["acknowledged"], *store["rejected"]]:
        item, (outcome, code) = done["item"], phone.outcome_of(done["item"])
        yield f"{outcome}{'/' + code if code else ''} {item['device_no']} {item['kind']} {item['id']}: {done['result']['message']}"


def _story(phone: Phone, options: argparse.Namespace) -> Iterator[str]:
    """A morning: fetch the day's work, go offline, do three visits, find something, come back, see what became of it."""
    phone.sync()
    yield f"{len(phone.tasks())} tasks fetched"
    phone.goes_offline()
    for task in phone.tasks()[:3]:
        yield f"offline, at the door: {task['title']}, due {task['due_on']}: item {_visit(phone, task['id'])['id']}"
    yield f"offline, found: {options.title}: item {_lead(phone, options)['id']}"
    phone.comes_back()
    phone.push()
    Photos(phone).upload()
    phone.pull()
    yield from _status(phone)


VERBS = {
    "sync": "send what waits and its photos, fetch what is new", "push": "the first half", "pull": "the second half",
    "tasks": "the open tasks", "visit": "visit a task (ID, else the most urgent)", "report": "report a lead",
    "status": "what is held and what waits", "offline": "stay off the network", "online": "use it again",
    "story": "a morning's work from beginning to end",
}  # fmt: skip


def _options(arguments: list[str] | None) -> argparse.Namespace:
    says = "\n".join(f"  {verb:8} {what}" for verb, what in VERBS.items())
    parser = argparse.ArgumentParser(epilog=says, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://127.0.0.1:8600")
    parser.add_argument("--user", help="sign in under this name first")
    parser.add_argument("--password")
    parser.add_argument("--store", type=Path, default=Path("phone.json"), help="the file that holds everything")
    for name, value in (("title", "无照经营的面包作坊"), ("category", "XS03"), ("address", "宏伟路"), ("place", "")):
        parser.add_argument(
            f"--{name}", default=value, help="of the lead" + " (longitude,latitude)" * (name == "place")
        )
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("id", nargs="?")
    return parser.parse_args(arguments)


def run(arguments: list[str] | None = None) -> Iterator[str]:
    """One command; yields the lines to print. Only sync, push, pull and story use the network. Raises Paused."""
    options = _options(arguments)
    phone, verb = Phone(Store(options.store), over_http(options.server)), options.verb
    if verb in ("offline", "online"):
        phone.store.save(online=verb == "online")
    elif verb in ("sync", "push", "pull", "story"):
        if options.user:
            phone.sign_in(options.user, options.password)
        if verb != "push":
            phone.fetch_forms()
    if verb == "tasks":
        yield from (f"{task['id']} {task['due_on']} {task['title']} {task['form']}" for task in phone.tasks())
    elif verb in ("visit", "report"):
        yield f"waits {(_visit(phone, options.id) if verb == 'visit' else _lead(phone, options))['id']}"
    elif verb == "story":
        yield from _story(phone, options)
    else:
        if verb in ("sync", "push"):
            phone.push()
            Photos(phone).upload()
        if verb in ("sync", "pull"):
            phone.pull()
        yield from _status(phone)


def main() -> None:
    """Run one command; without a server, say so and keep everything."""
    try:
        for line in run():
            print(line)  # noqa: T201
    except Paused as why:
        sys.exit(f"nothing is lost, try again later: {why}")
