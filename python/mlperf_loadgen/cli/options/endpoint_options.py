"""Options of an endpoint, which is a server of language models, and of the prompts that it gets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..show.outcome import Mistake
from .network_options import Readers, yes_or_no
from .spelling import near_or_all

CONNECTION_READERS: Readers = {
    "balance": str,
    "on_loss": str,
    "max_outstanding": int,
    "request_timeout_s": float,
    "max_answer_bytes": int,
    "max_tokens_field": str,
    "per_event_usage": yes_or_no,
    "stream": yes_or_no,
    "probe": yes_or_no,
    "cancel_after_s": float,
    "cancel_share": float,
    "ca_file": str,
    "client_threads": int,
}
"""How the options of `--network` are read for an endpoint."""

_FILE_READERS: Readers = {
    "model": str,
    "api": str,
    "max_tokens": int,
    "ignore_eos": yes_or_no,
    "tokenizer": str,
    "warm_connections": int,
    "connect_timeout_s": float,
    **CONNECTION_READERS,
}
"""The same of `endpoint` in a run file."""

TABLES = ("headers", "extra_body")
"""Options that are tables themselves."""

_PATHS = ("ca_file", "tokenizer")


@dataclass
class Endpoint:
    """What an endpoint is asked for."""

    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="FILE[:FORMAT]",
            help="Prompts, in place of a QSL: a file of the format jsonl, openai-batch, sharegpt, "
            "mooncake, azure, burstgpt or mlperf, or prompts that are made, as in "
            "random:in=512,out=128,n=1000. Without :FORMAT it is found by what the file holds.",
            show_default=False,
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-tokens",
            metavar="N",
            help="The most tokens of an answer, for prompts that do not say it themselves.",
            show_default=False,
        ),
    ] = None
    ignore_eos: Annotated[
        bool,
        typer.Option(
            "--ignore-eos",
            help="Ask for answers of exactly --max-tokens tokens. Adds ignore_eos and min_tokens "
            "to each request, which some endpoints refuse.",
        ),
    ] = False
    extra_body: Annotated[
        str | None,
        typer.Option(
            "--extra-body",
            metavar="JSON",
            help="Members that are added to the body of each request to an endpoint, as in "
            "'{\"temperature\": 0}'.",
            show_default=False,
        ),
    ] = None
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            "--tokenizer",
            metavar="FOLDER",
            help="Tokenizer of the model: counts the tokens of answers for which the endpoint says "
            "no number, and makes prompts of a given length.",
            show_default=False,
        ),
    ] = None
    api: Annotated[
        str | None,
        typer.Option(
            "--api",
            metavar="NAME",
            help="What an endpoint is asked: chat or completions. Default: chat for messages, "
            "completions for prompts and token ids.",
            show_default=False,
        ),
    ] = None
    warm_connections: Annotated[
        int | None,
        typer.Option(
            "--warm-connections",
            metavar="N",
            help="Connections to an endpoint that are opened before the test; default: none.",
            show_default=False,
        ),
    ] = None

    def options(self) -> dict[str, Any]:
        """What was given, by the names that OpenAIEndpoint uses. Raises Mistake."""
        given = {
            "max_tokens": self.max_tokens,
            "ignore_eos": self.ignore_eos or None,
            "extra_body": None if self.extra_body is None else _json_object(self.extra_body),
            "tokenizer": None if self.tokenizer is None else str(self.tokenizer),
            "api": self.api,
            "warm_connections": self.warm_connections,
        }
        return {name: value for name, value in given.items() if value is not None}

    def words(self) -> list[str]:
        """The options for a command that repeats them."""
        given = {
            "--dataset": self.dataset,
            "--max-tokens": self.max_tokens,
            "--extra-body": self.extra_body,
            "--tokenizer": self.tokenizer,
            "--api": self.api,
            "--warm-connections": self.warm_connections,
        }
        pairs = [(name, str(value)) for name, value in given.items() if value is not None]
        words = [word for pair in pairs for word in pair]
        return [*words, "--ignore-eos"] if self.ignore_eos else words


def _json_object(text: str) -> dict[str, Any]:
    fix = "write an object, as in '{\"temperature\": 0}'"
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Mistake(f"--extra-body {text}: is no JSON ({error}): {fix}") from None
    if not isinstance(value, dict):
        raise Mistake(f"--extra-body {text}: is no object of JSON: {fix}")
    return value


def read_file_option(name: str, text: str, shown: str, folder: Path) -> Any:
    """The value of an option in a run file whose paths are relative to a folder. `shown`: the place
    and the name for messages. Raises Mistake."""
    check_file_option(name, shown)
    try:
        value = _FILE_READERS[name](text)
    except ValueError as error:
        raise Mistake(f"{shown}: {text}: {error}") from error
    return str(folder / value) if name in _PATHS else value


def check_file_option(name: str, shown: str) -> None:
    """Raises Mistake for an option that does not exist."""
    if name == "api_key":
        raise Mistake(f"{shown}: a key is no part of a file: set OPENAI_API_KEY, which is read")
    if name not in _FILE_READERS and name not in TABLES:
        known = [*_FILE_READERS, *TABLES]
        raise Mistake(f"{shown}: there is no such option{near_or_all(name, known)}")
