"""Measuring systems on other machines.

`NetworkQDL` is a system under test that forwards its queries to nodes; `serve` makes a node of any
SystemUnderTest. docs/network.md has the transports, what happens when something breaks, and how the
time spent in the network is told from the model's.
"""

from .links.link import (
    Answers,
    Batch,
    Link,
    LinkEvents,
    NetworkError,
    NodeInfo,
    Run,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dispatch.network_report import NetworkReport
    from .dispatch.session import NetworkWarning
    from .links.keys import Keys, make_keys
    from .network import NetworkQDL, register_transport
    from .node.http import serve_http
    from .node.remote_library import RemoteLibrary
    from .node.talker import serve

_LATER = {
    "Keys": "links.keys",
    "NetworkQDL": "network",
    "NetworkReport": "dispatch.network_report",
    "NetworkWarning": "dispatch.session",
    "RemoteLibrary": "node.remote_library",
    "make_keys": "links.keys",
    "register_transport": "network",
    "serve": "node.talker",
    "serve_http": "node.http",
}


def __getattr__(name: str) -> object:
    """Imports what is in `_LATER`."""
    if name in _LATER:
        from importlib import import_module

        found = getattr(import_module("." + _LATER[name], __name__), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Answers",
    "Batch",
    "Keys",
    "Link",
    "LinkEvents",
    "NetworkError",
    "NetworkQDL",
    "NetworkReport",
    "NetworkWarning",
    "NodeInfo",
    "RemoteLibrary",
    "Run",
    "make_keys",
    "register_transport",
    "serve",
    "serve_http",
]
