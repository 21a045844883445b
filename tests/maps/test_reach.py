"""Everybody sees on the map what he sees in the lists, by whichever door he comes in; what is outside does not exist (P14)."""

from __future__ import annotations

import pytest

from gridwatch.domain.permits import Role
from tests.fixtures import Caller
from tests.maps.conftest import Town

NO = None  # the role has no such list
ALL = "1 2 3 0"
# Who sees the things of which grids: `0` are those that nobody can place. Ruling R34, row by row.
SEES: dict[str, tuple[str | None, str | None, str | None, str | None]] = {
    # role: grids, tasks, leads, entities
    "grid_worker": ("1", "1", "1", "1"),
    "grid_worker_2": ("2", "2", "2", "2"),
    "grid_worker_3": ("3", "3", "3 0", "3"),  # the lead that she reported herself, wherever it is
    "market_manager": ("2", "2", "", "2"),
    "intake_clerk": ("1 2 3", NO, "", ALL),
    "community_dispatcher": ("1 2", "1 2", "1 2", "1 2"),
    "community_dispatcher_2": ("3", "3", "3", "3"),
    "community_handler": ("1 2", "1 2", "1 2", "1 2"),
    "street_dispatcher": ("1 2 3", ALL, ALL, ALL),
    "supervision_office": ("1 2 3", ALL, ALL, ALL),
    "leading_group": ("1 2 3", ALL, ALL, ALL),
    "department_receiver": (NO, NO, "2", NO),
    "department_receiver_2": (NO, NO, "", NO),
    "case_officer": (NO, NO, "2", NO),
    "department_leader": (NO, NO, "2", NO),
    "platform_owner": ("1 2 3", NO, NO, ALL),
    "administrator": ("1 2 3", NO, NO, NO),
    "auditor": ("1 2 3", ALL, ALL, ALL),
    "security_officer": (NO, NO, NO, NO),
}
LAYERS = ("grids", "tasks", "leads", "entities")
TILES = [f"14/{x}/{y}.mvt" for x in (13368, 13369) for y in (7114, 7115)]  # all three grids lie in them
LETTERS = dict(zip(LAYERS, "gtle", strict=True))


def test_no_role_is_left_out() -> None:
    assert set(Role) <= set(SEES)


@pytest.mark.parametrize("who", SEES)
def test_a_role_sees_its_own_by_every_door(client: Caller, town: Town, who: str) -> None:
    somebody = client.as_(who)
    listed = {one["id"] for one in somebody.get("/ogc/collections").body["collections"]}
    for layer, grids in zip(LAYERS, SEES[who], strict=True):
        path = f"/api/v1/maps/{layer}"
        if grids is NO:
            assert somebody.get(path).status == somebody.get(f"{path}/{TILES[0]}").status in (403, 404), layer
            assert somebody.get(f"/ogc/collections/{layer}/items").status == 404, layer
            assert layer not in listed
            continue
        letter, wanted = LETTERS[layer], {f"{LETTERS[layer]}{grid}" for grid in grids.split()}
        assert seen(town, somebody.get(path)) == wanted, layer
        assert seen(town, somebody.get(f"/ogc/collections/{layer}/items")) == wanted, layer
        assert layer in listed
        placed = {name for name in wanted if not name.endswith("0")}
        assert {name for name in drawn(town, somebody, path) if name[0] == letter} == placed, layer
        if layer != "grids":
            assert gathered(somebody.get(f"{path}?cluster=3")) == len(placed), layer
        for name, key in town.ids.items():
            if name[0] == letter:
                status = 200 if name in wanted else 404
                assert somebody.get(f"{path}/{key}").status == status, name
                assert somebody.get(f"/ogc/collections/{layer}/items/{key}").status == status, name


def seen(town: Town, answer) -> set[str]:
    assert answer.status == 200, answer.body
    return town.named(one["id"] for one in answer.body["features"])


def drawn(town: Town, somebody: Caller, path: str) -> set[str]:
    answers = [somebody.get(f"{path}/{tile}") for tile in TILES]
    assert {answer.status for answer in answers} <= {200, 204}
    tiles = b"".join(answer.response.data for answer in answers)
    return {name for name, key in town.ids.items() if key.encode() in tiles}


def gathered(answer) -> int:
    return sum(one["properties"]["count"] for one in answer.body["features"])


@pytest.mark.parametrize("layer", LAYERS)
def test_no_feature_names_a_person(client: Caller, town: Town, layer: str) -> None:
    """Rulings I9 and R32: a reporter is not shown by a place either."""
    answer = client.as_("street_dispatcher").get(f"/api/v1/maps/{layer}")
    for person, key in town.world.people.items():
        assert key not in answer.response.text, person
        assert person not in answer.response.text, person
