"""The operator's guide is true: its settings are the program's, its commands are there, its files are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gridwatch.cli import COMMANDS
from gridwatch.config import SettingRefused, Settings, settings_table

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_guide_as_it_is():
    rows = re.findall(r"^\| `(GRIDWATCH_\w+)` \| (\w+) \| `?([^|`]*?)`? ?\| [^|]+ \| (.+) \|$", GUIDE, re.MULTILINE)
    assert rows == settings_table()


def test_every_command_stands_in_the_guide_once_in_each_language():
    for command in COMMANDS:
        rows = [line for line in GUIDE.splitlines() if re.match(rf"\| `gridwatch {command}[ `]", line)]
        assert len(rows) == 2, command


def test_every_file_that_the_guide_names_is_there():
    for name in set(re.findall(r"`(deploy/[\w.-]+)`", GUIDE)):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("unit", ["gridwatch", "gridwatch-scheduler"])
def test_a_unit_runs_a_command_of_ours_and_waits_for_it_to_finish(unit: str):
    text = (ROOT / f"deploy/{unit}.service").read_text()
    (command,) = re.findall(r"^ExecStart=/opt/gridwatch/\.venv/bin/gridwatch (\w+)$", text, re.MULTILINE)
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert command in COMMANDS
    assert int(seconds) > 30


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRIDWATCH_PORT", "eighty"), ("GRIDWATCH_PORT", "70000"), ("GRIDWATCH_WORKERS", "0"), ("GRIDWATCH_ENV", "staging"),
        ("GRIDWATCH_TICK_SECONDS", "-5"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_refused_by_name(name: str, value: str):
    with pytest.raises(SettingRefused, match=name):
        Settings.from_environment({name: value})


def test_a_relative_database_file_means_the_same_file_to_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({}).database_url == f"sqlite:///{tmp_path}/gridwatch.sqlite"
