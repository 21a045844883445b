"""A wire that is cut: a TCP relay that lets a given number of bytes through for each connection, and then breaks it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Cut:
    """Where a connection breaks: after so many bytes up to the server, or so many down from it."""

    up: int | None = None
    down: int | None = None


@contextmanager
def broken_wire(url: str, cuts: Iterable[Cut]) -> Iterator[str]:
    """The URL of a relay to `url`. Its first connections are cut as told, in this order; later ones are whole."""
    host, _, port = url.removeprefix("http://").partition(":")
    waiting = iter(cuts)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, (host, int(port)), waiting), daemon=True)
        accepting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(timeout=5)


def _accept(listener: socket.socket, server: tuple[str, int], cuts: Iterator[Cut]) -> None:
    with contextlib.suppress(OSError):  # the listener was shut
        while True:
            client, _ = listener.accept()
            upstream = socket.create_connection(server)
            cut = next(cuts, Cut())
            for source, sink, most in ((client, upstream, cut.up), (upstream, client, cut.down)):
                threading.Thread(target=_carry, args=(source, sink, most), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, most: int | None) -> None:
    """Carry bytes one way until they end or are cut; then neither end hears of the other any more."""
    left = most
    with contextlib.suppress(OSError):  # the other end went first
        while left is None or left > 0:
            piece = source.recv(65_536 if left is None else min(left, 65_536))
            if not piece:
                break
            sink.sendall(piece)
            left = None if left is None else left - len(piece)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
