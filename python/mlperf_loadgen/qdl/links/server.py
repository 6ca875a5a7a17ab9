"""A server of other software: its address, and the options that its clients need."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from ...text.addresses import shown_address
from ..address import host_and_port

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = ("content-length", "content-type", "transfer-encoding", "accept-encoding")


@dataclass(frozen=True)
class Access:
    """Options of the transports to servers of other software.

    `headers`: sent with every request, such as {"Authorization": "Bearer ..."}; their values are in
    no log and no message. `query`: added to the URL of every request, after the part of the address
    behind its `?`; its values are in no log and no message either. `ca_file`: a PEM file of the
    authorities to trust, instead of the system's. `insecure`: the certificate of the server is not
    checked.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | os.PathLike[str] | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if name.lower() in _OWN_HEADERS:
                raise ValueError(f"the header {name} is made for each request: leave it out")
            if not isinstance(value, str) or not value.isprintable():
                # Without the value, which may be a secret.
                raise ValueError(f"the header {name} must be text of one line")


class Server:
    """A server at `scheme://[user:password@]host[:port][/path][?query]`. Raises ValueError for an
    invalid address, and for options that do not fit it or cannot be used."""

    def __init__(self, address: str, access: Access, *, needs_port: bool = False) -> None:
        url = urlsplit(address)
        self.place = host_and_port(address, needs_port=needs_port)
        self.shown = shown_address(address)
        self.scheme = url.scheme
        self.is_tls = url.scheme.endswith("s")
        self.is_grpc = "grpc" in url.scheme
        self.headers = dict(access.headers)
        self._netloc = url.netloc
        self.path = url.path.rstrip("/")
        self._query = "&".join(filter(None, (url.query, urlencode(dict(access.query)))))
        self._access = access
        if (access.ca_file or access.insecure) and not self.is_tls:
            name = "ca_file" if access.ca_file else "insecure"
            raise ValueError(f"{name} is for TLS, and {self.shown} is without: give {url.scheme}s")
        if self.is_grpc and (self._query or "@" in url.netloc):
            raise ValueError(
                f"{self.shown}: gRPC has no query parameters and no users: give headers"
            )
        if self.is_grpc and access.insecure:
            raise ValueError(f"{self.shown}: gRPC checks certificates always: give a ca_file")
        self.tls = self._tls_context() if self.is_tls else None
        """For HTTP; gRPC takes `root_certificates`."""

    def url(self, path: str) -> str:
        """The URL for HTTP."""
        return f"http{'s' if self.is_tls else ''}://{self._netloc}{self.target(path)}"

    def target(self, path: str) -> str:
        """The target of a request for a path."""
        return f"{path}?{self._query}" if self._query else path

    def root_certificates(self) -> bytes | None:
        """The content of `ca_file`; None: the system's certificates are used."""
        file = self._access.ca_file
        return None if file is None else Path(file).read_bytes()

    def _tls_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._access.ca_file)
        except OSError as error:  # No file, or no certificate in it.
            raise ValueError(f"ca_file {self._access.ca_file}: {error}") from None
        if self._access.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
