"""The hand-kept stub _llm.pyi says what the extension module has.

Method: the stub is parsed with ast and compared with the module in both directions: names, members,
parameter names and doc strings.
"""

import ast
import re
from pathlib import Path

import pytest

import mlperf_loadgen as lg
from mlperf_loadgen import _llm

TREE = ast.parse((Path(lg.__file__).parent / "_llm.pyi").read_text())
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in TREE.body if isinstance(node, ast.FunctionDef)}


def one_line(text):
    return " ".join(text.split())


def members(name):
    return {node.name: node for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}


def stub_parameters(node):
    return [a.arg for a in node.args.args + node.args.kwonlyargs if a.arg != "self"]


def parameters(signature):
    inside = re.sub(r"\[[^][]*\]", "", signature.partition("(")[2].rpartition(")")[0])
    names = [part.partition(":")[0].strip() for part in inside.split(",")]
    return [name for name in names if name not in ("self", "*")]


def test_same_public_names():
    public = {name for name in vars(_llm) if not name.startswith("_")}
    assert public == CLASSES.keys() | FUNCTIONS.keys()


@pytest.mark.parametrize("name", CLASSES)
def test_same_members(name):
    public = {member for member in vars(getattr(_llm, name)) if not member.startswith("_")}
    assert public == {member for member in members(name) if not member.startswith("_")}


def test_same_parameters():
    checked = 0
    for cls in CLASSES:
        for name, node in members(cls).items():
            if not node.decorator_list:
                signature = getattr(getattr(_llm, cls), name).__doc__.splitlines()[0]
                assert parameters(signature) == stub_parameters(node), (cls, name)
                checked += 1
    assert checked >= 4


def test_same_doc_strings():
    checked = 0
    for cls, node in CLASSES.items():
        described = [(getattr(_llm, cls), node)]
        described += [(getattr(getattr(_llm, cls), n), m) for n, m in members(cls).items()]
        for found, stub in described:
            if text := ast.get_docstring(stub):
                assert one_line(text) in one_line(found.__doc__), (cls, stub.name)
                checked += 1
    assert checked > 20
