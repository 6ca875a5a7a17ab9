"""`NetworkQDL`: a system under test on other machines."""

from __future__ import annotations

import difflib
import inspect
import itertools
import random
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

from .. import _core
from ..callables import require_plain
from ..interfaces import QueryDispatchLibrary, QuerySampleLibrary
from ..logs.beside import path_beside
from ..systems.event_loop import EventLoopThread
from ..systems.queued import QueuedSystem
from ..text.units import counted
from .address import check_address, corrected_address
from .dispatch.fleet import Limits
from .dispatch.network_report import NetworkReport
from .dispatch.network_run import NetworkRun, NetworkWarning
from .links.link import Link, LinkEvents, LinkFactory, Run, require_positive


def _zmq_link(address: str, events: LinkEvents, **options: Any) -> Link:
    from .links.zmq import ZmqLink

    _check_options(ZmqLink, address, options)
    return ZmqLink(address, events, **options)


def _http_link(address: str, events: LinkEvents, **options: Any) -> Link:
    from .links.http import HttpLink

    _check_options(HttpLink, address, options)
    return HttpLink(address, events, **options)


def _kserve_link(address: str, events: LinkEvents, **options: Any) -> Link:
    from .links.kserve import KServeLink

    _check_options(KServeLink, address, options)
    return KServeLink(address, events, **options)


def _check_options(link: type[Link], address: str, options: dict[str, Any]) -> None:
    known = list(inspect.signature(link).parameters)[2:]
    unknown = [name for name in options if name not in known]
    if unknown:
        scheme = address.partition("://")[0]
        raise TypeError(
            f"{scheme}:// has no option {', '.join(unknown)}; it has {', '.join(known)}"
        )


_TRANSPORTS: dict[str, LinkFactory] = {
    "tcp": _zmq_link,
    "ipc": _zmq_link,
    "http": _http_link,
    "https": _http_link,
    "kserve+http": _kserve_link,
    "kserve+https": _kserve_link,
    "kserve+grpc": _kserve_link,
    "kserve+grpcs": _kserve_link,
}


_OWN_TRANSPORTS = dict(_TRANSPORTS)


def register_transport(scheme: str, make_link: LinkFactory) -> None:
    """Registers a scheme for addresses, `scheme://...`: `make_link(address, events, **options)`
    returns the Link to a node."""
    _TRANSPORTS[scheme] = make_link


class NetworkQDL(QueuedSystem, QueryDispatchLibrary):
    """Forwards queries to nodes, and their answers to the load generator.

    `addresses`: one or more of

    - "tcp://host:port" or "ipc://path": a node of `mlperf-loadgen serve`;
    - "http://host:port": a node with the endpoints of the reference's network demo;
    - "kserve+http://host:port/model", "kserve+grpc://...": a server of the Open Inference Protocol;
      with TLS "https://...", "kserve+https://..." and "kserve+grpcs://...";
    - any scheme of `register_transport`.

    An IPv6 address is written in brackets, as in "tcp://[::1]:8001". Raises ValueError for an
    invalid address or option, and TypeError for one of the wrong type.

    `qsl[index]` is a sample's payload: bytes, str, an array, or a list or dict of arrays. It is
    called for loaded samples only, in a different thread from `load_samples`: over lanes
    (docs/network.md) before the first query, if the library of the test is no handle.

    `balance`: "least_outstanding" or "round_robin". `max_outstanding`, `max_outstanding_bytes`: how
    many samples, and bytes of payloads, may be outstanding at a node. Samples beyond that wait
    here: their latency grows, and none is dropped. `on_loss`: when a node is lost, its outstanding
    samples fail and the result is INVALID; "continue" goes on with the remaining nodes, and "end"
    ends the test. `connect_timeout_s`: how long a node may take to appear. `node_timeout_s`: how
    long it may be silent. `options` go to the transport: `keys` (tcp, ipc: a folder of
    `make_keys`) and `transfer` (tcp, ipc: "auto", "tcp" or "off", how samples travel), or those of
    the other transports, such as `headers` and `ca_file` (docs/network.md).

    A test raises NetworkError if a node is not there at its start, or when the last node is lost.
    After the test, even if an error here or at a node ended it, `report` says where the time went.
    `mlperf_log_network.json` has the same beside the other logs, and `mlperf_log_network.npy` has
    the times of each sample.
    """

    _prepares_samples = True
    _prepares_on_demand = True

    def __init__(
        self,
        addresses: str | Sequence[str],
        qsl: QuerySampleLibrary,
        *,
        balance: Literal["least_outstanding", "round_robin"] = "least_outstanding",
        max_outstanding: int = 1024,
        max_outstanding_bytes: int = 64 << 20,
        on_loss: Literal["continue", "end"] = "continue",
        connect_timeout_s: float = 30.0,
        node_timeout_s: float = 5.0,
        **options: Any,
    ) -> None:
        self.addresses = _as_list(addresses)
        self.qsl = qsl
        self.report: NetworkReport | None = None
        """The report of the last test."""
        if not self.addresses:
            raise ValueError("addresses must name a node, such as tcp://127.0.0.1:8001")
        self._factories = [_factory(address) for address in self.addresses]
        _check_choice("balance", balance, ("least_outstanding", "round_robin"))
        _check_choice("on_loss", on_loss, ("continue", "end"))
        for what, value in {
            "max_outstanding": max_outstanding,
            "max_outstanding_bytes": max_outstanding_bytes,
            "connect_timeout_s": connect_timeout_s,
            "node_timeout_s": node_timeout_s,
        }.items():
            require_positive(what, value)
        if not hasattr(qsl, "__getitem__"):
            raise TypeError(
                f"{type(qsl).__name__} has no payloads: give it __getitem__(index), which returns "
                "bytes or arrays"
            )
        require_plain(
            qsl.__getitem__, "__getitem__", "write it with def, and return the payload itself"
        )
        self._limits = Limits(max_outstanding, max_outstanding_bytes)
        self._balance = balance
        self._end_on_loss = on_loss == "end"
        self._timeouts_s = connect_timeout_s, node_timeout_s
        self._options = options
        self._check_options()
        self._name = "NetworkQDL"
        # Other processes' numbers are other ones, so that no answer is taken for ours.
        self._runs = itertools.count(random.SystemRandom().randrange(1, 1 << 62))

    @property
    def name(self) -> str:
        """The names of the nodes, each of them once."""
        return self._name

    def issue_query(self, samples: _core.SampleBatch) -> None:
        """Never called, because queries wait in `loadgen_queue`."""
        raise NotImplementedError

    def flush_queries(self) -> None:
        self._network_run.flush()

    # ---- A test ----------------------------------------------------------------------------------

    def begin_test(self) -> None:
        self.require_idle()
        self.loadgen_queue.clear()
        self.report = None
        self._loadgen_loop = EventLoopThread("NetworkQDL")
        try:
            self._network_run = NetworkRun(
                self._loadgen_loop,
                self.loadgen_queue,
                self.qsl,  # type: ignore[arg-type]
                self._limits,
                self._balance,
                self._end_on_loss,
            )
            run = Run(
                next(self._runs),
                self.qsl.total_sample_count,
                self.qsl.performance_sample_count,
                *self._timeouts_s,
            )
            self._network_run.begin(self._make_links, run)
        except BaseException:
            self._loadgen_loop.stop()
            del self._loadgen_loop
            raise
        names = (node.info.name for node in self._network_run.fleet.nodes)
        self._name = ", ".join(dict.fromkeys(names))

    def samples_loaded(self, indices: Iterable[int]) -> None:
        """Prepares the payloads of samples that the library has just loaded."""
        self._network_run.samples_loaded(indices)

    def samples_unloaded(self) -> None:
        """Forgets the payloads."""
        self._network_run.samples_unloaded()

    def _check_options(self) -> None:
        """Makes links that are not begun: what they refuse, they refuse before they connect. What
        the links of others do when they are made is not known here.
        """
        for factory, address in zip(self._factories, self.addresses, strict=True):
            if factory is _OWN_TRANSPORTS.get(address.partition("://")[0]):
                factory(address, cast(LinkEvents, None), **self._options)

    def _make_links(self, events: LinkEvents) -> list[Link]:
        return [
            factory(address, events, **self._options)
            for factory, address in zip(self._factories, self.addresses, strict=True)
        ]

    def end_test(self, result: _core.TestResult | None) -> None:
        network_run = self._network_run
        try:
            self.report = network_run.end()
            trouble = self._write_logs(self.report, result) if result is not None else ""
        finally:
            del self._loadgen_loop
            network_run.receiver.timings.close()
        # Last, as a program may have warnings raised.
        faults = [
            f"{text} ({counted(count, 'time')})" for text, count in self.report.faults.items()
        ]
        for text in [*faults, trouble] if trouble else faults:
            warnings.warn(text, NetworkWarning, stacklevel=4)
        if result is not None and network_run.test.error is not None:
            raise network_run.test.error

    def _write_logs(self, report: NetworkReport, result: _core.TestResult) -> str:
        """Writes them beside the other logs. Returns why not, empty if it did."""
        try:
            report.save(path_beside(result.logs, "network", ".json"))
            self._network_run.receiver.timings.save(path_beside(result.logs, "network", ".npy"))
        except OSError as error:
            return f"the network log is not written: {error}"
        return ""


def schemes() -> list[str]:
    """The schemes of addresses that are known."""
    return list(_TRANSPORTS)


def _as_list(addresses: object) -> list[str]:
    """Raises TypeError for what is neither an address nor several."""
    given = [addresses] if isinstance(addresses, str) else addresses
    listed = list(given) if isinstance(given, Iterable) else None
    if listed is None or not all(isinstance(one, str) for one in listed):
        raise TypeError(
            f"addresses must be a text such as 'tcp://host:port', or a list of them, not "
            f"{addresses!r}"
        )
    return listed


def _factory(address: str) -> LinkFactory:
    scheme, found, rest = address.partition("://")
    if not found or scheme not in _TRANSPORTS:
        raise ValueError(f"{address!r} is no address of a node: {_fix(address, scheme, rest)}")
    factory = _TRANSPORTS[scheme]
    if factory is _OWN_TRANSPORTS.get(scheme):  # What others call an address is not known here.
        check_address(address)
    return factory


def _fix(address: str, scheme: str, rest: str) -> str:
    """What to do about an address of no known scheme."""
    if scheme in ("openai+http", "openai+https"):
        return "language models are no nodes; give it to OpenAIEndpoint"
    corrected = corrected_address(address, _TRANSPORTS)
    if corrected is not None:
        return f"it has no scheme://; give {corrected}"
    near = difflib.get_close_matches(scheme.lower(), _TRANSPORTS, n=1)
    if near and rest:
        return f"there is no scheme {scheme}://; did you mean {near[0]}://{rest}?"
    return f"begin it with one of {', '.join(f'{name}://' for name in _TRANSPORTS)}"


def _check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
