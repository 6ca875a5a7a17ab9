"""Whole copies of shards that are not on this machine, shared by its processes.

A copy has its name only when it is complete. One process downloads what several ask for. What is in
use is not removed, whatever the limit says.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import threading
import urllib.error
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .addresses import extension_path, shown
from .errors import ShardFetchError, ShardWarning
from .fetch import chunks, is_http, remote_size
from .http_download import http_chunks, http_response

_LOCK = ".lock"
_FACTS = ".json"
_TEMPORARY = ".tmp"
_VERSIONS = (("etag", "ETag"), ("modified", "Last-Modified"))
_CONDITIONS = (("etag", "If-None-Match"), ("modified", "If-Modified-Since"))


@dataclass(frozen=True)
class Wanted:
    """A shard that is asked for, and what an index file says of it."""

    address: str
    size: int | None = None
    md5: str | None = None
    allow_commands: bool = False


class ShardCache:
    """Copies of shards in a folder, which is made if it is not there."""

    def __init__(self, folder: str | os.PathLike[str], limit_bytes: int | None = None) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._limit_bytes = limit_bytes
        self._fresh: set[str] = set()  # Compared with their sources by this object.

    @property
    def _uses(self) -> _Uses:
        return _Uses.of(self.folder)

    def hold(self, wanted: Wanted) -> Path:
        """The copy of a shard, which stays until it is released as often."""
        name = cache_name(wanted.address)
        path = self.folder / name
        with _locked(self.folder / (name + _LOCK)):
            self._uses.add(name)
            try:
                if name not in self._fresh or not _is_complete(path):
                    self._update(wanted, path)
            except BaseException:
                self._uses.remove(name)
                raise
            self._fresh.add(name)
            os.utime(path)
        self._remove_unused()
        return path

    def release(self, path: Path) -> None:
        """Ends a use of a copy."""
        self._uses.remove(path.name)

    @contextlib.contextmanager
    def held(self, wanted: Wanted) -> Iterator[Path]:
        """The copy of a shard during a `with` block."""
        path = self.hold(wanted)
        try:
            yield path
        finally:
            self.release(path)

    # ---- Filling ---------------------------------------------------------------------------------

    def _update(self, wanted: Wanted, path: Path) -> None:
        """Makes the copy what its source is now."""
        facts = _facts(path) if _is_complete(path) else {}
        facts = {} if _contradicts(wanted, facts) else facts
        if is_http(wanted.address):
            self._update_http(wanted, path, facts)
        elif not facts or remote_size(wanted.address) not in (None, facts["size"]):
            pieces = chunks(wanted.address, allow_commands=wanted.allow_commands)
            _download(wanted, path, pieces, {})

    def _update_http(self, wanted: Wanted, path: Path, facts: Mapping[str, Any]) -> None:
        try:
            response = http_response(wanted.address, _conditions(facts))
        except urllib.error.HTTPError as error:
            if error.code == 304:
                return
            raise ShardFetchError(
                f"The server answered {error.code} {error.reason} for the shard"
                f" {shown(wanted.address)}."
            ) from error
        except ShardFetchError as error:
            if not facts:
                raise
            warnings.warn(f"The copy of the shard is used. {error}", ShardWarning, stacklevel=2)
            return
        versions = {fact: response.headers.get(header) for fact, header in _VERSIONS}
        # A server that knows no conditions: without a version, equal sizes must do.
        now = {**versions, "size": response.headers.get("Content-Length")}
        if facts and all(str(facts.get(fact)) == str(value) for fact, value in now.items()):
            response.close()
            return
        _download(wanted, path, http_chunks(wanted.address, response), versions)

    # ---- The limit -------------------------------------------------------------------------------

    def _remove_unused(self) -> None:
        """Removes the copies that were not used for the longest time, as far as the limit asks."""
        if self._limit_bytes is None:
            return
        copies = sorted(self._copies(), key=lambda copy: copy[1].st_mtime_ns)
        excess = sum(stat.st_size for _, stat in copies) - self._limit_bytes
        for path, stat in copies:
            if excess <= 0:
                break
            if self._remove(path):
                excess -= stat.st_size

    def _copies(self) -> Iterator[tuple[Path, os.stat_result]]:
        for facts in self.folder.glob("*" + _FACTS):
            path = facts.with_name(facts.name.removesuffix(_FACTS))
            with contextlib.suppress(FileNotFoundError):
                yield path, path.stat()

    def _remove(self, path: Path) -> bool:
        """Removes a copy, unless a process downloads or uses it."""
        try:
            with _locked(path.with_name(path.name + _LOCK), wait=False):
                if not self._uses.is_free(path.name):
                    return False
                _facts_path(path).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                self._fresh.discard(path.name)
                return True
        except BlockingIOError:
            return False


def local_copy(
    address: str,
    cache_dir: str | os.PathLike[str],
    *,
    size: int | None = None,
    md5: str | None = None,
    allow_commands: bool = False,
    limit_bytes: int | None = None,
) -> Path:
    """A complete copy of a shard, which stays as long as this process, whatever the limit."""
    cache = ShardCache(cache_dir, limit_bytes)
    return cache.hold(Wanted(address, size, md5, allow_commands))


def cache_name(address: str) -> str:
    """The name of an address's copy: no two addresses have the same, and people recognise it."""
    digest = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()[:20]
    last = extension_path(address).rstrip("/").rpartition("/")[2]
    return f"{digest}-{re.sub('[^A-Za-z0-9._-]', '_', last)[-100:]}"


# ---- A copy --------------------------------------------------------------------------------------


def _facts_path(path: Path) -> Path:
    return path.with_name(path.name + _FACTS)


def _facts(path: Path) -> dict[str, Any]:
    """What was written down of a copy: size, md5, and the server's version."""
    try:
        facts = json.loads(_facts_path(path).read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and "size" in facts else {}


def _conditions(facts: Mapping[str, Any]) -> dict[str, str]:
    """Headers that ask a server for what is not the copy."""
    return {header: facts[fact] for fact, header in _CONDITIONS if facts.get(fact)}


def _is_complete(path: Path) -> bool:
    facts = _facts(path)
    return bool(facts) and path.exists() and path.stat().st_size == facts["size"]


def _contradicts(wanted: Wanted, facts: Mapping[str, Any]) -> bool:
    return any(
        asked is not None and found is not None and asked != found
        for asked, found in ((wanted.size, facts.get("size")), (wanted.md5, facts.get("md5")))
    )


def _download(
    wanted: Wanted, path: Path, pieces: Iterator[bytes], versions: Mapping[str, Any]
) -> None:
    """Writes a copy under a temporary name, and gives it its own when it is known to be whole."""
    for left in path.parent.glob(f"{path.name}.*{_TEMPORARY}"):  # Of a process that has died.
        left.unlink(missing_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{_TEMPORARY}")
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with temporary.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        facts = {"url": shown(wanted.address), "size": size, "md5": digest.hexdigest(), **versions}
        if _contradicts(wanted, facts):
            raise ShardFetchError(
                f"The shard {shown(wanted.address)} has {size} bytes and the md5 sum"
                f" {facts['md5']}; its index file says {wanted.size} bytes, {wanted.md5}."
            )
        _facts_path(path).unlink(missing_ok=True)  # Those of the last copy are not this one's.
        temporary.replace(path)
        _facts_path(path).write_text(json.dumps(facts))
    finally:
        temporary.unlink(missing_ok=True)


# ---- Between processes ---------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Only one process at a time is in the block; the system unlocks for a process that dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


class _Uses:
    """Which copies are in use: for each a byte of one file, locked by the processes that use it.

    So a process needs one open file, however many copies it holds, and one that died holds none.
    """

    _known: dict[tuple[int, str], _Uses] = {}  # noqa: RUF012
    # The garbage collector may end a stream, and so a use, wherever memory is allocated.
    _guard = threading.RLock()

    @classmethod
    def of(cls, folder: Path) -> _Uses:
        """The one of this process and folder: closing another would release this one's locks."""
        with cls._guard:
            place = (os.getpid(), str(folder.resolve()))
            if place not in cls._known:
                cls._known[place] = cls(folder)
            return cls._known[place]

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "in_use").open("a+b")
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        with self._guard:
            self._counts[name] += 1
            if self._counts[name] == 1:
                fcntl.lockf(self._file, fcntl.LOCK_SH, 1, _place(name))

    def remove(self, name: str) -> None:
        with self._guard:
            self._counts[name] -= 1
            if self._counts[name] == 0 and not self._file.closed:  # As it is when Python ends.
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(name))

    def is_free(self, name: str) -> bool:
        """Whether no process uses a copy; this one's own locks do not stop it, so it counts."""
        with self._guard:
            if self._counts[name] > 0:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
            except OSError:
                return False
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(name))
            return True


def _place(name: str) -> int:
    return int(name[:15], 16)
