"""Providers of messages on this machine, from the standard library: one that speaks HTTP, one that takes mail.

Each runs in a thread of its own, remembers what it was asked, and behaves as it is told: well, slowly, badly or not at all.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body)


Reply = tuple[int, Any] | str  # status and JSON, or how it misbehaves: hangs, drips, garbage, redirects, breaks_off
Answers = Callable[[Asked], Reply]


@dataclass
class HttpProvider:
    """A provider over HTTP. `answers` says what it replies; `asked` is what came."""

    answers: Answers
    port: int = 0
    asked: list[Asked] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in head[1:] if line}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        url = urlsplit(target)
        one = Asked(method, url.path, parse_qs(url.query), headers, body)
        self.asked.append(one)
        await self._reply(self.answers(one), writer)

    async def _reply(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        if reply == "hangs":
            await asyncio.sleep(30)
        elif reply == "drips":
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Slow: " + b"." * 200:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.2)
        elif reply == "redirects":
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{self.port}/elsewhere\r\n\r\n".encode())
        elif reply == "garbage":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
        elif reply == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 100_000)
        elif reply != "breaks_off":
            status, value = reply
            text = json.dumps(value).encode()
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        await writer.drain()


@dataclass
class MailProvider:
    """A mail server. `refuses` maps a command to the line with which it is answered; `hangs_at` is one that is never answered."""

    port: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    hangs_at: str = ""
    starttls: ssl.SSLContext | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    secret: list[bool] = field(default_factory=list)  # of each mail, whether it came over TLS

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mail.example ESMTP")
        while line := (await reader.readline()).decode().strip():
            command = line.split(" ")[0].upper()
            if command == self.hangs_at:
                await asyncio.sleep(30)
            if command in self.refuses:
                say(self.refuses[command])
            elif command == "EHLO":
                say("250-mail.example")
                say("250 STARTTLS" if self.starttls else "250 8BITMIME")
            elif command == "STARTTLS" and self.starttls:
                say("220 go on")
                await writer.drain()
                await writer.start_tls(self.starttls)
            elif command == "DATA":
                say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(message_from_bytes(raw[:-5], policy=policy.default))
                self.secret.append(writer.get_extra_info("ssl_object") is not None)
                say("250 taken")
            elif command == "QUIT":
                say("221 bye")
                await writer.drain()
                return
            else:
                say("250 ok")
            await writer.drain()


@contextmanager
def running(provider: HttpProvider | MailProvider, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """The provider on a free port of this machine, over TLS from the first byte if a context is given."""
    loop, ready, tasks = asyncio.new_event_loop(), threading.Event(), set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await provider.serve(reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            return  # the other side has gone, which is what some tests are about
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=tls)
        provider.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 and localhost that signs itself: (its file, a server's context). Made by `openssl`."""
    public, private = folder / "public.pem", folder / "private.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", private, "-out", public,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
