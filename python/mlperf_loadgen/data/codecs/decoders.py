"""From the bytes of fields to values, by extension."""

from __future__ import annotations

import gzip
import io
import json
import pickle
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

from ..errors import DecodingError
from . import tenbin
from .images import imagehandler
from .optional import optional

Handler: TypeAlias = "Callable[[str, bytes], Any]"
"""From `.` + field and bytes to a value, or None if it is for others."""


def _text(data: bytes) -> str:
    return data.decode("utf-8")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode())
    except ValueError:  # JSON may be in UTF-16 or UTF-32; finding out takes as long as reading.
        return json.loads(data)


def _msgpack(data: bytes) -> Any:
    return optional("msgpack", "A MessagePack field").unpackb(data)


def _cbor(data: bytes) -> Any:
    return optional("cbor2", "A CBOR field").loads(data)


def _npy(data: bytes) -> Any:
    import numpy as np

    return np.load(io.BytesIO(data), allow_pickle=False)


def _npz(data: bytes) -> Any:
    import numpy as np

    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)


def _pth(data: bytes) -> Any:
    return optional("torch", "A pth field").load(io.BytesIO(data), weights_only=True)


DECODERS: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("txt", "text", "transcript"), _text),
    **dict.fromkeys(("cls", "cls2", "index", "inx", "id"), int),
    **dict.fromkeys(("json", "jsn"), _json),
    **dict.fromkeys(("mp", "msg"), _msgpack),
    "cbor": _cbor,
    "npy": _npy,
    "npz": _npz,
    **dict.fromkeys(("ten", "tb"), tenbin.decode),
}
"""What reads a value, by the extension of its field."""

PICKLED: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("pkl", "pickle", "pyd"), pickle.loads),
    "pth": _pth,
}
"""What is read only with allow_pickle, as it can run code."""


_MAX_PLANS = 1000


class Decoder:
    """Decodes the fields of samples: `.gz` first, then by the handlers, then by the table."""

    def __init__(
        self,
        handlers: Iterable[Handler | str] = (),
        *,
        pre: Iterable[Handler] | None = None,
        post: Iterable[Handler] | None = None,
        only: str | Collection[str] | None = None,
        partial: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        named = [imagehandler(h) if isinstance(h, str) else h for h in handlers]
        self._handlers = [*(pre or ()), *named, *(post or ())]
        self._only = only.split() if isinstance(only, str) else only
        self._partial = partial
        self._allow_pickle = allow_pickle
        # For each set of fields that was seen, those that have a decoder.
        self._plans: dict[tuple[str, ...], list[tuple[str, Callable[[bytes], Any]]]] = {}

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        decoded = dict(sample)
        for field, decoder in self._plan(tuple(sample)):
            value = sample[field]
            if self._partial and not isinstance(value, bytes):
                continue
            try:
                decoded[field] = decoder(value)
            except Exception as error:
                url, key = sample.get("__url__"), sample.get("__key__")
                raise DecodingError(url, key, field, error) from error
        return decoded

    def _plan(self, fields: tuple[str, ...]) -> list[tuple[str, Callable[[bytes], Any]]]:
        plan = self._plans.get(fields)
        if plan is None:
            if len(self._plans) == _MAX_PLANS:
                self._plans.clear()
            decoders = ((field, self.for_field(field)) for field in fields)
            plan = self._plans[fields] = [(f, decoder) for f, decoder in decoders if decoder]
        return plan

    def for_field(self, field: str) -> Callable[[bytes], Any] | None:
        """What makes the value of a field; None: it stays as it is."""
        if field.startswith("__") or (self._only is not None and field not in self._only):
            return None
        name = f".{field}"
        unpacked = name.removesuffix(".gz")
        decode = self._for_name(unpacked)
        if unpacked == name:
            return decode
        return lambda data: decode(gzip.decompress(data)) if decode else gzip.decompress(data)

    def _for_name(self, name: str) -> Callable[[bytes], Any] | None:
        by_table = self._by_table(name.rpartition(".")[2])
        if not self._handlers:
            return by_table

        def decode(data: bytes) -> Any:
            for handler in self._handlers:
                value = handler(name, data)
                if value is not None:
                    return value
            return by_table(data) if by_table else data

        return decode

    def _by_table(self, extension: str) -> Callable[[bytes], Any] | None:
        if extension in PICKLED and not self._allow_pickle:
            return _refuse_pickle
        return DECODERS.get(extension) or PICKLED.get(extension)


def _refuse_pickle(data: bytes) -> Any:
    raise ValueError(
        "unpickling can run any code; allow_pickle=True allows it for shards you trust"
    )
