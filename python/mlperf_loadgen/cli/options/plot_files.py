"""Files to draw to: `--plot`."""

from __future__ import annotations

from pathlib import Path

from ..show.outcome import Mistake


def check_plot(plot: Path) -> None:
    """Raises Mistake for a file that cannot be drawn to, before a long measurement."""
    if plot.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise Mistake(f"--plot {plot}: the picture needs a name that ends in .png, .svg or .pdf")
    if not plot.parent.is_dir():
        raise Mistake(f"--plot {plot}: there is no folder {plot.parent}; make it")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        fix = "pip install 'mlperf_loadgen[plots]'"
        raise Mistake(f"--plot {plot}: needs matplotlib, not installed: {fix}") from error
