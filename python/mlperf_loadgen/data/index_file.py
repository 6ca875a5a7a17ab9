"""Index files, version 1: JSON that lists the shards of a data set and their samples' numbers."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .addresses import folder_of, join, shown
from .errors import ShardWarning
from .fetch import read_bytes

KIND = "wids-shard-index-v1"
_MAX_DEPTH = 16
_KNOWN = ("url", "nsamples", "filesize", "md5sum")


@dataclass(frozen=True)
class ListedShard:
    """What an index file says of a shard."""

    url: str
    """Its address, with the index file's base."""
    nsamples: int
    filesize: int | None = None
    md5sum: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """All other keys."""


@dataclass(frozen=True)
class IndexFile:
    """An index file as it was read."""

    location: str
    content: dict[str, Any]
    """The JSON object, with keys that mean nothing here."""
    shards: tuple[ListedShard, ...]
    """The file's own shards, then those of its data sets in order."""


def read_index(
    location: str | os.PathLike[str],
    base: str | None = None,
    *,
    read: Callable[[str], bytes] = read_bytes,
) -> IndexFile:
    """Reads an index file and those that it refers to.

    Shards are relative to `base`; without it to the file's own `base`, and without that to its
    folder.
    """
    location = os.fspath(location)
    content = _Reader(read).content(location)
    shards = tuple(_Reader(read).shards(location, content, base, (location,)))
    if not shards:
        raise _error(location, "lists no shards; it needs at least one in 'shardlist'")
    if any(
        "weight" in entry for entry in (*content.get("datasets", ()), *(s.more for s in shards))
    ):
        warnings.warn(
            f"{shown(location)}: 'weight' is ignored; use RandomMix for data sets in proportion.",
            ShardWarning,
            stacklevel=2,
        )
    return IndexFile(location, content, shards)


def write_index(
    path: str | os.PathLike[str], shards: Iterable[Mapping[str, Any]], **more: Any
) -> None:
    """Writes an index file. A shard has `url`, relative to the file or complete, and `nsamples`;
    `filesize` and `md5sum` are checked where they are given. `more` are other keys: `name`, `info`,
    `base`, ..."""
    content = {"__kind__": KIND, "wids_version": 1, **more, "shardlist": [*map(dict, shards)]}
    for place, shard in enumerate(content["shardlist"]):
        _listed(os.fspath(path), f"shardlist[{place}]", "", shard)
    save_content(path, content)


def save_content(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Writes an index file's JSON object; who reads at the same time sees the old or the new."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def md5_of(path: str | os.PathLike[str]) -> str:
    """The `md5sum` of a shard."""
    digest = hashlib.md5(usedforsecurity=False)
    with Path(path).open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _error(location: str, what: str) -> ValueError:
    return ValueError(f"The index file {shown(location)} {what}.")


class _Reader:
    def __init__(self, read: Callable[[str], bytes]) -> None:
        self.read = read

    def content(self, location: str) -> dict[str, Any]:
        try:
            content = json.loads(self.read(location))
        except (ValueError, RecursionError) as error:
            raise _error(location, f"is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise _error(location, "is not a JSON object")
        version = content.get("wids_version")
        if type(version) is not int or version != 1:
            raise _error(location, f"has wids_version {version!r}; only version 1 can be read")
        return content

    def shards(
        self, location: str, content: dict[str, Any], base: str | None, above: tuple[str, ...]
    ) -> Iterable[ListedShard]:
        folder = folder_of(location)
        base = join(folder, _text(location, "", content, "base") or ".") if base is None else base
        yield from self.listed(location, "", base, content)
        for place, dataset in enumerate(_list_of(location, "", content, "datasets")):
            where = f"datasets[{place}]."
            if "source_url" in dataset:
                yield from self.referred(base, where, dataset, above)
            else:
                own = join(base, _text(location, where, dataset, "base") or ".")
                yield from self.listed(location, where, own, dataset)

    def listed(
        self, location: str, where: str, base: str, entry: dict[str, Any]
    ) -> Iterable[ListedShard]:
        for place, shard in enumerate(_list_of(location, where, entry, "shardlist")):
            yield _listed(location, f"{where}shardlist[{place}]", base, shard)

    def referred(
        self, base: str, where: str, dataset: dict[str, Any], above: tuple[str, ...]
    ) -> Iterable[ListedShard]:
        location = join(base, _text(above[-1], where, dataset, "source_url"))
        if location in above:
            raise _error(above[-1], f"refers to {shown(location)}, which refers back to it")
        if len(above) > _MAX_DEPTH:
            raise _error(above[0], f"has references {len(above)} deep; {_MAX_DEPTH} are the limit")
        own = _text(above[-1], where, dataset, "base")
        base_there = join(base, own) if own else None
        yield from self.shards(location, self.content(location), base_there, (*above, location))


def _text(location: str, where: str, entry: dict[str, Any], key: str) -> str:
    found = entry.get(key) or ""
    if not isinstance(found, str):
        raise _error(location, f"has {where}{key} {found!r}; it must be text")
    return found


def _list_of(location: str, where: str, entry: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = entry.get(key, [])
    if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
        raise _error(location, f"has a {where}{key} that is not a list of objects")
    return found


def _listed(location: str, where: str, base: str, shard: Mapping[str, Any]) -> ListedShard:
    url, nsamples = shard.get("url"), shard.get("nsamples")
    if not isinstance(url, str) or not url:
        raise _error(location, f"has no 'url' in {where}")
    if type(nsamples) is not int or nsamples < 1:
        raise _error(location, f"has nsamples {nsamples!r} in {where}; it must be 1 or more")
    filesize, md5sum = shard.get("filesize"), shard.get("md5sum")
    if filesize is not None and (type(filesize) is not int or filesize < 0):
        raise _error(location, f"has filesize {filesize!r} in {where}; it must be a count of bytes")
    if md5sum is not None and not isinstance(md5sum, str):
        raise _error(location, f"has md5sum {md5sum!r} in {where}; it must be text")
    md5sum = md5sum.lower() if md5sum else None
    more = {key: value for key, value in shard.items() if key not in _KNOWN}
    return ListedShard(join(base, url) if base else url, nsamples, filesize, md5sum, more)
