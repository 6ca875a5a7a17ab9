"""Fixture of the tests of the command line: `pytest_plugins = ["cli_fixtures"]`."""

import sys

import pytest
from cli_commands import SYSTEM


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory with system.py, whose imports leave nothing behind."""
    (tmp_path / "system.py").write_text(SYSTEM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
