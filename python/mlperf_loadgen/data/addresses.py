"""Addresses of shards: local paths, URLs, commands; and how one is relative to another."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

from ..text.addresses import shown_address, with_shown_addresses

STDIN = "-"
COMMAND = "pipe:"

_WITH_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FILE = "file:"


def local_path(address: str) -> str | None:
    """The path of a shard on this machine; None if the address is a URL, a command or stdin.

    A plain name is a path as it stands, with any `?`, `#`, `;` or `:` in it.
    """
    if ":" not in address:  # Most names; a data set may have many thousands.
        return None if address == STDIN else address
    if address.startswith(_FILE):
        return unquote(urlsplit(address).path)
    return None if is_command(address) or scheme_of(address) is not None else address


def is_command(address: str) -> bool:
    """Whether the address is a command whose output is the shard: `pipe:...`."""
    return address.startswith(COMMAND)


def scheme_of(address: str) -> str | None:
    """The scheme of `scheme://...` in small letters."""
    found = _WITH_SCHEME.match(address)
    return found[1].lower() if found else None


def shown(address: str) -> str:
    """The address for messages: without passwords and the values of queries, which may be tokens;
    also in the URLs of a command."""
    if is_command(address):
        return with_shown_addresses(address)
    return address if scheme_of(address) is None else shown_address(address)


def problem_of(error: BaseException, address: str) -> str:
    """The text of an error that may name an address, without what is secret in that."""
    text = str(error).replace(address, shown(address))
    try:
        url = urlsplit(address)
        hidden = {url.query: urlsplit(shown(address)).query, url.password or "": "..."}
    except ValueError:  # The address is none, which the error says.
        return text
    for secret, instead in hidden.items():  # Libraries name parts of an address, too.
        text = text.replace(secret, instead) if secret else text
    return text


def extension_path(address: str) -> str:
    """The part of an address that has the file's extension: that of a URL without its query."""
    return address if scheme_of(address) is None else urlsplit(address).path


def folder_of(address: str) -> str:
    """The folder of a file, as a base for names that are relative to it."""
    path = local_path(address)
    if path is not None:
        return posixpath.dirname(path)
    url = urlsplit(address)
    return f"{url.scheme}://{url.netloc}{posixpath.dirname(url.path)}"


def join(base: str, address: str) -> str:
    """`address` relative to the folder `base`. Commands and complete URLs stay as they are."""
    if local_path(address) is None or address.startswith(_FILE):
        return address
    if scheme_of(base) is None:
        return posixpath.normpath(posixpath.join(base, address))
    path, mark, query = address.partition("?")
    url = urlsplit(base)
    joined = posixpath.normpath(posixpath.join("/", url.path, path))
    return f"{url.scheme}://{url.netloc}/{joined.lstrip('/')}{mark}{query}"
