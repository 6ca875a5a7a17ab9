"""Every public name is where it was, in one table that type checkers see as well.

Method: the names that the package handed on before its modules moved into folders are in
tests/golden/public_names.json; what is handed on today holds them all. The stubs for type checkers
are made again from the tables and compared.
"""

import importlib
import json
from pathlib import Path

import pytest
from public_stubs import PACKAGE, TABLES, stub_of

BEFORE = json.loads(
    (Path(__file__).resolve().parents[2] / "golden" / "public_names.json").read_text()
)


@pytest.mark.parametrize("module", BEFORE)
def test_each_name_is_still_there(module):
    now = importlib.import_module(module)
    assert set(BEFORE[module]) - set(now.__all__) == set()
    for name in now.__all__:
        assert getattr(now, name) is not None


@pytest.mark.parametrize("folder", TABLES)
def test_the_stub_is_that_of_the_table(folder):
    stub = (PACKAGE / folder / "__init__.pyi").read_text()
    assert stub == stub_of(folder), "run python tests/python/helpers/public_stubs.py"


def test_an_unknown_name_is_an_attribute_error():
    package = importlib.import_module("mlperf_loadgen")
    with pytest.raises(AttributeError, match="module 'mlperf_loadgen' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018
