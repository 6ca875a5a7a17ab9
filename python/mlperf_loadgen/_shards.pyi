from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from typing_extensions import Buffer

_Sample = tuple[str, dict[str, bytes]]
_Links = Literal["skip", "resolve"]
_Concatenated = Literal["refuse", "read"]

def set_hooks(
    format_error: Callable[[], type[BaseException]],
    changed_error: Callable[[], type[BaseException]],
) -> None:
    """Takes functions without arguments, each of which gives the class that its name says."""

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

class Sample(Mapping[str, Any]):
    """The fields of a sample by their names, as read-only views; attributes, too, where nothing
    else has the name."""

    @property
    def index(self) -> int:
        """The sample's place in the library."""
    @property
    def key(self) -> str:
        """The name that its members share."""
    @property
    def shard(self) -> str:
        """The path of its shard."""
    def keys(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of its fields."""
    def values(self) -> tuple[Any, ...]:  # type: ignore[override]
        """Its fields."""
    def items(self) -> tuple[tuple[str, Any], ...]:  # type: ignore[override]
        """(name, field) of each."""
    def get(self, name: str, default: Any = None, /) -> Any:
        """The field, or the default if the sample has none of that name."""
    def __getitem__(self, name: str, /) -> Any: ...
    def __getattr__(self, name: str, /) -> Any: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...

class SampleLibrary:
    """The samples of shards."""

    def __init__(
        self,
        paths: list[str],
        *,
        names: list[str],
        index_dir: str | None,
        links: _Links,
        interleaved: Literal["error", "split"],
        concatenated: _Concatenated,
        fields: list[str] | None,
        missing: Literal["error", "skip"],
        check_headers: bool,
        threads: int,
        decompress: Callable[[str], Iterator[bytes]],
    ) -> None: ...
    @property
    def sample_count(self) -> int: ...
    @property
    def shard_count(self) -> int: ...
    @property
    def sample_counts(self) -> list[int]:
        """Of each shard."""
    @property
    def warnings(self) -> list[tuple[int, str, str]]:
        """(shard, kind, text) of each."""
    @property
    def loaded_bytes(self) -> int: ...
    @property
    def fields(self) -> list[str]: ...
    def nbytes(self, indices: Sequence[int]) -> int: ...
    def count_that_fits(self, bytes: int) -> int:
        """How many samples fit into memory, whichever they are."""
    def load(self, indices: Sequence[int]) -> None: ...
    def unload(self, indices: Sequence[int]) -> None: ...
    def find(self, index: int, decoded: dict[str, Any] | None = None, /) -> Sample:
        """A loaded sample."""
    def read(self, index: int, /) -> Sample:
        """A sample straight from its shard."""
    def key(self, index: int) -> str: ...
    def find_key(self, key: str) -> list[int]:
        """The samples with this key, two at most."""
    def shard_of(self, index: int) -> int: ...
    def members(self, index: int) -> list[tuple[str, int, int]]:
        """(field, offset, size) of each member of a sample."""
    def describe_shard(self, shard: int) -> dict[str, Any]: ...
    def index_bytes(self, shard: int) -> bytes:
        """What the digest is made of: keys, sizes, hashes of headers, fields."""
    def copy(self, indices: Sequence[int], field: str, to: Any) -> None:
        """Copies a field of loaded samples into a buffer, one after the other."""
    def address(self, index: int, field: str) -> tuple[int, int]:
        """Address and size of a field of a loaded sample."""
