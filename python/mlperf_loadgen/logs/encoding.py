"""The text of a log, whichever system wrote it and whichever tool copied it."""

from __future__ import annotations

import codecs


class UnreadableLogWarning(UserWarning):
    """Part of a log cannot be read, or the log is of a kind of which only part is read."""


def decode_log(data: bytes) -> str:
    """The text of a log file, with lines that end in "\\n".

    It may be UTF-8 or UTF-16, as shells of Windows redirect to, and have a byte order mark; a line
    that is no UTF-8 is taken for Latin-1. Line ends may be those of any system. NULs are left out:
    they are what a crashed machine leaves of a file.
    """
    text = _decoded(data).replace("\0", "")
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    zeros = [byte == 0 for byte in data[:4]]  # Of text without a mark: characters of ASCII.
    if zeros == [False, True, False, True]:
        return data.decode("utf-16-le", errors="replace")
    if zeros == [True, False, True, False]:
        return data.decode("utf-16-be", errors="replace")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(map(_decoded_line, data.splitlines(keepends=True)))


def _decoded_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
