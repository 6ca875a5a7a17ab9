"""`mlperf-loadgen run --dry-run`: what would be run, without running it."""

from __future__ import annotations

import math
from typing import Any

from .. import _core
from ..interfaces import QuerySampleLibrary
from .outcome import Outcome, Status
from .session import Session
from .setting_values import Origin
from .show import duration_text, print_heading, print_table, rate_text
from .signatures import check_methods

_OFFLINE_MARGIN = 1.1  # How much longer than min_duration_ms the one query should last.
_MOST_QPS = 1e9  # Queries that are at least a nanosecond apart.
_MOST_SAMPLES = 2.0**63


def preview(session: Session) -> Outcome:
    """The effective settings, the source of each, and the traffic they make."""
    settings = session.sourced.settings
    counts = _library_counts(session)
    traffic = expected_traffic(settings, counts)
    rows = {
        name: {"value": value, "origin": session.sourced.origin(name)}
        for name, value in settings.to_dict().items()
    }
    document = {
        "sut": session.sut,
        "qsl": session.qsl,
        "output": session.output,
        "settings": rows,
        "traffic": traffic,
        "exit_status": Status.DONE,
    }

    def show() -> None:
        shown = _applicable(session)
        print_heading("Settings")
        print_table([[f"{n}={_text(rows[n]['value'])}", rows[n]["origin"]] for n in shown])
        print(f"  ({len(rows) - len(shown)} that this scenario does not use are left out)")
        print_heading(f"\nTraffic of {settings.scenario.name} {settings.mode.name}")
        print_table([[name.replace("_", " "), _text(value)] for name, value in traffic.items()])
        print(f"\nNothing was run. Logs would go to {session.output}")

    return Outcome(Status.DONE, document, show)


def _library_counts(session: Session) -> tuple[int, int] | None:
    """Total and performance sample count, if a library was named."""
    if session.sut is None:
        return None
    with session.checking():
        library = session.make_library()
        if not isinstance(library, QuerySampleLibrary):
            return None  # A handle or a context manager: not without using it.
        check_methods(library, session.qsl or session.sut)
        return library.total_sample_count, library.performance_sample_count


def _applicable(session: Session) -> list[str]:
    """Names of the settings that count in this scenario: defaults last."""
    settings = session.sourced.settings
    used = {"all", settings.scenario.name}
    if settings.use_token_latencies:
        used |= {"token mode", f"token mode, {settings.scenario.name}"}
    names = [row["name"] for row in _core.settings_table() if row["applies_to"] in used]
    return sorted(names, key=lambda name: session.sourced.origin(name) == Origin.DEFAULT.value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(getattr(value, "name", value))


# ---- The traffic ---------------------------------------------------------------------------------


def expected_traffic(
    settings: _core.TestSettings, counts: tuple[int, int] | None
) -> dict[str, str | int]:
    """What the settings say of the traffic before it is made; docs/cli.md has the formulas.

    `counts`: total and performance sample count of the library, if known.
    """
    traffic: dict[str, str | int] = {}
    if counts is not None:
        traffic["library"] = f"{counts[0]} samples, {_loaded(settings, counts)} loaded at once"
    if settings.mode in (_core.TestMode.AccuracyOnly, _core.TestMode.SubmissionRun):
        override = settings.accuracy_sample_count_override
        total = counts[0] if counts else "all"
        traffic["accuracy"] = f"{override or total} samples, each once"
    if settings.mode == _core.TestMode.AccuracyOnly:
        return traffic
    if settings.warmup_query_count:
        traffic["warm_up"] = f"{settings.warmup_query_count} queries that count for nothing"
    traffic |= _BY_SCENARIO[settings.scenario.name](settings, counts)
    if settings.mode == _core.TestMode.FindPeakPerformance:
        traffic["trials"] = "several runs such as this one, at other rates"
    limits = []
    if settings.max_query_count:
        limits.append(f"{settings.max_query_count} queries")
    if settings.max_duration_ms:
        limits.append(duration_text(settings.max_duration_ms * 1e6))
    if limits:
        traffic["stops_at"] = " or ".join(limits)
    return traffic


def _loaded(settings: _core.TestSettings, counts: tuple[int, int]) -> int:
    return min(settings.performance_sample_count_override or counts[1], counts[0])


def _stream(
    settings: _core.TestSettings, samples_per_query: int, expected_ns: float
) -> dict[str, str | int]:
    """One query after another, until both minimums are reached."""
    min_ns = settings.min_duration_ms * 1e6
    by_time = int(min_ns / expected_ns) if expected_ns > 0 else 0
    return {
        "arrivals": "each query when the one before is answered",
        "samples_per_query": samples_per_query,
        "queries": f"at least {settings.min_query_count}; "
        f"{max(by_time, settings.min_query_count)} if each takes {duration_text(expected_ns)}",
        "lasts": f"at least {duration_text(min_ns)}",
    }


def _single_stream(settings: _core.TestSettings, counts: object) -> dict[str, str | int]:
    return _stream(settings, 1, settings.single_stream_expected_latency_ns)


def _multi_stream(settings: _core.TestSettings, counts: object) -> dict[str, str | int]:
    return _stream(
        settings, settings.multi_stream_samples_per_query, settings.multi_stream_expected_latency_ns
    )


def _server(settings: _core.TestSettings, counts: object) -> dict[str, str | int]:
    """Poisson arrivals: their mean gap is 1 / rate, and so is the gaps' standard deviation."""
    rate = settings.server_target_qps
    if not 0 < rate <= _MOST_QPS:
        return {"arrivals": f"none: server_target_qps must be above 0, up to {_MOST_QPS:g}"}
    seconds = max(settings.min_duration_ms / 1000, settings.min_query_count / rate)
    return {
        "arrivals": f"at random, {rate_text(rate)} a second; the mean gap is "
        f"{duration_text(1e9 / rate)}",
        "samples_per_query": 1,
        "queries": f"at least {settings.min_query_count}; about {round(rate * seconds)}",
        "lasts": f"about {duration_text(seconds * 1e9)}",
        "bound": _bound(settings),
    }


def _bound(settings: _core.TestSettings) -> str:
    share = f"{100 * settings.server_target_latency_percentile:g} %"
    if settings.use_token_latencies:
        return (
            f"{share} of samples: first token within {duration_text(settings.ttft_latency)}, "
            f"each later one within {duration_text(settings.tpot_latency)}"
        )
    return f"{share} of queries within {duration_text(settings.server_target_latency_ns)}"


def _offline(settings: _core.TestSettings, counts: tuple[int, int] | None) -> dict[str, str | int]:
    """One query that should last a little longer than the minimum."""
    rate = settings.offline_expected_qps
    if not 0 < rate < math.inf:
        return {"arrivals": "none: offline_expected_qps must be above 0"}
    expected = _OFFLINE_MARGIN * settings.min_duration_ms / 1000 * rate
    if not expected < _MOST_SAMPLES:
        return {"arrivals": f"none: that would be {expected:.3g} samples"}
    samples: str | int = max(settings.min_query_count, int(expected))
    if settings.performance_issue_unique:
        samples = _loaded(settings, counts) if counts else "each loaded one once"
    lasts = (
        f"{duration_text(samples / rate * 1e9)} at {rate_text(rate)} samples/s"
        if isinstance(samples, int)
        else "as long as they take"
    )
    return {"arrivals": "all at once", "queries": 1, "samples": samples, "lasts": lasts}


_BY_SCENARIO = {
    "SingleStream": _single_stream,
    "MultiStream": _multi_stream,
    "Server": _server,
    "Offline": _offline,
}
