"""The short form of the fault run (promises P1–P5, P10, P13, P17): real processes, a bad network, kill -9, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from gridwatch.config import Settings
from gridwatch.db.engine import engine_for
from tests.chaos.check import Held, problems
from tests.chaos.proxy import RATES
from tests.chaos.run import Plan, Report, free_port, run
from tests.chaos.servers import city_servers
from tests.chaos.town import Town
from tests.databases import HOW_TO_INSTALL, postgres_binaries

SHORT = {"postgis": Plan(items=1_500, phones=16, seed=1), "spatialite": Plan(items=600, phones=8, seed=1, kills=2)}
KILLED = {
    "postgis": {"web process", "web server", "database", "scheduler", "phones"},
    "spatialite": {"web server", "phones"},
}
SPOILT = {
    "lost": (
        "DELETE FROM sync_item WHERE no = (SELECT min(no) FROM sync_item WHERE kind = 'suggestion.submit')",
        "is not stored",
    ),
    "doubled": (
        "INSERT INTO visit (id, task_id, by_user, area_path, received_at, result, findings, files, remarks, effect, timeliness) "
        "SELECT 'a second one', task_id, by_user, area_path, received_at, result, findings, files, remarks, effect, timeliness "
        "FROM visit WHERE effect = 'accepted' LIMIT 1",
        "visit a second one comes from no item",
    ),
    "feed": (
        "DELETE FROM feed_row WHERE kind = 'outcome' AND doc_id = (SELECT min(doc_id) FROM feed_row WHERE kind = 'outcome')",
        "should not hold outcome/",
    ),
    "photos": (
        "DELETE FROM evidence WHERE subject_id = (SELECT min(subject_id) FROM evidence)",
        "is not named as evidence",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHORT)
def test_nothing_is_lost_and_nothing_is_there_twice_whatever_is_killed(kind: str, tmp_path: Path):
    """One run; then rows are spoilt one by one, and the check that was silent names each."""
    if kind == "postgis" and postgres_binaries() is None:
        pytest.skip(f"PostgreSQL with PostGIS is missing: {HOW_TO_INSTALL}")
    plan = SHORT[kind]
    with city_servers(kind, tmp_path, free_port()) as servers:
        report, town = run(plan, servers, tmp_path)
        assert report.is_clean, str(report)
        assert all(report.faults[name] for name in RATES), report.faults
        assert report.kills.keys() == KILLED[kind]
        assert report.said["crashes"] > 0
        assert report.said["status 500"] == 0, "a fault of ours is never an answer"
        assert report.rounds <= 3, str(report)
        assert not [what for what in report.said if what.startswith("signed out")], "nobody had to sign in again (P13)"
        assert_that_everything_happened(report)
        the_check_can_fail(servers.settings, town, tmp_path / "phones")


def assert_that_everything_happened(report: Report) -> None:
    """The run was no empty one: every outcome of the protocol came about, and photos."""
    outcomes = {name.partition("/")[0] for name in report.outcomes}
    assert outcomes >= {"accepted", "superseded", "held", "review", "rejected", "photos"}, report.outcomes
    assert sum(number for name, number in report.outcomes.items() if name != "photos") >= report.plan.items


def the_check_can_fail(settings: Settings, town: Town, folder: Path) -> None:
    """A row that is gone and a row too many are found, by the promise that they break."""
    held, engine = Held.by(town.people, folder), engine_for(settings.database_url)
    for promise, (spoil, says) in SPOILT.items():
        before = problems(settings, town, held)[promise]
        with engine.begin() as connection:
            connection.execute(text(spoil))
        found = problems(settings, town, held)[promise]
        assert len(found) > len(before)
        assert any(says in one for one in found), (promise, found)
    engine.dispose()
