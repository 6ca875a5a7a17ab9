"""Addresses as people may read them: without what is secret in them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SECRET = "..."
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")


def shown_address(address: str) -> str:
    """The address for logs and messages, without a password or the values of a query, which may be
    tokens."""
    try:
        url = urlsplit(address)
    except ValueError:
        return address
    user, at, host = url.netloc.rpartition("@")
    netloc = f"{_SECRET}@{host}" if at and user else url.netloc
    query = re.sub(r"=[^&;]*", f"={_SECRET}", url.query)
    if (netloc, query) == (url.netloc, url.query):
        return address
    return f"{url.scheme}://{netloc}{url.path}" + (f"?{query}" if query else "")


def with_shown_addresses(text: str) -> str:
    """A text, such as a command, with each URL in it as `shown_address` has it."""
    return _URL.sub(lambda found: shown_address(found[0]), text)
