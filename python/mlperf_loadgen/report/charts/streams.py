"""The charts of streamed answers: tokens over time, gaps against load, tokens of events."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from ...text.units import counted, duration
from ..data import RunReport, StreamReport
from .axes import Json, Scale, rounded, scale_of, time_axis
from .marks import Chart, end_labels, figure_of, last_of, line_of, run_style

_Streams = Sequence[tuple[RunReport, StreamReport]]


def stream_charts(runs: Sequence[RunReport]) -> list[Chart]:
    """The charts of all runs whose system said when its tokens came."""
    found = [(run, run.stream) for run in runs if run.stream is not None]
    if not found:
        return []
    charts = [_tokens_chart(found), _load_chart(found), _sizes_chart(found)]
    return [chart for chart in charts if chart is not None]


def _tokens_chart(found: _Streams) -> Chart:
    top = max(float(stream.flow.tokens_per_s.max()) for _, stream in found)
    place = Scale(1.0, "tokens/s", 0.0, 1.12 * max(top, 1e-9), False)
    data = []
    for i, (run, stream) in enumerate(found):
        x, y = rounded(stream.flow.seconds), rounded(stream.flow.tokens_per_s)
        hover = "%{x:.3g} s: %{y:.4g} tokens/s<extra></extra>"
        data.append(line_of(x, y, name=escape(run.name), hovertemplate=hover, **run_style(i)))
    end = max(float(stream.flow.seconds[-1]) for _, stream in found)
    window_s = max(stream.flow.window_s for _, stream in found)
    hint = f"Output tokens that arrived in windows of {duration(1e9 * window_s)}."
    figure = figure_of(data, time_axis(end), place.axis("tokens"))
    return Chart("tokens-time", "Tokens per second", hint, figure)


def _load_chart(found: _Streams) -> Chart | None:
    shown = [(run, stream) for run, stream in found if stream.gaps is not None]
    if not shown:
        return None
    lists = [values for _, s in shown if (g := s.gaps) for values in (g.p50_ns, g.p99_ns)]
    place = scale_of(lists)
    end = max(float(s.gaps.in_flight[-1]) for _, s in shown if s.gaps)
    data: list[Json] = []
    for i, (run, stream) in enumerate(shown):
        assert stream.gaps is not None
        style = run_style(i) if len(shown) > 1 else None
        data += _load_lines(run.name, stream, place, style)
    if len(shown) == 1:
        ends = [(str(line["name"]), line["line"]["color"], last_of(line["y"])) for line in data]
        data += end_labels(end, ends, place)
    names = sorted({stream.gap_name for _, stream in shown})
    width = max(s.gaps.width for _, s in shown if s.gaps)
    ranges = f" in steps of {counted(width, 'request')}" if width > 1 else ""
    which = "Median and 99th percentile" if len(shown) == 1 else "99th percentile"
    hint = f"{which}, by how many requests were issued and not answered at the time{ranges}."
    x_axis = {"title": {"text": "requests in flight"}, "range": [0, 1.02 * end]}
    name = " or ".join(names)
    figure = figure_of(data, x_axis, place.axis(name.lower()), labels=len(shown) == 1)
    return Chart("gaps-load", f"{name} against requests in flight", hint, figure)


def _load_lines(
    run_name: str, stream: StreamReport, place: Scale, style: Json | None
) -> list[Json]:
    """Median and 99th percentile; the latter alone in the `style` of one of several runs."""
    assert stream.gaps is not None
    gaps = stream.gaps
    x = rounded(gaps.in_flight)
    hover = f"%{{x:,.5g}} in flight: %{{y:.4g}} {place.unit}<extra></extra>"
    if style is not None:
        y = place.values(gaps.p99_ns)
        return [line_of(x, y, name=escape(run_name), hovertemplate=hover, **style)]
    lines = (("p50", gaps.p50_ns, "$run0"), ("p99", gaps.p99_ns, "$run1"))
    return [
        line_of(x, place.values(values), color, name, hovertemplate=f"{name}, {hover}")
        for name, values, color in lines
        if np.isfinite(values).any()
    ]


def _sizes_chart(found: _Streams) -> Chart | None:
    shown = [(i, run, s.sizes) for i, (run, s) in enumerate(found) if s.sizes is not None]
    if not shown:
        return None
    most = max(int(np.flatnonzero(sizes.percent)[-1]) + 1 for _, _, sizes in shown)
    top = max(float(sizes.percent.max()) for _, _, sizes in shown)
    ticks = list(range(1, most + 1))
    data: list[Json] = []
    for i, run, sizes in shown:
        bars: Json = {
            "type": "bar",
            "x": ticks,
            "y": rounded(sizes.percent[:most]),
            "name": escape(run.name),
            "marker": {"color": run_style(i)["color"]},
            "hovertemplate": "%{x} tokens: %{y:.3g} of 100 events<extra></extra>",
        }
        data.append(bars)
    x_axis = {
        "title": {"text": "tokens an event"},
        "range": [0.4, most + 0.6],
        "tickvals": ticks,
        "ticktext": [_size_text(tick, len(shown[0][2].percent)) for tick in ticks],
    }
    y_axis = {"title": {"text": "share of the events (%)"}, "range": [0, 1.1 * top]}
    hint = "The tokens of an event arrive together, and the times between events are longer for it."
    return Chart("tokens-event", "Tokens an event", hint, figure_of(data, x_axis, y_axis))


def _size_text(tokens: int, most: int) -> str:
    return f"{tokens} or more" if tokens == most else str(tokens)
