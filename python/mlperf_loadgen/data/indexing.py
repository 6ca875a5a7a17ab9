"""Index files of shards, made from the shards themselves, and shards held against them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .addresses import folder_of, join, local_path, shown
from .index_file import md5_of, read_index, save_content
from .library import WebDatasetQSL
from .names import Shards, listed_shards

_LOADED_AT_ONCE_BYTES = 64 << 20


@dataclass(frozen=True)
class Problem:
    """What is wrong with a shard."""

    shard: str
    error: Exception

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the kind, offset and member are None if it is no fault of the format."""
        facts = ("kind", "offset", "member")
        return {
            "shard": self.shard,
            "error": type(self.error).__name__,
            "text": str(self.error),
            **{fact: getattr(self.error, fact, None) for fact in facts},
        }


def entries_of(qsl: WebDatasetQSL) -> list[dict[str, Any]]:
    """What an index file lists of a library's shards, with complete addresses."""
    return [_entry_of(qsl, number) for number in range(len(qsl.shards))]


def _entry_of(qsl: WebDatasetQSL, number: int) -> dict[str, Any]:
    shard = qsl.describe_shard(number)
    return {
        "url": shard["url"],
        "nsamples": shard["samples"],
        "filesize": shard["filesize"],
        "md5sum": md5_of(shard["path"]),
    }


def relative_entries(
    entries: list[dict[str, Any]], folder: str | os.PathLike[str]
) -> list[dict[str, Any]]:
    """The entries with local shards as seen from a folder."""
    return [
        {**entry, "url": os.path.relpath(path, folder) if path is not None else entry["url"]}
        for entry in entries
        for path in [local_path(entry["url"])]
    ]


def common_folder(entries: list[dict[str, Any]]) -> str:
    """The folder that has all local shards of the entries."""
    folders = [os.path.dirname(os.path.abspath(p)) for e in entries if (p := local_path(e["url"]))]  # noqa: PTH100, PTH120
    return os.path.commonpath(folders) if folders else "."


def update_index(path: str | os.PathLike[str], **more: Any) -> list[str]:
    """Writes an index file again with what its shards are now; `more`: keys to set. Keys that mean
    nothing here stay. Returns the addresses of the shards that are not as they were listed."""
    index = read_index(path)
    content = index.content
    own_base = join(folder_of(os.fspath(path)), content.get("base") or ".")
    changed = []
    for base, entry in _entries(content, own_base):
        url = join(base, entry["url"])
        with WebDatasetQSL([url]) as qsl:
            now = {**_entry_of(qsl, 0), "url": entry["url"]}
        if any(entry.get(key) != value for key, value in now.items()):
            changed.append(url)
        entry.update(now)
    content.update(more)
    save_content(path, content)
    return changed


def _entries(content: Mapping[str, Any], base: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries that stand in the file itself, each with the base of its address."""
    for entry in content.get("shardlist", ()):
        yield base, entry
    for dataset in content.get("datasets", ()):
        own = join(base, dataset.get("base") or ".")
        for entry in dataset.get("shardlist", ()):
            yield own, entry


def verify(shards: Shards, **options: Any) -> tuple[list[str], list[Problem]]:
    """Reads every header and every body. Returns the addresses of all shards, and what is wrong;
    `options`: those of WebDatasetQSL."""
    listed = listed_shards(shards)
    problems = []
    for url, of_index in listed:
        try:
            with WebDatasetQSL([url], **options) as qsl:
                _check_listed(qsl, of_index)
                _read_all(qsl)
        except (ValueError, OSError, ImportError) as error:
            problems.append(Problem(url, error))
    return [url for url, _ in listed], problems


def _check_listed(qsl: WebDatasetQSL, of_index: Any) -> None:
    if of_index is None:
        return
    found = _entry_of(qsl, 0)
    for key in ("nsamples", "filesize", "md5sum"):
        wanted = getattr(of_index, key)
        if wanted is not None and found[key] != wanted:
            raise ValueError(
                f"The shard {shown(of_index.url)} has {key} {found[key]}; its index file says"
                f" {wanted}. Copy it again, or make the index file again: mlperf-loadgen wds"
                " update."
            )


def _read_all(qsl: WebDatasetQSL) -> None:
    """Loads all samples, some at a time."""
    some: list[int] = []
    size = 0
    for index in range(qsl.total_sample_count):
        some.append(index)
        size += qsl.nbytes([index])
        if size >= _LOADED_AT_ONCE_BYTES or index + 1 == qsl.total_sample_count:
            qsl.load_samples(some)
            qsl.unload_samples(some)
            some, size = [], 0


def default_output(qsl: WebDatasetQSL) -> Path:
    """Where an index file is written if nothing else is asked for: beside the shards."""
    return Path(common_folder([{"url": url} for url in qsl.shards])) / "shardindex.json"
