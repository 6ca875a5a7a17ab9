"""What peers may do with a region."""

import enum


class Access(enum.IntFlag):
    """What peers may do with a region."""

    READ = 1
    """Peers may read it."""
    WRITE = 2
    """Peers may write it."""
    READ_WRITE = READ | WRITE
    """Peers may do both."""
