"""A YAML file that describes a whole run: `--file run.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..show.outcome import Mistake
from .endpoint_options import TABLES, check_file_option, read_file_option
from .setting_values import Assignment
from .settings_sources import Model
from .spelling import near_or_all

_TEXTS = ("sut", "qsl", "output")
_TABLES = ("settings", "log")
_KEYS = ("sut", "qsl", "dataset", "endpoint", "model", "output", "conf", *_TABLES)


class Dataset(NamedTuple):
    """Prompts that were asked for."""

    text: str
    """FILE or FILE:FORMAT, as it was written."""
    where: str
    """The option, or the place in a file, for messages."""


@dataclass
class RunFile:
    """The content of the file. Paths in it are relative to its own folder."""

    folder: Path
    sut: str | None = None
    qsl: str | None = None
    dataset: Dataset | None = None
    endpoint: dict[str, Any] = field(default_factory=dict)
    """Options of the endpoint, by the names that OpenAIEndpoint uses."""
    model: Model | None = None
    output: str | None = None
    conf: list[Path] = field(default_factory=list)
    settings: list[Assignment] = field(default_factory=list)
    log: list[Assignment] = field(default_factory=list)


def read_run_file(path: Path) -> RunFile:
    """Reads the file. Raises Mistake, which names file and line, for anything invalid in it."""
    file = RunFile(path.parent)
    for key, value, where in _pairs(_root(path), str(path)):
        if key in _TEXTS:
            setattr(file, key, _text(value, f"{where}: {key}"))
        elif key == "dataset":
            file.dataset = Dataset(_text(value, f"{where}: {key}"), f"{where}: {key}")
        elif key == "endpoint":
            file.endpoint = dict(_endpoint_options(value, path, where))
        elif key == "model":
            text = _text(value, f"{where}: {key}")
            file.model = Model(text, f"{where}: {key}: {text}")
        elif key == "conf":
            nodes = value.value if value.id == "sequence" else [value]
            file.conf = [file.folder / _text(node, f"{where}: conf") for node in nodes]
        elif key in _TABLES:
            getattr(file, key).extend(_assignments(key, value, str(path), where))
        else:
            raise Mistake(f"{where}: there is no key {key!r}{near_or_all(key, _KEYS)}")
    return file


def _root(path: Path) -> Any:
    """The file as YAML's nodes, which know their lines."""
    try:
        import yaml
    except ModuleNotFoundError as error:
        fix = "pip install 'mlperf_loadgen[cli]'"
        raise Mistake(f"--file {path}: reading it needs PyYAML, not installed: {fix}") from error
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise Mistake(f"--file {path}: cannot be read: {reason}") from error
    except RecursionError as error:
        raise Mistake(f"--file {path}: too deep; settings are name: value, a line each") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise Mistake(f"{where}: no YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(root, yaml.MappingNode):
        raise Mistake(f"{path}: holds no keys; write some of {', '.join(_KEYS)}")
    return root


def _pairs(mapping: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    """Key, value and file:line of each entry."""
    seen: set[str] = set()
    for key_node, value in mapping.value:
        where = f"{path}:{key_node.start_mark.line + 1}"
        key = _text(key_node, f"{where}: a key")
        if key in seen:
            raise Mistake(f"{where}: {key} is there twice; remove one")
        seen.add(key)
        yield key, value, where


def _text(node: Any, shown: str) -> str:
    """A scalar as it is written, so that each setting reads it in its own way (`1e4`, `on`)."""
    if node.id != "scalar":
        raise Mistake(f"{shown} takes one value, not a {node.id}")
    if node.tag == "tag:yaml.org,2002:null":
        raise Mistake(f"{shown} has no value; write one, or remove the line")
    return str(node.value)


def _assignments(table: str, node: Any, path: str, where: str) -> Iterator[Assignment]:
    if node.id != "mapping":
        raise Mistake(f"{where}: {table} takes name: value, a line each")
    for name, value, line in _pairs(node, path):
        text = _text(value, f"{line}: {table}.{name}")
        yield Assignment(name, text, line, f"{line}: {name}: {text}")


def _endpoint_options(node: Any, path: Path, where: str) -> Iterator[tuple[str, Any]]:
    """Name and value of each option of an endpoint; tables hold values of YAML."""
    if node.id != "mapping":
        raise Mistake(f"{where}: endpoint takes name: value, a line each")
    for name, value, line in _pairs(node, str(path)):
        shown = f"{line}: endpoint.{name}"
        check_file_option(name, shown)
        if name in TABLES:
            yield name, _table(value, shown)
        else:
            yield name, read_file_option(name, _text(value, shown), shown, path.parent)


def _table(node: Any, shown: str) -> dict[str, Any]:
    import yaml

    if node.id != "mapping":
        raise Mistake(f"{shown} takes name: value, a line each")
    try:
        found: dict[str, Any] = yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.YAMLError as error:
        raise Mistake(f"{shown}: {getattr(error, 'problem', error)}") from error
    return found
