"""Many clients in one process of its own: keep-alive connections that ask, wait for the answer, and ask the next thing.

    python -m bench.driver HOST PORT CLIENTS MARK [--seconds S | --over S] [--least BYTES] < requests

`requests` are whole HTTP requests, each after its length in four bytes. They are asked again and again for `--seconds`; or each
once, as soon as a client is free; or each once at its moment, evenly spread `--over` so many seconds, whether the answers come
or not. Every answer must be a 200 that contains MARK, in its head or its body, and has at least so many bytes of body.

Prints one line of JSON: calls, seconds, p50 and p99 in milliseconds. A call lasts from when it is sent, or, with `--over`, from
its moment, so that waiting for a free client counts. The standard library only, so that it costs little beside the server.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BLANK = b"\r\n\r\n"
_PIECE = 1 << 20

# Requests in the order in which they are sent, each with its moment; None: as soon as a client is free.
Coming = Iterator[tuple[float | None, bytes]]


class Client:
    """One connection with one request on its way at a time. `head` and `body` are those of the last answer."""

    def __init__(self, address: tuple[str, int], mark: bytes = b"", least: int = 0) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._mark, self._least = mark, least
        self._answer = bytearray()
        self._head = self._whole = 0  # where the head ends and how long the answer is, once they are known
        self._since = 0.0

    @property
    def head(self) -> bytes:
        """The head of the answer."""
        return bytes(self._answer[: self._head])

    @property
    def body(self) -> bytes:
        """The body of the answer."""
        return bytes(self._answer[self._head :])

    def ask(self, request: bytes, since: float | None = None) -> None:
        """Send a request. Its time runs from `since`, else from now."""
        self._answer.clear()
        self._head = self._whole = 0
        self._since = time.perf_counter() if since is None else since
        self.socket.sendall(request)

    def hear(self) -> float | None:
        """Take what has come; the seconds that the answer took once it is whole. Raises RuntimeError for a wrong one."""
        piece = self.socket.recv(_PIECE)
        self._answer += piece
        if not self._whole:
            self._measure()
        if piece and not (self._whole and len(self._answer) >= self._whole):
            return None
        right = self._answer.startswith(b"HTTP/1.1 200") and self._mark in self._answer
        if not (right and len(self._answer) == self._whole >= self._head + self._least):
            raise RuntimeError(f"a wrong answer of {len(self._answer)} bytes: {bytes(self._answer[:500])!r}")
        return time.perf_counter() - self._since

    def _measure(self) -> None:
        end = self._answer.find(_BLANK)
        if end >= 0 and (length := _LENGTH.search(self._answer, 0, end)):
            self._head = end + len(_BLANK)
            self._whole = self._head + int(length[1])


def drive(clients: Sequence[Client], coming: Coming) -> list[float]:
    """Send each request at its moment or, where no client is free then, as soon as one is; the seconds that each took."""
    waiting = selectors.DefaultSelector()
    for client in clients:
        waiting.register(client.socket, selectors.EVENT_READ, client)
    free, taken = deque(clients), []
    request = next(coming, None)
    while request or len(free) < len(clients):
        while request and free and (request[0] or 0.0) <= time.perf_counter():
            moment, text = request
            free.popleft().ask(text, moment)
            request = next(coming, None)
        due_in = max(0.0, (request[0] or 0.0) - time.perf_counter()) if request and free else None
        for key, _ in waiting.select(due_in):
            took = key.data.hear()
            if took is not None:
                taken.append(took)
                free.append(key.data)
    return taken


def again_and_again(requests: Sequence[bytes], seconds: float) -> Coming:
    """The requests in turn for so long."""
    ends = time.perf_counter() + seconds
    for request in cycle(requests):
        if time.perf_counter() >= ends:
            return
        yield None, request


def once(requests: Sequence[bytes]) -> Coming:
    """Each request once, as fast as it goes."""
    return ((None, request) for request in requests)


def spread(requests: Sequence[bytes], over: float) -> Coming:
    """Each request once, at moments spread evenly over so many seconds from now on."""
    first, gap = time.perf_counter(), over / len(requests)
    return ((first + number * gap, request) for number, request in enumerate(requests))


def _read(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.driver")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("clients", type=int)
    parser.add_argument("mark", type=str.encode)
    parser.add_argument("--least", type=int, default=0)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--seconds", type=float)
    pace.add_argument("--over", type=float)
    asked = parser.parse_args()
    requests = list(_read(sys.stdin.buffer.read()))
    clients = [
        Client((asked.host, asked.port), asked.mark, asked.least) for _ in range(min(asked.clients, len(requests)))
    ]
    started = time.perf_counter()
    if asked.seconds is not None:
        coming = again_and_again(requests, asked.seconds)
    else:
        coming = once(requests) if asked.over is None else spread(requests, asked.over)
    taken = sorted(drive(clients, coming))
    spent = time.perf_counter() - started
    p50, p99 = (1_000 * taken[int(len(taken) * share)] for share in (0.5, 0.99))
    print(json.dumps({"calls": len(taken), "seconds": spent, "p50_ms": p50, "p99_ms": p99}))


if __name__ == "__main__":
    main()
