"""Measures systems on other machines.

`NetworkQDL` is a system under test that forwards its queries to nodes; `serve` makes a node of any
SystemUnderTest. docs/network.md describes the transports, the behaviour when something breaks, and
how the time in the network is separated from the time in the model.
"""

from .. import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    globals(),
    {
        "dispatch.network_report": ("NetworkReport",),
        "dispatch.network_run": ("NetworkWarning",),
        "links.keys": ("Keys", "make_keys"),
        "links.link": ("Answers", "Batch", "Link", "LinkEvents", "NetworkError", "NodeInfo", "Run"),
        "network": ("NetworkQDL", "register_transport"),
        "node.http": ("serve_http",),
        "node.remote_library": ("RemoteLibrary",),
        "node.serve": ("serve",),
    },
)
