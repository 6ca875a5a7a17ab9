"""Builds the Python package when pip is given this folder, as clients of the reference do.

The project's own pyproject.toml is one folder up. An installer runs these hooks in the folder that
it was given, so it is enough to change to the other one.
"""

import os
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
if not (CLONE / "pyproject.toml").is_file():
    raise SystemExit(
        f"{Path(__file__).parent} was copied out of its clone; run pip install on a whole clone, "
        "or on the folder loadgen inside it"
    )
os.chdir(CLONE)

from scikit_build_core.setuptools.build_meta import *  # noqa: E402, F403
