"""A bad network: a TCP proxy that cuts, loses, delays, trickles, doubles and replays what goes through it.

It takes one request a connection (the phone sends `Connection: close`) and knows of HTTP only where a request ends, so that it
can deliver a whole one again. What befalls a connection is drawn from a generator seeded by (seed, number of the connection).
`counts` says what really happened, not what was planned.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter, deque
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

# How often each fault befalls a connection. What is left goes through untouched.
RATES = {
    "cut_request": 0.06,  # the server sees a part of the request, then the end of the connection
    "cut_answer": 0.06,  # the phone sees a part of the answer
    "lost_answer": 0.06,  # the server has done it, the phone hears nothing
    "hung_up": 0.04,  # the request goes out whole and nobody waits for the answer
    "portal": 0.02,  # the login page of a Wi-Fi answers instead
    "delayed": 0.06,
    "trickled": 0.04,  # request and answer come in small pieces
    "doubled": 0.08,  # the same request two to four times at once, one answer
    "replayed": 0.06,  # it goes through, and comes again some seconds later
}
PORTAL = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>Please sign in here</html>"
ANSWER_S = 20  # who waits longer for an answer has lost it
REPLAYED_AFTER_S = (0.1, 6.0)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Proxy:
    """The proxy, in a thread of its own. `port` is where phones connect, `upstream` the port of the server."""

    def __init__(self, upstream: int, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._upstream, self._seed = upstream, seed
        self._number, self._calm = 0, False
        self._acknowledged = threading.Event()
        self._later: set[asyncio.Task[None]] = set()
        self._kept: deque[bytes] = deque(maxlen=200)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def calm(self) -> None:
        """No faults from now on. What was to come again comes now, the latest first, before this returns."""
        self._calm = True
        self._run(self._replay_all())

    def wait_for_answer(self, seconds: float = 30) -> None:
        """Return just after the next answer to a push has gone through whole, or when the time is up."""
        self._acknowledged.clear()
        self._acknowledged.wait(seconds)

    def close(self) -> None:
        """Stop."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._number += 1
        chance = random.Random(f"{self._seed}/{self._number}")
        try:
            request = await _whole(reader)
            fault = (
                "none"
                if self._calm
                else chance.choices([*RATES, "none"], [*RATES.values(), 1 - sum(RATES.values())])[0]
            )
            await _FAULTS[fault](self, chance, request, writer)
        except (OSError, EOFError, TimeoutError):
            self.counts["no_answer"] += 1
            writer.transport.abort()
        except asyncio.CancelledError:  # the run is over, and somebody still waits
            writer.transport.abort()
        finally:
            writer.close()

    # -- one method a fault; each counts itself when it has happened --

    async def _pass(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(await self._ask(request))
        await writer.drain()
        self.counts["untouched"] += 1
        if b"/sync/push " in request.partition(b"\r\n")[0]:
            self._acknowledged.set()

    async def _cut_request(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        _, up = await asyncio.open_connection("127.0.0.1", self._upstream)
        up.write(request[: chance.randrange(1, len(request))])
        await up.drain()
        await asyncio.sleep(chance.random() * 0.05)
        (up.close if chance.random() < 0.5 else up.transport.abort)()
        writer.transport.abort()
        self.counts["cut_request"] += 1

    async def _cut_answer(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        answer = await self._ask(request)
        writer.write(answer[: chance.randrange(1, len(answer))])
        await writer.drain()
        self.counts["cut_answer"] += 1

    async def _lose_answer(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._ask(request)
        writer.transport.abort()
        self.counts["lost_answer"] += 1

    async def _hang_up(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        _, up = await asyncio.open_connection("127.0.0.1", self._upstream)
        up.write(request)
        await up.drain()
        await asyncio.sleep(chance.random() * 0.05)
        up.transport.abort()
        writer.transport.abort()
        self.counts["hung_up"] += 1

    async def _portal(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(PORTAL)
        await writer.drain()
        self.counts["portal"] += 1

    async def _delay(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(chance.uniform(0.05, 0.8))
        writer.write(await self._ask(request))
        await writer.drain()
        self.counts["delayed"] += 1

    async def _trickle(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        answer = await self._ask(request, chance.randint(4, 12))
        await _in_pieces(writer, answer, chance.randint(4, 12))
        self.counts["trickled"] += 1

    async def _double(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        copies = chance.randint(1, 3)
        answers = await asyncio.gather(*(self._ask(request) for _ in range(copies + 1)), return_exceptions=True)
        came = [answer for answer in answers if isinstance(answer, bytes)]
        self.counts["doubled"] += len(came) > 1
        self.counts["copies"] += max(len(came) - 1, 0)
        if not came:
            raise ConnectionResetError
        writer.write(chance.choice(came))
        await writer.drain()

    async def _replay(self, chance: random.Random, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._pass(chance, request, writer)
        if _may_come_late(request):
            self._kept.append(request)
            task = asyncio.create_task(self._again(request, chance.uniform(*REPLAYED_AFTER_S)))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _again(self, request: bytes, after: float) -> None:
        await asyncio.sleep(after)
        with suppress(OSError, EOFError, TimeoutError):  # a server that is away takes no replay, so none is counted
            await self._ask(request)
            self.counts["replayed"] += 1

    async def _replay_all(self) -> None:
        await asyncio.gather(*self._later)
        for request in list(self._kept)[::-1]:
            await self._again(request, 0)

    async def _ask(self, request: bytes, pieces: int = 1) -> bytes:
        """The server's whole answer. Raises OSError, EOFError or TimeoutError where there is none."""
        async with asyncio.timeout(ANSWER_S):
            reader, up = await asyncio.open_connection("127.0.0.1", self._upstream)
            try:
                await _in_pieces(up, request, pieces)
                answer = await reader.read(-1)
            finally:
                up.close()
        if len(answer) < 2:
            raise ConnectionResetError("no answer")
        return answer


_FAULTS = {
    "none": Proxy._pass, "cut_request": Proxy._cut_request, "cut_answer": Proxy._cut_answer, "lost_answer": Proxy._lose_answer,
    "hung_up": Proxy._hang_up, "portal": Proxy._portal, "delayed": Proxy._delay, "trickled": Proxy._trickle,
    "doubled": Proxy._double, "replayed": Proxy._replay,
}  # fmt: skip


async def _whole(reader: asyncio.StreamReader) -> bytes:
    """One request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


async def _in_pieces(writer: asyncio.StreamWriter, data: bytes, pieces: int) -> None:
    step = -(-len(data) // pieces)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
        await writer.drain()
        if pieces > 1:
            await asyncio.sleep(0.02)


def _may_come_late(request: bytes) -> bool:
    """A refresh token that comes again after its successor is in use is a theft by contract (section 2), not a bad network."""
    return b" /api/v1/auth/" not in request.partition(b"\r\n")[0]
