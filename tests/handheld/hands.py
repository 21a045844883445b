"""A worker's hands on the handheld: what one does with it, by the names that one reads on the screen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from tests.fixtures import PASSWORD

PIN = "246802"
OTHER_PIN = "135791"
PHONE = {
    "viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
    "locale": "zh-CN", "timezone_id": "Asia/Shanghai",
}  # fmt: skip
# What the browser itself writes to the console when a request fails, as requests do that a test cuts off.
EXPECTED_NOISE = ("Failed to load resource", "net::ERR_")


@dataclass
class Hands:
    """One browser profile, a phone as it were, with one page of the app open in it."""

    context: BrowserContext
    server: str
    page: Page = field(init=False)
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("request", self._note_request)
        self.page = self.another_tab()

    def another_tab(self) -> Page:
        """A fresh tab of the app, not yet loaded."""
        page = self.context.new_page()
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(15_000)
        return page

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.server, "blob:", "data:")):
            self.strangers.append(request.url)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(EXPECTED_NOISE):
            self.complaints.append(message.text)

    # -- what one does --

    def open(self) -> None:
        """Open the app as from the home screen, and wait until the shell is kept for the time without a network."""
        self.page.goto(f"{self.server}/m/")
        assert self.page.evaluate(
            "() => Promise.race([navigator.serviceWorker.ready.then(() => true), new Promise((ok) => setTimeout(ok, 15000, false))])"
        ), "the service worker did not install"

    def sign_in(self, username: str = "grid_worker", password: str = PASSWORD) -> None:
        """Type name and password."""
        self.page.get_by_label("用户名").fill(username)
        self.page.get_by_label("口令").fill(password)
        self.page.get_by_role("button", name="登录", exact=True).click()

    def type_pin(self, pin: str = PIN) -> None:
        """Press the six keys of a PIN."""
        for digit in pin:
            self.page.locator(".pad").get_by_role("button", name=digit, exact=True).click()

    def begin(self, username: str = "grid_worker", pin: str = PIN) -> None:
        """The first start of a person on this phone: sign in, choose a PIN, fetch the work."""
        self.open()
        self.sign_in(username)
        self.type_new_pin(pin)
        self.settled()

    def type_new_pin(self, pin: str = PIN) -> None:
        """Choose a PIN: once, and once more."""
        expect(self.page.get_by_test_id("asks")).to_contain_text("设一个")
        self.type_pin(pin)
        expect(self.page.get_by_test_id("asks")).to_contain_text("再输一次")
        self.type_pin(pin)
        expect(self.page.get_by_test_id("today")).to_be_visible()

    def settled(self) -> None:
        """Wait until a sync has come to its end."""
        expect(self.page.get_by_test_id("net")).to_contain_text(re.compile(r"\d\d:\d\d 同步"), timeout=15_000)

    def goes_offline(self) -> None:
        """No network from now on."""
        self.context.set_offline(True)

    def comes_back(self) -> None:
        """The network is back."""
        self.context.set_offline(False)

    def goes_to(self, *place: str) -> None:
        """Another screen."""
        self.page.evaluate("place => { location.hash = '/' + place }", "/".join(place))

    def doors(self) -> Locator:
        """The cards of the list of today."""
        return self.page.get_by_test_id("door")

    def visits_in_order(self, door: int = 0) -> None:
        """A visit to a door at which all is in order."""
        self.goes_to("today")
        self.doors().nth(door).click()
        self.takes_photo()
        self.page.get_by_test_id("in-order").click()
        expect(self.page.get_by_test_id("today")).to_be_visible()

    def takes_photo(self) -> None:
        """The camera gives a picture; it is kept when it is shown."""
        shown = self.page.locator(".thumbs img")
        before = shown.count()
        self.page.get_by_test_id("photo").set_input_files(
            {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": picture(before)}
        )
        expect(shown).to_have_count(before + 1)

    def reports(self, text: str = "无照经营的面包作坊") -> None:
        """A lead with a photo, written down."""
        self.goes_to("report")
        self.page.get_by_role("radio", name="一般行业无照经营").click()
        self.page.get_by_label("看到什么").fill(text)
        self.page.get_by_label("在哪里").fill("宏伟路 3 号")
        self.takes_photo()
        self.page.get_by_test_id("send-report").click()
        expect(self.page.get_by_test_id("outbox")).to_be_visible()

    def items(self, group: str | None = None) -> Locator:
        """The rows of the outbox, of a group (look, way, done) or all."""
        self.goes_to("outbox")
        one = self.page.get_by_test_id("item")
        return one if group is None else self.page.locator(f'[data-testid="item"][data-group="{group}"]')

    def sends_now(self) -> None:
        """Press 现在发送 in the outbox; a sync that began by itself meanwhile does as well."""
        self.goes_to("outbox")
        button = self.page.get_by_test_id("send-now")
        expect(button).to_be_enabled()
        button.click()

    def stored(self, table: str, user: str) -> list[Any]:
        """The raw rows of one table of a person's store: what a thief reads from the phone."""
        return self.page.evaluate(
            """([name, table]) => new Promise((ok, no) => {
                const asked = indexedDB.open(name);
                asked.onerror = () => no(asked.error);
                asked.onsuccess = () => {
                    const all = asked.result.transaction(table).objectStore(table).getAll();
                    all.onsuccess = () => {
                        asked.result.close();
                        ok(all.result.map((row) => Array.from(new Uint8Array(row.sealed.data))));
                    };
                };
            })""",
            [f"gridwatch-{user}", table],
        )


def picture(number: int) -> bytes:
    """What a camera gives: larger than the app keeps, another one for each number."""
    data = BytesIO()
    Image.effect_noise((2000, 1500), 20 + number).convert("RGB").save(data, "JPEG", quality=60)
    return data.getvalue()


@contextmanager
def phone(browser: Browser, server: str, profile: Path | None = None, **more: Any) -> Iterator[Hands]:
    """A phone with an empty profile. On leaving, nothing may have gone to another host or stand in the console."""
    context = (
        browser.new_context(**PHONE, **more)
        if profile is None
        else browser.browser_type.launch_persistent_context(
            str(profile), executable_path=browser_path(), **PHONE, **more
        )
    )
    hands = Hands(context, server)
    try:
        yield hands
        for page in context.pages:
            expect(page.get_by_test_id("fault")).to_have_count(0)
    finally:
        context.close()
    assert hands.strangers == []
    assert hands.complaints == []


def browser_path() -> str | None:
    """The system's Chromium, None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
