"""Three doors in the town: two in the first community (one a grid), one in the second; two shops behind the first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gridwatch.calendars.queries import current_calendar
from gridwatch.config import Settings
from gridwatch.domain.permits import Actor, Grant, Role
from gridwatch.entities.service import RegistryNotice
from gridwatch.places.models import Address
from gridwatch.tasks.registration import take_in
from tests.fixtures import Caller, Clock, Work, World

HOST = "grid.example.gov.cn"
DOOR, NEXT_DOOR, FAR_DOOR = "441900004003A001", "441900004003A002", "441900004005A001"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Those of every test, with the address that citizens know."""
    return replace(settings, public_url=f"https://{HOST}")


@pytest.fixture
def doors(work: Work, world: World, clock: Clock) -> None:
    """The addresses and the two shops, 鸿福便利店 and 鸿福餐馆, both at DOOR."""
    owner = Actor("owner", "平台", (Grant(Role.PLATFORM_OWNER, world.path(world.city)),))
    with work() as session:
        for code, community, grid, lon, lat, road, text in (
            (DOOR, world.community, world.grid, 113.745, 23.015, "鸿福路", "鸿福路100号一楼"),
            (NEXT_DOOR, world.community, world.grid_2, 113.755, 23.015, "鸿福路", "鸿福路102号"),
            (FAR_DOOR, world.community_2, world.grid_3, 113.745, 23.025, "元美路", "元美路8号"),
        ):
            session.add(
                Address(
                    code=code, text=text, street_code=world.street, community_code=community, area_path=world.path(community),
                    grid_code=grid, road=road, house_no="", building="", lon=lon, lat=lat, datum="WGS84", accuracy_m=10.0,
                )
            )  # fmt: skip
        session.flush()
        for code, name in (("E1", "鸿福便利店"), ("E2", "鸿福餐馆")):
            notice = RegistryNotice(
                event_id=f"ev-{code}", kind="new", code=code, occurred_on=clock.today(), name=name, scope="销售日用品",
                entity_type="个体工商户", registered_on=clock.today(), street_code=world.street,
                address_text="鸿福路100号一楼", address_code=DOOR,
            )  # fmt: skip
            take_in(session, notice, current_calendar(session), actor=owner, now=clock.now(), today=clock.today())


@pytest.fixture
def street(client: Caller, doors: None) -> Caller:
    """The street dispatcher, who issues tags."""
    return client.as_("street_dispatcher")


def issued(street: Caller, *addresses: str) -> list[str]:
    """The codes of new tags for these addresses, in the order of the addresses."""
    answer = street.post("/api/v1/tags", {"addresses": list(addresses)})
    assert answer.status == 200, answer.body
    by_address = {one["address_code"]: one["code"] for one in answer.body["new"]}
    return [by_address[address] for address in addresses]
