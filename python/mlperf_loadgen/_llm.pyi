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
