"""Many clients in one process of its own: keep-alive connections that ask, wait for the answer, and ask the next thing.

    python -m bench.driver HOST PORT CLIENTS SECONDS MARK < requests

`requests` are whole HTTP requests, each after its length in four bytes. Every answer must be a 200 that contains MARK. Prints one
line of JSON: calls, seconds, p50 and p99 in milliseconds. The standard library only, so that it costs little beside the server.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Client:
    """One connection with one request on its way at a time."""

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes], mark: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests, self._mark = requests, mark
        self._answer = b""
        self._asked = 0.0

    def ask(self) -> None:
        """Send the next request."""
        self._answer = b""
        self._asked = time.perf_counter()
        self.socket.sendall(next(self._requests))

    def hear(self) -> float | None:
        """Take what has come; the seconds that the answer took once it is whole. Raises RuntimeError for a wrong one."""
        piece = self.socket.recv(262_144)
        self._answer += piece
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if piece and not (blank and length and len(body) >= int(length[1])):
            return None
        if not head.startswith(b"HTTP/1.1 200") or self._mark not in body:
            raise RuntimeError(f"a wrong answer: {self._answer[:500]!r}")
        return time.perf_counter() - self._asked


def drive(address: tuple[str, int], requests: list[bytes], clients: int, seconds: float, mark: bytes) -> list[float]:
    """Ask for `seconds`; the seconds that each answer took. The clients share the requests out among them."""
    waiting = selectors.DefaultSelector()
    taken: list[float] = []
    all_ = [
        Client(address, cycle(islice(requests, first, None, clients)), mark)
        for first in range(min(clients, len(requests)))
    ]
    for client in all_:
        waiting.register(client.socket, selectors.EVENT_READ, client)
        client.ask()
    ends = time.perf_counter() + seconds
    busy = len(all_)
    while busy:
        for key, _ in waiting.select():
            took = key.data.hear()
            if took is None:
                continue
            taken.append(took)
            if time.perf_counter() < ends:
                key.data.ask()
            else:
                busy -= 1
    for client in all_:
        client.socket.close()
    return taken


def _requests(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def main() -> None:
    host, port, clients, seconds, mark = sys.argv[1:]
    requests = list(_requests(sys.stdin.buffer.read()))
    started = time.perf_counter()
    taken = sorted(drive((host, int(port)), requests, int(clients), float(seconds), mark.encode()))
    spent = time.perf_counter() - started
    p50, p99 = (1_000 * taken[int(len(taken) * share)] for share in (0.5, 0.99))
    print(json.dumps({"calls": len(taken), "seconds": spent, "p50_ms": p50, "p99_ms": p99}))


if __name__ == "__main__":
    main()
