"""Writing shards: each of them is complete, or it is not there."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeAlias, TypeVar

from .codecs.encoders import encode
from .codecs.optional import optional
from .index_file import md5_of, write_index
from .tar_headers import END, Owner, member_header, padding

Sample: TypeAlias = "Mapping[str, Any]"

_COMPRESSIONS = {
    **dict.fromkeys((".gz", ".tgz"), "gz"),
    **dict.fromkeys((".bz2", ".tbz2"), "bz2"),
    **dict.fromkeys((".xz", ".txz"), "xz"),
    **dict.fromkeys((".zst", ".tzst"), "zst"),
}
_RESERVED = ("__url__", "__local_path__", "__index__", "__shard__", "__shardindex__", "__dataset__")


class _Writer:
    """What writes inside a `with` block: complete at its end, or abandoned with its error."""

    def close(self) -> None:
        """Completes what was written."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Leaves nothing that is not complete."""
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


_Self = TypeVar("_Self", bound=_Writer)


class TarWriter(_Writer):
    """Writes samples into a shard: a path, or a binary file that stays open.

    `encoder` makes bytes of values, by their extension; False: they are bytes already; or a
    function from sample to sample. A path gets its name when the shard is complete; if a `with`
    block ends with an error, no shard is left.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        user: str = "",
        group: str = "",
        mode: int = 0o444,
        compress: bool | str | None = None,
        encoder: bool | Callable[[Sample], Sample] = True,
        keep_meta: bool = False,
        mtime: float | None = None,
    ) -> None:
        self._encode = _encoder(encoder)
        self._keep_meta = keep_meta
        self._owner = Owner(user, group, mode, int(time.time() if mtime is None else mtime))
        compression = _compression(compress, _name_of(file))
        self._target = _Target(file)
        self._layers = _compressed(self._target.file, compression)

    def write(self, sample: Sample) -> int:
        """Writes a sample; how many bytes its fields have. A wrong one is refused as a whole."""
        key, fields = self._fields(sample)
        for field, data in fields.items():
            self._layers.write(member_header(f"{key}.{field}", len(data), self._owner))
            self._layers.write(data)
            self._layers.write(padding(len(data)))
        return sum(map(len, fields.values()))

    def _fields(self, sample: Sample) -> tuple[str, dict[str, bytes]]:
        key = _checked_key(sample)
        if not all(isinstance(field, str) for field in sample):
            raise ValueError(f"The sample {key!r} has fields whose names are no text: {[*sample]}.")
        kept = {
            field: value
            for field, value in sample.items()
            if field == "__key__" or self._keep_meta or not field.startswith("_")
        }
        fields = {**self._encode(kept)}
        fields.pop("__key__", None)
        _check_fields(key, fields)
        return key, {field: _checked_bytes(key, field, fields[field]) for field in sorted(fields)}

    def close(self) -> None:
        """Ends the archive."""
        if not self._target.is_open:
            return
        self._layers.write(END)
        if self._layers is not self._target.file:
            self._layers.close()
        self._target.keep()

    def abandon(self) -> None:
        """Leaves no shard behind; a file that was given stays as far as it was written."""
        self._target.drop()


class ShardWriter(_Writer):
    """Writes samples into as many shards as they need, named `pattern % number`.

    A shard is full when it has `maxcount` samples or `maxsize` bytes of fields. `post` is called
    with the name of each complete shard, `index` is an index file to write at the end, and `opener`
    makes a binary file of a name. Other arguments are those of TarWriter.
    """

    def __init__(
        self,
        pattern: str,
        maxcount: int = 100_000,
        maxsize: float = 3e9,
        post: Callable[[str], object] | None = None,
        start_shard: int = 0,
        opener: Callable[[str], IO[bytes]] | None = None,
        index: str | os.PathLike[str] | None = None,
        **writer: Any,
    ) -> None:
        _check_pattern(pattern)
        self.pattern = pattern
        self.maxcount = maxcount
        self.maxsize = maxsize
        self.paths: list[str] = []
        """The shards that are complete."""
        self._post = post
        self._next_shard = start_shard
        self._opener = opener
        self._index = index
        self._arguments = writer
        self._counts: list[int] = []
        self._shard: TarWriter | None = None
        self._opened: IO[bytes] | None = None
        self._count = 0
        self._size = 0

    def write(self, sample: Sample) -> None:
        """Writes a sample, into a new shard if the present one is full."""
        if self._shard is not None and (self._count >= self.maxcount or self._size >= self.maxsize):
            self._finish_shard()
        if self._shard is None:
            self._begin_shard()
        assert self._shard is not None
        try:
            self._size += self._shard.write(sample)
        except ValueError:
            if self._count == 0:
                self.abandon()
            raise
        self._count += 1

    def close(self) -> None:
        """Completes the last shard, and writes the index file."""
        if self._shard is not None:
            self._finish_shard()
        if self._index is not None and self.paths:
            write_index(self._index, map(self._listed, self.paths, self._counts))
            self._index = None

    def abandon(self) -> None:
        """Leaves the shards that are complete, and not the one in progress."""
        if self._shard is not None:
            self._shard.abandon()
        self._close_opened()
        self._shard = None

    def _name(self) -> str:
        return self.pattern % self._next_shard

    def _begin_shard(self) -> None:
        self._count = self._size = 0
        if self._opener is not None:
            self._opened = self._opener(self._name())
        compress = _compression(None, self._name())
        arguments = {"compress": compress, **self._arguments}
        self._shard = TarWriter(self._opened or self._name(), **arguments)

    def _finish_shard(self) -> None:
        assert self._shard is not None
        self._shard.close()
        self._close_opened()
        self.paths.append(self._name())
        self._counts.append(self._count)
        self._shard = None
        self._next_shard += 1
        if self._post is not None:
            self._post(self.paths[-1])

    def _close_opened(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _listed(self, path: str, count: int) -> dict[str, Any]:
        assert self._index is not None
        shard: dict[str, Any] = {"url": path, "nsamples": count}
        if self._opener is None:
            shard["url"] = os.path.relpath(path, Path(self._index).parent)
            shard["filesize"] = Path(path).stat().st_size
            shard["md5sum"] = md5_of(path)
        return shard


def _check_pattern(pattern: str) -> None:
    with contextlib.suppress(TypeError, ValueError):
        if pattern % 0 != pattern % 1:
            return
    raise ValueError(f"The pattern {pattern!r} has no place for a number, such as %06d.")


# ---- What a sample may be ------------------------------------------------------------------------


def _encoder(encoder: bool | Callable[[Sample], Sample]) -> Callable[[Sample], Sample]:
    if callable(encoder):
        return encoder
    return encode if encoder else dict


def _checked_key(sample: Sample) -> str:
    key = sample.get("__key__")
    if not isinstance(key, str):
        raise ValueError(f"A sample needs its key as text under '__key__', not {key!r}.")
    name = key.rpartition("/")[2]
    problem = None
    if not name:
        problem = "is empty" if not key else "ends with a slash"
    elif "." in name:
        problem = "has a dot in its last part, where readers end the key"
    elif "\0" in key:
        problem = "has a NUL"
    elif _is_meta(key.partition("/")[0]) and "/" in key:
        problem = "is in a folder of metadata, which readers leave out"
    if problem is not None:
        raise ValueError(f"The key {key!r} {problem}.")
    return key


def _check_fields(key: str, fields: Sample) -> None:
    seen: dict[str, str] = {}
    for field in fields:
        problem = None
        lower = field.lower()
        if "/" in field or "\0" in field:
            problem = "has a slash or a NUL"
        elif lower == "__key__" or lower in _RESERVED:
            problem = "is a name that readers use themselves"
        elif lower in seen:
            problem = f"is the same field as {seen[lower]!r} for readers"
        elif "/" not in key and _is_meta(f"{key}.{field}"):
            problem = "makes a name of metadata, which readers leave out"
        if problem is not None:
            raise ValueError(f"The field {field!r} of the sample {key!r} {problem}.")
        seen[lower] = field
    if not fields:
        raise ValueError(f"The sample {key!r} has no fields to write.")


def _is_meta(name: str) -> bool:
    return len(name) >= 4 and name.startswith("__") and name.endswith("__")


def _checked_bytes(key: str, field: str, data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if not isinstance(data, bytes):
        raise ValueError(
            f"The field {field!r} of the sample {key!r} is a {type(data).__name__} and not bytes."
        )
    return data


# ---- Where a shard goes --------------------------------------------------------------------------


class _Target:
    """The file that a shard is written to, under a temporary name while it is not complete."""

    def __init__(self, file: str | os.PathLike[str] | IO[bytes]) -> None:
        self.is_open = True
        self._path: Path | None = None
        if isinstance(file, (str, os.PathLike)):
            self._path = Path(file)
            self._temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
            self.file: IO[bytes] = self._temporary.open("wb")
        else:
            self.file = file

    def keep(self) -> None:
        self.is_open = False
        if self._path is not None:
            self.file.close()
            self._temporary.replace(self._path)
        else:
            self.file.flush()

    def drop(self) -> None:
        self.is_open = False
        if self._path is not None:
            with contextlib.suppress(OSError):
                self.file.close()
            self._temporary.unlink(missing_ok=True)


def _name_of(file: str | os.PathLike[str] | IO[bytes]) -> str:
    return os.fspath(file) if isinstance(file, (str, os.PathLike)) else ""


def _compression(compress: bool | str | None, name: str) -> str | None:
    if compress is None:
        return _COMPRESSIONS.get(Path(name).suffix.lower())
    if isinstance(compress, bool):
        return "gz" if compress else None
    if compress not in _COMPRESSIONS.values():
        raise ValueError(f"compress is {compress!r}; it is True, False, gz, bz2, xz or zst.")
    return compress


def _compressed(file: IO[bytes], compression: str | None) -> Any:
    if compression == "gz":
        return gzip.GzipFile("", "wb", fileobj=file, mtime=0)
    if compression == "bz2":
        return bz2.BZ2File(file, "wb")
    if compression == "xz":
        return lzma.LZMAFile(file, "wb")
    if compression == "zst":
        zstandard = optional("zstandard", "A shard in zstd")
        return zstandard.ZstdCompressor().stream_writer(file, closefd=False)
    return file
