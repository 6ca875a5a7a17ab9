"""HTTP requests from samples, made while samples are loaded so that none is made while issuing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .address import EndpointAddress
from .request import Api, Request, check_count, check_switch

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OWN_HEADERS = (
    *("connection", "content-length", "content-type", "expect"),
    *("host", "te", "transfer-encoding", "upgrade"),
)
_HIDDEN = "..."
_LEAST_SECRET = 8
_LEAST_SHOWN = 4
_OWN_MEMBERS = ("messages", "model", "prompt", "stream")
_LIMITS = ("max_tokens", "max_completion_tokens")
_ROUTES = {"chat": "/chat/completions", "completions": "/completions"}


@dataclass(frozen=True, kw_only=True)
class BodyOptions:
    """What the bodies of all samples have in common.

    Only `model`, the content, the limit of tokens, `stream` and `stream_options` are sent unless
    more is asked for: some servers refuse members that they do not know.
    """

    api: Api | None = None
    """None: "chat" for messages, "completions" for prompts and token ids."""
    stream: bool = True
    max_tokens: int | None = None
    """The limit of a sample that has none of its own."""
    max_tokens_field: str = "max_tokens"
    """The member that has the limit; a body that has one already keeps its own."""
    ignore_eos: bool = False
    """Adds `ignore_eos` and `min_tokens`, so that each answer has as many tokens as it may."""
    per_event_usage: bool = False
    """Asks for the usage in each event (`continuous_usage_stats`)."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.api not in (None, *_ROUTES):
            raise ValueError(f"api must be chat or completions, not {self.api!r}")
        for name in ("stream", "ignore_eos", "per_event_usage"):
            check_switch(name, getattr(self, name))
        if self.max_tokens is not None:
            check_count("max_tokens", self.max_tokens)
        if self.max_tokens_field not in _LIMITS:
            raise ValueError(
                f"max_tokens_field must be {' or '.join(_LIMITS)}, not {self.max_tokens_field!r}"
            )
        if not isinstance(self.extra_body, Mapping):
            raise TypeError(f"extra_body must be a dict, not {self.extra_body!r}")
        for name in self.extra_body:
            if name in _OWN_MEMBERS:
                raise ValueError(f"extra_body must not have {name!r}: {_who_sets(name)}")
        _json(dict(self.extra_body))
        if self.per_event_usage and not self.stream:
            raise ValueError("per_event_usage needs stream=True: without, there are no events")

    @property
    def asks_for_token_ids(self) -> bool:
        """Whether answers are token ids besides text."""
        return bool(self.extra_body.get("return_token_ids", False))

    def api_of(self, request: Request) -> Api:
        """The interface that a request goes to. Raises ValueError if `api` cannot take it."""
        own = request.api
        if self.api in (None, own):
            return own
        if self.api == "chat" and request.kind == "prompt":
            return "chat"  # It is the one message.
        raise ValueError(
            f"api={self.api!r} takes no {request.kind.replace('_', ' ')}; leave api out, or give "
            f"{'messages' if self.api == 'chat' else 'prompts or token ids'}"
        )

    def body(self, request: Request, model: str) -> bytes:
        """The JSON body. Raises ValueError for a request that cannot be sent so."""
        members: dict[str, Any] = {"model": model} | self._content(request) | {"model": model}
        limit_field = next((name for name in _LIMITS if name in members), self.max_tokens_field)
        own = members.get(limit_field)
        default = self.max_tokens if own is None else own
        limit = default if request.max_tokens is None else request.max_tokens
        if limit is not None and limit is not own:  # What a body has stays as it is.
            members[limit_field] = int(limit)
        if self.ignore_eos:
            if limit is None:
                raise ValueError(
                    "ignore_eos needs max_tokens: an answer that cannot end must have a limit"
                )
            members |= {"ignore_eos": True, "min_tokens": members[limit_field]}
        members |= self.extra_body
        members |= self._stream_members(members)
        if not self.stream:
            members.pop("stream_options", None)
        return _json(members)

    def _content(self, request: Request) -> dict[str, Any]:
        content: Any = request.content
        kind = request.kind
        if kind == "body":
            return request.body()
        if kind == "token_ids":
            return {"prompt": content.tolist()}
        if kind == "messages":
            return {"messages": [dict(message) for message in content]}
        if self.api == "chat":
            return {"messages": [{"role": "user", "content": content}]}
        return {"prompt": content}

    def _stream_members(self, members: Mapping[str, Any]) -> dict[str, Any]:
        if not self.stream:
            return {"stream": False}
        asked = {"include_usage": True}
        if self.per_event_usage:
            asked["continuous_usage_stats"] = True
        given = members.get("stream_options")
        return {
            "stream": True,
            "stream_options": asked | (given if isinstance(given, dict) else {}),
        }


def _who_sets(name: str) -> str:
    return {"model": "give model=...", "stream": "give stream=..."}.get(name, "samples have it")


def _json(members: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(members, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"a body cannot be written as JSON: {error}") from None


def without_secrets(words: str, secrets: Sequence[str]) -> str:
    """The words without the secrets, the longest of which come first. A secret may be cut by the
    end of the words."""
    for secret in secrets:
        words = words.replace(secret, _HIDDEN)
        for length in range(len(secret) - 1, _LEAST_SHOWN - 1, -1):
            if words.endswith(secret[:length]):
                words = words[:-length] + _HIDDEN
    return words


class Headers:
    """The header lines of each request, whose values may be secret."""

    def __init__(self, headers: Mapping[str, str], api_key: str | None) -> None:
        """Raises ValueError for headers that cannot be sent; it shows no value."""
        self._lines: dict[str, str] = {"Accept": "text/event-stream, application/json"}
        if not isinstance(headers, Mapping):
            raise TypeError(f"headers must be a dict, not {type(headers).__name__}")
        if api_key is not None and not isinstance(api_key, str):
            raise TypeError(f"api_key must be a text, not {type(api_key).__name__}")
        for name, value in headers.items():
            _check_header(name, value)
            if name.lower() == "accept":
                self._lines.pop("Accept", None)
            self._lines[name] = value
        if api_key and "authorization" not in (name.lower() for name in headers):
            if not _VALUE.fullmatch(api_key) or not api_key.strip():
                raise ValueError("the API key has characters that a header must not have")
            self._lines["Authorization"] = f"Bearer {api_key}"
        given = [value for name, value in self._lines.items() if name.lower() != "accept"]
        parts = {part for value in given for part in (value, *value.split())}
        self.secrets = sorted((one for one in parts if len(one) >= _LEAST_SECRET), key=len)[::-1]

    def items(self) -> dict[str, str]:
        """Names and values."""
        return dict(self._lines)

    def hide(self, words: str) -> str:
        """The words of a server without the secrets that it repeats, such as a wrong key."""
        return without_secrets(words, self.secrets)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._lines)})"


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"header {name!r} must have a text as its name and as its value")
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"header {name!r} has characters that a header must not have")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"header {name!r} is set by the load generator: leave it out")


def http_request(address: EndpointAddress, api: Api, headers: Headers, body: bytes) -> bytes:
    """A whole HTTP request, head and body."""
    lines = [
        f"POST {address.target(_ROUTES[api])} HTTP/1.1",
        f"Host: {address.authority}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items().items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
