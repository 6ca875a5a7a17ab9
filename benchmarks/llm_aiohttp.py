"""The usual client of a stream in Python, as a yardstick of the cost of an event: aiohttp, lines,
json, and a time stamp when a token is read. It asks as many requests as there are streams, at once.
"""

import asyncio
import json
import resource
import time
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True)
class Streams:
    """What was read, and what it cost this process."""

    ttft_ns: list[int]
    events: int
    wall_s: float
    cpu_s: float


def read_streams(url: str, streams: int, tokens: int) -> Streams:
    """`url`: of the endpoint, with /v1."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.monotonic()
    stamps = asyncio.run(_read_all(f"{url}/chat/completions", streams, tokens))
    wall_s = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    ttft_ns = [arrivals[0] - sent for sent, arrivals in stamps]
    return Streams(ttft_ns, sum(len(arrivals) for _, arrivals in stamps), wall_s, cpu_s)


async def _read_all(url: str, streams: int, tokens: int) -> list[tuple[int, list[int]]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        return await asyncio.gather(*(_read(session, url, tokens) for _ in range(streams)))


async def _read(session: aiohttp.ClientSession, url: str, tokens: int) -> tuple[int, list[int]]:
    """When the request was sent, and when each event with a token was read."""
    body = {
        "model": "mock",
        "messages": [{"role": "user", "content": "a question"}],
        "max_tokens": tokens,
        "stream": True,
    }
    sent, arrivals = time.monotonic_ns(), []
    async with session.post(url, json=body) as answer:
        async for line in answer.content:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            choices = json.loads(line[6:])["choices"]
            if choices and choices[0]["delta"].get("content"):
                arrivals.append(time.monotonic_ns())
    return sent, arrivals
