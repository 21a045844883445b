"""What the server's own pages share: words in two languages, days and times, the frame with its menu, refusals as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, g, make_response, redirect, render_template, request

from gridwatch.domain.errors import Refusal
from gridwatch.domain.permits import ROLE_NAMES, Actor, scopes_for
from gridwatch.domain.worktime import CHINA, WEEKDAYS_EN, WEEKDAYS_ZH, local_day
from gridwatch.web.assets import asset_url
from gridwatch.web.clock import now
from gridwatch.web.language import ARGUMENT, LANGUAGES, language

SIGN_IN, HOME = "/sign-in", "/home"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
TYPED = "field."  # how the names of form fields begin that hold what somebody typed


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry of the menu, shown to people whose roles have `operation`. A feature's pages.py lists its own as MENU."""

    place: int
    path: str
    icon: str
    zh: str
    en: str
    operation: str


def install(app: Flask, menu: Iterable[MenuItem]) -> None:
    """Give the templates their words, and the frame its menu."""
    items = sorted(menu, key=lambda item: item.place)

    @app.context_processor
    def _frame() -> dict[str, Any]:
        actor: Actor | None = g.get("actor")
        return {
            "actor": actor, "lang": language(),
            "menu": [item for item in items if actor is not None and scopes_for(actor, item.operation)],
            "other_language": _other_language(),
        }  # fmt: skip

    app.jinja_env.globals.update(t=t, pick=pick, role_words=role_words, asset=asset_url)
    app.jinja_env.filters.update(day=day_words, full_day=full_day_words, moment=moment_words, headed=headed)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


# -- words ------------------------------------------------------------------------------------------------------------


def t(zh: str, en: str) -> str:
    """The one of two texts that this reader reads."""
    return en if language() == "en" else zh


def pick(names: Mapping[str, str] | tuple[str, str] | None) -> str:
    """The same for a pair of names, as {"zh", "en"} or (zh, en); empty for None."""
    if names is None:
        return ""
    return t(names["zh"], names["en"]) if isinstance(names, Mapping) else t(*names)


def headed(text: str) -> str:
    """A name at the head of a line: English begins with a capital."""
    return text[:1].upper() + text[1:]


def role_words(actor: Actor) -> str:
    """The roles of a person in words, each once."""
    return t("、", ", ").join(pick(ROLE_NAMES[role]) for role in dict.fromkeys(grant.role for grant in actor.grants))


def day_words(on: date | str | None) -> str:
    """A day with its weekday, `10月13日 周二` or `Tue 13 Oct`; with the year where it is not the current one."""
    on = date.fromisoformat(on) if isinstance(on, str) else on
    if on is None or on.year != local_day(now()).year:
        return full_day_words(on)
    return t(f"{on.month}月{on.day}日 周{WEEKDAYS_ZH[on.weekday()][-1]}", _english_day(on))


def full_day_words(on: date | str | None) -> str:
    """The same with the year, for what is printed: `2026年10月13日 周二` or `Tue 13 Oct 2026`; a dash for None."""
    on = date.fromisoformat(on) if isinstance(on, str) else on
    if on is None:
        return "–"
    return t(f"{on.year}年{on.month}月{on.day}日 周{WEEKDAYS_ZH[on.weekday()][-1]}", f"{_english_day(on)} {on.year}")


def _english_day(on: date) -> str:
    return f"{WEEKDAYS_EN[on.weekday()][:3]} {on.day} {_MONTHS[on.month - 1]}"


def moment_words(at: datetime | str | None) -> str:
    """An instant in China's time, `10月13日 09:42` or `13 Oct 09:42`; with the year where it is not the current one."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    if at is None:
        return "–"
    local = at.astimezone(CHINA)
    year_zh, year_en = ("", "") if local.year == local_day(now()).year else (f"{local.year}年", f" {local.year}")
    return t(
        f"{year_zh}{local.month}月{local.day}日 {local:%H:%M}",
        f"{local.day} {_MONTHS[local.month - 1]}{year_en} {local:%H:%M}",
    )


# -- answers ----------------------------------------------------------------------------------------------------------


def page(template: str, *, status: int = 200, **context: Any) -> Response:
    """A page. It is kept nowhere: what it shows belongs to one person, and browsers in an office are shared."""
    answer = make_response(render_template(template, **context), status)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Content-Language"] = "en" if language() == "en" else "zh-CN"
    answer.headers["Vary"] = "Accept-Language, Cookie"
    return answer


def is_for_people() -> bool:
    """Whether this request comes from somebody who looks at pages: not to the API, and HTML is what is wanted."""
    wanted = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return wanted == "text/html" and not request.path.startswith("/api/")


def local_path(path: str | None) -> str:
    """`path` if it leads to a page of this site, else the home page: nobody is sent elsewhere after signing in."""
    if not path or not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return HOME
    parts = urlsplit(path)
    return HOME if parts.scheme or parts.netloc else path


def refusal_page(refusal: Refusal, status: int) -> Response:
    """A refusal for somebody who looks at pages. Whoever is not signed in is asked to, and comes back."""
    if status == 401 and request.method == "GET":
        return redirect(f"{SIGN_IN}?{urlencode({'next': request.full_path.rstrip('?')})}")  # type: ignore[return-value]
    answer = page(
        "problem.html", status=status, refusal=refusal, title=refusal.title(language()), to_do=advice(refusal),
        request_id=g.get("request_id", ""), typed=_typed(),
    )  # fmt: skip
    answer.headers.update(refusal.headers)
    return answer


def advice(refusal: Refusal) -> str:
    """What the reader can do. A sentence that points programs to the facts is left out: a page shows them in words."""
    sentence = refusal.do(language())
    return "" if "facts." in sentence else sentence


def _typed() -> list[tuple[str, str]]:
    """What was typed into the refused form, so that it is not lost; only where the form was one of our own."""
    if (
        request.headers.get("Sec-Fetch-Site") != "same-origin"
        or request.mimetype != "application/x-www-form-urlencoded"
    ):
        return []
    return [
        (name.removeprefix(TYPED), value)
        for name, value in request.form.items(multi=True)
        if name.startswith(TYPED) and value.strip()
    ]


def _other_language() -> str | None:
    """The address of this page in the other language; None where following it would lose a form."""
    if request.method != "GET":
        return None
    other = next(one for one in LANGUAGES if one != language())
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != ARGUMENT]
    return f"{request.path}?{urlencode([*kept, (ARGUMENT, other)])}"
