"""`Request`: what one sample asks of a language model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Content: TypeAlias = "str | bytes | Sequence[Mapping[str, Any]] | Sequence[int] | npt.NDArray[Any]"
Kind: TypeAlias = Literal["prompt", "messages", "token_ids", "body"]
Api: TypeAlias = Literal["chat", "completions"]


@dataclass(frozen=True, eq=False)
class Request:
    """What one sample asks of a language model.

    `content`: a prompt (str), the messages of a chat (a list of dicts with "role" and "content"),
    the token ids of a prompt (integers, shape (n,), n > 0), or a whole JSON body as bytes.
    `max_tokens`: the most tokens of the answer; None leaves that to who sends the request. `id`:
    the name of the sample in messages. Raises TypeError for content of another type, and ValueError
    for content that is empty or is no valid body.
    """

    content: Content
    max_tokens: int | None = None
    id: str = ""

    def __post_init__(self) -> None:
        if self.max_tokens is not None:
            check_count("max_tokens", self.max_tokens)
        if isinstance(self.content, (np.ndarray, list, tuple)) and self.kind == "token_ids":
            object.__setattr__(self, "content", _token_ids(self.content))
        elif self.kind == "messages":
            _check_messages(self.content)
        elif len(self.content) == 0:
            raise ValueError(f"a {self.kind} must not be empty")
        elif self.kind == "body":
            self.body()

    @classmethod
    def of(cls, sample: object) -> Request:
        """The request of a sample of a library, which may be one already."""
        return sample if isinstance(sample, Request) else cls(sample)  # type: ignore[arg-type]

    @property
    def kind(self) -> Kind:
        """What `content` is."""
        content = self.content
        if isinstance(content, str):
            return "prompt"
        if isinstance(content, (bytes, bytearray, memoryview)):
            return "body"
        if isinstance(content, np.ndarray):
            return "token_ids"
        if isinstance(content, Sequence):
            of_dicts = all(isinstance(one, Mapping) for one in content)
            return "messages" if of_dicts else "token_ids"
        raise TypeError(
            f"a request must be a str, bytes, a list of messages or an array of token ids, not "
            f"{type(content).__name__}"
        )

    @property
    def api(self) -> Api:
        """The interface that takes such a request: "chat" for messages, else "completions"."""
        if self.kind == "body":
            return "chat" if "messages" in self.body() else "completions"
        return "chat" if self.kind == "messages" else "completions"

    def body(self) -> dict[str, Any]:
        """The JSON object of a request that is a whole body. Raises ValueError if it is none."""
        try:
            found = json.loads(bytes(self.content))  # type: ignore[arg-type]
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a body must be JSON: {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"a body must be a JSON object, not {type(found).__name__}")
        if ("messages" in found) == ("prompt" in found):
            raise ValueError("a body must have either messages or a prompt")
        return found


def check_count(name: str, value: object, least: int = 1) -> None:
    """Raises TypeError for what is no integer, ValueError for one below `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def check_switch(name: str, value: object) -> None:
    """Raises TypeError for what is neither True nor False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")


def _check_messages(messages: Any) -> None:
    if len(messages) == 0:
        raise ValueError("messages must not be empty")
    for number, message in enumerate(messages):
        if not isinstance(message.get("role"), str):
            raise ValueError(f'message {number} must have a "role", such as "user"')
        if "content" not in message and "tool_calls" not in message:
            raise ValueError(f'message {number} must have a "content"')


def _token_ids(content: object) -> npt.NDArray[np.int64]:
    try:
        ids = np.asarray(content)
    except ValueError:  # Lists of different lengths.
        ids = np.empty(0, object)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TypeError(
            f"token ids must be integers of shape (n,), not {ids.dtype} of shape {ids.shape}"
        )
    if ids.size == 0:
        raise ValueError("token ids must not be empty")
    if int(ids.min()) < 0:
        raise ValueError(f"token ids must not be negative, and one is {ids.min()}")
    return ids.astype(np.int64, copy=False)
