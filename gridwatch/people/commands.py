"""`gridwatch password`: the first password of a person, or a new one."""

from __future__ import annotations

from collections.abc import Callable

import click
from flask import Flask

from gridwatch.db.session import transaction
from gridwatch.domain.errors import Refusal
from gridwatch.people.service import set_password, user_by_name
from gridwatch.web.clock import now

LEAST = 12  # characters; promises S2


@click.command()
@click.argument("username")
@click.password_option(
    "--password",
    prompt="口令 password",
    confirmation_prompt="再输一次 again",
    help="不给则询问 · asked for when left out",
)
@click.pass_obj
def password(make_app: Callable[..., Flask], username: str, password: str) -> None:
    """设置口令 · Set a person's password; every sign-in under the old one ends."""
    if len(password) < LEAST:
        raise click.ClickException(f"口令至少 {LEAST} 个字符 / a password has at least {LEAST} characters")
    try:
        with make_app().app_context(), transaction() as session:
            set_password(session, user_by_name(session, username), password, at=now(), by="command")
    except Refusal as refusal:
        raise click.ClickException(f"{username}: {refusal.title()} / {refusal.title('en')}") from None
    click.echo(f"{username}：口令已设置 / the password is set")
