"""The only wiring: which features there are, what runs before a commit, who answers for errors.

`create_app` is what wsgi.py, the commands and the tests call.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import orjson
from flask import Flask
from flask.json.provider import DefaultJSONProvider
from sqlalchemy.orm import Session

from gridwatch.audit import service as audit
from gridwatch.config import Settings
from gridwatch.db import feed, quick
from gridwatch.db.base import db
from gridwatch.db.engine import dialect_for_url
from gridwatch.db.session import end_of_work
from gridwatch.domain.worktime import local_day
from gridwatch.files import queries as files
from gridwatch.jobs import checks
from gridwatch.leads.queries import sees_as_lead
from gridwatch.people.actors import actor_of_token
from gridwatch.people.csrf import check_csrf
from gridwatch.sync.documents import show_again
from gridwatch.sync.waiting import sees_as_item
from gridwatch.tasks.queries import sees_as_visit
from gridwatch.web import assets, handheld, health, identity, language, pages, problems, quick_road
from gridwatch.web.api import API_CONFIG, Api
from gridwatch.web.clock import now

# Every feature, by shelf. A feature with tables has models.py, one with an interface has routes.py, and so on.
FEATURES = (
    "areas", "calendars", "audit", "people", "places", "notices", "files", "entities", "items", "tasks", "markets", "inspections",
    "leads", "tags", "sync", "exchange", "planning", "transfers", "maps", "complaints", "campaigns", "jobs",
)  # fmt: skip


class OrjsonProvider(DefaultJSONProvider):
    """orjson: ten times the speed, UTF-8 as it is, and NaN is never written."""

    def dumps(self, obj: object, **kwargs: object) -> str:
        return orjson.dumps(obj, default=str).decode()

    def loads(self, s: str | bytes, **kwargs: object) -> object:
        return orjson.loads(s)


class Web(Flask):
    """Flask with a quick road beside its own, and without its search for coroutines before every call: Gridwatch has none."""

    quick_road: quick_road.QuickRoad | None = None

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """The answer by the quick road where it takes the request, else by Flask's."""
        if self.quick_road is not None and (answer := self.quick_road.take(environ, start_response)) is not None:
            return answer
        return super().wsgi_app(environ, start_response)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def _modules(name: str) -> list[ModuleType]:
    found = []
    for feature in FEATURES:
        path = f"gridwatch.{feature}.{name}"
        if importlib.util.find_spec(path) is not None:
            found.append(importlib.import_module(path))
    return found


def import_models() -> None:
    """Import every feature's tables, so that the metadata is whole."""
    _modules("models")
    importlib.import_module("gridwatch.db.feed")


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application. Raises SettingRefused for settings that are unsafe in production."""
    settings = settings or Settings.from_environment()
    app = Web("gridwatch", static_folder=None)
    app.json = OrjsonProvider(app)
    app.config["GRIDWATCH"] = settings
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    dialect = dialect_for_url(settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = dialect.engine_options()
    app.config["MAX_CONTENT_LENGTH"] = 11_000_000
    app.config.update(API_CONFIG)
    db.init_app(app)
    with app.app_context():
        dialect.prepare(db.engine, settings.spatialite_library)
        quick.install(app, db.engine, settings.spatialite_library)

    import_models()
    end_of_work(app, audit.write_events, _publish)
    renderers: dict[type, feed.Renderer] = {}
    for module in _modules("documents"):
        renderers |= module.RENDERERS
    feed.register(app, renderers)
    files.register(app, seen=(sees_as_visit, sees_as_lead, sees_as_item), arrived=show_again)

    problems.install(app)
    identity.install(app)
    api = Api(app)
    for module in _modules("routes"):
        api.register_blueprint(module.blueprint)
    with_pages = _modules("pages")
    for blueprint in (assets.blueprint, handheld.blueprint, *(module.blueprint for module in with_pages)):
        app.register_blueprint(blueprint)
    pages.install(app, (item for module in with_pages for item in getattr(module, "MENU", ())))
    language.install(app)
    health.install(app, checks.ready)
    app.extensions["gridwatch.authenticate"] = actor_of_token
    app.extensions["gridwatch.denied"] = audit.deny
    app.extensions["gridwatch.check_csrf"] = check_csrf
    app.quick_road = quick_road.of(app)
    return app


def _publish(session: Session) -> None:
    feed.publish(session, local_day(now()).isoformat())
