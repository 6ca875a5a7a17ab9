from collections.abc import Callable, Generator
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

_Slices = Buffer | npt.NDArray[np.integer[Any]] | list[Any] | tuple[Any, ...] | None

def set_hooks(
    transfer_error: Callable[[], type[BaseException]],
    peer_lost: Callable[[], type[BaseException]],
    refused: Callable[[], type[BaseException]],
    awaited: Callable[[], Callable[[Op], Generator[Any]]],
) -> None:
    """Takes functions without arguments, each of which gives the class or function that its name
    says."""

class Announcements:
    """Tokens of what has happened, for one event loop, and a descriptor to watch."""

    def __init__(self) -> None: ...
    def fileno(self) -> int:
        """Readable while tokens wait."""
    def take(self) -> list[Any]:
        """The tokens that came since the last call."""

class Op:
    """An operation on its way. It may be awaited."""

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
    @property
    def error(self) -> Exception | None:
        """The exception that `wait` raises; None before it is done."""
    @property
    def nbytes(self) -> int:
        """How many bytes it moves; of a receive, at most."""
    @property
    def received_nbytes(self) -> int:
        """Of a receive that is done: the message's length."""
    @property
    def posted_ns(self) -> int:
        """When it was posted (CLOCK_MONOTONIC)."""
    @property
    def completed_ns(self) -> int:
        """When it was done (CLOCK_MONOTONIC); 0 before it is."""
    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until it is done, without the interpreter's lock. Raises TimeoutError if it is not
        done within `timeout_s` seconds (the operation goes on), PeerLost, Refused or TransferError
        as it ended."""
    def announce(self, announcements: Announcements, token: object) -> bool:
        """Has the token announced once it is done; False: it is done."""
    def __await__(self) -> Generator[Any]: ...

def all_of(ops: list[Op]) -> Op:
    """One operation that is done when all of these are."""

class Region(Buffer):
    """Registered memory: peers reach it by its descriptor, operations use it as their local end. It
    has a buffer."""

    @property
    def nbytes(self) -> int:
        """Its size."""
    @property
    def descriptor(self) -> bytes:
        """What a peer opens it with. It is the key: give it over a channel that others cannot
        read."""
    def array(self, dtype: npt.DTypeLike = "u1") -> npt.NDArray[Any]:
        """The memory as an array of one dimension, without a copy. It keeps the memory alive.
        Raises ValueError if the size is no multiple of that of the type."""
    def close(self) -> None:
        """Ends the use by peers: once it returned none of them touches the memory. Closing twice is
        fine."""

class RemoteRegion:
    """A region of a peer, opened by its descriptor."""

    @property
    def nbytes(self) -> int:
        """Its size."""
    def read(self, local: Region, slices: _Slices = None) -> Op:
        """Copies slices of the peer's memory to the local region. A slice is (local offset, remote
        offset, bytes): an (n, 3) array of integers or a list of triples; None stands for all of two
        regions of one size. Nothing moves unless every slice lies within both regions. Raises
        IndexError for one that does not, Refused if the region may not be read, and PeerLost."""
    def write(self, local: Region, slices: _Slices = None, imm: SupportsIndex | None = None) -> Op:
        """Copies slices of the local region to the peer's memory, as `read` does the other way; the
        operation is done when the bytes are in place. An immediate, a number of 32 bits, comes to
        the peer's queue once they are. Raises what `read` raises, and ValueError for an immediate
        that is too large."""

class Peer:
    """The other end of a connection."""

    @property
    def number(self) -> int:
        """Its number among the peers of this engine, as in `Engine.imms`."""
    @property
    def address(self) -> str:
        """Where it is."""
    @property
    def provider(self) -> str:
        """What moves the bytes of reads and writes: "shm", "tcp", ..."""
    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
    def open(self, descriptor: bytes) -> RemoteRegion:
        """Opens a region of the peer. Raises ValueError for what is no descriptor, Refused if the
        peer has no such region or the key is wrong, PeerLost and TimeoutError."""
    def send(
        self,
        local: Region,
        offset: SupportsIndex = 0,
        nbytes: SupportsIndex | None = None,
        tag: SupportsIndex = 0,
    ) -> Op:
        """Sends a part of a region, by default all after `offset`, as one message to the receive
        that the peer posts with this tag (0 to 2**32 - 1). The operation is done when the peer's
        engine has the message; above 64 KiB that is once it is received. Raises IndexError,
        ValueError and PeerLost."""
    def recv(
        self,
        local: Region,
        offset: SupportsIndex = 0,
        nbytes: SupportsIndex | None = None,
        tag: SupportsIndex = 0,
    ) -> Op:
        """Receives the next message with this tag into a part of a region. A longer message fails
        the operation with TransferError, and nothing is written. Raises IndexError, ValueError and
        PeerLost."""
    def close(self) -> None:
        """Ends the connection: once it returned, its operations have failed with PeerLost and
        nothing more is written to local memory. Closing twice is fine."""

class Engine:
    """What mlperf_loadgen.transfer.Engine is made of."""

    def __init__(
        self,
        bind: str,
        providers: list[str] | None,
        secret: bytes | None,
        insecure: bool,
        spin_us: float,
        max_peers: int,
    ) -> None: ...
    @property
    def address(self) -> str:
        """Where peers connect, with the port that was taken."""
    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers that it offers, in the order of preference."""
    def allocate(self, nbytes: SupportsIndex, access: SupportsIndex = 3) -> Region:
        """New memory of zeros, which peers on this machine can map. Raises ValueError or TypeError
        for a size or an access that is none, OSError or TransferError if there is no memory."""
    def register(self, buffer: object, access: SupportsIndex = 3) -> Region:
        """Registers the memory of an array, of a torch tensor in CPU memory or of any object with a
        buffer, without a copy; the object stays alive as long as it is needed. Raises ValueError if
        it is read-only or not contiguous, and TypeError if it has no buffer."""
    def connect(self, address: str, timeout_s: float | None = 5.0) -> Peer:
        """Connects to the engine at an address. Raises ValueError if it is none, TimeoutError, and
        TransferError if the other end lets this one not in or there is none."""
    def accept(self, timeout_s: float | None = 5.0) -> Peer:
        """The next peer that connected. It is served whether or not it is taken here. Raises
        TimeoutError if none comes."""
    def take_imms(self, timeout_s: float | None) -> bytearray:
        """The bytes of what `imms` returns."""
    def announce_imms(self, announcements: Announcements, token: object) -> bool:
        """Has the token announced once immediates wait or the engine closes; False: some wait, or
        it is closed."""
    def fileno(self) -> int:
        """A descriptor that is readable while immediates or peers wait to be taken."""
    def close(self) -> None:
        """Ends its connections and fails what is outstanding. Memory stays with its views. Closing
        twice is fine."""

def providers() -> list[tuple[str, bool, str, str, str]]:
    """(name, usable, why, version, tested) of each provider, in the order of preference."""
