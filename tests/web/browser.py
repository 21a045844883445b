"""A browser for tests of the server's own pages: cookies, links, and forms that keep what the page has put into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask import Flask

from tests.fixtures import PASSWORD

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
Values = dict[str, list[str]]


@dataclass
class Form:
    """A form as it came: where it goes, what is in it (`values`), and what can be chosen (`options`)."""

    action: str
    method: str
    values: Values = field(default_factory=dict)
    options: Values = field(default_factory=dict)
    widgets: dict[str, str] = field(default_factory=dict)

    def filled(self, **changes: str | list[str]) -> Values:
        """What is sent when fields are changed: `narrative` stands for `field.narrative` where the form has that."""
        values = {name: list(value) for name, value in self.values.items()}
        for name, value in changes.items():
            key = f"field.{name}" if f"field.{name}" in self.widgets else name
            if key not in self.widgets:
                raise KeyError(f"no field {name}; there are {sorted(self.widgets)}")
            values[key] = value if isinstance(value, list) else [value]
        return values


class _Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.title = self.next_page = ""
        self._form: Form | None = None
        self._box = ""  # the textarea or select that is open
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._tag, at = tag, {name: value or "" for name, value in attributes}
        if tag == "a" and "href" in at:
            self.links.append(at["href"])
            if at.get("rel") == "next":
                self.next_page = at["href"]
        if tag == "form":
            self._form = Form(at.get("action", ""), at.get("method", "get"))
            self.forms.append(self._form)
        if self._form is None:
            return
        name = at.get("name", "")
        if tag == "input" and name:
            self._input(name, at)
        if tag in ("textarea", "select") and name:
            self._box, self._form.widgets[name] = name, tag
            self._form.values.setdefault(name, [""] if tag == "textarea" else [])
        if tag == "option":
            self._form.options.setdefault(self._box, []).append(at["value"])
            if "selected" in at:
                self._form.values[self._box] = [at["value"]]

    def _input(self, name: str, at: dict[str, str]) -> None:
        assert self._form is not None
        kind = at.get("type", "text")
        self._form.widgets[name] = kind
        if kind not in ("checkbox", "radio"):
            self._form.values[name] = [at.get("value", "")]
            return
        self._form.options.setdefault(name, []).append(at["value"])
        if "checked" in at:
            self._form.values.setdefault(name, []).append(at["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag in ("textarea", "select"):
            self._box = ""

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._box and self._form.widgets[self._box] == "textarea":
            first = self._form.values[self._box][0]
            self._form.values[self._box] = [first + (data if first else data.removeprefix("\n"))]
        if self._tag == "title" and not self.title:
            self.title = data
        self.text.append(data)


class Page:
    """A page as it is read: status, headers, HTML, its words in one line, its links and forms."""

    def __init__(self, response: Any) -> None:
        self.status, self.headers, self.html = response.status_code, response.headers, response.get_data(as_text=True)
        reader = _Reader(self.html)
        self.title, self.forms, self.links, self.next_page = reader.title, reader.forms, reader.links, reader.next_page
        self.text = " ".join(" ".join(reader.text).split())

    def form(self, action: str, **hidden: str) -> Form:
        """The form that goes to an address ending like this, with these hidden values."""
        found = [
            form
            for form in self.forms
            if form.action.endswith(action) and all(form.values.get(name) == [value] for name, value in hidden.items())
        ]
        assert len(found) == 1, (action, hidden, [(form.action, form.values) for form in self.forms])
        return found[0]

    def step(self, act: str) -> Form:
        """The form of a step of the lead that the page shows."""
        return self.form("/steps", act=act)


class Browser:
    """Somebody at a browser, signed in with `signs_in`. Redirects are followed, unless `get` is told not to."""

    def __init__(self, app: Flask, language: str = "zh-CN") -> None:
        self._http = app.test_client()
        self._headers = {"Accept": HTML, "Accept-Language": language}

    def get(self, path: str, *, follow: bool = True, **headers: str) -> Page:
        """Open an address."""
        return Page(self._http.get(path, headers={**self._headers, **headers}, follow_redirects=follow))

    def post(self, path: str, values: Any, *, follow: bool = True, **headers: str) -> Page:
        """Send form values, as a page of ours does."""
        sent = {**self._headers, "Sec-Fetch-Site": "same-origin", **headers}
        return Page(self._http.post(path, data=values, headers=sent, follow_redirects=follow))

    def submit(self, form: Form, *, follow: bool = True, **changes: str | list[str]) -> Page:
        """Fill a form in and send it."""
        return self.post(form.action, form.filled(**changes), follow=follow)

    def signs_in(self, username: str, password: str = PASSWORD) -> Page:
        """Sign in over the form; returns the page that follows."""
        return self.submit(self.get("/sign-in").form("/sign-in"), username=username, password=password)

    def takes(self, lead_id: str, act: str, **inputs: str | list[str]) -> Page:
        """Take a step with the form on the lead's page; returns the page that follows."""
        return self.submit(self.get(f"/leads/{lead_id}").step(act), **inputs)

    def cookies(self) -> set[str]:
        """The names of the cookies that it keeps."""
        return {cookie.key for cookie in self._http._cookies.values()}
