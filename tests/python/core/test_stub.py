"""The hand-kept stub _core.pyi says what the extension module has.

Method: the stub is parsed with ast and the module looked at with inspect. Public names, attributes,
which of them may be set, parameter names, types of settings and doc strings are compared in both
directions.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest

import mlperf_loadgen as lg
from mlperf_loadgen import _core

TREE = ast.parse((Path(lg.__file__).parent / "_core.pyi").read_text())
CLASSES = {
    node.name: node
    for node in TREE.body
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
}
FUNCTIONS = {node.name: node for node in TREE.body if isinstance(node, ast.FunctionDef)}
VARIABLES = {
    node.target.id
    for node in TREE.body
    if isinstance(node, ast.AnnAssign) and not node.target.id.startswith("_")
}
ENUMS = (
    "TestScenario",
    "TestMode",
    "Pacing",
    "PeakStrategy",
    "TokenClock",
    "TokenLog",
    "LoggingMode",
)


def members(name):
    """The stub's members of a class: name to the last node that declares it."""
    found = {}
    for node in CLASSES[name].body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = node
    return found


def decorators(node):
    return {d.id for d in getattr(node, "decorator_list", ()) if isinstance(d, ast.Name)}


def one_line(text):
    return " ".join(text.split())


def parameters(signature):
    """Parameter names of a signature in a doc string, self left out."""
    plain = re.sub(r"\[[^][]*\]", "", signature)  # Types may have commas between their brackets.
    inside = plain[plain.index("(") + 1 : plain.index(")")]
    names = [part.replace("=", ":").split(":")[0].strip() for part in inside.split(",")]
    return [name for name in names if name not in ("", "self")]


def stub_parameters(node):
    return [a.arg for a in node.args.posonlyargs + node.args.args if a.arg != "self"]


def test_same_public_names():
    public = {name for name in vars(_core) if not name.startswith("_")}
    assert public == CLASSES.keys() | FUNCTIONS.keys() | VARIABLES


@pytest.mark.parametrize("name", CLASSES)
def test_class_has_all_that_the_stub_says(name):
    cls = getattr(_core, name)
    assert inspect.isclass(cls)
    for member in members(name):
        # A batch becomes a list for what only lists can do.
        assert hasattr(cls, member) or (name == "SampleBatch" and hasattr(list, member)), member


@pytest.mark.parametrize("name", CLASSES)
def test_stub_has_all_that_the_class_has(name):
    public = {member for member in vars(getattr(_core, name)) if not member.startswith("_")}
    assert public <= members(name).keys()


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in ENUMS])
def test_attributes_can_be_set_where_the_stub_says_so(name):
    cls = getattr(_core, name)
    for member, node in members(name).items():
        found = vars(cls).get(member)
        if isinstance(found, property):
            assert (found.fset is None) == ("property" in decorators(node)), member
        elif inspect.isgetsetdescriptor(found):
            settable = not isinstance(node, ast.FunctionDef)
            if settable:
                value = cls()
                setattr(value, member, getattr(value, member))
            else:
                assert "property" in decorators(node), member


@pytest.mark.parametrize("name", ENUMS)
def test_enum_members(name):
    enum = getattr(_core, name)
    declared = {
        member
        for member, node in members(name).items()
        if isinstance(node, ast.AnnAssign) and not member.startswith("_")
    }
    assert declared == set(enum.__members__)


def test_types_of_settings():
    defaults = lg.TestSettings()
    declared = {
        name: node.annotation.id
        for name, node in members("TestSettings").items()
        if isinstance(node, ast.AnnAssign) and not name.startswith("_")
    }
    assert declared == {name: type(getattr(defaults, name)).__name__ for name in defaults.to_dict()}
    keywords = members("TestSettings")["__init__"].args.kwonlyargs
    assert {a.arg: a.annotation.id for a in keywords} == declared


@pytest.mark.parametrize("name", ["LogOutputSettings", "LogSettings"])
def test_types_of_log_settings(name):
    defaults = getattr(lg, name)()
    for member, node in members(name).items():
        if isinstance(node, ast.AnnAssign) and not member.startswith("__"):
            assert node.annotation.id == type(getattr(defaults, member)).__name__, member


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_of_functions(name):
    signature = getattr(_core, name).__doc__.splitlines()[0]
    assert stub_parameters(FUNCTIONS[name]) == parameters(signature)


@pytest.mark.parametrize(
    ("cls", "method"),
    [
        ("TestSettings", "FromConfig"),
        ("TestSettings", "from_dict"),
        ("TestSettings", "to_dict"),
        ("TestResult", "to_dict"),
        ("CallbackSut", "__init__"),
        ("CallbackQsl", "__init__"),
    ],
)
def test_parameters_of_methods(cls, method):
    signature = getattr(getattr(_core, cls), method).__doc__.splitlines()[0]
    assert stub_parameters(members(cls)[method]) == parameters(signature)


def documented():
    """(owner, name, the stub's doc string) of all that has one."""
    for name, node in (CLASSES | FUNCTIONS).items():
        if ast.get_docstring(node):
            yield None, name, ast.get_docstring(node)
    for cls, node in CLASSES.items():
        for member, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(member, ast.FunctionDef) and ast.get_docstring(member):
                yield cls, member.name, ast.get_docstring(member)
            elif (
                isinstance(member, ast.AnnAssign)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
            ):
                yield cls, member.target.id, following.value.value


def test_doc_strings():
    checked = 0
    for cls, name, text in documented():
        owner = getattr(_core, cls) if cls else _core
        assert one_line(text) in one_line(getattr(owner, name).__doc__), (cls, name)
        checked += 1
    assert checked > 60


def test_every_setting_is_documented():
    names = {name for cls, name, _ in documented() if cls == "TestSettings"}
    assert names >= lg.TestSettings().to_dict().keys()


def test_all_is_complete_and_exists():
    native = {name for name in CLASSES.keys() | FUNCTIONS.keys() if name in vars(lg)}
    assert native <= set(lg.__all__)
    # Only an installed package knows its version.
    for name in set(lg.__all__) - {"__version__"}:
        assert hasattr(lg, name), name
