"""Files with a JSON object a line: prompts of one's own, and the batch files of OpenAI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..request import Request
from .dataset import Dataset, Source, at_place, read_bytes, refuse

_FIX = 'give {"prompt": ...} or {"messages": [...]} on each line'


def objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of each line that is not blank. Raises DatasetError for other lines."""
    # Lines end with LF or CRLF alone: other ends of lines may stand inside JSON texts.
    for number, line in enumerate(read_bytes(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise refuse(path, place, f"it is no JSON ({error}); {_FIX}") from None
        if not isinstance(row, dict):
            raise refuse(path, place, f"it is no JSON object but {_shown(row)}; {_FIX}")
        yield place, row


def read_jsonl(source: Source) -> Dataset:
    """`{"prompt": ...}` or `{"messages": [...]}`; optional `max_tokens`, `system` and `id`.

    A prompt is a text, or a list of token ids.
    """
    return _read(source, _jsonl_request)


def read_openai_batch(source: Source) -> Dataset:
    """`{"custom_id", "method", "url", "body"}`, as in OpenAI's batch files."""
    return _read(source, _batch_request)


def _read(source: Source, request_of: Callable[[dict[str, Any]], Request]) -> Dataset:
    places, requests = [], []
    for place, row in objects(source.path):
        with at_place(source.path, place):
            requests.append(request_of(row))
        places.append(place)
    check_one_kind(source.path, requests, places)
    return Dataset(requests, places=places)


def _jsonl_request(row: dict[str, Any]) -> Request:
    has_prompt, has_messages = "prompt" in row, "messages" in row
    if not has_prompt and not has_messages:
        known = ", ".join(sorted(row)[:8]) or "nothing"
        raise ValueError(f"it has neither a prompt nor messages, but {known}; {_FIX}")
    if has_prompt and has_messages:
        raise ValueError("it has both a prompt and messages; leave one of them out")
    content = row["prompt"] if has_prompt else row["messages"]
    if has_messages and not _is_messages(content):
        raise TypeError('messages must be a list of objects with "role" and "content"')
    if has_prompt and not isinstance(content, (str, list)):
        raise TypeError(f"prompt must be a text or a list of token ids, not {_shown(content)}")
    system = row.get("system")
    if system is not None:
        if not isinstance(system, str):
            raise TypeError(f"system must be a text, not {_shown(system)}")
        if not has_messages and not isinstance(content, str):
            raise ValueError("system cannot stand before token ids; leave it out")
        asked = content if has_messages else [{"role": "user", "content": content}]
        content = [{"role": "system", "content": system}, *asked]
    return Request(content, row.get("max_tokens"), str(row.get("id", "")))


def _batch_request(row: dict[str, Any]) -> Request:
    missing = [name for name in ("custom_id", "method", "url", "body") if name not in row]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}; a line of a batch file has them")
    url, body = row["url"], row["body"]
    if row["method"] != "POST" or url not in ("/v1/chat/completions", "/v1/completions"):
        raise ValueError(
            f"it asks for {row['method']} {url}; only POST /v1/chat/completions and POST "
            "/v1/completions can be measured"
        )
    if not isinstance(body, dict):
        raise TypeError(f"body must be an object, not {_shown(body)}")
    member = "messages" if "chat" in url else "prompt"
    if member not in body:
        raise ValueError(f"its body has no {member}, which {url} takes")
    return Request(json.dumps(body).encode(), id=str(row["custom_id"]))


def check_one_kind(path: Path, requests: list[Request], places: list[str]) -> None:
    """Raises DatasetError if there is no request, or if some are for chat and others are not."""
    if not requests:
        raise refuse(path, "", "it has no prompts")
    for place, request in zip(places, requests, strict=True):
        if request.api != requests[0].api:
            raise refuse(
                path,
                place,
                f"it is for {request.api}, and {places[0]} for {requests[0].api}; a data set has "
                "either messages or prompts, so make two of it",
            )


def _is_messages(content: object) -> bool:
    return isinstance(content, list) and all(isinstance(one, dict) for one in content)


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
