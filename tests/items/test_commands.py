"""`gridwatch items` on the command line: list, check, publish, and files that are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gridwatch.app import create_app
from gridwatch.items.commands import items
from tests.fixtures import World


@pytest.fixture
def run(app: Any, settings: Any, world: World) -> Callable[..., Result]:
    def command(*words: str, said: Any = None) -> Result:
        text = said if isinstance(said, str | None) else json.dumps(said)
        return CliRunner().invoke(items, list(words), input=text, obj=lambda _=None: create_app(settings))

    return command


def test_items_are_listed_with_what_they_ask(run: Callable[..., Result]):
    listed = run("list").output.splitlines()
    assert listed[1].startswith(
        "* RG01@1 2018-05-10 登记地址信息核查 / registered address  1 问 1 照 4 点 10.8 秒，最多 2 问"
    )
    assert any(line.startswith("  首检 / first check RG01+RG02+RG05B  1 问 1 照") for line in listed)


def test_a_file_is_checked_published_and_published_again(
    run: Callable[..., Result], version: Callable[..., dict[str, Any]]
):
    checked = run("check", "-", said=version())
    assert (checked.exit_code, "RG01@2 可以发布" in checked.output) == (0, True)
    assert "RG01@2 已发布" in run("publish", "-", "--reason", "试行", said=[version()]).output
    assert "RG01@2 没有变化" in run("publish", "-", said=version()).output
    assert "RG01@2 2026-11-02" in run("list").output
    assert run("publish").output == "没有变化 / unchanged\n"  # what came with the program is there


def test_what_is_wrong_is_said_with_its_path_and_nothing_is_published(
    run: Callable[..., Result], version: Callable[..., dict[str, Any]]
):
    good, bad = version(), version("RG02", version=7, title={"zh": "长" * 99, "en": "x"})
    checked = run("check", "-", said=[good, bad])
    assert (checked.exit_code, "RG02@7 title.zh：" in checked.output) == (1, True)
    refused = run("publish", "-", said=[good, bad])
    assert (refused.exit_code, "title.zh：" in refused.output) == (2, True)
    assert "RG01@2" not in run("list").output  # all of a file or nothing


def test_a_burden_that_grows_needs_its_reason(run: Callable[..., Result], version: Callable[..., dict[str, Any]]):
    asked = [{"name": f"q{n}", "title": {"zh": "问", "en": "q"}, "type": "boolean"} for n in range(5)]
    refused = run("publish", "-", said=version("RG01", *asked))
    assert (refused.exit_code, "RG01 questions 2 → 7 (≤ 6)" in refused.output) == (2, True)
    assert "要写明理由" in run("check", "-", said=version("RG01", *asked)).output
    assert run("publish", "-", "--reason", "专项期间试行", said=version("RG01", *asked)).exit_code == 0


@pytest.mark.parametrize(
    ("what", "said", "told"),
    [
        ("no JSON", "code: RG01", "读不出 JSON"),
        ("a member twice", '{"code": "RG01", "code": "RG02"}', "“code” 写了两次"),
        ("not a number", '{"code": "RG01", "version": NaN}', "NaN 不是数字"),
        ("nesting without end", "[" * 100_000, "读不出 JSON"),
        ("nothing", "", "读不出 JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(run: Callable[..., Result], what: str, said: str, told: str):
    answer = run("check", "-", said=said)
    assert (answer.exit_code, told in answer.output) == (1, True), answer.output
