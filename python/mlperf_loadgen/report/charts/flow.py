"""The charts of what came and went: throughput and outstanding queries over time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...text.units import duration
from ..data import Report, RunReport
from .axes import Json, Scale, rounded, time_axis
from .marks import Chart, end_labels, figure_of, last_of, line_of, run_style


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
            data.append(line_of(x, arrivals, "$soft", "arrived", width=1.2, hovertemplate=hover))
            ends.append(("arrived", "$soft", last_of(arrivals)))
            ends.append(("done", "$run0", last_of(y)))
        data.append(line_of(x, y, name=escape(run.name), hovertemplate=hover, **run_style(i)))
    end = max(float(flow.seconds[-1]) for _, flow in flows)
    if ends:
        data += end_labels(end, ends, place)
    hint = f"Completed in windows of {duration(1e9 * max(f.window_s for _, f in flows))}"
    hint += ", against what arrived." if ends else "."
    figure = figure_of(data, time_axis(end), place.axis("throughput"), labels=bool(ends))
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
        line = line_of(
            rounded(flow.seconds),
            rounded(flow.most_outstanding),
            name=escape(run.name),
            hovertemplate=hover,
            **run_style(i),
            **more,
        )
        data.append(line)
    end = max(float(flow.seconds[-1]) for _, flow in flows)
    y_axis = {"title": {"text": f"{unit} waiting"}, "range": [0, 1.1 * max(tops)]}
    hint = "The most that were issued and not answered at a time. A line that climbs is overload."
    return Chart("outstanding-time", "Outstanding", hint, figure_of(data, time_axis(end), y_axis))


def flow_charts(report: Report) -> list[Chart]:
    """Throughput and outstanding queries of all runs."""
    charts = [_throughput_chart(report.runs), _outstanding_chart(report.runs)]
    return [chart for chart in charts if chart is not None]
