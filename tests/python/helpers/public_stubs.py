"""What type checkers read of the packages that hand on names: `__init__.pyi`, from their tables.

`python public_stubs.py` writes the stubs anew.
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / "python" / "mlperf_loadgen"
TABLES = ("", "compress", "data", "llm", "qdl", "transfer")
"""The packages that hand on names, by their folders."""


def table_of(folder):
    """The modules that a package hands on names of, and these names."""
    tree = ast.parse((PACKAGE / folder / "__init__.py").read_text())
    (call,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_lazy.attach"
    )
    return ast.literal_eval(call.args[1])


def stub_of(folder):
    """The text of the package's `__init__.pyi`."""
    table = table_of(folder)
    lines = ["# Written by tests/python/helpers/public_stubs.py from the table of __init__.py."]
    for module, names in table.items():
        handed_on = ", ".join(f"{name} as {name}" for name in names)
        line = f"from .{module} import {handed_on}"
        if len(line) > 100:
            line = f"from .{module} import (\n    " + handed_on.replace(", ", ",\n    ") + ",\n)"
        lines.append(line)
    public = sorted(
        (name for names in table.values() for name in names), key=lambda n: (n != n.upper(), n)
    )
    lines += ["", "__all__ = [", *(f'    "{name}",' for name in public), "]"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for package in TABLES:
        (PACKAGE / package / "__init__.pyi").write_text(stub_of(package))
