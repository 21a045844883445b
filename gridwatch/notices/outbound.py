"""The way out: one HTTP request or one socket, to a host that was allowed by name, at an address that was looked at first.

Source: promises.md, S17 and the row "integration partner": allow-list, pinned address, no redirects, no waiting without end.
Standard library only: the common clients follow redirects and look a name up again when they connect, which is when it may
have come to mean something inside.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from gridwatch.config import Settings

ANSWER_MOST = 64 * 1024  # bytes of an answer that anybody looks at


class Undelivered(Exception):
    """A message did not get through. `code` is for the log; `final`: trying again is of no use; `down`: the whole way is closed."""

    def __init__(self, code: str, *, final: bool = False, down: bool = False) -> None:
        self.code, self.final, self.down = code[:40], final, down
        super().__init__(code)


class Request(NamedTuple):
    """What an adapter wants to have sent: POST with a body, GET without one."""

    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}


class Answer(NamedTuple):
    """What came back, whatever its status: the body is whole, and at most ANSWER_MOST bytes."""

    status: int
    body: bytes


def call(request: Request, settings: Settings) -> Answer:
    """Send one request and take the whole answer, within the seconds that the settings give.

    Raises Undelivered: host_refused, address_refused, unreachable, timeout, tls, bad_answer, redirected.
    """
    url = urlsplit(request.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Undelivered("host_refused", down=True)
    port = url.port or (443 if url.scheme == "https" else 80)
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    connection = http.client.HTTPConnection(url.hostname, port)
    if url.scheme == "https":
        connection.default_port = 443  # type: ignore[misc] - what the Host header leaves out
    with failures_named():
        connection.sock = dial(url.hostname, port, settings, tls=url.scheme == "https")
        with cut_after(settings.outbound_read_s, lambda: connection.sock) as was_cut:
            try:
                headers = {"Accept": "application/json", "Connection": "close", **request.headers}
                connection.request("POST" if request.body is not None else "GET", path, request.body, headers)
                response = connection.getresponse()
                body = response.read(ANSWER_MOST + 1)
            except (OSError, http.client.HTTPException):
                if was_cut.is_set():
                    raise TimeoutError from None
                raise
            finally:
                connection.close()
    if was_cut.is_set():
        raise Undelivered("timeout", down=True)
    if 300 <= response.status < 400:
        raise Undelivered("redirected", down=True)
    if len(body) > ANSWER_MOST:
        raise Undelivered("bad_answer")
    return Answer(response.status, body)


def dial(host: str, port: int, settings: Settings, *, tls: bool) -> socket.socket:
    """A connected socket, speaking TLS if asked. The name is looked up once, and what was looked at is what is connected to.

    Raises Undelivered host_refused or address_refused, and the first OSError where no address answers.
    """
    if not {host.lower(), f"{host.lower()}:{port}"} & settings.allowed_hosts:
        raise Undelivered("host_refused", down=True)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [one for one in found if _may_reach(one[4][0], settings)]
    if not allowed:
        raise Undelivered("address_refused", down=True)
    failures: list[OSError] = []
    for family, kind, protocol, _, address in allowed:
        raw = socket.socket(family, kind, protocol)
        try:
            raw.settimeout(settings.outbound_connect_s)
            raw.connect(address)
            made = tls_context(settings).wrap_socket(raw, server_hostname=host) if tls else raw
        except OSError as failure:
            raw.close()
            failures.append(failure)
            continue
        made.settimeout(settings.outbound_read_s)
        return made
    raise failures[0]


def _may_reach(address: str | int, settings: Settings) -> bool:
    ip = ip_address(address)
    return (ip.is_global and not ip.is_multicast) or any(ip in network for network in settings.allowed_networks)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name checked."""
    context = ssl.create_default_context(cafile=settings.outbound_ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def cut_after(seconds: float, connected: Callable[[], socket.socket | None]) -> Iterator[threading.Event]:
    """Cut a connection after so many seconds in all: a timeout of the socket alone lets a server drip for ever.

    `connected` gives the socket as it is then. What is set when it was cut is yielded.
    """
    was_cut = threading.Event()

    def cut() -> None:
        was_cut.set()
        with suppress(OSError):  # it may just have been closed
            if (current := connected()) is not None:
                # Past the TLS layer: the other thread is reading in it.
                socket.socket.shutdown(current, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield was_cut
    finally:
        timer.cancel()


@contextmanager
def failures_named() -> Iterator[None]:
    """Turn what sockets, TLS and HTTP raise into Undelivered: timeout, tls, unreachable, bad_answer."""
    try:
        yield
    except TimeoutError:
        raise Undelivered("timeout", down=True) from None
    except ssl.SSLError:
        raise Undelivered("tls", down=True) from None
    except OSError:
        raise Undelivered("unreachable", down=True) from None
    except http.client.HTTPException:
        raise Undelivered("bad_answer") from None
