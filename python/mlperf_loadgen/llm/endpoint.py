"""`OpenAIEndpoint`: a language model behind an OpenAI-compatible server, as a system under test."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from .. import _core
from ..callables import require_plain
from ..interfaces import QuerySampleLibrary
from ..logs.beside import path_beside
from ..qdl.links.link import NetworkError
from ..systems.queued import QueuedSystem
from .address import EndpointAddress
from .bodies import BodyOptions, Headers, http_request
from .client import ClientOptions, check_choice
from .clients import make_client
from .limits import require_room
from .preflight import probe_all, require_short_prompts, served_model
from .prompts import Prompts
from .report import EndpointReport, report_of
from .request import Api, Request, check_switch
from .server import Caller, ServedModel, ask_models
from .tokenizer import Tokenizer

_PROBE_TIMEOUT_S = 300.0  # A model's first answer may have it compiled.


class EndpointWarning(UserWarning):
    """What a server does that makes its figures say less, or a fault that did not end a sample."""


class OpenAIEndpoint(QueuedSystem):
    """A language model behind an OpenAI-compatible server that streams its answers.

    `url`: "http://host:port/v1" or "https://...", with or without "openai+" before it and
    "?model=NAME" behind it; or several, among which `balance` distributes the requests.
    `library[i]` is what a sample asks: a prompt (str), messages (a list of dicts), token ids
    (integers, shape (n,)), a JSON body (bytes) or a `Request`. `model`: None is the only one that
    the server serves. `api`: "chat" or "completions"; None: by the sample. `api_key`: None is
    OPENAI_API_KEY of the environment. `headers`: more headers of each request. `extra_body`: more
    members of each body; with `{"return_token_ids": True}` the responses are int32 token ids.
    `max_tokens`: the limit of samples without one; `max_tokens_field`: the member that has it,
    "max_tokens" or "max_completion_tokens". `ignore_eos`: answers go on to their limit, at servers
    that know it. `per_event_usage`: asks for the tokens of each event (vLLM). `stream`: False asks
    for whole answers. `tokenizer`: a folder with a tokenizer.json: counts the tokens of answers
    whose server does not.

    `max_outstanding`: requests at a server at a time; others wait here, and their latency grows.
    `warm_connections`: how many are opened to each server before the test. `connect_timeout_s`: how
    long opening one may take. `request_timeout_s`: a request without a whole answer after this time
    fails. `max_answer_bytes`: so does a longer answer. `on_loss`: whether the test goes on
    ("continue") or ends ("end") when a server cannot be reached. `cancel_share` of the streams is
    closed after `cancel_after_s`; they are counted apart. `ca_file`: certificates to trust.
    `probe`: one request before the first test of this object shows whether the server answers; for
    it the library loads its first sample, and unloads it.
    `client_threads`: threads that read; one reads tens of thousands of events a second.

    The constructor raises ValueError and TypeError for what cannot be meant. A test raises
    ValueError before its first query for a wrong model, path or limit, and NetworkError if a server
    cannot be reached or does not answer. `report` says after a test where the time went;
    `mlperf_log_network.json` has the same beside the other logs. docs/llm.md has the definitions.
    """

    _prepares_samples = True

    def __init__(
        self,
        url: str | Sequence[str],
        library: QuerySampleLibrary,
        *,
        model: str | None = None,
        api: Api | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
        max_tokens_field: str = "max_tokens",
        ignore_eos: bool = False,
        per_event_usage: bool = False,
        tokenizer: Tokenizer | str | os.PathLike[str] | None = None,
        warm_connections: int = 0,
        request_timeout_s: float | None = None,
        stream: bool = True,
        balance: Literal["least_outstanding", "round_robin"] = "least_outstanding",
        max_outstanding: int = 1024,
        on_loss: Literal["continue", "end"] = "continue",
        connect_timeout_s: float = 30.0,
        cancel_after_s: float | None = None,
        cancel_share: float = 0.0,
        probe: bool = True,
        ca_file: str | None = None,
        max_answer_bytes: int = 64 << 20,
        client_threads: int = 1,
    ) -> None:
        self.addresses = _addresses(url)
        self.library = library
        self.report: EndpointReport | None = None
        """The report of the last test."""
        if not hasattr(library, "__getitem__"):
            raise TypeError(
                f"{type(library).__name__} has no requests: give it __getitem__(index), which "
                "returns a prompt, messages, token ids or a Request"
            )
        require_plain(
            library.__getitem__, "__getitem__", "write it with def, and return the request itself"
        )
        self._bodies = BodyOptions(
            api=api,
            stream=stream,
            max_tokens=max_tokens,
            max_tokens_field=max_tokens_field,
            ignore_eos=ignore_eos,
            per_event_usage=per_event_usage,
            extra_body=dict(extra_body) if isinstance(extra_body, Mapping) else extra_body or {},
        )
        check_switch("probe", probe)
        check_choice("on_loss", on_loss, ("continue", "end"))
        key = os.environ.get("OPENAI_API_KEY") if api_key is None else api_key
        self._caller = Caller(Headers(headers or {}, key), ca_file, connect_timeout_s)
        self._options = ClientOptions(
            max_outstanding=max_outstanding,
            warm_connections=warm_connections,
            request_timeout_s=request_timeout_s,
            connect_timeout_s=connect_timeout_s,
            max_answer_bytes=max_answer_bytes,
            balance=balance,
            cancel_after_s=cancel_after_s,
            cancel_share=cancel_share,
            ca_file=ca_file,
            threads=client_threads,
            keep_token_ids=self._bodies.asks_for_token_ids,
            secrets=self._caller.headers.secrets,
        )
        self._tokenizer = Tokenizer.of(tokenizer)
        self._wanted = _wanted_model(self.addresses, model)
        self._probes = probe
        self._ends_on_loss = on_loss == "end"
        self._model: ServedModel | None = None

    @property
    def name(self) -> str:
        """The model and where it is, without secrets."""
        model = self._model.name if self._model else self._wanted
        places = ", ".join(map(str, self.addresses))
        return f"{model} at {places}" if model else places

    def models(self) -> list[ServedModel]:
        """The models that the first server says it serves. Raises as a test does."""
        return ask_models(self.addresses[0], self._caller) or []

    def issue_query(self, samples: _core.SampleBatch) -> None:
        """Never called, because queries wait in `loadgen_queue`."""
        raise NotImplementedError

    def flush_queries(self) -> None:
        """Requests are never held back."""

    # ---- A test ----------------------------------------------------------------------------------

    def begin_test(self) -> None:
        self.require_idle()
        self.loadgen_queue.clear()
        self.report = None
        require_room(self.addresses, self._options.max_outstanding)
        if self._model is None:
            self._model = self._check()
        self._lost: NetworkError | None = None
        self._events: list[tuple[str, int, str]] = []
        self._loadgen_loop = client = make_client(
            self.addresses, self._options, self._tokenizer.count if self._tokenizer else None
        )
        try:
            client.begin(self.loadgen_queue, self._happened)
        except BaseException:
            del self._loadgen_loop
            client.end()
            raise

    def samples_loaded(self, indices: Iterable[int]) -> None:
        """Makes the requests of samples that the library has just loaded."""
        for index in dict.fromkeys(indices):
            self._loadgen_loop.prepare(index, self._requests(index, self._chosen().name))

    def samples_unloaded(self) -> None:
        """Forgets the requests."""
        self._loadgen_loop.forget()

    def end_test(self, result: _core.TestResult | None) -> None:
        try:
            record = self._loadgen_loop.end()
        finally:
            del self._loadgen_loop
        places = [str(one) for one in self.addresses]
        self.report = report_of(self._chosen().name, places, record, self._events)
        faults = list(self.report.faults)
        if result is not None:
            faults += _written(self.report, result)
        for text in faults:
            warnings.warn(text, EndpointWarning, stacklevel=4)
        if result is not None and self._lost is not None:
            raise self._lost

    def _check(self) -> ServedModel:
        """The model of the tests, which all servers serve; none of them answers wrongly."""
        model = served_model(self.addresses, self._caller, self._wanted)
        if isinstance(self.library, Prompts):
            require_short_prompts(self.library, model)
        self.library.load_samples([0])
        try:
            request = self._request(0)
            self._requests(0, model.name)  # Options that fit no sample are found here.
        finally:
            self.library.unload_samples([0])
        if self._probes:
            caller = replace(
                self._caller, timeout_s=self._options.request_timeout_s or _PROBE_TIMEOUT_S
            )
            counts = self._tokenizer is not None
            for note in probe_all(self.addresses, caller, self._bodies, request, model, counts):
                warnings.warn(note, EndpointWarning, stacklevel=5)
        return model

    # ---- What is asked ---------------------------------------------------------------------------

    def _requests(self, index: int, model: str) -> list[bytes]:
        """The HTTP request of a loaded sample for each server."""
        request = self._request(index)
        try:
            api, body = self._bodies.api_of(request), self._bodies.body(request, model)
        except ValueError as error:
            raise ValueError(f"{self._place(index)}: {error}") from None
        return [http_request(one, api, self._caller.headers, body) for one in self.addresses]

    def _request(self, index: int) -> Request:
        try:
            return Request.of(self.library[index])  # type: ignore[index]
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{self._place(index)}: {error}") from None

    def _place(self, index: int) -> str:
        if isinstance(self.library, Prompts):
            return self.library.place(index)
        return f"sample {index} of {type(self.library).__name__}"

    def _chosen(self) -> ServedModel:
        assert self._model is not None, "begin_test chooses it"
        return self._model

    def _happened(self, kind: str, server: int, text: str) -> None:
        """Called in a thread of the client."""
        self._events.append((kind, server, self._caller.headers.hide(text)))
        if kind == "lost" and self._ends_on_loss and self._lost is None:
            self._lost = NetworkError(f"{self.addresses[server]} is lost: {text}")
            _core.AbortTest()


def _addresses(url: object) -> list[EndpointAddress]:
    given = [url] if isinstance(url, str) else url
    if not isinstance(given, Iterable):
        raise TypeError(f"url must be a text such as 'http://host/v1', or a list, not {url!r}")
    addresses = [EndpointAddress.parse(one) for one in given]
    if not addresses:
        raise ValueError("url must name an endpoint, such as http://127.0.0.1:8000/v1")
    return addresses


def _wanted_model(addresses: Sequence[EndpointAddress], model: str | None) -> str | None:
    """The model that was asked for, by the argument or by the addresses."""
    if model is not None and not (isinstance(model, str) and model):
        raise TypeError(f"model must be a name, not {model!r}")
    names = dict.fromkeys(name for name in (model, *(a.model for a in addresses)) if name)
    if len(names) > 1:
        raise ValueError(f"one model is measured at a time, not {', '.join(names)}")
    return next(iter(names), None)


def _written(report: EndpointReport, result: _core.TestResult) -> list[str]:
    """Writes the report beside the other logs. Returns why not, empty if it did."""
    try:
        report.save(path_beside(result.logs, "network", ".json"))
    except OSError as error:
        return [f"the network log is not written: {error}"]
    return []
