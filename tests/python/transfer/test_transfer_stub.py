"""The hand-kept stub _transfer.pyi says what the extension module has, with the same words.

Method: the stub is parsed with ast and compared with the module in both directions.
"""

import ast
from pathlib import Path

import mlperf_loadgen as lg
from mlperf_loadgen import _transfer

TREE = ast.parse((Path(lg.__file__).parent / "_transfer.pyi").read_text())
NODES = {node.name: node for node in TREE.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}


def functions():
    """(owner, name, node) of every function and method of the stub."""
    for name, node in NODES.items():
        if isinstance(node, ast.FunctionDef):
            yield _transfer, name, node
            continue
        for member in node.body:
            if isinstance(member, ast.FunctionDef):
                yield getattr(_transfer, name), member.name, member


def public(names):
    return {name for name in names if not name.startswith("_")}


def words(text):
    return " ".join(text.split())


def test_same_names():
    assert public(vars(_transfer)) == NODES.keys()
    for name, node in NODES.items():
        if isinstance(node, ast.ClassDef):
            members = {m.name for m in node.body if isinstance(m, ast.FunctionDef)}
            assert public(vars(getattr(_transfer, name))) == public(members), name


def test_same_parameters():
    checked = 0
    for owner, name, node in functions():
        signature = (getattr(getattr(owner, name, None), "__doc__", None) or "").split("\n")[0]
        if f"{name}(" not in signature:
            continue  # A property.
        for parameter in {a.arg for a in node.args.args} - {"self"}:
            assert parameter in signature, (name, parameter)
        checked += 1
    assert checked > 15


def test_same_doc_strings():
    for owner, name, node in functions():
        text = ast.get_docstring(node)
        if text:
            assert words(text) in words(getattr(owner, name).__doc__), name
    for name, node in NODES.items():
        assert words(ast.get_docstring(node)) in words(getattr(_transfer, name).__doc__), name
