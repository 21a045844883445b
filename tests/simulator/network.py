"""The network between phones and server: what it loses, doubles, delays and makes up, drawn from the run's own dice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from tests.phone import Phone, Send
from tests.simulator.book import Book
from tests.simulator.server import Reply, Server

# Fates of a request, with their weights.
FATES = {
    "through": 60, "lost before": 8, "lost after": 12, "twice": 8, "copied": 5, "adrift": 4, "503": 3, "portal": 2, "cut": 3,
}  # fmt: skip
PORTAL = (200, {"content-type": "text/html"}, "<html>请登录 Wi-Fi</html>".encode())
BUSY = (503, {"content-type": "text/plain", "retry-after": "30"}, b"busy")


@dataclass(frozen=True)
class Request:
    """One request of a phone."""

    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


class Network:
    """Everything that a phone sends goes through here. `adrift` are requests that are still on their way."""

    def __init__(self, server: Server, book: Book, dice: Random, note: Callable[[str, str], None]) -> None:
        self.server, self.book, self.dice, self.note = server, book, dice, note
        self.calm = False
        self.adrift: list[Request] = []

    def of(self, name: str, phone: Callable[[], Phone]) -> Send:
        """How the phone of that name sends."""

        def send(method: str, path: str, headers: dict[str, str], body: bytes | None) -> Reply:
            request = Request(name, method, path, headers, body)
            fate = "through" if self.calm else self.dice.choices(list(FATES), list(FATES.values()))[0]
            reply = self._meets(request, fate)
            self.note(name, f"{method} {path} {fate}: {reply[0]}")
            if path.endswith("/sync/pull") and reply[0] == 200 and fate not in ("portal", "cut"):
                self.book.pulled(name, phone(), body, reply[2])
            return reply

        return send

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """While this lasts nothing is lost and nothing made up."""
        before, self.calm = self.calm, True
        try:
            yield
        finally:
            self.calm = before

    def late(self, place: int) -> None:
        """One of those adrift arrives, behind all that was sent after it. Nobody hears the answer."""
        request = self.adrift.pop(place)
        try:
            status = self._deliver(request)[0]
        except OSError:
            status = 0
        self.note(request.name, f"{request.path} arrives late: {status}")

    def _meets(self, request: Request, fate: str) -> Reply:
        if fate in ("503", "portal"):
            return BUSY if fate == "503" else PORTAL
        if fate in ("copied", "adrift") and "/sync/" in request.path:
            self.adrift.append(request)
        if fate in ("lost before", "adrift"):
            self.note(request.name, f"{request.path} {fate}")
            raise TimeoutError("no signal")
        before = self.server.seams.happened
        status, headers, text = self._deliver(request)
        if fate == "twice":
            again = self._deliver(request)
            if again[0] == status == 200 and before == self.server.seams.happened:
                self.book.same_twice(request.path, text, again[2])
            status, headers, text = again
        if fate == "lost after":
            self.note(request.name, f"{request.path} lost after: {status}")
            raise TimeoutError("no signal")
        return status, headers, text[: len(text) // 2] if fate == "cut" else text

    def _deliver(self, request: Request) -> Reply:
        reply = self.server.ask(request.method, request.path, request.headers, request.body)
        self.book.answered(request.path, reply[0], request.body, reply[2])
        return reply
