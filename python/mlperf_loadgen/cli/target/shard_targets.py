"""Sample libraries from shards: `wds:NAMES?fields=jpg,cls`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ...text.addresses import with_shown_addresses
from ..options.spelling import near_or_all
from ..show.outcome import Mistake

PREFIX = "wds:"


def _fields(text: str) -> list[str]:
    return text.split(",")


def _handlers(text: str) -> list[str]:
    return text.split(",") if text else []


def _yes(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("give true or false")
    return text == "true"


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "fields": _fields,
    "decode": _handlers,
    "performance_sample_count": int,
    "ram_limit_bytes": int,
    "threads": int,
    "index_dir": str,
    "verify": str,
    "links": str,
    "interleaved": str,
    "concatenated": str,
    "missing": str,
    "cache_dir": str,
    "cache_limit_bytes": int,
    "allow_commands": _yes,
    "allow_pickle": _yes,
}
"""How each option of WebDatasetQSL is read."""

_FOLDERS = ("index_dir", "cache_dir")


def names_shards(target: str) -> bool:
    """Whether a target is a library of shards."""
    return target.startswith(PREFIX)


def shard_library(target: str) -> Any:
    """The library of a target. Raises Mistake for shards that cannot be used."""
    names, options = _parsed(target)
    return open_library(names, target, **options)


def open_library(shards: Any, shown: str, **options: Any) -> Any:
    """WebDatasetQSL; what is wrong with shards or options is a Mistake that begins with `shown`."""
    from ...data import WebDatasetQSL

    try:
        return WebDatasetQSL(shards, **options)
    except (ValueError, OSError, ImportError) as error:
        raise Mistake(f"{with_shown_addresses(shown)}: {error}") from error


def shards_in_folder(target: str, folder: Path) -> str:
    """A target whose paths are relative to a folder, as seen from the current one."""
    from ...data.addresses import local_path

    names, query = _split(target)
    parts = [str(folder / part) if local_path(part) else part for part in names.split("::")]
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in _FOLDERS:
        if name in options:
            options[name] = str(folder / options[name])
    words = "&".join(f"{name}={value}" for name, value in options.items())
    return PREFIX + "::".join(parts) + (f"?{words}" if words else "")


def _split(target: str) -> tuple[str, str]:
    """Names and options. What follows the last question mark of a URL may be the URL's own."""
    names, mark, query = target[len(PREFIX) :].rpartition("?")
    if not mark:
        return query, ""
    first = query.partition("=")[0]
    if "://" in names and first not in _OPTIONS:
        return f"{names}?{query}", ""
    return names, query


def _parsed(target: str) -> tuple[str, dict[str, Any]]:
    names, query = _split(target)
    target = with_shown_addresses(target)
    if not names:
        raise Mistake(f"{target}: name the shards, as in wds:val-{{000000..000019}}.tar")
    options = {}
    for word in filter(None, query.split("&")):
        name, _, value = word.partition("=")
        if name not in _OPTIONS:
            raise Mistake(f"{target}: there is no option {name!r}{near_or_all(name, _OPTIONS)}")
        try:
            options[name] = _OPTIONS[name](value)
        except ValueError as error:
            raise Mistake(f"{target}: {name}={value} is not understood: {error}") from None
    return names, options
