"""Addresses of OpenAI-compatible endpoints: `http://host:port/v1`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..text.addresses import shown_address

_SCHEMES = ("openai+http", "openai+https", "http", "https")
_ROUTES = ("/chat/completions", "/completions", "/models")
_HIGHEST_PORT = 65535
_PRINTABLE = re.compile(r"[!-~]+")


def is_endpoint(text: str) -> bool:
    """Whether a text names an endpoint where it could name other systems, too:
    `openai+http://...` or `openai+https://...`, valid or not."""
    return text.partition("://")[0].lower() in _SCHEMES[:2] and "://" in text


@dataclass(frozen=True)
class EndpointAddress:
    """The place of an endpoint, without any secret."""

    host: str
    """A name, or an IP address without brackets."""
    port: int
    tls: bool
    path: str
    """What stands before `/chat/completions`, such as "/v1"; empty for the root."""
    query: str = ""
    """What stands behind the path in each request, such as "api-version=2024-10-21"."""
    model: str | None = None
    """What `?model=NAME` says."""

    @classmethod
    def parse(cls, text: str) -> EndpointAddress:
        """Reads `http://host:port/v1` or `https://...`, with or without `openai+` before it.

        The query `model=NAME` names the model; other parts of the query go with each request.
        Raises ValueError, which names the address, what is wrong with it and the correct form, and
        TypeError for what is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"an address must be a text such as 'http://host/v1', not {text!r}")
        scheme, found, rest = text.partition("://")
        scheme = scheme.lower()
        if not found or scheme not in _SCHEMES:
            _refuse(text, "it has no scheme http:// or https://", f"http://{rest or text}")
        tls = scheme.endswith("https")
        plain = f"http{'s' * tls}://{rest}"
        try:
            url = urlsplit(plain)
            host, port = url.hostname, url.port
        except ValueError:
            _refuse(text, f"its host or its port (1 to {_HIGHEST_PORT}) is none")
        if not host or port == 0:
            _refuse(text, "it has no host" if not host else "its port is 0")
        if "@" in url.netloc:
            _refuse(text, "it has a user or a password; give api_key or headers in their place")
        if url.fragment or not _PRINTABLE.fullmatch(plain):
            _refuse(text, "it has a # or characters that an address must not have")
        path = _path(text, url.netloc, url.path, tls)
        model, query = _model(text, url.query)
        return cls(host, port or (443 if tls else 80), tls, path, query, model)

    @property
    def authority(self) -> str:
        """The host and, if it is not the scheme's own, the port, as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    def target(self, route: str) -> str:
        """The target of a request, such as "/v1/models" for "/models"."""
        return f"{self.path}{route}" + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        """The address for logs and messages; the values of its query are left out."""
        url = f"http{'s' * self.tls}://{self.authority}{self.path or '/'}"
        return shown_address(url + (f"?{self.query}" if self.query else ""))


def _path(text: str, netloc: str, path: str, tls: bool) -> str:
    if not path:
        base = f"http{'s' * tls}://{netloc}"
        _refuse(text, f"it has no path; if the server has none, give {base}/", f"{base}/v1")
    bare = path.rstrip("/")
    for route in _ROUTES:
        if bare.endswith(route):
            base = f"http{'s' * tls}://{netloc}{bare.removesuffix(route) or '/'}"
            _refuse(text, f"{route} is added by the load generator", base)
    return bare


def _model(text: str, query: str) -> tuple[str | None, str]:
    """The model, and the rest of the query."""
    parts = parse_qsl(query, keep_blank_values=True)
    models = [value for name, value in parts if name == "model"]
    if len(models) > 1 or models == [""]:
        _refuse(text, "it must name one model, as in ?model=NAME")
    rest = urlencode([part for part in parts if part[0] != "model"])
    return (models[0] if models else None), rest


def _refuse(text: str, what: str, fix: str = "http://host:port/v1") -> NoReturn:
    raise ValueError(f"{shown_address(text)!r} is no address of an endpoint: {what}; give {fix}")
