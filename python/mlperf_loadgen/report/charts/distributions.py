"""The charts of how durations are distributed: histogram, percentile curve, and over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ...text.units import duration, percentile
from ..data import Distribution, RunReport
from .axes import Json, Scale, percentile_axis, rounded, scale_of, time_axis
from .marks import (
    RUN_COLORS,
    Chart,
    bound_marks,
    end_labels,
    figure_of,
    last_of,
    line_of,
    run_style,
    vertical_marks,
)

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
        line = line_of(
            place.values(part.histogram.edges_ns),
            steps,
            name=escape(run.name),
            hovertemplate=f"from %{{x:.4g}} {place.unit}: %{{y:.3g}} %<extra></extra>",
            width=1.6,
            **run_style(i),
            **more,
        )
        line["line"]["shape"] = "hv"
        data.append(line)
    marks = [(p.bound_ns, f"bound {duration(p.bound_ns)}") for _, p in found if p.bound_ns]
    if len(found) == 1 and found[0][1].target is not None and found[0][1].target_ns:
        marks.append((found[0][1].target_ns, percentile(found[0][1].target)))
    data += vertical_marks(sorted(set(marks)), place, 1.1 * top)
    x_axis = place.axis(name.lower(), sparse=True)
    y_axis = {"title": {"text": "share (%)"}, "range": [0, 1.16 * top]}
    hint = "How often each duration came; the area is all of them."
    return Chart(f"{key}-histogram", "Distribution", hint, figure_of(data, x_axis, y_axis))


def _tail_chart(found: _Named) -> Chart:
    key, name = found[0][1].key, found[0][1].name
    parts = [part for _, part in found]
    place = scale_of([p.tail.values_ns for p in parts], [p.bound_ns for p in parts])
    most = max(float(part.tail.odds[-1]) for part in parts)
    data = []
    for i, (run, part) in enumerate(found):
        percents = 100 * (1 - 1 / part.tail.odds)
        data.append(
            line_of(
                rounded(part.tail.odds),
                place.values(part.tail.values_ns),
                name=escape(run.name),
                customdata=rounded(percents),
                hovertemplate=f"p%{{customdata:.6g}}: %{{y:.4g}} {place.unit}<extra></extra>",
                **run_style(i),
            )
        )
        if part.target is not None and part.target_ns is not None:
            data.append(_target_point(part, place, f"$run{i % RUN_COLORS}", most, len(found) == 1))
    data += bound_marks(parts, [1.0, max(most, 10.0)], place)
    hint = "Each step to the right is ten times rarer. A cliff is a few very slow answers."
    if len(found) == 1 and parts[0].target is not None:
        what = ", which must not be above the bound" if parts[0].bound_ns is not None else ""
        hint += f" The dot is {percentile(parts[0].target)}{what}."
    figure = figure_of(data, percentile_axis(most), place.axis(name.lower()))
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
            style = run_style(i)
            data.append(line_of(x, y, name=escape(run.name), hovertemplate=hover, **style))
        hint = f"99th percentile in windows of about {duration(1e9 * window_s)}."
    data += bound_marks([part for _, part in shown], [0.0, end], place)
    figure = figure_of(data, time_axis(end), place.axis(name.lower()), labels=len(shown) == 1)
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
        lines.append(line_of(x, y, color, name, width=width, hovertemplate=hover))
        ends.append((name, color, last_of(y)))
    return [*lines, *end_labels(float(part.bands.seconds[-1]), ends[::-1], place)]


def distribution_charts(runs: Sequence[RunReport], key: str) -> list[Chart]:
    """The charts of one kind of duration, of all runs that have it."""
    found = [(run, part) for run in runs for part in run.distributions if part.key == key]
    if not found:
        return []
    charts = [_tail_chart(found), _histogram_chart(found), _bands_chart(found)]
    return [chart for chart in charts if chart is not None]
