"""The rules that a run broke, worked out from what its detail log counts and judges.

Only for logs that do not hold the reasons themselves: those of the reference, of older versions,
and of a test that was killed. The load generator's own judge is loadgen/evaluate/verdict.cc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..text.units import percentile
from .detail import number_or_none

_WITH_FAILED = ", with failed samples counted as slower than any other"


def broken_rules(last: Mapping[str, Any]) -> list[str]:
    """The rules of the verdict that were not kept, with their numbers as far as they are logged."""
    reasons = []
    if last.get("result_perf_constraints_met") is False:
        reasons.append(_broken_bound(last))
    if last.get("result_min_duration_met") is False:
        reasons.append(
            f"the run was shorter than min_duration, {last.get('effective_min_duration_ms')} ms"
        )
    if last.get("result_min_queries_met") is False:
        reasons.append(_broken_minimum(last))
    if last.get("early_stopping_met") is False:
        failed = _WITH_FAILED if last.get("result_failed_sample_count") else ""
        kinds = {"early_stopping_ttft_result": " of TTFT", "early_stopping_tpot_result": " of TPOT"}
        for key in ("early_stopping_result", *kinds):
            missing = re.search(
                r"at least (\d+) more queries|at least (\d+) queries for",
                str(last.get(key, "")),
            )
            if missing:
                noun = "query" if missing[1] == "1" else "queries"
                count = f"{missing[1]} more {noun}" if missing[1] else f"{missing[2]} queries"
                reasons.append(f"early stopping{kinds.get(key, '')} needs {count}{failed}")
    return reasons


def _broken_bound(last: Mapping[str, Any]) -> str:
    target = number_or_none(last.get("effective_target_latency_percentile")) or 0.99
    shown = percentile(target)
    if last.get("requested_use_token_latencies"):
        return f"the {shown} of TTFT or TPOT is above its bound"
    bound_ns = number_or_none(last.get("effective_target_latency_ns")) or 0
    bound = f"the bound of {bound_ns / 1e6:g} ms"
    # MultiStream had a bound, on whole queries, until v1.0 of the reference.
    found = (
        number_or_none(last.get(f"result_{100 * target:.2f}_percentile_{kind}_ns"))
        for kind in ("per_query_latency", "latency")
    )
    measured_ns = next((ns for ns in found if ns is not None), None)
    if measured_ns == 0:
        return f"{shown} latency is unknown, nothing was measured against {bound}"
    if measured_ns is None or measured_ns <= bound_ns:
        failed = last.get("result_failed_sample_count")
        return f"{shown} latency is above {bound}{_WITH_FAILED if failed else ''}"
    return f"{shown} latency {measured_ns / 1e6:.4g} ms is above {bound}"


def _broken_minimum(last: Mapping[str, Any]) -> str:
    issued = number_or_none(last.get("result_query_count")) or 0
    least = number_or_none(last.get("effective_min_query_count")) or 0
    if issued < least:
        return f"{issued} queries were issued, min_query_count asks for {least}"
    samples = last.get("effective_min_sample_count")
    return f"fewer samples were completed than the {samples} that the test asks for"
