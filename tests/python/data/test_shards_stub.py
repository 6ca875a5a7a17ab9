"""The hand-kept stub _shards.pyi says what the extension module has, with the same words.

Method: the stub is parsed with ast and compared with the module in both directions.
"""

import ast
from pathlib import Path

import mlperf_loadgen as lg
from mlperf_loadgen import _shards

TREE = ast.parse((Path(lg.__file__).parent / "_shards.pyi").read_text())
NODES = {node.name: node for node in TREE.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}


def functions():
    """(owner, name, node) of every function and method of the stub."""
    for name, node in NODES.items():
        if isinstance(node, ast.FunctionDef):
            yield _shards, name, node
            continue
        for member in node.body:
            if isinstance(member, ast.FunctionDef):
                yield getattr(_shards, name), member.name, member


def public(names):
    return {name for name in names if not name.startswith("_")}


def test_same_names():
    assert public(vars(_shards)) == NODES.keys()
    for name, node in NODES.items():
        if isinstance(node, ast.ClassDef):
            members = {m.name for m in node.body if isinstance(m, ast.FunctionDef)}
            assert public(vars(getattr(_shards, name))) == public(members), name


def test_same_parameters():
    checked = 0
    for owner, name, node in functions():
        signature = (getattr(getattr(owner, name, None), "__doc__", None) or "").split("\n")[0]
        if f"{name}(" not in signature:
            continue  # A property.
        wanted = [a.arg for a in node.args.posonlyargs + node.args.args + node.args.kwonlyargs]
        for parameter in {*wanted} - {"self"}:
            assert parameter in signature, (name, parameter)
        checked += 1
    assert checked > 3


def test_same_doc_strings():
    for owner, name, node in functions():
        text = ast.get_docstring(node)
        if text:
            assert " ".join(text.split()) in " ".join(getattr(owner, name).__doc__.split()), name
