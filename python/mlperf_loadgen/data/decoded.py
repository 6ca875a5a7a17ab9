"""The values of loaded fields: decoded once, and kept as long as a load holds their sample."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import DecodingError

if TYPE_CHECKING:
    from .. import _shards
    from .codecs.decoders import Handler

Decoders: TypeAlias = "Mapping[str, Callable[[bytes], Any]]"
"""From the names of fields to what makes their values."""

Decode: TypeAlias = "Decoders | str | Sequence[Handler | str]"
"""How callers say it: functions by field, or handlers before the table of extensions."""


def decoders_of(decode: Decode | None, fields: Iterable[str], *, allow_pickle: bool) -> Decoders:
    """What decodes the fields of a library."""
    if isinstance(decode, Mapping):
        return _by_field(decode)
    if decode is None:
        return {}
    from .codecs.decoders import Decoder

    decoder = Decoder([decode] if isinstance(decode, str) else decode, allow_pickle=allow_pickle)
    found = ((field, decoder.for_field(field)) for field in fields)
    return {field: function for field, function in found if function is not None}


def _by_field(decode: Decoders) -> Decoders:
    """By the names that fields have in a library."""
    for field, function in decode.items():
        if not isinstance(field, str) or not callable(function):
            raise TypeError(
                f"decode has {field!r}: {function!r}; it must be a field's name and a function"
            )
    return {field.lower(): function for field, function in decode.items()}


class DecodedValues:
    """The values of the samples that are loaded; several threads may load and unload."""

    def __init__(self, decoders: Decoders, shard_of: Callable[[int], str]) -> None:
        self.decoders = decoders
        self._shard_of = shard_of
        self._lock = threading.Lock()
        self._values: dict[int, dict[str, Any]] = {}
        self._holds: Counter[int] = Counter()

    def get(self, index: int) -> dict[str, Any] | None:
        """The values of a sample by field; None if it has none."""
        return self._values.get(index)

    def hold(self, indices: Sequence[int], find: Callable[[int], _shards.Sample]) -> None:
        """Decodes what is not there yet of samples that are loaded. After an error, nothing of
        this call is held."""
        with self._lock:
            self._holds.update(indices)
        try:
            for i in dict.fromkeys(indices):
                if i not in self._values:  # It stays there, as this call holds it.
                    self._values.setdefault(i, self._decoded(find(i)))
        except BaseException:
            self.release(indices)
            raise

    def release(self, indices: Sequence[int]) -> None:
        """Forgets the values that no other call holds."""
        with self._lock:
            self._holds.subtract(indices)
            for i in dict.fromkeys(indices):
                if self._holds[i] == 0:
                    del self._holds[i]
                    self._values.pop(i, None)

    def _decoded(self, sample: _shards.Sample) -> dict[str, Any]:
        values = {}
        for field, decode in self.decoders.items():
            if field not in sample:
                continue
            try:
                values[field] = decode(bytes(sample[field]))
            except Exception as error:
                shard = self._shard_of(sample.index)
                raise DecodingError(shard, sample.key, field, repr(error)) from error
        return values
