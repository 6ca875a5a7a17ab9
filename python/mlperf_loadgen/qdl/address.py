"""Addresses of nodes. An invalid address is found before it is bound or connected to."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..text.addresses import shown_address

_HIGHEST_PORT = 65535
_ANY_PORT = "*"


# Behind a user's name and password, which may have a comma.
_SEVERAL = re.compile(r",\s*[a-z][a-z0-9+.-]*://|://[^@/]*,[^@/]*(/|$)", re.IGNORECASE)
_WITH_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Whether a text is a network address, valid or not: `scheme://...`."""
    return _WITH_SCHEME.match(text) is not None


@dataclass(frozen=True)
class HostPort:
    """The place of a socket. `port` is None if the address leaves it to the scheme."""

    host: str
    port: int | None

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is reached by IPv6, because it is an IPv6 address or a name that has no
        other."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host.partition("%")[0]).version == 6
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # An interface, *, or a name that is not known.
            return False
        return socket.AF_INET not in {family for family, *_ in found}

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def is_loopback(address: str) -> bool:
    """True if only this machine can reach the address."""
    url = urlsplit(address)
    if url.scheme in ("ipc", "inproc"):
        return True
    host = url.hostname or ""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:  # A name, an interface or *.
        return host == "localhost"
    mapped = getattr(ip, "ipv4_mapped", None)
    return ip.is_loopback if mapped is None else bool(mapped.is_loopback)


def host_and_port(address: str, *, to_bind: bool = False, needs_port: bool = True) -> HostPort:
    """The host and port of `scheme://host:port...`.

    `to_bind`: port 0 stands for any free port, as `*` does for ZeroMQ. `needs_port`: the scheme has
    no port of its own. Raises ValueError, which names the address, what is wrong with it and the
    correct form.
    """
    try:
        url = urlsplit(address)
        host = url.hostname
    except ValueError:  # Brackets that do not hold an address.
        raise _no_address(address, "its brackets hold no IPv6 address", "[::1]") from None
    netloc = url.netloc.rpartition("@")[2]
    if _SEVERAL.search(address):
        raise _no_address(address, "it has a comma, and one address is one node")
    behind_host = netloc.rpartition("]")[2]
    if behind_host.count(":") > 1:
        raise _no_address(address, "an IPv6 address stands in brackets", "[::1]")
    if not host:
        raise _no_address(address, "it has no host")
    text = behind_host.partition(":")[2]
    if not text and needs_port:
        raise _no_address(address, "it has no port")
    if text == _ANY_PORT and to_bind:
        return HostPort(host, 0)
    lowest = 0 if to_bind else 1
    is_port = text.isascii() and text.isdigit() and len(text) < 10
    if text and not (is_port and lowest <= int(text) <= _HIGHEST_PORT):
        what = f"its port is {text[:20]!r}, and ports are numbers from {lowest} to {_HIGHEST_PORT}"
        raise _no_address(address, what)
    return HostPort(host, int(text) if text else None)


def check_socket_address(address: str, *, to_bind: bool = False) -> None:
    """Checks the address of a ZeroMQ node: tcp://host:port or ipc://path. Raises ValueError as
    `host_and_port` does."""
    scheme, _, rest = address.partition("://")
    if scheme not in ("tcp", "ipc"):
        raise ValueError(f"{address!r} is no address of a node: give tcp://host:port or ipc://path")
    if scheme == "ipc":
        if not rest:
            raise ValueError(
                f"{address!r} is no address of a node: it has no path; give ipc://path"
            )
        return
    host_and_port(address, to_bind=to_bind)
    url = urlsplit(address)
    if "@" in url.netloc or url.path or url.query or url.fragment:
        raise _no_address(address, "it has more than a host and a port")


_HOST_AND_PORT = re.compile(r"(\[[^\]\s]+\]|[\w.-]+):\d+(/\S*)?", re.ASCII)


def corrected_address(text: str, schemes: Collection[str]) -> str | None:
    """The address that a text without a complete `scheme://` must mean; None if it may not be an
    address.

    `schemes`: the schemes that are known. A text without a scheme is taken for tcp. If it has no
    port, the result has PORT in its place.
    """
    if is_address(text) or text.rpartition(":")[0].endswith(".py"):
        return None
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in schemes:  # tcp:/host:1, tcp:host:1
        host = rest if scheme.lower() == "ipc" else rest.lstrip("/")
        if rest.startswith("/") or _HOST_AND_PORT.fullmatch(host):
            return f"{scheme.lower()}://{host}"
    scheme, slashes, rest = text.partition("//")
    if slashes and scheme.lower() in schemes:  # tcp//host:1
        return f"{scheme.lower()}://{rest}"
    host = text.removeprefix(":").removeprefix("//")
    if _HOST_AND_PORT.fullmatch(host):
        return f"tcp://{host}"
    return _of_host_alone(text)


def _of_host_alone(text: str) -> str | None:
    """The same of an IP address, which is surely no module, and of localhost."""
    host = text.removeprefix("[").removesuffix("]")
    before, _, last = host.rpartition(":")
    if _is_ipv6(before) and last.isdecimal():
        return f"tcp://[{before}]:{last}"
    if _is_ipv6(host):
        return f"tcp://[{host}]:PORT"
    with contextlib.suppress(ValueError):
        return f"tcp://{ipaddress.IPv4Address(host)}:PORT"
    return "tcp://localhost:PORT" if host == "localhost" else None


def _is_ipv6(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.IPv6Address(host) is not None
    return False


def check_address(address: str) -> None:
    """Checks the address of a node to connect to, of any of the built-in transports. Raises
    ValueError."""
    scheme = address.partition("://")[0]
    if scheme in ("tcp", "ipc"):
        check_socket_address(address)
    else:
        host_and_port(address, needs_port="grpc" in scheme)


def _no_address(address: str, what: str, host: str = "host") -> ValueError:
    scheme = address.partition("://")[0]
    return ValueError(
        f"{shown_address(address)!r} is no address of a node: {what}; give {scheme}://{host}:port"
    )


def is_ipv6_socket(address: str) -> bool:
    """Whether ZeroMQ needs its IPv6 option for an address of `check_socket_address`. The option is
    not set for other addresses, because ZeroMQ would then name and look up all of them as IPv6
    addresses."""
    if not address.startswith("tcp://"):
        return False
    return host_and_port(address, to_bind=True).is_ipv6
