"""`mlperf-loadgen run --dry-run`: what would be run, without running it."""

from __future__ import annotations

import json
import os
from typing import Any

from ... import _core
from ...interfaces import QuerySampleLibrary
from ...text.units import counted, duration, rate, share
from ..measurement import Measurement
from ..options.option_names import in_options
from ..options.setting_values import Origin
from ..target.endpoint_targets import names_endpoint
from ..target.signatures import check_methods
from ..target.targets import shown_target
from .outcome import Outcome, Status
from .show import print_heading, print_table, print_text

_PROBED_LENGTH = 1.32  # Of the query that a probe sizes, in min_duration_ms.
# Of a library that is not known: a test that no such library is large enough for is refused.
_LARGEST_COUNTS = (2**32 - 1, 2**32 - 1)


def preview(measurement: Measurement) -> Outcome:
    """Shows the effective settings, the source of each, and the traffic they make. Raises Mistake
    for anything that a run would refuse."""
    with measurement.output_folder(), measurement.serving_metrics():  # The folder is removed again.
        counts = _checked_counts(measurement)
        settings, remarks, plan = measurement.resolved(counts or _LARGEST_COUNTS)
    origins = measurement.sourced.origins | _overridden(measurement, settings)
    traffic = expected_traffic(settings, counts, plan)
    rows = {
        name: {"value": value, "origin": origins.get(name, Origin.DEFAULT.value)}
        for name, value in settings.to_dict().items()
    }
    errors = [text for is_error, text in remarks if is_error]
    warnings = [text for is_error, text in remarks if not is_error]
    endpoint = _endpoint(measurement)
    document = {
        "sut": measurement.sut and shown_target(measurement.sut),
        "qsl": measurement.qsl,
        **({"endpoint": endpoint} if endpoint else {}),
        "output": measurement.output,
        "settings": rows,
        "traffic": traffic,
        "errors": errors,
        "warnings": warnings,
        "exit_status": Status.DONE,
    }

    def show() -> None:
        used = [name for name in rows if not _core.why_unused(settings, name)]
        shown = sorted(used, key=lambda name: rows[name]["origin"] == Origin.DEFAULT.value)
        print_heading("Settings")
        print_table([[f"{n}={_text(rows[n]['value'])}", rows[n]["origin"]] for n in shown])
        print(f"  ({len(rows) - len(shown)} that this test does not use are left out)")
        if endpoint:
            print_heading("\nEndpoint")
            print_table(
                [[name.replace("_", " "), _text(value)] for name, value in endpoint.items()]
            )
        print_heading(f"\nTraffic of {settings.scenario.name} {settings.mode.name}")
        print_table([[name.replace("_", " "), _text(value)] for name, value in traffic.items()])
        for text in errors:
            print_text(f"error: {text}")
        for text in warnings:
            print_text(f"warning: {in_options(text)}")
        print(f"\nNothing was run. Logs would go to {measurement.output}")

    return Outcome(Status.DONE, document, show)


def _endpoint(measurement: Measurement) -> dict[str, Any]:
    """What requests to an endpoint are made of, without secrets; empty for other systems."""
    if measurement.sut is None or not names_endpoint(measurement.sut):
        return {}
    options = measurement.endpoint.options(measurement.target)
    if "headers" in options:
        options["headers"] = dict.fromkeys(options["headers"], "...")
    dataset = measurement.endpoint.dataset
    key = "that of OPENAI_API_KEY" if os.environ.get("OPENAI_API_KEY") else "none"
    return {
        "address": shown_target(measurement.sut),
        **({"dataset": dataset.text} if dataset else {}),
        "key": key,
        **options,
    }


def _overridden(measurement: Measurement, settings: _core.TestSettings) -> dict[str, str]:
    """The source of each value that StartTest has changed."""
    asked = measurement.sourced.settings
    given, now = _core.config_origins(asked), _core.config_origins(settings)
    before = asked.to_dict()
    changed = [name for name, value in settings.to_dict().items() if value != before[name]]
    by_audit = {name: origin for name, origin in now.items() if origin != given.get(name)}
    return dict.fromkeys(changed, "test05") | by_audit


def _checked_counts(measurement: Measurement) -> tuple[int, int] | None:
    """Total and performance sample count, if a library was named. Raises Mistake for a library or
    a system that cannot be measured.
    """
    if measurement.sut is None:
        return None
    with measurement.checking():
        library = measurement.make_library()
        if not isinstance(library, QuerySampleLibrary):  # A handle or a context manager.
            measurement.check_system(None)
            return None  # Not without using it.
        check_methods(library, measurement.qsl or measurement.sut)
        measurement.check_system(library)
        return library.total_sample_count, library.performance_sample_count


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(getattr(value, "name", value))


# ---- The traffic ---------------------------------------------------------------------------------


def expected_traffic(
    settings: _core.TestSettings, counts: tuple[int, int] | None, plan: dict[str, Any]
) -> dict[str, str | int]:
    """The traffic as far as the settings determine it before it is made; docs/cli.md has the
    formulas.

    `counts`: total and performance sample count of the library, if known. `plan`: the numbers of
    the test; those of the samples are right only if the library is known.
    """
    traffic: dict[str, str | int] = {}
    if counts is not None:
        loaded = plan["performance_sample_count"]
        traffic["library"] = f"{counted(counts[0], 'sample')}, {loaded} loaded at once"
    if settings.mode in (_core.TestMode.AccuracyOnly, _core.TestMode.SubmissionRun):
        override = settings.accuracy_sample_count_override
        total = override or (counts[0] if counts else 0)
        samples = counted(total, "sample") if total else "all samples"
        traffic["accuracy"] = f"{samples}, each once"
    if settings.mode == _core.TestMode.AccuracyOnly:
        return traffic
    if settings.warmup_query_count:
        queries = counted(settings.warmup_query_count, "query", "queries")
        traffic["warm_up"] = f"{queries}, not part of the result"
    traffic |= _BY_SCENARIO[settings.scenario.name](settings, plan)
    if settings.mode == _core.TestMode.FindPeakPerformance:
        traffic["trials"] = "several runs such as this one, at other rates"
    limits = []
    if settings.max_query_count:
        limits.append(counted(settings.max_query_count, "query", "queries"))
    if settings.max_duration_ms:
        limits.append(duration(settings.max_duration_ms * 1e6))
    if limits:
        traffic["stops_at"] = " or ".join(limits)
    return traffic


def _stream(
    settings: _core.TestSettings, samples_per_query: int, expected_ns: float
) -> dict[str, str | int]:
    """One query after another, until both minimums are reached."""
    min_ns = settings.min_duration_ms * 1e6
    by_time = int(min_ns / expected_ns)
    return {
        "arrivals": "each query when the one before is answered",
        "samples_per_query": samples_per_query,
        "queries": f"at least {settings.min_query_count}; "
        f"{max(by_time, settings.min_query_count)} if each takes {duration(expected_ns)}",
        "lasts": f"at least {duration(min_ns)}",
    }


def _single_stream(settings: _core.TestSettings, plan: object) -> dict[str, str | int]:
    return _stream(settings, 1, settings.single_stream_expected_latency_ns)


def _multi_stream(settings: _core.TestSettings, plan: object) -> dict[str, str | int]:
    return _stream(
        settings, settings.multi_stream_samples_per_query, settings.multi_stream_expected_latency_ns
    )


def _server(settings: _core.TestSettings, plan: object) -> dict[str, str | int]:
    """Poisson arrivals: their mean gap is 1 / rate, and so is the gaps' standard deviation."""
    qps = settings.server_target_qps
    seconds = max(settings.min_duration_ms / 1000, settings.min_query_count / qps)
    traffic: dict[str, str | int] = {
        "arrivals": f"at random, {rate(qps)} a second; the mean gap is {duration(1e9 / qps)}",
        "samples_per_query": 1,
        "queries": f"at least {settings.min_query_count}; about {round(qps * seconds)}",
        "lasts": f"about {duration(seconds * 1e9)}",
        "bound": _bound(settings),
    }
    threads = settings.server_num_issue_query_threads
    if threads:  # Whether they are registered shows when the system is there.
        traffic["issued_by"] = f"{threads} threads of the system, which must register just as many"
    return traffic


def _bound(settings: _core.TestSettings) -> str:
    most = share(settings.server_target_latency_percentile, 6)
    if settings.use_token_latencies:
        kept = [
            f"first token within {duration(settings.ttft_latency)}",
            f"each later one within {duration(settings.tpot_latency)}",
        ]
        if settings.itl_latency:
            kept.append(f"gaps between tokens within {duration(settings.itl_latency)}")
        if settings.e2e_latency:
            kept.append(f"whole answers within {duration(settings.e2e_latency)}")
        if settings.goodput_share:
            kept.append(f"all of these in {share(settings.goodput_share, 6)} of samples")
        return f"{most} of samples: {', '.join(kept)}"
    return f"{most} of queries within {duration(settings.server_target_latency_ns)}"


def _offline(settings: _core.TestSettings, plan: dict[str, Any]) -> dict[str, str | int]:
    """One query that should last a little longer than the minimum."""
    traffic: dict[str, str | int] = {"arrivals": "all at once", "queries": 1}
    if settings.performance_issue_unique:
        return traffic | {"samples": "each loaded one once", "lasts": "as long as they take"}
    if settings.offline_probe_duration_ms:
        probed_ns = settings.offline_probe_duration_ms * 1e6
        longest_ns = _PROBED_LENGTH * settings.min_duration_ms * 1e6
        return traffic | {
            "probe": f"about {duration(probed_ns)} before the test, which sizes its query",
            "samples": f"{settings.min_query_count} at least",
            "lasts": f"about {duration(longest_ns)} at the speed of the probe",
        }
    qps, samples = settings.offline_expected_qps, plan["samples_per_query"]
    if qps == 0:
        return traffic | {"samples": samples, "lasts": "as long as they take"}
    lasts = f"{duration(samples / qps * 1e9)} at {rate(qps)} samples/s"
    return traffic | {"samples": samples, "lasts": lasts}


_BY_SCENARIO = {
    "SingleStream": _single_stream,
    "MultiStream": _multi_stream,
    "Server": _server,
    "Offline": _offline,
}
