"""Other tools that measure LLM endpoints, as `llm.py` runs them: commands and their reports.

Each lives in a virtual environment of its own, since their requirements differ:

    python -m venv aiperf && aiperf/bin/pip install aiperf==0.13.0
    python -m venv guidellm && guidellm/bin/pip install guidellm==0.8.1
    python -m venv vllm && ...                          # as `make test-vllm` does

They run closed loops: so many requests at a time, until all were answered.
"""

import json
import re
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INPUT_TOKENS = 16
LIMIT_S = 300


@dataclass(frozen=True)
class Load:
    """What a tool is to do: `requests` of `output_tokens` each, `streams` at a time."""

    url: str
    """The server's, without /v1."""
    streams: int
    requests: int
    output_tokens: int
    tokenizer: str
    """A folder; the tools make prompts with it."""


@dataclass(frozen=True)
class Reported:
    """What a tool says of a run. Times in ms."""

    ttft_p50_ms: float
    ttft_p99_ms: float
    tokens_per_s: float
    completed: int


class Tool(ABC):
    """`program`: the path of its command."""

    def __init__(self, program: str) -> None:
        self.program = program

    def run(self, load: Load, folder: Path) -> Reported:
        """Raises RuntimeError with the end of what the tool said if it fails."""
        folder.mkdir(parents=True)
        with (folder / "log").open("wb") as log:
            command = [self.program, *self.arguments(load, folder)]
            done = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False
            )
        if done.returncode != 0:
            said = (folder / "log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.program} ended with {done.returncode}:\n{said}")
        return self.reported(folder)

    @abstractmethod
    def arguments(self, load: Load, folder: Path) -> list[str]:
        """The command line after the program."""

    @abstractmethod
    def reported(self, folder: Path) -> Reported:
        """What the run left in the folder."""


class AIPerf(Tool):
    def arguments(self, load: Load, folder: Path) -> list[str]:
        options = {
            "--url": load.url,
            "--model": "mock",
            "--endpoint-type": "chat",
            "--tokenizer": load.tokenizer,
            "--concurrency": load.streams,
            "--request-count": load.requests,
            "--isl": INPUT_TOKENS,
            "--osl": load.output_tokens,
            "--osl-stddev": 0,
            "--ui-type": "none",
            "--output-artifact-dir": folder,
        }
        flags = ["--streaming", "--use-server-token-count", "--no-server-metrics"]
        return ["profile", *_flat(options), *flags, "--no-gpu-telemetry"]

    def reported(self, folder: Path) -> Reported:
        found = _json(folder / "profile_export_aiperf.json")
        ttft = found["time_to_first_token"]
        rate = found["output_token_throughput"]["avg"]
        return Reported(ttft["p50"], ttft["p99"], rate, int(found["request_count"]["avg"]))


class GuideLLM(Tool):
    def arguments(self, load: Load, folder: Path) -> list[str]:
        tokens = f"prompt_tokens={INPUT_TOKENS},output_tokens={load.output_tokens}"
        options = {
            "--backend": f"kind=openai_http,target={load.url},model=mock",
            "--profile": f"kind=concurrent,streams={load.streams}",
            "--constraint": f"kind=max_requests,count={load.requests}",
            "--tokenizer": f"kind=hf_auto,model={load.tokenizer}",
            "--data": f"kind=synthetic_text,{tokens}",
            "--output": f"kind=json,path={folder / 'report.json'}",
        }
        return ["run", *_flat(options), "--disable-console-interactive"]

    def reported(self, folder: Path) -> Reported:
        found = _json(folder / "report.json")["benchmarks"][0]["metrics"]
        ttft = found["time_to_first_token_ms"]["successful"]
        rate = found["output_tokens_per_second"]["successful"]["mean"]
        completed = found["request_totals"]["successful"]
        return Reported(ttft["median"], ttft["percentiles"]["p99"], rate, completed)


class VLLMBench(Tool):
    def arguments(self, load: Load, folder: Path) -> list[str]:
        options = {
            "--backend": "openai-chat",
            "--base-url": load.url,
            "--endpoint": "/v1/chat/completions",
            "--model": "mock",
            "--tokenizer": load.tokenizer,
            "--dataset-name": "random",
            "--random-input-len": INPUT_TOKENS,
            "--random-output-len": load.output_tokens,
            "--num-prompts": load.requests,
            "--max-concurrency": load.streams,
            "--percentile-metrics": "ttft",
            "--metric-percentiles": "50,99",
        }
        return ["bench", "serve", *_flat(options), "--disable-tqdm"]

    def reported(self, folder: Path) -> Reported:
        said = (folder / "log").read_text()

        def number(label: str) -> float:
            found = re.search(re.escape(label) + r":? +([\d.]+)", said)
            if not found:
                raise ValueError(f"{folder / 'log'} has no line {label!r}")
            return float(found[1])

        return Reported(
            number("Median TTFT (ms)"),
            number("P99 TTFT (ms)"),
            number("Output token throughput (tok/s)"),
            int(number("Successful requests")),
        )


TOOLS: dict[str, type[Tool]] = {"aiperf": AIPerf, "guidellm": GuideLLM, "vllm": VLLMBench}


def _flat(options: dict[str, Any]) -> list[str]:
    return [str(part) for option in options.items() for part in option]


def _json(path: Path) -> Any:
    return json.loads(path.read_text())
