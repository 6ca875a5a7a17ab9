"""WebDatasetQSL: the samples of shards as a sample library."""

from __future__ import annotations

import operator
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from .. import _shards
from ..interfaces import QuerySampleLibrary
from ..text.units import counted
from .decoded import Decode, DecodedValues, decoders_of
from .errors import ShardWarning
from .local_shards import LocalShards
from .names import Shards

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Mapping.register(_shards.Sample)


class WebDatasetQSL(QuerySampleLibrary):
    """The samples of WebDataset shards, by number: shard after shard, in the order of the archive.

    All headers are read when it is opened, and a data set with anything broken is refused. Between
    loading and unloading, `qsl[i]` is a sample in memory: its fields are read-only views.

    `shards`: a string with braces, a list, a folder or an index file. `fields`: these and no others
    (None: all); a sample that lacks one is an error, or left out with `missing="skip"`. `decode`:
    functions from a field's bytes to its value by field, called while loading; or handlers as those
    of `WebDataset.decode`, such as "rgb8", which come before the table of extensions (`[]`: that
    alone; pickled fields with `allow_pickle` only). `performance_sample_count`:
    the default is as many as fit into `ram_limit_bytes`, whichever they are (the default is half of
    the free memory). `threads`: readers; 0 is one for each core, 8 at most. `index_dir`: a folder
    that keeps the index, so that headers are not read at each start. `verify`: "headers" compares
    the header before each body with the index while loading; "size" only the file's size and time;
    "md5" the whole shards with their index file when they are opened. `links`, `interleaved`,
    `concatenated`: what is read of archives that have them. Shards that are not on this machine
    are kept in `cache_dir`, of `cache_limit_bytes` in all; commands (`pipe:`) are run with
    `allow_commands` only.
    """

    def __init__(
        self,
        shards: Shards,
        *,
        fields: Sequence[str] | None = None,
        decode: Decode | None = None,
        performance_sample_count: int | None = None,
        ram_limit_bytes: int | None = None,
        threads: int = 0,
        index_dir: str | os.PathLike[str] | None = None,
        verify: Literal["headers", "size", "md5"] = "headers",
        links: Literal["skip", "resolve"] = "skip",
        interleaved: Literal["error", "split"] = "error",
        concatenated: Literal["refuse", "read"] = "refuse",
        missing: Literal["error", "skip"] = "error",
        rewrite: Mapping[str, str] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_limit_bytes: int | None = None,
        allow_commands: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        self._arguments = {name: value for name, value in locals().items() if name != "self"}
        if verify not in ("headers", "size", "md5"):
            raise ValueError(f'verify={verify!r}: it must be "headers", "size" or "md5"')
        threads = _integer("threads", threads, 0, _MOST_THREADS)
        self._shards = LocalShards(
            shards, rewrite, cache_dir, cache_limit_bytes, allow_commands=allow_commands
        )
        try:
            self._shards.check_files(md5=verify == "md5")
            self._library = _shards.SampleLibrary(
                self._shards.paths,
                names=self._shards.shown,
                index_dir=_made(index_dir),
                links=links,
                interleaved=interleaved,
                concatenated=concatenated,
                fields=_fields(fields),
                missing=missing,
                check_headers=verify != "size",
                threads=threads,
                decompress=self._shards.plain_chunks,
            )
            if fields is None or missing == "error":
                self._shards.check_counts(self._library.sample_counts)
            self._performance_sample_count = self._count(performance_sample_count, ram_limit_bytes)
            decoders = decoders_of(decode, self._library.fields, allow_pickle=allow_pickle)
            self._values = DecodedValues(decoders, self.shard_of)
        except BaseException:
            self._shards.close()
            raise
        self._digest: str | None = None
        self._warn()

    def _count(self, asked: int | None, ram_limit_bytes: int | None) -> int | None:
        """The performance sample count, if it depends on what is asked for alone."""
        total = self._library.sample_count
        if total == 0:
            raise ValueError(f"There are no samples in {self._shards}.")
        if asked is not None:
            return _integer("performance_sample_count", asked, 1, total)
        return None if ram_limit_bytes is None else self._fitting(ram_limit_bytes)

    def _fitting(self, limit: int) -> int:
        limit = _integer("ram_limit_bytes", limit, 0)
        count = self._library.count_that_fits(min(limit, sys.maxsize))
        if count == 0:
            raise ValueError(
                f"ram_limit_bytes={limit}: the largest sample of {self._shards} needs more; give a"
                " higher limit, or fewer fields"
            )
        return count

    def _warn(self) -> None:
        for shard, _, text in self._library.warnings:
            name = self._shards.shown[shard]
            warnings.warn(f"The shard {name}: {text}.", ShardWarning, stacklevel=3)

    # ---- What there is ---------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """With the digest, by which logs say of which data they are."""
        shards = str(self._shards).encode("utf-8", "backslashreplace").decode()
        return (
            f"{type(self).__name__}({shards}: {counted(self.total_sample_count, 'sample')},"
            f" sha256 {self.digest[:16]})"
        )

    @property
    def total_sample_count(self) -> int:
        return self._library.sample_count

    @property
    def performance_sample_count(self) -> int:
        if self._performance_sample_count is None:
            self._performance_sample_count = self._fitting(_free_memory_bytes() // 2)
        return self._performance_sample_count

    @property
    def fields(self) -> list[str]:
        """The names of all fields."""
        return list(self._library.fields)

    @property
    def shards(self) -> list[str]:
        """The addresses of the shards."""
        return list(self._shards.names)

    @property
    def digest(self) -> str:
        """Of all keys, fields, sizes and headers, as hexadecimal SHA-256."""
        if self._digest is None:
            import hashlib

            digest = hashlib.sha256()
            for number in range(len(self._shards.paths)):
                digest.update(self._library.index_bytes(number))
            self._digest = digest.hexdigest()
        return self._digest

    def nbytes(self, indices: Iterable[int]) -> int:
        """The bytes of the fields of these samples; a sample that is named twice counts once."""
        return self._library.nbytes(list(indices))

    def key(self, index: int) -> str:
        """The key of a sample."""
        return self._library.key(index)

    def index_of(self, key: str) -> int:
        """The number of the sample with this key. LookupError: several shards have such a one."""
        found = self._library.find_key(key)
        if not found:
            raise KeyError(key)
        if len(found) > 1:
            raise LookupError(
                f"Several samples have the key {key!r}: {found[0]} in {self._shown(found[0])} and"
                f" {found[1]} in {self._shown(found[1])}."
            )
        return found[0]

    def shard_of(self, index: int) -> str:
        """The address of the shard that has a sample."""
        return self._shards.names[self._library.shard_of(index)]

    def _shown(self, index: int) -> str:
        return self._shards.shown[self._library.shard_of(index)]

    def members(self, index: int) -> list[tuple[str, int, int]]:
        """(field, offset, size) of each field of a sample, in its uncompressed shard."""
        return self._library.members(index)

    def describe_shard(self, number: int) -> dict[str, Any]:
        """Counts, sizes, members left out and warnings of a shard."""
        return {**self._library.describe_shard(number), "url": self._shards.names[number]}

    def stats(self) -> dict[str, Any]:
        """Counts of the whole, what was left out by reason, the digest, and what an index file says
        beyond what is known here."""
        described = [self.describe_shard(number) for number in range(len(self._shards.paths))]
        left_out: Counter[str] = Counter()
        for shard in described:
            left_out.update(shard["left_out"])
        return {
            "samples": self.total_sample_count,
            "shards": len(described),
            "fields": self.fields,
            "field_bytes": sum(shard["field_bytes"] for shard in described),
            "file_bytes": sum(shard["filesize"] for shard in described),
            "loaded_bytes": self._library.loaded_bytes,
            "left_out": dict(left_out),
            "warnings": [
                (shard["url"], kind) for shard in described for kind, _ in shard["warnings"]
            ],
            "index": self._shards.more(),
            "sha256": self.digest,
        }

    # ---- Loading ---------------------------------------------------------------------------------

    def load_samples(self, indices: list[int]) -> None:
        """Loads samples; each is to be unloaded as many times as it was named. Calls may overlap.
        After an error, nothing of this call is loaded."""
        indices = list(indices)
        self._library.load(indices)
        if not self._values.decoders:
            return
        try:
            self._values.hold(indices, self._library.find)
        except BaseException:
            self._library.unload(indices)
            raise

    def unload_samples(self, indices: list[int]) -> None:
        """Forgets the samples of one `load_samples` call. Views that are held stay valid."""
        self._library.unload(indices)
        if self._values.decoders:
            self._values.release(indices)

    def __getitem__(self, index: int) -> _shards.Sample:
        """A loaded sample, without input or output. LookupError: it is not loaded."""
        if self._values.decoders:
            return self._library.find(index, self._values.get(index))
        return self._library.find(index)

    def read(self, index: int) -> _shards.Sample:
        """A sample straight from its shard, whether it is loaded or not; nothing is decoded."""
        return self._library.read(index)

    def batch(self, indices: Sequence[int], field: str) -> npt.NDArray[Any]:
        """A field of loaded samples as one array: a row of bytes each, which must be equally many;
        of a decoded field, its values stacked."""
        import numpy as np

        if field in self._values.decoders:
            return np.stack([self[i][field] for i in indices])
        sizes = {self._library.address(i, field)[1] for i in indices}
        if len(sizes) > 1:
            raise ValueError(
                f"The field {field!r} has from {min(sizes)} to {max(sizes)} bytes in these samples;"
                " a batch needs equal sizes."
            )
        rows: npt.NDArray[np.uint8] = np.empty((len(indices), *sizes), np.uint8)
        self._library.copy(indices, field, rows)
        return rows

    def address(self, index: int, field: str) -> tuple[int, int]:
        """Address and size of a field of a loaded sample, for systems in C and C++. The bytes stay
        there until the sample is unloaded."""
        return self._library.address(index, field)

    # ---- The end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Lets copies of remote shards go. What is loaded stays."""
        self._shards.close()

    def __getstate__(self) -> dict[str, Any]:
        """Another process opens the shards itself; nothing is loaded there."""
        return self._arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        WebDatasetQSL.__init__(self, **arguments)

    def __enter__(self) -> WebDatasetQSL:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


_MOST_THREADS = 256


def _integer(name: str, value: int, least: int, most: int | None = None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: it must be an integer") from None
    if number < least or (most is not None and number > most):
        to = "on" if most is None else f"to {most}"
        raise ValueError(f"{name}={number}: it must be from {least} {to}")
    return number


def _fields(fields: Sequence[str] | None) -> list[str] | None:
    if fields is None:
        return None
    if isinstance(fields, str) or not fields or not all(isinstance(f, str) for f in fields):
        raise ValueError(f'fields={fields!r}: it must be a list of fields, such as ("jpg", "cls")')
    return list(dict.fromkeys(field.lower() for field in fields))


def _made(folder: str | os.PathLike[str] | None) -> str | None:
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return None if folder is None else os.fspath(folder)


def _free_memory_bytes() -> int:
    from ..host.machine import read_machine

    free = read_machine().memory_available_bytes
    if free is None:
        raise RuntimeError("The system does not say how much memory is free; give ram_limit_bytes.")
    return free
