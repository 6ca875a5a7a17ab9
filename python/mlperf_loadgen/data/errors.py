"""What is wrong with a shard, and what is worth knowing of it."""

from __future__ import annotations

from functools import partial

from .addresses import shown


class ShardFormatError(ValueError):
    """A shard is not a right archive of samples. None of it that is not whole was handed out."""

    def __init__(
        self, text: str, *, kind: str, shard: str, offset: int | None, member: str | None = None
    ) -> None:
        super().__init__(text)
        self.kind = kind
        """What is wrong: not_tar, truncated, checksum, number, pax, dangling, limit, unsupported,
        duplicate, reserved, interleaved, after_end or compression."""
        self.shard = shard
        self.offset = offset
        """Where the header block in question begins in the uncompressed archive."""
        self.member = member

    def __reduce__(self) -> tuple[object, ...]:
        named = {name: getattr(self, name) for name in ("kind", "shard", "offset", "member")}
        return partial(type(self), **named), self.args


class ShardChangedError(OSError):
    """A shard is not the one any more that was opened, or not the one that an index file lists."""


class ShardWarning(UserWarning):
    """Something in a shard that is allowed and rarely meant."""


class ShardFetchError(OSError):
    """A shard could not be fetched, or not completely."""


class DecodingError(ValueError):
    """A field could not be decoded."""

    def __init__(self, url: object, key: object, field: str, problem: object) -> None:
        super().__init__(
            f"The field {field!r} of the sample {key!r} in {shown(str(url))} is not decoded:"
            f" {problem}"
        )
        self.url = url
        self.key = key
        self.field = field
        self.problem = problem

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.url, self.key, self.field, self.problem)
