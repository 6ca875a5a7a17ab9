"""What can go wrong with a transfer."""


class TransferError(RuntimeError):
    """A transfer, or the engine it would use, failed; the text names the cause."""


class PeerLost(TransferError):
    """The peer is gone: its process ended, its connection broke, or it was closed here."""


class Refused(TransferError):
    """The region's access, its key or its end does not allow it."""
