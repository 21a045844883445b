"""`gridwatch tags`: tags for a community or a list of addresses, and the sheets to print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
from flask import Flask, current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.queries import area_by_code
from gridwatch.db.base import db
from gridwatch.db.engine import dialect_of
from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import SYSTEM
from gridwatch.places.models import Address
from gridwatch.tags import queries, service
from gridwatch.tags.labels import SHEETS, Label, print_labels
from gridwatch.tags.models import Tag
from gridwatch.web.clock import now

MakeApp = Callable[..., Flask]
FORMS = {".pdf": "pdf", ".svg": "svg"}

_COMMUNITY = click.option(
    "--community", metavar="代码", help="社区或街道的全部地址 · every address of a community or street"
)
_ADDRESSES = click.option(
    "--addresses",
    type=click.File("r", encoding="utf-8-sig"),
    help="地址代码，每行一个，- 为标准输入 · codes of addresses, one a line",
)


@click.group()
def tags() -> None:
    """地址二维码 · QR tags of addresses: issue them, and print the sheets of labels."""


@tags.command()
@_COMMUNITY
@_ADDRESSES
@click.option("--again", is_flag=True, help="已有标签的也再发一个 · a further one where there is one")
@click.pass_obj
def issue(make_app: MakeApp, community: str | None, addresses: TextIO | None, again: bool) -> None:
    """发放 · Issue a tag to each address that has none in use; may be stopped and run again."""
    new = kept = 0
    with _answering(make_app):
        codes = _codes(db.session(), community, addresses)
        for start in range(0, len(codes), service.MOST_AT_ONCE):
            with transaction() as session:
                part = codes[start : start + service.MOST_AT_ONCE]
                made = service.issue(session, part, again=again, at=now(), actor_id=SYSTEM.id)
                new, kept = new + len(made.new), kept + len(made.kept)
    click.echo(f"新发 {new} 个，已有 {kept} 个 / {new} issued, {kept} in use already")


@tags.command()
@_COMMUNITY
@_ADDRESSES
@click.option("--per-page", type=click.Choice([str(one) for one in SHEETS]), default="24", show_default=True,
              help="每张 A4 几个 · labels on a sheet of A4")  # fmt: skip
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="写到 .pdf 或 .svg · a .pdf or .svg file",
)
@click.pass_obj
def labels(make_app: MakeApp, community: str | None, addresses: TextIO | None, per_page: str, out: Path) -> None:
    """打印 · Write the sheets of the tags in use; SVG has one file a sheet, numbered."""
    if out.suffix.lower() not in FORMS:
        raise click.UsageError("--out 应以 .pdf 或 .svg 结尾 / must end in .pdf or .svg")
    form = FORMS[out.suffix.lower()]
    with _answering(make_app):
        session = db.session()
        codes = _codes(session, community, addresses)
        statement = select(Tag).join(Address, Address.code == Tag.address_code)
        statement = statement.where(Tag.status == "issued", dialect_of(session).among(Tag.address_code, codes))
        rows = session.execute(queries.in_walking_order(statement)).all()
        if not rows:
            raise Refusal("tag.nothing_to_print")
        sheets = print_labels(
            [Label(*row) for row in rows], int(per_page), current_app.config["GRIDWATCH"], at=now(), form=form
        )
    for number, sheet in enumerate(sheets, 1):
        file = out if len(sheets) == 1 else out.with_stem(f"{out.stem}-{number}")
        file.write_bytes(sheet)
        click.echo(str(file))
    click.echo(f"{len(rows)} 个标签 / {len(rows)} labels")


def _codes(session: Session, community: str | None, addresses: TextIO | None) -> list[str]:
    if (community is None) == (addresses is None):
        raise click.UsageError("--community 与 --addresses 须填一项 / name one of --community and --addresses")
    if addresses is not None:
        return list(dict.fromkeys(line.strip() for line in addresses if line.strip()))
    return list(session.scalars(queries.in_area_of(area_by_code(session, community or "").path)))


@contextmanager
def _answering(make_app: MakeApp) -> Iterator[Any]:
    """The application; a refusal becomes its sentences and exit code 2."""
    try:
        with make_app().app_context():
            yield
    except Refusal as refusal:
        click.echo(f"{refusal.title()}。{refusal.do()} / {refusal.title('en')}. {refusal.do('en')}", err=True)
        sys.exit(2)
