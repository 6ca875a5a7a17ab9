# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .access import Access as Access
from .engine import (
    IMM as IMM,
    Engine as Engine,
    Op as Op,
    Peer as Peer,
    Region as Region,
    RemoteRegion as RemoteRegion,
)
from .errors import PeerLost as PeerLost, Refused as Refused, TransferError as TransferError
from .group import Group as Group
from .provider_list import Provider as Provider, providers as providers

__all__ = [
    "IMM",
    "Access",
    "Engine",
    "Group",
    "Op",
    "Peer",
    "PeerLost",
    "Provider",
    "Refused",
    "Region",
    "RemoteRegion",
    "TransferError",
    "providers",
]
