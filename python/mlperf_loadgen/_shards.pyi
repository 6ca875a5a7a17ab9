from collections.abc import Callable, Iterator
from typing import Literal

from typing_extensions import Buffer

_Sample = tuple[str, dict[str, bytes]]
_Links = Literal["skip", "resolve"]
_Concatenated = Literal["refuse", "read"]

def set_hooks(format_error: Callable[[], type[BaseException]]) -> None:
    """Takes a function without arguments that gives the class of the errors of archives."""

class TarStream:
    """The samples of one shard whose bytes are fed to it."""

    def __init__(
        self,
        shard: str,
        *,
        links: _Links = "skip",
        concatenated: _Concatenated = "refuse",
        select: Callable[[str], object] | None = None,
        rename: Callable[[str], str] | None = None,
    ) -> None: ...
    def feed(self, chunk: Buffer, /) -> list[_Sample]:
        """Takes the next bytes; returns the samples that they complete, each (key, {field:
        bytes})."""
    def finish(self) -> list[_Sample]:
        """The shard ends here; returns the last samples."""
    @property
    def counts(self) -> dict[str, int]:
        """Members that belong to no sample, counted by reason."""
    @property
    def warnings(self) -> list[tuple[str, str]]:
        """(kind, text) of what users should hear of, known at the end."""

class SampleReader:
    """The samples of a local shard, in lists."""

    def __iter__(self) -> Iterator[list[_Sample]]: ...
    def __next__(self) -> list[_Sample]: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def warnings(self) -> list[tuple[str, str]]: ...

def read_samples(
    path: str,
    *,
    links: _Links = "skip",
    concatenated: _Concatenated = "refuse",
    select: Callable[[str], object] | None = None,
    rename: Callable[[str], str] | None = None,
) -> SampleReader:
    """The samples of a local shard that is not compressed, in lists; the interpreter's lock is left
    while it reads."""
