# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .dispatch.network_report import NetworkReport as NetworkReport
from .dispatch.network_run import NetworkWarning as NetworkWarning
from .links.keys import Keys as Keys, make_keys as make_keys
from .links.link import (
    Answers as Answers,
    Batch as Batch,
    Link as Link,
    LinkEvents as LinkEvents,
    NetworkError as NetworkError,
    NodeInfo as NodeInfo,
    Run as Run,
)
from .network import NetworkQDL as NetworkQDL, register_transport as register_transport
from .node.http import serve_http as serve_http
from .node.remote_library import RemoteLibrary as RemoteLibrary
from .node.serve import serve as serve

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
