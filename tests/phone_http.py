"""How the phone talks to a server: one connection a request, and an answer that is whole or none.

Standard library only, like phone.py. `over_http(server)` gives the `send` of a Phone.
"""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.phone import Send


class _Lines(io.BufferedReader):
    """An answer as it comes. A line that was cut off is no line: `upload-offset: 26` of `upload-offset: 262144` is wrong."""

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the answer was cut off")
        return line


class _Answer(http.client.HTTPResponse):
    """The library takes a head that was cut off for a short one."""

    def __init__(self, sock: Any, *rest: Any, **more: Any) -> None:
        super().__init__(sock, *rest, **more)
        self.fp.close()
        self.fp = _Lines(sock.makefile("rb", buffering=0))


class _Http(http.client.HTTPConnection):
    response_class = _Answer


class _Https(http.client.HTTPSConnection):
    response_class = _Answer


def over_http(server: str, timeout: float = 30) -> Send:
    """Send to a server, `http://…` or `https://…`; the answer must begin within `timeout` seconds. Raises OSError for any less."""
    address = urlsplit(server)
    kind = _Https if address.scheme == "https" else _Http

    def send(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        connection = kind(str(address.hostname), address.port, timeout=timeout)
        try:
            connection.request(method, address.path.rstrip("/") + path, body, {**headers, "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except http.client.HTTPException as problem:
            raise ConnectionResetError(f"half an answer: {problem!r}") from problem
        finally:
            connection.close()

    return send
