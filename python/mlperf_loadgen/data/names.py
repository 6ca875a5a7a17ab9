"""The names of a data set's shards: brace lists, lists, folders and index files, as addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .addresses import extension_path, local_path, shown
from .braces import expand_braces

if TYPE_CHECKING:
    from .index_file import ListedShard

Shards: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"
"""How callers name shards."""

SUFFIXES = (
    *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst"),
)
"""The files of a folder that are shards."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_YAML = (".yaml", ".yml")


def expand(urls: Shards) -> list[str]:
    """The addresses of the shards that `urls` names, in order.

    In a string, `{a..b}` and `{x,y}` are expanded, `::` joins lists, and `${NAME}` is the
    environment variable `WDS_NAME`. A path, or a name in a list, is literal. A folder stands for
    its shards, sorted by name, and an index file (`.json`) for the shards that it lists.
    """
    return [address for address, _ in listed_shards(urls)]


def listed_shards(urls: Shards) -> list[tuple[str, ListedShard | None]]:
    """The same with what an index file says of each shard; None: no index file names it."""
    names = _names(urls)
    if not names:
        raise ValueError("The list of shards is empty; name at least one.")
    return [shard for name in names for shard in _shards_of(name)]


def _names(urls: Shards) -> list[str]:
    if isinstance(urls, str):
        parts = _with_variables(urls).split("::")
        return [name for part in parts for name in expand_braces(part)]
    literal = [urls] if isinstance(urls, os.PathLike) else list(urls)
    return [_literal(name) for name in literal]


def _with_variables(text: str) -> str:
    def value(found: re.Match[str]) -> str:
        name = f"WDS_{found[1]}"
        if name not in os.environ:
            raise ValueError(
                f"The shard list {text!r} needs the environment variable {name}, which is not set."
            )
        return os.environ[name]

    return _VARIABLE.sub(value, text)


def _literal(given: str | os.PathLike[str]) -> str:
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(f"The name of a shard is a string or a path, not {given!r}.")
    name = os.fspath(given)
    path = local_path(name) if "{" in name else None
    if path is not None and not Path(path).exists():
        raise FileNotFoundError(
            f"There is no shard {name!r}. Names in a list are literal: give the name alone, as a"
            " string, for its braces to be expanded."
        )
    return name


def _shards_of(name: str) -> list[tuple[str, ListedShard | None]]:
    if not name:
        raise ValueError("The name of a shard is empty.")
    path = local_path(name)
    if path is not None and (path.endswith("/") or os.path.isdir(path)):  # noqa: PTH112 (fast)
        return [(shard, None) for shard in _shards_in(Path(path))]
    with_extension = (extension_path(name) if path is None else path).lower()
    if with_extension.endswith(".json"):
        from .index_file import read_index

        return [(shard.url, shard) for shard in read_index(name).shards]
    if with_extension.endswith(_YAML):
        raise ValueError(
            f"{shown(name)} is a YAML specification, which is not read; make an index file of the"
            " shards: mlperf-loadgen wds index."
        )
    return [(name, None)]


def _shards_in(folder: Path) -> list[str]:
    found = sorted(
        str(path)
        for path in folder.iterdir()
        if path.name.endswith(SUFFIXES) and not path.name.startswith(".")
    )
    if not found:
        raise FileNotFoundError(
            f"The folder {folder} has no shards: no files named {', '.join(SUFFIXES)}."
        )
    return found
