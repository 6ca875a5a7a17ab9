from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

class AnswerFacts:
    """What one answer said so far. Times are of the monotonic clock, in ns; 0: there was none."""

    @property
    def failed(self) -> str:
        """Why the answer is none, in words; empty if it did not fail."""
    @property
    def reason(self) -> str:
        """The same, short, and alike for answers that fail alike."""
    @property
    def complete(self) -> bool:
        """Whether the answer is complete, or failed."""
    @property
    def status(self) -> int:
        """The status of HTTP; 0: there was no head."""
    @property
    def text(self) -> str:
        """Content and refusals."""
    @property
    def reasoning_text(self) -> str: ...
    @property
    def tool_text(self) -> str:
        """The names and arguments of tool calls, one after another."""
    @property
    def token_ids(self) -> npt.NDArray[np.int32]:
        """The answer's token ids, int32 of shape (n,), where the server sends them and they are
        kept.
        """
    @property
    def n_tokens(self) -> int:
        """By usage, else token ids, else the number of events with tokens."""
    @property
    def token_source(self) -> str:
        """What n_tokens is by: "usage", "token ids", "events", or "" without tokens."""
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def cached_tokens(self) -> int | None: ...
    @property
    def reasoning_tokens(self) -> int | None: ...
    @property
    def first_token_ns(self) -> int: ...
    @property
    def first_output_ns(self) -> int:
        """The first event of the answer proper, which is not reasoning."""
    @property
    def completed_ns(self) -> int: ...
    @property
    def first_token_lag_ns(self) -> int:
        """Read minus arrival."""
    @property
    def completed_lag_ns(self) -> int: ...
    @property
    def event_times(self) -> npt.NDArray[np.int64]:
        """Arrivals of the events with tokens, int64 of shape (n,)."""
    @property
    def event_tokens(self) -> npt.NDArray[np.int64]:
        """Their tokens, int64 of shape (n,); 0: not known."""
    @property
    def first_event(self) -> bytes:
        """The text of the first event with tokens, UTF-8."""
    @property
    def faults(self) -> int:
        """Events that are no JSON."""
    @property
    def first_fault(self) -> str:
        """The first of them, cut to 200 bytes."""
    @property
    def reusable(self) -> bool:
        """The body ended properly, and the server keeps the connection."""
    @property
    def cut_after(self) -> int | None:
        """The tokens that came before the answer was cut; None if it was not."""

class AnswerReader:
    """One answer of an endpoint from the bytes of its connection, however they are cut."""

    def __init__(
        self,
        *,
        keep_text: bool = True,
        keep_token_ids: bool = False,
        max_answer_bytes: int = 67108864,
    ) -> None: ...
    def feed(self, data: Buffer, arrived_ns: int, read_ns: int) -> bool:
        """Takes the next bytes. Returns whether the answer is complete, or failed; what follows
        only decides whether the connection can be used again.
        """
    def end(self, arrived_ns: int, read_ns: int) -> None:
        """The connection was closed."""
    def facts(self) -> AnswerFacts:
        """What the answer said so far."""

class Server:
    """Where an endpoint is. `server_name`: the name that its certificate must be for, the host if
    empty. `ca_file`: certificates to trust in place of the system's. `insecure`: trusts any.
    `shown`: its address in texts.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: bool = False,
        ca_file: str = "",
        server_name: str = "",
        insecure: bool = False,
        shown: str = "",
    ) -> None: ...

class Client:
    """Sends the queries of a test to endpoints and completes what they answer, in threads of its
    own that take no interpreter lock. Servers have numbers from 0. `max_outstanding`: most requests
    at a server at a time; others wait. `request_timeout_s`: a request that has no whole answer so
    long after it had its connection fails; None: never. `cancel_share`: this share of the streams
    is closed `cancel_after_s` after its request had its connection. `keep_text`: answers are handed
    over also where no log asks for them. `count_tokens`: counts the tokens of the UTF-8 text of an
    answer where the server does not. `secrets`, the longest first, are in no reason and no event,
    even if a server says them.
    """

    def __init__(
        self,
        *,
        servers: Sequence[Server],
        max_outstanding: int,
        warm_connections: int = 0,
        request_timeout_s: float | None = None,
        connect_timeout_s: float = 30.0,
        max_answer_bytes: int = 67108864,
        keep_text: bool = False,
        keep_token_ids: bool = False,
        cancel_after_s: float | None = None,
        cancel_share: float = 0.0,
        round_robin: bool = False,
        threads: int = 1,
        count_tokens: Callable[[bytes], int] | None = None,
        secrets: Sequence[str] = ...,
    ) -> None: ...
    def open(self) -> None:
        """Resolves the servers and opens `warm_connections` to each. Raises RuntimeError, which
        names the server and what to do, if that fails.
        """
    def prepare(self, index: int, requests: Sequence[bytes]) -> None:
        """Keeps the request of a sample, head and body as they are sent, for each server."""
    def forget(self) -> None:
        """Drops what was prepared."""
    def taker(self) -> Any:
        """What QueueSut.forward_to takes: queries go to this client."""
    def set_door(self, door: Any) -> None:
        """Where answers go: _core.completion_door. Before the first query."""
    def fileno(self) -> int:
        """Readable while there are events, or many rows."""
    def take_events(self) -> list[tuple[str, int, str]]:
        """What happened since the last call, for people: kind ("lost": a server cannot be reached;
        "fault": an event that is no JSON; "refused": the words of an answer that failed; each once
        a server, and the last once a reason), server and text.
        """
    def counts(self) -> dict[str, Any]:
        """What was counted: `opened` connections; `reused`, of requests those on a connection that
        had served one; `repeated`, those sent again; `cancelled`, `most_outstanding`, `reads`,
        `events`, `faults` (events that are no JSON), `bytes`, `clock_steps`; `failures` {reason:
        count}; `statuses` {status: count}; `stamps` {"kernel": reads, "read": reads}; `lag_ns`,
        read minus arrival {"p50": ns, "p99": ns, "max": ns}.
        """
    def take_rows(self) -> npt.NDArray[Any]:
        """The requests that ended since the last call, as records: id, index, server, status,
        issued_ns, connected_ns (it had its connection), sent_ns, first_byte_ns, first_token_ns,
        last_token_ns, completed_ns (0: it failed), tokens, bytes. Times that there were none of
        are 0.
        """
    def cease(self) -> None:
        """Nothing is sent or completed any more."""
    def stop(self) -> None:
        """Ends the threads and closes the connections."""

def complete(
    door: Any,
    response_id: int,
    reader: AnswerReader,
    sent_ns: int,
    count_tokens: Callable[[bytes], int] | None = None,
    cancelled: bool = False,
) -> None:
    """Completes a sample with what the reader of its answer says, or fails it. `sent_ns`: when its
    request was sent, by the monotonic clock. `cancelled`: its stream was closed early, on purpose.
    """
