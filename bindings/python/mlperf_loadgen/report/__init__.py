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
    """Writes a report on runs and sweeps into one file.

    `paths`: one or more folders of logs, log files, or sweeps (`sweep.json` or its folder); several
    runs are laid over each other. `out`: the file. `format`: "html", a page with charts that needs
    no network; "md", its tables as Markdown; "png", its charts as a picture; None: as the suffix of
    `out` says. See docs/report.md.

    Raises ValueError for another format, ImportError without plotly (html:
    `mlperf_loadgen[report]`) or matplotlib (png: `mlperf_loadgen[plots]`), and what `read_run` and
    `Sweep.load` raise.
    """
    kind = format or _FORMATS.get(Path(out).suffix.lower(), "")
    if kind not in _FORMATS.values():
        raise ValueError(
            f"{os.fspath(out)!r} does not say what to write; end it in .html, .md or .png, or give "
            'format="html", "md" or "png"'
        )
    from .build import build_report

    several = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    report = build_report(several)
    if kind == "png":
        from .picture import draw

        draw(report, out)
    elif kind == "md":
        from .markdown import markdown_of

        Path(out).write_text(markdown_of(report), encoding="utf-8")
    else:
        from .page import page_of

        Path(out).write_text(page_of(report), encoding="utf-8")
