"""The charts of a page, as the JSON that plotly.js draws.

Colours are names such as "$run0", which the page replaces by those of its theme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ...text.units import duration, percentile
from ..data import Distribution, PeakReport, Report, RunReport, SweepReport
from .axes import Json, Scale, log_ticks, percentile_axis, rounded, scale_of, time_axis

RUN_COLORS = 6
"""How many colours for runs a theme has; more runs have them again, dashed."""
_LABEL_GAP = 0.075  # Between labels at the end of lines, as a share of the axis.


@dataclass(frozen=True)
class Chart:
    """A chart with its words."""

    key: str
    """Names the chart in the page."""
    title: str
    hint: str
    """How to read it, in a sentence."""
    figure: Json
    """`data` and `layout` of plotly.js."""


# ---- Marks ---------------------------------------------------------------------------------------


def _line(x: list[Any], y: list[Any], color: str, name: str, **more: Any) -> Json:
    style = {"color": color, "width": more.pop("width", 2), "dash": more.pop("dash", "solid")}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": style} | more


def _mark(x: list[float], y: list[float], text: str, at: str, dash: str = "dash") -> Json:
    """A straight line with its label at its first point."""
    return {
        "type": "scatter",
        "mode": "lines+text",
        "x": x,
        "y": y,
        "text": [text] + [""] * (len(x) - 1),
        "textposition": at,
        "textfont": {"color": "$ink", "size": 11},
        "line": {"color": "$ink", "width": 1.2, "dash": dash},
        "hoverinfo": "skip",
        "cliponaxis": False,
        "name": "",
    }


def _end_labels(
    x: float, ends: Sequence[tuple[str, str, float | None]], place: Scale
) -> list[Json]:
    """Names of lines, with their colours, beside where the lines end and clear of each other.

    `ends`: from the lowest line to the highest; the order counts where they end together.
    """
    known = [(place.share(y), name, color) for name, color, y in ends if y is not None and y > 0]
    shown = []
    before = -1.0
    for share, name, color in sorted(known, key=lambda end: end[0]):
        before = max(share, before + _LABEL_GAP)
        shown.append(
            {
                "type": "scatter",
                "mode": "text",
                "x": [x],
                "y": [place.at(before)],
                "text": [f"\u00a0{name}"],
                "textposition": "middle right",
                "textfont": {"color": color, "size": 12},
                "hoverinfo": "skip",
                "cliponaxis": False,
                "name": "",
            }
        )
    return shown


def _bound_marks(parts: Sequence[Distribution], x: list[float], place: Scale) -> list[Json]:
    marks = []
    bounds_ns = {ns for part in parts if (ns := part.bound_ns) and ns > 0}
    for bound_ns in sorted(bounds_ns):
        y = bound_ns / place.unit_ns
        above = place.at(place.share(y) + 0.012)  # Or letters stand on the line.
        label = _mark(x[:1], [above], f"bound {duration(bound_ns)}", "top right")
        marks += [_mark(x, [y, y], "", "top right"), label]
    return marks


def _last(values: list[float | None]) -> float | None:
    return next((v for v in reversed(values) if v is not None), None)


def _run_style(i: int) -> Json:
    return {"color": f"$run{i % RUN_COLORS}", "dash": "dash" if i >= RUN_COLORS else "solid"}


# ---- Distributions -------------------------------------------------------------------------------

_Named = Sequence[tuple[RunReport, Distribution]]


def _histogram_chart(found: _Named) -> Chart:
    key, name = found[0][1].key, found[0][1].name
    first = found[0][1].histogram
    place = scale_of([first.edges_ns])
    data = []
    top = max(float(part.histogram.percent.max()) for _, part in found)
    for i, (run, part) in enumerate(found):
        steps = [*rounded(part.histogram.percent), 0.0]
        more: Json = {"fill": "tozeroy", "fillcolor": f"$fill{i % RUN_COLORS}"}
        line = _line(
            place.values(part.histogram.edges_ns),
            steps,
            name=escape(run.name),
            hovertemplate=f"from %{{x:.4g}} {place.unit}: %{{y:.3g}} %<extra></extra>",
            width=1.6,
            **_run_style(i),
            **more,
        )
        line["line"]["shape"] = "hv"
        data.append(line)
    marks = [(p.bound_ns, f"bound {duration(p.bound_ns)}") for _, p in found if p.bound_ns]
    if len(found) == 1 and found[0][1].target is not None and found[0][1].target_ns:
        marks.append((found[0][1].target_ns, percentile(found[0][1].target)))
    data += _vertical_marks(sorted(set(marks)), place, 1.1 * top)
    x_axis = place.axis(name.lower(), sparse=True)
    y_axis = {"title": {"text": "share (%)"}, "range": [0, 1.16 * top]}
    hint = "How often each duration came; the area is all of them."
    return Chart(f"{key}-histogram", "Distribution", hint, _figure(data, x_axis, y_axis))


def _vertical_marks(marks: Sequence[tuple[float, str]], place: Scale, top: float) -> list[Json]:
    """Lines up to labels, of which each is above the lines that it crosses."""
    shown = [(ns / place.unit_ns, text) for ns, text in marks]
    shown = [(x, text) for x, text in shown if place.low <= x <= place.high]
    to_the_left = any(place.share(x) > 0.6 for x, _ in shown)
    side = "middle left" if to_the_left else "middle right"
    if to_the_left:
        shown.reverse()
    return [
        _mark([x, x], [top * (1 - 0.085 * i), 0.0], f" {text} ", side)
        for i, (x, text) in enumerate(shown)
    ]


def _tail_chart(found: _Named) -> Chart:
    key, name = found[0][1].key, found[0][1].name
    parts = [part for _, part in found]
    place = scale_of([p.tail.values_ns for p in parts], [p.bound_ns for p in parts])
    most = max(float(part.tail.odds[-1]) for part in parts)
    data = []
    for i, (run, part) in enumerate(found):
        percents = 100 * (1 - 1 / part.tail.odds)
        data.append(
            _line(
                rounded(part.tail.odds),
                place.values(part.tail.values_ns),
                name=escape(run.name),
                customdata=rounded(percents),
                hovertemplate=f"p%{{customdata:.6g}}: %{{y:.4g}} {place.unit}<extra></extra>",
                **_run_style(i),
            )
        )
        if part.target is not None and part.target_ns is not None:
            data.append(_target_point(part, place, f"$run{i % RUN_COLORS}", most, len(found) == 1))
    data += _bound_marks(parts, [1.0, max(most, 10.0)], place)
    hint = "Each step to the right is ten times rarer. A cliff is a few very slow answers."
    if len(found) == 1 and parts[0].target is not None:
        what = ", which must not be above the bound" if parts[0].bound_ns is not None else ""
        hint += f" The dot is {percentile(parts[0].target)}{what}."
    figure = _figure(data, percentile_axis(most), place.axis(name.lower()))
    return Chart(f"{key}-tail", "Percentile curve", hint, figure)


def _target_point(
    part: Distribution, place: Scale, color: str, most: float, labelled: bool
) -> Json:
    assert part.target is not None and part.target_ns is not None
    text = f"  {percentile(part.target)} {duration(part.target_ns)}  "
    odds = 1 / (1 - part.target)
    has_room = math.log(odds) < 0.75 * math.log(max(most, 10.0))
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [odds],
        "y": [part.target_ns / place.unit_ns],
        "text": [text if labelled else ""],
        "textposition": "bottom right" if has_room else "top left",
        "textfont": {"color": "$ink", "size": 12},
        "marker": {"color": color, "size": 9, "line": {"color": "$surface", "width": 2}},
        "hoverinfo": "skip",
        "cliponaxis": False,
        "name": "",
    }


def _bands_chart(found: _Named) -> Chart | None:
    shown = [(run, part) for run, part in found if part.bands is not None]
    if not shown:
        return None
    key, name = found[0][1].key, found[0][1].name
    data: list[Json] = []
    lists = [b.max_ns for _, part in shown if (b := part.bands)]
    lists += [b.p50_ns for _, part in shown if (b := part.bands)]
    place = scale_of(lists, [part.bound_ns for _, part in shown])
    end = max(float(part.bands.seconds[-1]) for _, part in shown if part.bands)
    window_s = max(part.bands.window_s for _, part in shown if part.bands)
    if len(shown) == 1:
        data += _one_runs_bands(shown[0][1], place)
        hint = f"Median, 99th percentile and slowest in windows of {duration(1e9 * window_s)}."
    else:
        for i, (run, part) in enumerate(shown):
            assert part.bands is not None
            x, y = rounded(part.bands.seconds), place.values(part.bands.p99_ns)
            hover = f"%{{x:.3g}} s: %{{y:.4g}} {place.unit}<extra></extra>"
            style = _run_style(i)
            data.append(_line(x, y, name=escape(run.name), hovertemplate=hover, **style))
        hint = f"99th percentile in windows of about {duration(1e9 * window_s)}."
    data += _bound_marks([part for _, part in shown], [0.0, end], place)
    figure = _figure(data, time_axis(end), place.axis(name.lower()), labels=len(shown) == 1)
    return Chart(f"{key}-time", "Over time", hint, figure)


def _one_runs_bands(part: Distribution, place: Scale) -> list[Json]:
    assert part.bands is not None
    x = rounded(part.bands.seconds)
    lines = []
    ends = []
    for name, values_ns, color, width in (
        ("max", part.bands.max_ns, "$soft", 1.2),
        ("p99", part.bands.p99_ns, "$run1", 1.8),
        ("p50", part.bands.p50_ns, "$run0", 2.2),
    ):
        y = place.values(values_ns)
        hover = f"{name} at %{{x:.3g}} s: %{{y:.4g}} {place.unit}<extra></extra>"
        lines.append(_line(x, y, color, name, width=width, hovertemplate=hover))
        ends.append((name, color, _last(y)))
    return [*lines, *_end_labels(float(part.bands.seconds[-1]), ends[::-1], place)]


# ---- Flow ----------------------------------------------------------------------------------------


def _throughput_chart(runs: Sequence[RunReport]) -> Chart | None:
    flows = [(run, run.flow) for run in runs if run.flow is not None]
    if not flows:
        return None
    unit = _flow_unit(runs)
    tops = [float(flow.completions_per_s.max()) for _, flow in flows]
    tops += [float(flow.arrivals_per_s.max()) for run, flow in flows if run.offers_load]
    place = Scale(1.0, f"{unit}/s", 0.0, 1.12 * max(*tops, 1e-9), False)
    one = len(flows) == 1
    data = []
    ends: list[tuple[str, str, float | None]] = []
    hover = f"%{{x:.3g}} s: %{{y:.4g}} {unit}/s<extra></extra>"
    for i, (run, flow) in enumerate(flows):
        x, y = rounded(flow.seconds), rounded(flow.completions_per_s)
        if one and run.offers_load:
            arrivals = rounded(flow.arrivals_per_s)
            data.append(_line(x, arrivals, "$soft", "arrived", width=1.2, hovertemplate=hover))
            ends.append(("arrived", "$soft", _last(arrivals)))
            ends.append(("done", "$run0", _last(y)))
        data.append(_line(x, y, name=escape(run.name), hovertemplate=hover, **_run_style(i)))
    end = max(float(flow.seconds[-1]) for _, flow in flows)
    if ends:
        data += _end_labels(end, ends, place)
    hint = f"Completed in windows of {duration(1e9 * max(f.window_s for _, f in flows))}"
    hint += ", against what arrived." if ends else "."
    figure = _figure(data, time_axis(end), place.axis("throughput"), labels=bool(ends))
    return Chart("throughput-time", "Throughput", hint, figure)


def _flow_unit(runs: Sequence[RunReport]) -> str:
    return " or ".join(sorted({run.flow_unit for run in runs if run.flow is not None}))


def _outstanding_chart(runs: Sequence[RunReport]) -> Chart | None:
    flows = [(run, run.flow) for run in runs if run.flow is not None]
    tops = [float(flow.most_outstanding.max()) for _, flow in flows]
    if not flows or max(tops) <= 1:
        return None
    unit = _flow_unit(runs)
    data = []
    for i, (run, flow) in enumerate(flows):
        more: Json = {"fill": "tozeroy", "fillcolor": f"$fill{i}"} if len(flows) == 1 else {}
        hover = f"%{{x:.3g}} s: %{{y:,.0f}} {unit}<extra></extra>"
        line = _line(
            rounded(flow.seconds),
            rounded(flow.most_outstanding),
            name=escape(run.name),
            hovertemplate=hover,
            **_run_style(i),
            **more,
        )
        data.append(line)
    end = max(float(flow.seconds[-1]) for _, flow in flows)
    y_axis = {"title": {"text": f"{unit} waiting"}, "range": [0, 1.1 * max(tops)]}
    hint = "The most that were issued and not answered at a time. A line that climbs is overload."
    return Chart("outstanding-time", "Outstanding", hint, _figure(data, time_axis(end), y_axis))


# ---- Searches and sweeps -------------------------------------------------------------------------


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
        data.append(_mark([0.5, n + 0.5], [peak.peak_qps] * 2, text, "top right"))
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
    return Chart(key, "Rates tried", hint, _figure(data, x_axis, y_axis, legend=True))


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
            _line(x, y, color, name)
            | {
                "mode": "lines+markers",
                "marker": {"symbol": marks, "size": 8, "color": color, "line": {"width": 2}},
                "customdata": [escape(label) for label in sweep.labels],
                "hovertemplate": f"%{{customdata}}: %{{x:.5g}} samples/s, {name} %{{y:.4g}} "
                f"{place.unit}<extra></extra>",
            }
        )
        ends.append((f"\u00a0{name}", color, _last(y)))  # Clear of the point.
    end = max(v for v in x if v is not None)
    if sweep.bound_ns:
        bound = f"bound {duration(sweep.bound_ns)}"
        data.append(_mark([0.0, end], [sweep.bound_ns / place.unit_ns] * 2, bound, "top right"))
    if sweep.knee_samples_per_second is not None:
        at = sweep.knee_samples_per_second
        data.append(_mark([at, at], [place.high, place.low], "knee ", "bottom left", "dot"))
    data += _end_labels(_last(x) or end, ends, place)
    x_axis = {"title": {"text": "achieved throughput (samples/s)"}, "range": [0, 1.04 * end]}
    hint = "Each point is a load; hollow ones are INVALID."
    figure = _figure(data, x_axis, place.axis("latency"), labels=True)
    return Chart(key, "Latency against throughput", hint, figure)


# ---- All of them ---------------------------------------------------------------------------------


def distribution_charts(runs: Sequence[RunReport], key: str) -> list[Chart]:
    """The charts of one kind of duration, of all runs that have it."""
    found = [(run, part) for run in runs for part in run.distributions if part.key == key]
    if not found:
        return []
    charts = [_tail_chart(found), _histogram_chart(found), _bands_chart(found)]
    return [chart for chart in charts if chart is not None]


def flow_charts(report: Report) -> list[Chart]:
    """Throughput and outstanding queries of all runs."""
    charts = [_throughput_chart(report.runs), _outstanding_chart(report.runs)]
    return [chart for chart in charts if chart is not None]


def _figure(
    data: list[Json], x_axis: Json, y_axis: Json, labels: bool = False, legend: bool = False
) -> Json:
    """`labels`: there are names at the right end of lines, which need room."""
    layout = {"xaxis": x_axis, "yaxis": y_axis, "showlegend": legend}
    return {"data": data, "layout": layout, "labels": labels}
