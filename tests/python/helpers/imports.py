"""What each file of the package imports, wherever in the file it does: the edges of its layers."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = REPOSITORY / "python"
PACKAGE = "mlperf_loadgen"
CORE = f"{PACKAGE}._core"
EXTENSIONS = (
    CORE,
    *(f"{PACKAGE}.{name}" for name in ("_compress", "_llm", "_shards", "_transfer")),
)
"""The modules in C++, which import nothing of the package."""


def module_name(path):
    """The dotted name of a file below the folder of the package's sources."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources():
    """The texts of the package's files by the names of their modules, and which are packages."""
    found = {}
    for path in sorted((SOURCES / PACKAGE).rglob("*.py")):
        name = module_name(path.relative_to(SOURCES))
        found[name] = (path.read_text(), path.name == "__init__.py")
    return found


class _Imports(ast.NodeVisitor):
    """The modules that one file names: imports anywhere, and strings of lazy tables."""

    def __init__(self, name, is_package, known):
        self.package = name if is_package else name.rpartition(".")[0]
        self.known = known
        self.found = set()

    def add(self, module):
        """A module of the package; of a name that is none, the package that holds it."""
        while module and module not in self.known:
            module = module.rpartition(".")[0]
        if module:
            self.found.add(module)

    def visit_Import(self, node):
        for alias in node.names:
            self.add(alias.name)

    def visit_ImportFrom(self, node):
        base = node.module or ""
        if node.level:
            above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
            base = ".".join([*above, *filter(None, [node.module])])
        for alias in node.names:
            self.add(f"{base}.{alias.name}")

    def visit_Call(self, node):
        called = ast.unparse(node.func)
        if called == "_lazy.attach":
            for module in ast.literal_eval(node.args[1]):
                self.add(f"{self.package}.{module}")
        elif called == "_lazy.later":
            self.add(f"{self.package}.{ast.literal_eval(node.args[1])}")
        elif called == "import_module" and isinstance(node.args[0], ast.BinOp):
            # import_module("." + TABLE[...], __package__): the table is beside it.
            self.add_table(ast.unparse(node.args[0].right).partition("[")[0])
        self.generic_visit(node)

    def add_table(self, name):
        """The values of a table of this file, as modules below the package."""
        for node in ast.walk(self.tree):
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                for value in ast.walk(node.value):
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        self.add(f"{self.package}.{value.value}")

    def of(self, text):
        self.tree = ast.parse(text)
        self.visit(self.tree)
        return self.found


def edges(files):
    """(file, module that it imports), for files as `sources` gives them."""
    known = {*files, *EXTENSIONS}
    return {
        (name, module)
        for name, (text, is_package) in files.items()
        for module in _Imports(name, is_package, known).of(text) - {name}
    }


def modules_named_in_cpp(text):
    """The Python modules of the package that a C++ text imports by name, but for its own."""
    named = re.findall(r'(?i:import)\w*\(\s*"(mlperf_loadgen[\w.]*)"', text)
    return {module for module in named if module not in EXTENSIONS}
