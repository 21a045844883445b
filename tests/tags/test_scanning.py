"""What a scan says: the door to those who may see it, what is wrong with the tag, and nothing to anybody else."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import func, select

from gridwatch.domain import tag_code
from gridwatch.domain.datum import Datum, distance_m, from_wgs84
from gridwatch.tags.models import Tag
from tests.fixtures import Caller, Clock, Work, World
from tests.tags.conftest import DOOR, FAR_DOOR, HOST, NEXT_DOOR, issued

TAGS = "/api/v1/tags"


def warned(answer) -> dict[str, dict]:
    assert answer.status == 200, answer.body
    return {one["code"]: one["facts"] for one in answer.body["warnings"]}


def test_the_worker_at_the_door_sees_it_with_its_shops_and_tasks(street: Caller, client: Caller):
    (code,) = issued(street, DOOR)
    worker = client.as_("grid_worker")
    seen = worker.get(f"{TAGS}/{code}?lon=113.7451&lat=23.0151&accuracy_m=20&crs=WGS84")
    assert warned(seen) == {}
    assert (seen.body["code"], seen.body["status"], seen.body["address"]["text"]) == (code, "issued", "鸿福路100号一楼")
    assert [one["name"] for one in seen.body["entities"]] == ["鸿福便利店", "鸿福餐馆"]
    assert [(one["kind"], one["state"]) for one in seen.body["tasks"]] == [("first_check", "issued")] * 2
    for typed in (tag_code.grouped(code).lower(), code.replace("0", "O").replace("1", "l")):
        assert worker.get(f"{TAGS}/{typed}").body["code"] == code
    assert (
        worker.get(f"{TAGS}/scan", query_string={"text": f"https://{HOST}/t/{code}"}).body
        == worker.get(f"{TAGS}/{code}").body
    )


@pytest.mark.parametrize(("crs", "off_m", "accuracy_m", "is_far"), [
    ("WGS84", 0, 5, False), ("WGS84", 205, 5, False), ("WGS84", 225, 5, True), ("WGS84", 225, 30, False),
    ("GCJ02", 205, 5, False), ("BD09", 205, 5, False), ("GCJ02", 2_000, 5, True), ("WGS84", 2_000, 5_000, False),
])  # fmt: skip
def test_a_copied_tag_is_told_by_where_it_hangs(street: Caller, client: Caller, crs, off_m, accuracy_m, is_far):
    """Further away than both errors (10 m for the address) and 200 m; the datum is taken into account."""
    (code,) = issued(street, DOOR)
    lon, lat = from_wgs84(113.745, 23.015 + off_m / 111_195, Datum(crs))
    seen = client.as_("grid_worker").get(f"{TAGS}/{code}?lon={lon}&lat={lat}&accuracy_m={accuracy_m}&crs={crs}")
    facts = warned(seen)
    assert ("far" in facts) == is_far
    if is_far:
        assert abs(facts["far"]["distance_m"] - off_m) <= 5
        assert str(facts["far"]["distance_m"]) in seen.body["warnings"][0]["zh"]
    assert seen.body["address"]["code"] == DOOR  # a warning, not a refusal


def test_distance_is_what_a_map_says():
    # One degree of a great circle on the mean sphere is 111.195 km; along a parallel it shrinks with the cosine.
    assert distance_m((113.0, 23.0), (113.0, 24.0)) == pytest.approx(111_195, rel=1e-4)
    assert distance_m((113.0, 60.0), (114.0, 60.0)) == pytest.approx(55_597, rel=1e-3)
    assert distance_m((113.0, 23.0), (113.0, 23.0)) == 0


def test_half_a_point_is_refused(street: Caller, client: Caller):
    (code,) = issued(street, DOOR)
    worker = client.as_("grid_worker")
    for query, refusal in (("lon=113.7", "place.point_incomplete"), ("lon=113.7&lat=23", "place.datum_unstated"),
                           ("lon=23&lat=113.7&crs=WGS84", "place.swapped"), ("lon=113&lat=23&crs=x", "place.datum_unknown")):  # fmt: skip
        answer = worker.get(f"{TAGS}/{code}?{query}")
        assert (answer.status, answer.body["code"]) == (422, refusal)


def test_old_tags_say_what_became_of_them(street: Caller, client: Caller):
    (old,) = issued(street, DOOR)
    new = street.post(f"{TAGS}/{old}/replace").body["code"]
    worker = client.as_("grid_worker")
    assert warned(worker.get(f"{TAGS}/{old}")) == {"replaced": {"by": tag_code.grouped(new)}}
    street.post(f"{TAGS}/{new}/void", {"reason": "门店已拆"})
    seen = worker.get(f"{TAGS}/{new}")
    assert warned(seen) == {"void": {"reason": "门店已拆"}}
    assert "门店已拆" in seen.body["warnings"][0]["zh"]
    assert seen.body["address"]["code"] == DOOR


def test_a_tag_of_another_city_is_told_as_such(street: Caller, client: Caller):
    seen = client.as_("grid_worker").get(f"{TAGS}/{tag_code.make_tag('110000', 7)}")
    assert warned(seen) == {"other_city": {"city": "110000"}}
    assert seen.body["address"] is None
    assert seen.body["entities"] == []


def test_our_code_on_somebody_elses_site_is_a_fake(street: Caller, client: Caller):
    (code,) = issued(street, DOOR)
    worker = client.as_("grid_worker")
    fake = worker.get(f"{TAGS}/scan", query_string={"text": f"https://{HOST}@grid-example.com/t/{code}"})
    assert warned(fake) == {"other_host": {"host": "grid-example.com"}}


def test_plates_of_others_are_recognised(street: Caller, client: Caller):
    external = "440106011002000000123"
    worker, read = client.as_("grid_worker"), {"text": f"https://dz.example.gov.cn/m?dzbm={external}&v=1"}
    unknown = worker.get(f"{TAGS}/scan", query_string=read)
    assert warned(unknown)["not_a_tag"]["external"] == external
    assert unknown.body["address"] is None
    street.post(f"/api/v1/addresses/{DOOR}/codes", {"external": external, "valid_from": "2026-01-01"})
    known = worker.get(f"{TAGS}/scan", query_string=read)
    assert warned(known)["not_a_tag"]["format"] == "link_parameter"
    assert known.body["address"]["code"] == DOOR
    assert len(known.body["entities"]) == 2
    # To somebody who does not reach the address it is as if nobody knew the code; and by then the name was not yet valid.
    assert client.as_("grid_worker_3").get(f"{TAGS}/scan", query_string=read).body == unknown.body
    strange = worker.get(f"{TAGS}/scan", query_string={"text": "https://pay.example.com/p/88"})
    assert warned(strange) == {"not_a_tag": {"format": None, "external": None}}


def test_an_external_code_counts_from_its_first_to_its_last_day(street: Caller, client: Caller, clock: Clock):
    external = "440106011002000000123"
    days = {"valid_from": "2026-09-18", "valid_to": "2026-09-19"}
    street.post(f"/api/v1/addresses/{DOOR}/codes", {"external": external, **days})
    worker = client.as_("grid_worker")
    seen = {}
    for day in ("2026-09-17", "2026-09-18", "2026-09-19", "2026-09-20"):
        clock.set(f"{day} 12:00")
        worker.sign_in()
        seen[day[-2:]] = worker.get(f"{TAGS}/scan", query_string={"text": external}).body["address"] is not None
    assert seen == {"17": False, "18": True, "19": True, "20": False}


def test_outside_ones_reach_there_is_nothing(street: Caller, client: Caller):
    door, next_door, far = issued(street, DOOR, NEXT_DOOR, FAR_DOOR)
    unknown = tag_code.make_tag("441900", 12345)
    worker = client.as_("grid_worker")
    answers = [worker.get(f"{TAGS}/{code}") for code in (next_door, far, unknown)]
    bodies = [{**answer.body, "request_id": ""} for answer in answers]
    assert [answer.status for answer in answers] == [404] * 3
    assert bodies == [bodies[0]] * 3
    assert bodies[0]["code"] == "tag.not_found"
    assert bodies[0]["facts"] == {}
    assert worker.get(f"{TAGS}/{door}").status == 200
    assert client.as_("community_dispatcher").get(f"{TAGS}/{next_door}").status == 200
    assert client.as_("community_dispatcher_2").get(f"{TAGS}/{next_door}").status == 404
    for username in ("department_receiver", "administrator"):
        assert client.as_(username).get(f"{TAGS}/{door}").status == 404
    assert [one["code"] for one in worker.get(TAGS).body["items"]] == [door]
    assert len(client.as_("intake_clerk").get(TAGS).body["items"]) == 3


def test_a_million_guesses_find_none(street: Caller, client: Caller, world: World, work: Work):
    """Guesses as somebody makes them who has read the source: the right city, check characters that fit, only 60 bits to guess."""
    issued(street, DOOR, NEXT_DOOR, FAR_DOOR)
    drawn = random.SystemRandom()
    with work() as session:
        session.add_all(
            Tag(code=tag_code.make_tag(world.city, drawn.getrandbits(60)), address_code=DOOR, status="issued",
                issued_at=session.scalar(select(func.max(Tag.issued_at))), issued_by="x")
            for _ in range(2_000)
        )  # fmt: skip
    with work() as session:
        there = {code[tag_code.CITY : -tag_code.CHECK] for code in session.scalars(select(Tag.code))}
    guess = random.Random(20260918)
    guesses = ["".join(guess.choices(tag_code.ALPHABET, k=tag_code.RANDOM)) for _ in range(1_000_000)]
    assert len(there) == 2_003
    assert there.isdisjoint(guesses)
    worker = client.as_("community_dispatcher")
    for _ in range(50):
        assert worker.get(f"{TAGS}/{tag_code.make_tag(world.city, guess.getrandbits(60))}").status == 404
    # The bound for what no test can try: 10⁹ guesses against a city with a million tags find one with less than 1 in 1,000.
    assert 10**9 * 10**6 / 2**tag_code.RANDOM_BITS < 1e-3
