"""Messages beside the work, which must neither end the work nor delay it."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import traceback

_CHUNK_BYTES = select.PIPE_BUF  # A pipe that is ready takes as many at once.


def say(text: str) -> None:
    """Writes a text to stderr, as far as that is possible without waiting. If the stream is closed,
    or its disk or pipe is full, the text is lost."""
    stream = sys.stderr
    with contextlib.suppress(OSError, ValueError, AttributeError):  # It is closed, or None.
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError, AttributeError):  # What a program has put in its place.
            stream.write(text)
            return
        # Past the stream's buffer, which would keep what cannot be written.
        data = text.encode(stream.encoding, "backslashreplace")
        ready = select.poll()
        ready.register(descriptor, select.POLLOUT)
        for start in range(0, len(data), _CHUNK_BYTES):
            if ready.poll(0):
                os.write(descriptor, data[start : start + _CHUNK_BYTES])


def say_traceback() -> None:
    """Writes the traceback of the exception that is being handled."""
    say(traceback.format_exc())
