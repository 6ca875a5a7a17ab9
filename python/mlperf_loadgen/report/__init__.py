"""A report on one or more runs, to read and to send: `write_report`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_FORMATS = {".html": "html", ".htm": "html", ".md": "md", ".png": "png"}


def write_report(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    format: str | None = None,
) -> None:
    """Writes a report on runs, sweeps and tables of systems into one file.

    `paths`: one or more folders of logs, log files, sweeps (`sweep.json` or its folder), or tables
    of `pareto` (`pareto.json` or its folder). With several runs, each chart shows all of them.
    `out`: the file. `format`: "html", a page with charts that needs no network; "md", the tables as
    Markdown; "png", the charts as a picture; None: the format that the suffix of `out` names. See
    docs/report.md.

    Raises ValueError for any other format, ImportError without plotly (html:
    `mlperf_loadgen[report]`) or matplotlib (png: `mlperf_loadgen[plots]`), and OSError if `out`
    cannot be written. Also raises the exceptions of `read_run`, `Sweep.load` and
    `ParetoTable.load`.
    """
    kind = format or _FORMATS.get(Path(out).suffix.lower(), "")
    if kind not in _FORMATS.values():
        raise ValueError(
            f"{os.fspath(out)!r} does not say what to write; end it in .html, .md or .png, or give "
            'format="html", "md" or "png"'
        )
    folder = Path(out).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to write a report to; make it")
    from .build import build_report

    several = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    report = build_report(several)
    if kind == "png":
        from .charts.picture import draw

        draw(report, out)
        return
    if kind == "md":
        from .markdown import markdown_of as text_of
    else:
        from .page import page_of as text_of
    text = text_of(report)
    # Half of a surrogate pair is a character for JSON, and so for a log, but not for UTF-8.
    Path(out).write_text(text, encoding="utf-8", errors="backslashreplace")
