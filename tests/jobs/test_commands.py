"""`gridwatch tick`, `migrate`, `openapi` and `doctor`, as an operator meets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from gridwatch.app import create_app
from gridwatch.db.migrate import newest_revision
from gridwatch.jobs.commands import openapi
from gridwatch.jobs.doctor import doctor
from gridwatch.jobs.table import JOBS
from tests.jobs.conftest import Run

ROOT = Path(__file__).parents[2]
only_spatialite = pytest.mark.parametrize("database_url", ["spatialite"], indirect=True)


def test_a_tick_prints_what_it_did_at_the_clocks_time(run: Run, clock):
    clock.set("2026-09-22 00:05")
    answer = run("tick")
    assert answer.returncode == 0, answer.stderr
    said = orjson.loads(answer.stdout)
    assert said["at"] == "2026-09-21T16:05:00.000Z"
    assert list(said["jobs"]) == [job.name for job in JOBS]


@only_spatialite
def test_a_tick_that_failed_says_so(run: Run, tmp_path: Path):
    answer = run("tick", GRIDWATCH_DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite")
    assert answer.returncode == 1
    assert "no such table" in orjson.loads(answer.stdout)["jobs"]["reminders"]["error"]


@only_spatialite
def test_a_clock_file_that_holds_no_time_is_one_sentence(run: Run, tmp_path: Path):
    (tmp_path / "clock").write_text("yesterday")
    answer = run("tick")
    assert (answer.returncode, "GRIDWATCH_CLOCK_FILE" in answer.stderr) == (2, True)
    assert "Traceback" not in answer.stderr


def test_migrating_again_changes_nothing(run: Run):
    first, second = run("migrate"), run("migrate")
    assert (first.returncode, second.returncode, first.stdout) == (0, 0, second.stdout)
    assert newest_revision() in second.stdout


# -- openapi ------------------------------------------------------------------------------------------------------------


def test_the_committed_document_of_the_api_is_that_of_the_code():
    answer = CliRunner().invoke(openapi, ["--check", str(ROOT / "docs/openapi.json")], obj=create_app)
    assert answer.exit_code == 0, answer.output


def test_an_old_document_is_named_with_the_way_to_a_new_one(tmp_path: Path):
    old = tmp_path / "openapi.json"
    old.write_text("{}")
    answer = CliRunner().invoke(openapi, ["--check", str(old)], obj=create_app)
    assert (answer.exit_code, "gridwatch openapi >" in answer.output) == (1, True)


def test_the_document_is_printed_as_it_is_committed():
    answer = CliRunner().invoke(openapi, [], obj=create_app)
    document = orjson.loads(answer.stdout_bytes)
    assert (document["openapi"], "/api/v1/notices" in document["paths"]) == ("3.1.0", True)


# -- doctor -------------------------------------------------------------------------------------------------------------


def test_the_doctor_names_what_is_missing_with_the_fix(run: Run):
    """A fresh database: no scheduler has ticked, no calendar is loaded, and on PostGIS the test server forgets."""
    answer = run("doctor", "--json")
    lines = {line["name"]: line for line in orjson.loads(answer.stdout)}
    missing = {name for name, line in lines.items() if not line["ok"]}
    assert answer.returncode == 1
    assert {"scheduler", "calendar"} <= missing <= {"scheduler", "calendar", "durability"}
    assert all(lines[name]["fix"] for name in missing)
    assert {"python", "packages", "settings", "database", "schema", "disk", "clock", "secret"} <= lines.keys()


@only_spatialite
def test_each_line_says_ok_or_missing(run: Run):
    answer = run("doctor")
    lines = [line for line in answer.stdout.splitlines() if not line.startswith(" ")]
    assert all(line.startswith(("正常 ok", "缺失 missing")) for line in lines), answer.stdout
    assert "→ 启动 gridwatch scheduler" in answer.stdout


@only_spatialite
def test_all_is_well_once_a_calendar_is_there_and_a_scheduler_ticks(run: Run):
    assert run("load", str(ROOT / "tests/data/nancheng"), "--json").returncode == 0
    run("tick")
    answer = run("doctor")
    assert answer.returncode == 0, answer.stdout


@only_spatialite
def test_a_bad_setting_is_a_line(run: Run):
    answer = run("doctor", GRIDWATCH_PORT="eighty")
    assert (answer.returncode, "GRIDWATCH_PORT" in answer.stdout) == (1, True)


@only_spatialite
def test_a_database_that_cannot_be_opened_is_lines_not_a_crash(run: Run, tmp_path: Path):
    answer = run("doctor", GRIDWATCH_DATABASE_URL=f"sqlite:///{tmp_path}/no/such/folder/x.sqlite")
    assert answer.returncode == 1
    assert "缺失 missing  database" in answer.stdout


@pytest.mark.parametrize("package", ["geoalchemy2", "sqlalchemy", "flask", "orjson"])
@only_spatialite
def test_the_doctor_runs_where_a_package_cannot_be_imported(environment: dict[str, str], package: str):
    code = f"import sys; sys.modules[{package!r}] = None; sys.argv = ['gridwatch', 'doctor']; from gridwatch.cli import main; main()"
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 1, answer.stderr
    assert f"import of {package}" in answer.stdout


@only_spatialite
def test_a_missing_distribution_is_named(monkeypatch: pytest.MonkeyPatch, settings):
    monkeypatch.setattr("gridwatch.jobs.doctor.metadata.requires", lambda name: ["no-such-package ~= 1.0", "flask"])
    answer = CliRunner().invoke(
        doctor, ["--json"], obj=create_app, env={"GRIDWATCH_DATABASE_URL": settings.database_url}
    )
    lines = orjson.loads(answer.output)
    assert any(line["name"] == "package" and "no-such-package" in line["en"] and line["fix"] for line in lines)


# -- password -----------------------------------------------------------------------------------------------------------


def test_an_operator_gives_the_first_password(run: Run, world, client):
    assert run("password", "administrator", "--password", "a first password").returncode == 0
    device = {"id": "0192f0c4-0000-7000-8000-000000000001", "name": "x", "platform": "y", "app_build": 1}
    body = {"username": "administrator", "password": "a first password", "device": device}
    assert client.post("/api/v1/auth/sign-in", body).status == 200


@only_spatialite
@pytest.mark.parametrize(
    ("username", "password", "says"),
    [("nobody", "a first password", "没有这个人员"), ("administrator", "short", "至少 12 个字符")],
)
def test_a_password_that_is_refused_is_one_sentence(run: Run, world, username: str, password: str, says: str):
    answer = run("password", username, "--password", password)
    assert (answer.returncode, says in answer.stderr) == (1, True)
