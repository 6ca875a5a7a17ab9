"""The native client: it sends and reads in threads of its own, without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core, _llm
from ..qdl.links.link import NetworkError
from ..systems.event_loop import EventLoopThread
from .address import EndpointAddress
from .client import ClientOptions, ClientRecord, Happened


class NativeClient:
    """`_llm.Client` for one test."""

    def __init__(
        self,
        addresses: Sequence[EndpointAddress],
        options: ClientOptions,
        count_tokens: Callable[[bytes], int] | None,
    ) -> None:
        self._client = _llm.Client(
            servers=[
                _llm.Server(
                    one.host, one.port, tls=one.tls, ca_file=options.ca_file or "", shown=str(one)
                )
                for one in addresses
            ],
            max_outstanding=options.max_outstanding,
            warm_connections=options.warm_connections,
            request_timeout_s=options.request_timeout_s,
            connect_timeout_s=options.connect_timeout_s,
            max_answer_bytes=options.max_answer_bytes,
            keep_token_ids=options.keep_token_ids,
            count_tokens=count_tokens,
            cancel_after_s=options.cancel_after_s,
            cancel_share=options.cancel_share,
            round_robin=options.balance == "round_robin",
            threads=options.threads,
            secrets=options.secrets,
        )
        self._rows: list[npt.NDArray[Any]] = []
        self._queue: _core.QueueSut | None = None
        self._loop: EventLoopThread | None = None

    def begin(self, queue: _core.QueueSut, happened: Happened) -> None:
        self._client.set_door(_core.completion_door)
        try:
            self._client.open()
        except (OSError, RuntimeError) as error:
            raise NetworkError(str(error)) from None
        self._happened = happened
        self._loop = EventLoopThread("OpenAIEndpoint")
        loop = self._loop.loop
        loop.call_soon_threadsafe(loop.add_reader, self._client.fileno(), self._take_news)
        self._queue = queue
        queue.forward_to(self._client.taker())

    def prepare(self, index: int, requests: Sequence[bytes]) -> None:
        self._client.prepare(index, requests)

    def forget(self) -> None:
        self._client.forget()

    def end(self) -> ClientRecord:
        if self._queue is not None:
            self._queue.forward_to(None)
        self._client.cease()
        if self._loop is not None:
            self._loop.stop()
            self._take_news()
        self._rows.append(self._client.take_rows())
        record = ClientRecord(self._client.counts(), np.concatenate(self._rows))
        self._client.stop()
        return record

    def _take_news(self) -> None:
        self._rows.append(self._client.take_rows())
        for kind, server, text in self._client.take_events():
            self._happened(kind, server, text)
