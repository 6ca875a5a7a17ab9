"""The hand-kept stubs of the smaller extension modules say what these have, with the same words.

Method: a stub is parsed with ast and compared with its module in both directions.
"""

import ast
from pathlib import Path

import pytest

import mlperf_loadgen as lg
from mlperf_loadgen import _compress, _shards, _transfer


class Stub:
    """A module, and the classes and functions of its stub."""

    def __init__(self, module):
        self.module = module
        name = module.__name__.rpartition(".")[2]
        tree = ast.parse((Path(lg.__file__).parent / f"{name}.pyi").read_text())
        kinds = (ast.ClassDef, ast.FunctionDef)
        self.nodes = {node.name: node for node in tree.body if isinstance(node, kinds)}

    def functions(self):
        """(owner, name, node) of every function and method."""
        for name, node in self.nodes.items():
            if isinstance(node, ast.FunctionDef):
                yield self.module, name, node
                continue
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield getattr(self.module, name), member.name, member


@pytest.fixture(params=[_compress, _shards, _transfer], ids=lambda module: module.__name__)
def stub(request):
    return Stub(request.param)


def public(names):
    return {name for name in names if not name.startswith("_")}


def words(text):
    return " ".join(text.split())


def test_same_names(stub):
    assert public(vars(stub.module)) == stub.nodes.keys()
    for name, node in stub.nodes.items():
        if isinstance(node, ast.ClassDef):
            members = {m.name for m in node.body if isinstance(m, ast.FunctionDef)}
            assert public(vars(getattr(stub.module, name))) == public(members), name


def test_same_parameters(stub):
    checked = 0
    for owner, name, node in stub.functions():
        signature = (getattr(getattr(owner, name, None), "__doc__", None) or "").split("\n")[0]
        if f"{name}(" not in signature:
            continue  # A property.
        wanted = [a.arg for a in node.args.posonlyargs + node.args.args + node.args.kwonlyargs]
        for parameter in {*wanted} - {"self"}:
            assert parameter in signature, (name, parameter)
        checked += 1
    assert checked > 3


def test_same_doc_strings(stub):
    for owner, name, node in [
        *stub.functions(),
        *((stub.module, name, node) for name, node in stub.nodes.items()),
    ]:
        text = ast.get_docstring(node)
        if text:
            assert words(text) in words(getattr(owner, name).__doc__), name
