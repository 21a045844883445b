"""The hand-triage queue in a browser: doors without a grid, found by their words, sent on one by one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from gridwatch.domain.worktime import Due
from gridwatch.places.models import Address
from gridwatch.tasks.models import Task
from gridwatch.tasks.service import plan_task
from tests.fixtures import Clock, Work, World
from tests.web.browser import Browser, Page

Browse = Callable[..., Browser]


@pytest.fixture
def waiting(work: Work, clock: Clock, world: World) -> Callable[[int], list[str]]:
    """`waiting(23)`: so many tasks without a grid; returns their ids, the oldest first."""

    def plan(number: int) -> list[str]:
        with work() as session:
            return [
                plan_task(
                    session, kind="first_check", source_id=f"GS-{one}", items=["RG01", "RG02"], entity=None, lead_id=None, grid_code=None,
                    area_path=world.path(world.street), address_text=f"元美路{one}号 100% 大厦", title=f"首检：第{one}商店",
                    reason="新登记",
                    start_on=clock.today(), due=Due(clock.today()), calendar_version=0, at=clock.now(),
                ).id
                for one in range(number)
            ]  # fmt: skip

    return plan


def titles(page: Page) -> list[str]:
    """The shops on a page of the queue."""
    return re.findall(r"<b>(首检：.*?)</b><small>", page.html)


def test_a_door_is_sent_to_a_grid_and_leaves_the_queue(browse: Browse, work: Work, world: World, waiting):
    first, *_ = waiting(3)
    dispatcher = browse("street_dispatcher")
    page = dispatcher.get("/tasks/queue")
    assert "共 3 条" in page.text
    assert "元美路0号 100% 大厦" in page.text
    form = page.form(f"/tasks/queue/{first}")
    assert form.options["field.grid"] == ["", world.grid, world.grid_2, world.grid_3]
    page = dispatcher.submit(form, grid=world.grid_3)
    assert "已派到 元美社区 第1网格" in page.text
    assert "共 2 条" in page.text
    with work() as session:
        task = session.scalars(select(Task).where(Task.id == first)).one()
        assert (task.grid_code, task.state) == (world.grid_3, "issued")


def test_a_door_whose_neighbours_are_known_has_its_grid_proposed(browse: Browse, work: Work, world: World, waiting):
    first, second, third = waiting(3)
    with work() as session:
        for code, number, grid in (("A1", "0号", world.grid_3), ("A2", "0号", world.grid_3), ("A3", "1", world.grid)):
            session.add(
                Address(
                    code=code, text=f"元美路{number}{code}", street_code=world.street, area_path=world.path(world.community),
                    grid_code=grid,
                    road="元美路", house_no=number, building=f"{code}座",
                )
            )  # fmt: skip
    page = browse("street_dispatcher").get("/tasks/queue")
    assert "很可能在 元美社区 第1网格：同一门牌「元美路0号」的 2 个地址中有 2 个在这里" in page.text
    assert page.form(f"/tasks/queue/{first}").values["field.grid"] == [
        world.grid_3
    ]  # chosen already, to be sent by hand
    assert page.form(f"/tasks/queue/{second}").values["field.grid"] in ([], [""])
    assert "可能在 鸿福社区 第1网格：同一门牌「元美路1号」的 1 个地址中有 1 个在这里" in page.text
    assert page.form(f"/tasks/queue/{third}").values["field.grid"] in ([], [""])


def test_an_address_that_names_its_community_is_proposed_there(work: Work, world: World, waiting, client):
    (task_id,) = waiting(1)
    with work() as session:
        session.get_one(Task, task_id).address_text = "东莞市南城街道元美社区某某大厦3楼"
    answer = client.as_("street_dispatcher").get(f"/api/v1/tasks/{task_id}/suggestions")
    assert answer.body["items"] == [
        {"grid_code": world.grid_3, "grid_name": "第1网格", "community_name": "元美社区", "sure": True,
         "zh": "地址写明元美社区", "en": "the address says 元美社区"},
    ]  # fmt: skip
    assert client.as_("grid_worker").get(f"/api/v1/tasks/{task_id}/suggestions").status == 404


def test_one_comes_back_to_the_same_place_of_a_search(browse: Browse, world: World, waiting):
    waiting(45)
    dispatcher = browse("street_dispatcher")
    first = dispatcher.get("/tasks/queue?q=商店+100%25")
    assert "共 45 条" in first.text
    second = dispatcher.get(first.next_page)
    form = next(form for form in second.forms if "field.grid" in form.widgets)
    sent = dispatcher.submit(form, follow=False, grid=world.grid)
    back = dispatcher.get(sent.headers["Location"])
    assert "共 44 条" in back.text
    assert back.form("/tasks/queue").values["q"] == ["商店 100%"]
    assert titles(back) == [
        *titles(second)[1:],
        *titles(dispatcher.get(second.next_page))[:1],
    ]
    assert "没有符合的任务" in dispatcher.get("/tasks/queue?q=100_").text
    assert titles(dispatcher.get("/tasks/queue?q=元美路44号")) == ["首检：第44商店"]


def test_who_comes_second_is_told_and_keeps_the_choice(browse: Browse, world: World, waiting):
    (task,) = waiting(1)
    one, other = browse("street_dispatcher"), browse("street_dispatcher")
    form = other.get("/tasks/queue").form(f"/tasks/queue/{task}")
    assert other.submit(form).status == 404  # no grid chosen
    one.submit(one.get("/tasks/queue").form(f"/tasks/queue/{task}"), grid=world.grid)
    page = other.submit(form, grid=world.grid_2)
    assert page.status == 409
    assert world.grid in page.text
    assert "task.already_routed" in page.text


@pytest.mark.parametrize(("grid", "status"), [("nothing", 404), ("", 404), ("x" * 500, 404)])
def test_an_unknown_grid_is_refused_and_the_task_waits(browse: Browse, waiting, grid: str, status: int):
    waiting(1)
    dispatcher = browse("street_dispatcher")
    form = next(form for form in dispatcher.get("/tasks/queue").forms if "field.grid" in form.widgets)
    page = dispatcher.submit(form, grid=grid)
    assert page.status == status
    assert "共 1 条" in page.text


def test_the_queue_is_the_streets_alone(browse: Browse, world: World, waiting):
    (task,) = waiting(1)
    for username in ("community_dispatcher", "grid_worker", "auditor", "administrator"):
        assert browse(username).get("/tasks/queue").status == 403, username
    form = browse("street_dispatcher").get("/tasks/queue").form(f"/tasks/queue/{task}")
    assert browse("community_dispatcher").submit(form, grid=world.grid).status in (403, 404)
