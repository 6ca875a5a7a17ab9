"""One-sided transfers: reads and writes of other processes' registered memory."""

from .. import _lazy, _transfer

__getattr__, __dir__, __all__ = _lazy.attach(
    globals(),
    {
        "access": ("Access",),
        "engine": ("IMM", "Engine", "Op", "Peer", "Region", "RemoteRegion"),
        "errors": ("PeerLost", "Refused", "TransferError"),
        "group": ("Group",),
        "provider_list": ("Provider", "providers"),
    },
)

# What the C++ module needs of the package: it names no Python module itself.
_transfer.set_hooks(
    transfer_error=_lazy.later(__name__, "errors", "TransferError"),
    peer_lost=_lazy.later(__name__, "errors", "PeerLost"),
    refused=_lazy.later(__name__, "errors", "Refused"),
    awaited=_lazy.later(__name__, "loops", "awaited"),
)
