"""Header blocks of tar members: POSIX ustar, with a PAX header only where ustar cannot say it."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 512
END = bytes(2 * BLOCK)
_NAME_SIZE = 100
_PREFIX_SIZE = 155
_LARGEST_SIZE = 8**11 - 1


@dataclass(frozen=True)
class Owner:
    """What all members of an archive share."""

    user: str
    group: str
    mode: int
    mtime_s: int


def padding(size: int) -> bytes:
    """What fills the last block of a body of `size` bytes."""
    return bytes(-size % BLOCK)


def member_header(name: str, size: int, owner: Owner) -> bytes:
    """All that stands before the body of a regular file."""
    raw = name.encode("utf-8", "surrogateescape")
    records = b""
    place = _split(raw)
    if place is None:
        records += _path_records(raw)
        place = (b"", raw[:_NAME_SIZE])
    if size > _LARGEST_SIZE:
        records += _record(b"size", str(size).encode())
        size = 0
    header = _block(place, size, b"0", owner)
    if not records:
        return header
    extended = _block((b"", b"././@PaxHeader"), len(records), b"x", owner)
    return extended + records + padding(len(records)) + header


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """A name as prefix and rest, if both fit."""
    if len(name) <= _NAME_SIZE:
        return b"", name
    slash = name.find(b"/", len(name) - _NAME_SIZE - 1)
    if slash < 1 or slash > _PREFIX_SIZE or slash == len(name) - 1:
        return None
    return name[:slash], name[slash + 1 :]


def _path_records(name: bytes) -> bytes:
    try:
        name.decode()
    except UnicodeDecodeError:
        return _record(b"hdrcharset", b"BINARY") + _record(b"path", name)
    return _record(b"path", name)


def _record(keyword: bytes, value: bytes) -> bytes:
    """A PAX record; its length counts its own digits."""
    rest = b" " + keyword + b"=" + value + b"\n"
    length = len(rest)
    while len(rest) + len(str(length)) != length:
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _block(place: tuple[bytes, bytes], size: int, kind: bytes, owner: Owner) -> bytes:
    prefix, name = place
    block = bytearray(BLOCK)
    for at, value in (
        (0, name),
        (100, b"%07o" % owner.mode),
        (108, b"%07o" % 0),
        (116, b"%07o" % 0),
        (124, b"%011o" % size),
        (136, b"%011o" % owner.mtime_s),
        (148, b" " * 8),
        (156, kind),
        (257, b"ustar\x0000"),
        (265, owner.user.encode()[:31]),
        (297, owner.group.encode()[:31]),
        (329, b"%07o" % 0),
        (337, b"%07o" % 0),
        (345, prefix),
    ):
        block[at : at + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
