"""`gridwatch calendar` and `gridwatch policy` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridwatch.app import create_app
from gridwatch.planning.commands import calendar, policy
from tests.domain.test_notice_text import NOTICES
from tests.fixtures import Clock, World


@pytest.fixture
def run(app, settings, clock: Clock, world: World):
    def command(verb, *words: str, said: str | None = None) -> Result:
        return CliRunner().invoke(
            verb, list(words), input=said, obj=lambda _=None: create_app(settings), catch_exceptions=False
        )

    return command


def test_a_notice_is_looked_at_and_then_imported(run, tmp_path: Path) -> None:
    file = tmp_path / "notice.txt"
    file.write_text(NOTICES[2026][0], encoding="utf-8")
    seen = run(calendar, "preview", str(file), "--source", "国办发明电〔2025〕7号")
    assert seen.exit_code == 0
    assert "2026-09-20 由周末改为调休上班（国庆节）" in seen.output
    assert "将移动 0 个线索时限" in seen.output
    made = run(calendar, "import", "-", "--source", "国办发明电〔2025〕7号", said=NOTICES[2026][0])
    assert "日历第 1 版" in made.output
    assert "全部已知" in run(calendar, "import", str(file), "--source", "国办发明电〔2025〕7号").output


def test_a_local_order_and_its_refusals(run, world: World) -> None:
    typhoon = "date,kind,name\n2026-09-21,holiday,台风停工\n"
    order = ("import", "-", "--source", "南府〔2026〕31号", "--area")
    assert "日历第 1 版" in run(calendar, *order, world.street, said=typhoon).output
    refused = run(calendar, *order, world.community, said=typhoon)
    assert (refused.exit_code, "不能单独规定工作日" in refused.output) == (2, True)
    wrong = run(calendar, *order, world.street, said=typhoon.replace("holiday", "closed"))
    assert (wrong.exit_code, "第2行 / line 2" in wrong.output) == (2, True)


def test_limits_are_listed_and_added(run) -> None:
    assert "* 1 2000-01-01 intervene=5 feedback=15" in run(policy, "list").output
    added = run(policy, "add", "--from", "2026-10-01", "--source", "南府〔2026〕40号", "intervene=4", "feedback=10")
    assert "时限第 2 版，2026-10-01 起" in added.output
    listed = run(policy, "list").output.splitlines()
    assert [line[:3] for line in listed] == ["* 1", "  2"]
    assert "intervene=4" in listed[1]
    refused = run(policy, "add", "--from", "2026-10-01", "--source", "x", "intervene=0")
    assert (refused.exit_code, "1 至 400" in refused.output) == (2, True)
    assert run(policy, "add", "--from", "2026-10-01", "--source", "x", "intervene").exit_code == 2
