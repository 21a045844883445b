"""Sheets of labels for the QR tags of a community, from the rows to the PDF, beside the QR codes alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import qrcode
from flask import current_app
from sqlalchemy import select

from bench.city import City, build_areas, build_grids
from bench.databases import Place, settle, writing
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import alternate, measured, seconds
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.db.engine import dialect_of
from gridwatch.db.session import transaction
from gridwatch.places.models import Address
from gridwatch.tags.labels import Label, link_of, print_labels
from gridwatch.tags.models import Tag
from gridwatch.tags.queries import in_walking_order
from gridwatch.tags.service import issue

LABELS = 120
BARE_IS = "the qrcode package makes the modules of the same 120 links; nothing is read, drawn or set"


def run(place: Place) -> Iterator[Row]:
    """One row for each kind of sheet, and one for issuing the tags of a community of 5,000 doors."""
    with place.app(), Others(place.roots) as others:
        settings = replace(current_app.config["GRIDWATCH"], public_url="https://grid.example.gov.cn")
        doors = 500 if place.small else 5_000
        codes = _doors(City(5, 1), doors)
        issuing = seconds(lambda: _issue(codes))
        texts = [link_of(settings, label.code) for label in _labels()]
        works = [
            lambda: seconds(lambda: _bare(texts)),
            *(lambda n=n: seconds(lambda: _print(n, settings)) for n in (24, 40)),
        ]
        bare, *sheets = map(measured, alternate(works, runs=1 if place.small else 7))
    for per_page, ours in zip((24, 40), sheets, strict=True):
        yield Row(
            "labels", f"sheets of {per_page}, PDF", place.kind, f"{LABELS} labels", ours.median, "s", bare.median, BARE_IS,
            Aim(3.0), ours.spread, others.share,
        )  # fmt: skip
    yield Row(
        "labels", "tags issued, with their events", place.kind, f"{doors:,} doors", issuing, "s", others=others.share
    )


def _doors(city: City, number: int) -> list[str]:
    """A community with so many standard addresses; their codes."""
    community = city.communities[0]
    rows: list[dict[str, Any]] = [
        {
            "code": f"{community}{n:06d}", "rev": 1, "text": f"南城街道鸿福路{n}号第一国际B座{n % 30 + 1}层{n}号铺位",
            "street_code": city.streets[0], "community_code": community, "area_path": f"990000/{city.streets[0]}/{community}/",
            "road": "鸿福路", "house_no": f"{n}号", "building": "", "datum": "WGS84",
        }
        for n in range(number)
    ]  # fmt: skip
    with writing(db.engine) as connection:
        build_areas(connection, city)
        build_grids(connection, city)
        dialect_of(connection).bulk_insert(connection, Address.__table__, rows)
    settle(db.engine)
    return [row["code"] for row in rows]


def _issue(codes: list[str]) -> None:
    with transaction() as session:
        issue(session, codes, at=datetime.now(UTC), actor_id="bench")


def _labels() -> list[Label]:
    statement = select(Tag).join(Address, Address.code == Tag.address_code).where(Tag.status == "issued")
    return [Label(*row) for row in db.session.execute(in_walking_order(statement).limit(LABELS))]


def _print(per_page: int, settings: Settings) -> None:
    (made,) = print_labels(_labels(), per_page, settings)
    if not made.startswith(b"%PDF"):
        raise AssertionError("no PDF was made")


def _bare(texts: list[str]) -> None:
    for text in texts:
        code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_Q)
        code.add_data(text)
        code.make()
