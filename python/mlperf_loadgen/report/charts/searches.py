"""The charts of searches and sweeps: rates tried, and latency against throughput."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from ...text.units import duration
from ..data import PeakReport, SweepReport
from .axes import Json, log_ticks, rounded, scale_of
from .marks import Chart, end_labels, figure_of, last_of, line_of, mark


def peak_chart(peak: PeakReport, key: str) -> Chart:
    """The rates that a search tried, in their order."""
    n = len(peak.rates)
    data: list[Json] = []
    names = {True: "passed", False: "failed", None: "tried"}
    looks = {True: ("$run2", "circle"), False: ("$run1", "x"), None: ("$run0", "circle-open")}
    for outcome, (color, symbol) in looks.items():
        at = [i for i in range(n) if peak.passed[i] is outcome]
        if not at:
            continue
        trials: Json = {
            "type": "scatter",
            "mode": "markers",
            "x": [i + 1 for i in at],
            "y": rounded(np.array([peak.rates[i] for i in at])),
            "name": names[outcome],
            "marker": {"color": color, "symbol": symbol, "size": 9, "line": {"width": 2}},
            "hovertemplate": f"trial %{{x}}: %{{y:.6g}} queries/s, {names[outcome]}<extra></extra>",
            "showlegend": True,
        }
        data.append(trials)
    if peak.peak_qps is not None:
        text = f"peak {peak.peak_qps:.5g}"
        data.append(mark([0.5, n + 0.5], [peak.peak_qps] * 2, text, "top right"))
    low, high = min(peak.rates), max(peak.rates)
    room = (high / low) ** 0.1 if high > low else 1.2
    ticks = log_ticks(low / room, high * room)
    y_axis = {
        "type": "log",
        "title": {"text": "rate tried (queries/s)"},
        "range": [math.log10(low / room), math.log10(high * room)],
        "tickvals": ticks,
        "ticktext": [f"{tick:,.6g}" for tick in ticks],
    }
    x_axis = {"title": {"text": "trial"}, "range": [0.5, n + 0.5]}
    hint = "Each mark is one trial, in the order they were run."
    return Chart(key, "Rates tried", hint, figure_of(data, x_axis, y_axis, legend=True))


def sweep_chart(sweep: SweepReport, key: str) -> Chart | None:
    """Latency against throughput; None: nothing was measured."""
    lists = [np.array([v or math.nan for v in values], np.float64) for _, values in sweep.lines]
    if not any(np.isfinite(values).any() for values in lists):
        return None
    place = scale_of(lists, [sweep.bound_ns])
    x = rounded(np.array(sweep.samples_per_second, np.float64))
    data: list[Json] = []
    ends: list[tuple[str, str, float | None]] = []
    for i, ((name, _), values_ns) in enumerate(zip(sweep.lines, lists, strict=True)):
        y = place.values(values_ns)
        color = f"$run{i}"
        marks = ["circle" if valid else "circle-open" for valid in sweep.valid]
        data.append(
            line_of(x, y, color, name)
            | {
                "mode": "lines+markers",
                "marker": {"symbol": marks, "size": 8, "color": color, "line": {"width": 2}},
                "customdata": [escape(label) for label in sweep.labels],
                "hovertemplate": f"%{{customdata}}: %{{x:.5g}} samples/s, {name} %{{y:.4g}} "
                f"{place.unit}<extra></extra>",
            }
        )
        ends.append((f"\u00a0{name}", color, last_of(y)))  # Clear of the point.
    end = max(v for v in x if v is not None)
    if sweep.bound_ns:
        bound = f"bound {duration(sweep.bound_ns)}"
        data.append(mark([0.0, end], [sweep.bound_ns / place.unit_ns] * 2, bound, "top right"))
    if sweep.knee_samples_per_second is not None:
        at = sweep.knee_samples_per_second
        data.append(mark([at, at], [place.high, place.low], "knee ", "bottom left", "dot"))
    data += end_labels(last_of(x) or end, ends, place)
    x_axis = {"title": {"text": "achieved throughput (samples/s)"}, "range": [0, 1.04 * end]}
    hint = "Each point is a load; hollow ones are INVALID."
    figure = figure_of(data, x_axis, place.axis("latency"), labels=True)
    return Chart(key, "Latency against throughput", hint, figure)
