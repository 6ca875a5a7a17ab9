"""The package's parts keep to their floors: who may import what, and no circle.

Method: every import of every file is read from its text, wherever it stands (inside a function or
under TYPE_CHECKING too), with the modules that lazy tables name, and what C++ imports by name. A
part that is on no floor fails: place it.
"""

import graphlib
import os
from pathlib import Path

import pytest
from imports import CORE, EXTENSIONS, PACKAGE, REPOSITORY, edges, modules_named_in_cpp, sources

FLOORS = [
    {"_compress", "_core", "_llm", "_shards", "_transfer"},
    {"text", "host", "_lazy"},
    {"callables", "interfaces"},
    {"handles", "vectors"},
    {"run"},  # Up to here a benchmark's start pays for every import.
    {"systems", "live", "logs"},
    {"compress", "data", "transfer"},
    {"qdl"},
    {"llm"},
    {"peak", "sweeps", "comparison", "doctor"},
    {"tradeoffs"},
    {"testing", "report"},
    {"cli"},
    {"__init__", "__main__"},  # These only hand on names.
]
"""The parts of the package, lowest first: a file imports its own part and lower floors only."""

ALLOWED = {
    # Programs for users to start from: they import the package as their own do.
    (f"{PACKAGE}.cli.starter.qsl", PACKAGE),
    (f"{PACKAGE}.cli.starter.sut", PACKAGE),
}


def part_of(module):
    return module.split(".")[1] if "." in module else "__init__"


def floor_of(module):
    """The floor of a module's part; None: it is on none."""
    found = [floor for floor, parts in enumerate(FLOORS) if part_of(module) in parts]
    return found[0] if found else None


def faults(files):
    """What runs up or across, as text."""
    found = []
    for name, imported in sorted(edges(files) - ALLOWED):
        same = part_of(name) == part_of(imported)
        if not same and not floor_of(imported) < floor_of(name):
            found.append(f"{name} imports {imported}")
    return found


def circle(files):
    """A circle of imports, a module twice; empty if there is none."""
    graph = {name: set() for name in (*files, *EXTENSIONS)}
    for name, imported in edges(files):
        graph[name].add(imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


# ---- The package ---------------------------------------------------------------------------------


def test_each_part_has_a_floor():
    files = sources()
    assert len(files) > 100
    assert [name for name in files if floor_of(name) is None] == []


def test_each_floor_has_parts_that_are_there():
    there = {part_of(name) for name in (*sources(), *EXTENSIONS)}
    assert set.union(*FLOORS) == there


def test_no_import_runs_up_or_across():
    assert faults(sources()) == []


def test_no_circle_between_files():
    assert circle(sources()) == []


def test_each_exception_is_needed():
    assert edges(sources()) >= ALLOWED


def test_cpp_names_no_python_module():
    named = {
        path.name: modules_named_in_cpp(path.read_text())
        for path in (REPOSITORY / "bindings").rglob("*.*")
        if path.suffix in (".cc", ".h")
    }
    assert len(named) > 20
    assert {name: modules for name, modules in named.items() if modules} == {}


# ---- The check itself ----------------------------------------------------------------------------


def package(**texts):
    """Files of a package by their paths, with `__` for the slash, and the packages around them."""
    files = {PACKAGE: ("", True)}
    for path, text in texts.items():
        parts = path.split("__")
        for depth in range(1, len(parts)):
            files.setdefault(".".join([PACKAGE, *parts[:depth]]), ("", True))
        files[".".join([PACKAGE, *parts])] = (text, False)
    return files


@pytest.mark.parametrize(
    "text",
    [
        "from ..report import build",
        "from ..report.build import page",
        "import mlperf_loadgen.report.build",
        "from mlperf_loadgen.report import build",
        "def f():\n    from ..report import build",
        "def f():\n    import mlperf_loadgen.report.build as b",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from ..report.build import page",
        "try:\n    from ..report import build\nexcept ImportError:\n    pass",
        "class A:\n    from ..report import build",
    ],
)
def test_an_import_that_runs_up_is_seen(text):
    files = package(logs__run=text, report__build="page = 1")
    assert faults(files) == ["mlperf_loadgen.logs.run imports mlperf_loadgen.report.build"]


def test_an_import_across_is_seen():
    files = package(peak__find="from ..sweeps.run import sweep", sweeps__run="sweep = 1")
    assert faults(files) == ["mlperf_loadgen.peak.find imports mlperf_loadgen.sweeps.run"]


def test_imports_down_and_within_a_part_are_fine():
    files = package(
        peak__find="from .text import words\nfrom ..logs.run import read_run\nimport os",
        peak__text="words = 1",
        logs__run="from .. import _core\nread_run = 1",
    )
    assert faults(files) == []
    assert edges(files) == {
        ("mlperf_loadgen.peak.find", "mlperf_loadgen.peak.text"),
        ("mlperf_loadgen.peak.find", "mlperf_loadgen.logs.run"),
        ("mlperf_loadgen.logs.run", CORE),
    }


def test_names_of_the_package_itself_are_an_import_of_it():
    files = package(logs__run="from .. import read_samples")
    assert faults(files) == ["mlperf_loadgen.logs.run imports mlperf_loadgen"]


def test_lazy_tables_are_imports():
    files = package(report__build="page = 1", qdl__node="", run="")
    table = '__getattr__, __dir__, __all__ = _lazy.attach(globals(), {"..report.build": ("page",)})'
    files["mlperf_loadgen.qdl"] = (table.replace("..report", "node"), True)
    files["mlperf_loadgen.run"] = ('hook = _lazy.later("", "report.build", "page")', False)
    found = edges(files)
    assert ("mlperf_loadgen.qdl", "mlperf_loadgen.qdl.node") in found
    assert faults(files) == ["mlperf_loadgen.run imports mlperf_loadgen.report.build"]


def test_the_table_of_commands_is_an_import():
    assert (f"{PACKAGE}.cli.app", f"{PACKAGE}.cli.commands.run") in edges(sources())


def test_a_circle_is_seen_under_type_checking_too():
    files = package(
        peak__find="from .text import words",
        peak__text="TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from .find import Result",
    )
    assert set(circle(files)) == {"mlperf_loadgen.peak.find", "mlperf_loadgen.peak.text"}


def test_an_import_by_cpp_is_seen():
    text = 'py::module_::import("mlperf_loadgen.text.result").attr("describe")'
    assert modules_named_in_cpp(text) == {"mlperf_loadgen.text.result"}
    assert modules_named_in_cpp('PyImport_ImportModule("mlperf_loadgen")') == {PACKAGE}
    assert modules_named_in_cpp('py::module_::import("mlperf_loadgen._core")') == set()


def test_the_walk_is_recursive():
    depths = {len(Path(name.replace(".", os.sep)).parts) for name in sources()}
    assert max(depths) >= 4
