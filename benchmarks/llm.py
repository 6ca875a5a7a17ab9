"""How true and how fast endpoints are measured: against a mock server whose token times are known.

    python benchmarks/llm.py [--streams 20 100 500] [--only beside saturated stamps]
        [--tool aiperf=PATH guidellm=PATH vllm=PATH --tokenizer FOLDER]

`beside`: the mock (tests/mock_llm) sends the first token 100 ms after a request, and 50 tokens 20
ms apart. Ours, a plain client of aiohttp and the tools run in turn, each in a process of its own,
with so many streams at a time. Each tool is given by the path of its command (`llm_tools.py` says
how to install it). A TTFT's error is what is reported minus 100 ms; the mock's own lateness is in
it, and stands beside it.
`saturated`: 5 ms from token to token, at 500 streams more than the mock can send.
`stamps`: 10,000 streams with 2 s from token to token; how long after an event left the mock its
arrival was stamped, less the shortest such time.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mlperf_loadgen as lg
from mlperf_loadgen import testing

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/python/helpers"))
from llm_aiohttp import read_streams
from llm_runs import read_answers, sent_bounds  # type: ignore[import-not-found]
from llm_tools import TOOLS, Load, Reported
from mock_llm import mock_llm  # type: ignore[import-not-found]

TTFT_MS = 100
TOKENS = 50
PARTS = ("beside", "saturated", "stamps")
STAMP_STREAMS = 10_000
STAMP_TOKENS = 6
LIMIT_S = 300


@dataclass(frozen=True)
class Run:
    """What a run of ours says, and what it cost."""

    reported: Reported
    events: int
    cpu_s: float
    beyond_s: float
    """The wall time of the whole run less that from the first request to the last answer."""
    samples_log: str
    tokens_log: str


def run_ours(url: str, streams: int, requests: int, tokens: int, outdir: str) -> Run:
    prompts = lg.Prompts([f"#{i}" for i in range(requests)], max_tokens=tokens)
    system = lg.OpenAIEndpoint(url, prompts, probe=False, max_outstanding=streams)
    begun, cpu = time.monotonic(), time.process_time()
    result = testing.run(
        system,
        prompts,
        outdir=outdir,
        scenario="Offline",
        min_duration_ms=0,
        min_query_count=requests,
        performance_issue_unique=True,
        use_token_latencies=True,
    )
    wall_s, cpu_s = time.monotonic() - begun, time.process_time() - cpu
    performance = result.performance
    assert performance and performance.tokens
    ttft = performance.tokens.first_token_from_send
    rows = lg.read_samples(result.logs.samples)
    traffic_s = float(rows["completed_ns"].max() - rows["issued_ns"].min()) / 1e9
    reported = Reported(
        ttft.percentiles_ns[0.5] / 1e6,
        ttft.percentiles_ns[0.99] / 1e6,
        requests * tokens / traffic_s,
        int((~rows["failed"]).sum()),
    )
    return Run(
        reported,
        performance.tokens.event_count,
        cpu_s,
        wall_s - traffic_s,
        result.logs.samples,
        result.logs.tokens,
    )


def in_new_process(function: Callable[..., Any], *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply_async(function, arguments).get(LIMIT_S)


# ---- Measurements --------------------------------------------------------------------------------


def measure_ours(load: Load, folder: Path) -> tuple[Reported, str]:
    """What is reported, and its cost in words."""
    run = in_new_process(
        run_ours,
        f"{load.url}/v1",
        load.streams,
        load.requests,
        load.output_tokens,
        str(folder / "ours"),
    )
    return run.reported, f"{_cost(run.cpu_s, run.events)}, {run.beyond_s:.2f} s beyond"


def measure_aiohttp(load: Load) -> tuple[Reported, str]:
    read = in_new_process(read_streams, f"{load.url}/v1", load.streams, load.output_tokens)
    p50, p99 = np.percentile(read.ttft_ns, (50, 99)) / 1e6
    reported = Reported(p50, p99, read.events / read.wall_s, len(read.ttft_ns))
    return reported, _cost(read.cpu_s, read.events)


def measure_tool(name: str, path: str, load: Load, folder: Path) -> tuple[Reported, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    reported = TOOLS[name](path).run(load, folder / name)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return reported, _cost(used_s, load.requests * load.output_tokens)


def _cost(cpu_s: float, events: int) -> str:
    return f"{1e6 * cpu_s / events:.1f} us CPU/event"


def beside(asked: argparse.Namespace, streams: int, itl_ms: int) -> Iterator[str]:
    """A line for ours, for aiohttp and for each tool."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ours", "aiohttp", *asked.tools):
            with mock_llm(ttft_us=1000 * TTFT_MS, itl_us=1000 * itl_ms, n=TOKENS) as mock:
                url = mock.url().removesuffix("/v1")
                load = Load(url, streams, streams, TOKENS, asked.tokenizer)
                begun = time.monotonic()
                if name == "ours":
                    reported, cost = measure_ours(load, Path(folder))
                elif name == "aiohttp":
                    reported, cost = measure_aiohttp(load)
                else:
                    reported, cost = measure_tool(name, asked.tools[name], load, Path(folder))
                yield _line(name, load, reported, mock.stats(), time.monotonic() - begun, cost)


def _line(
    name: str, load: Load, reported: Reported, stats: dict[str, Any], wall_s: float, cost: str
) -> str:
    off = (reported.ttft_p50_ms - TTFT_MS, reported.ttft_p99_ms - TTFT_MS)
    return (
        f"{load.streams:>6} {name:<9} TTFT off by p50 {off[0]:8.2f} p99 {off[1]:8.2f} ms "
        f"{reported.tokens_per_s:9,.0f} tokens/s  {reported.completed}/{load.requests} answers, "
        f"{stats['most_streams']} open  wall {wall_s:.1f} s  {cost}  "
        f"mock late p99 {stats['late_ns']['p99'] / 1e6:.2f} ms"
    )


def stamps() -> str:
    """How late 10,000 streams are stamped."""
    with tempfile.TemporaryDirectory() as folder, mock_llm(record=1) as mock:
        url = mock.url(ttft_us=5_000_000, itl_us=2_000_000)
        run = in_new_process(
            run_ours, url, STAMP_STREAMS, STAMP_STREAMS, STAMP_TOKENS, f"{folder}/logs"
        )
        answers = read_answers(run.samples_log, run.tokens_log)
        before, _ = sent_bounds(answers, mock.sent())
        most = mock.stats()["most_streams"]
    late = np.concatenate(answers.arrivals) - before
    late_us = (late - late.min()) / 1e3
    p50, p99, p999 = np.percentile(late_us, (50, 99, 99.9))
    return (
        f"{most} streams: stamped after p50 {p50:.1f}, p99 {p99:.1f}, p99.9 {p999:.1f} us, "
        f"{1e6 * run.cpu_s / run.events:.1f} us CPU/event"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[20, 100, 500])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--tool", nargs="*", default=[], metavar="NAME=PATH")
    parser.add_argument("--tokenizer", default="", help="a folder, for the tools")
    asked = parser.parse_args()
    asked.tools = dict(text.partition("=")[::2] for text in asked.tool)
    for name in asked.tools:
        if name not in TOOLS:
            parser.error(f"{name} is none of {', '.join(TOOLS)}")
    if asked.tools and not asked.tokenizer:
        parser.error("the tools need --tokenizer")
    return asked


def main() -> None:
    asked = arguments()
    if "beside" in asked.only:
        for streams in asked.streams:
            for line in beside(asked, streams, itl_ms=20):
                print(line, flush=True)
    if "saturated" in asked.only:
        print("saturated:")
        for line in beside(asked, max(asked.streams), itl_ms=5):
            print(line, flush=True)
    if "stamps" in asked.only:
        print(stamps(), flush=True)


if __name__ == "__main__":
    main()
