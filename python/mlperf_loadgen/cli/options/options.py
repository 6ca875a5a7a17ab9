"""Options that commands share, as dataclasses of fields that typer reads."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from ... import _core
from .network_options import NODE_READERS, Readers, read_network_options


@dataclass
class Shown:
    """How a command shows its outcome. `app` reads both options before anything else."""

    json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON document and nothing else."),
    ] = False
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error as well."),
    ] = False


@dataclass
class Target:
    """What is measured."""

    sut: Annotated[
        str | None,
        typer.Argument(
            metavar="SUT",
            help="System under test: package.module:Class, path/file.py:Class, or an address: "
            "tcp://host:port of a node, or openai+http://host:port/v1 of an endpoint of language "
            "models; or several addresses with commas between them.",
            show_default=False,
        ),
    ] = None
    qsl: Annotated[
        str | None,
        typer.Argument(
            metavar="QSL",
            help="Sample library: package.module:Class or path/file.py:Class, or shards: "
            "'wds:val-{000000..000019}.tar?fields=jpg,cls'. You may leave it out if the file or "
            "module of the SUT has just one.",
            show_default=False,
        ),
    ] = None
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="RUN.yaml",
            help="YAML file that describes the whole run: sut, qsl, dataset, endpoint, conf, "
            "model, settings, log and output.",
            show_default=False,
        ),
    ] = None
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="DIR",
            help="Folder of keys for a SUT on the network, made by `mlperf-loadgen keys`.",
            show_default=False,
        ),
    ] = None
    connect_timeout: Annotated[
        float | None,
        typer.Option(
            "--connect-timeout",
            metavar="SECONDS",
            help="How many seconds a SUT on the network may take to appear; default: 30.",
            show_default=False,
        ),
    ] = None

    network: Annotated[
        list[str],
        typer.Option(
            "--network",
            metavar="NAME=VALUE",
            help="Option of the connection to a SUT on the network, such as concurrency=8, "
            "max_outstanding=64 (openai), inputs=x:FP32:-1x4 (kserve) or ca_file=ca.pem; "
            "docs/network.md and docs/llm.md list them. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    header: Annotated[
        list[str],
        typer.Option(
            "--header",
            metavar="'NAME: VALUE'",
            help="Header of each request to a SUT on the network (openai, http, kserve), or @FILE "
            "with a "
            "header on each line, which keeps tokens out of the list of processes. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def network_options(self, readers: Readers = NODE_READERS) -> dict[str, Any]:
        """The options that were given, by the names that NetworkQDL uses, or the system that has
        other `readers`."""
        given = {"keys": self.keys, "connect_timeout_s": self.connect_timeout}
        own = {name: value for name, value in given.items() if value is not None}
        return own | read_network_options(self.network, self.header, readers)


@dataclass
class Settings:
    """The settings of a test, without its mode."""

    conf: Annotated[
        list[Path],
        typer.Option(
            "--conf",
            metavar="FILE",
            help="Config file such as user.conf, applied after the built-in mlperf.conf. "
            "Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Model whose entries in the config files are used. Without --conf, only the "
            "built-in mlperf.conf is used; it has "
            f"{', '.join(_core.built_in_models())}.",
            show_default=False,
        ),
    ] = None
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            "-s",
            metavar="NAME",
            help="Scenario: SingleStream, MultiStream, Server or Offline.",
            show_default=False,
        ),
    ] = None
    set: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set any setting, for example server_target_qps=100. Repeatable. "
            "`mlperf-loadgen run --dry-run` shows the settings of a run.",
            show_default=False,
        ),
    ] = field(default_factory=list)


@dataclass
class Logs:
    """Where logs go, and what is shown during a test."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the logs; it is made if missing. Default: a new folder in ./runs.",
            show_default=False,
        ),
    ] = None
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Overwrite the results of an earlier run in the folder for the logs.",
        ),
    ] = False
    log: Annotated[
        list[str],
        typer.Option(
            "--log",
            metavar="KEY=VALUE",
            help="Set an option of the logs, for example enable_trace=false. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    progress: Annotated[
        bool | None,
        typer.Option(
            "--progress/--no-progress",
            help="Show on stderr how far the test is. Default: only if stderr is a terminal.",
            show_default=False,
        ),
    ] = None
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            metavar="N",
            min=0,
            max=65535,
            help="Serve live metrics to Prometheus on this port.",
            show_default=False,
        ),
    ] = None


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes the fields of the function's dataclass parameters its own parameters, for typer."""
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return")
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @functools.wraps(function)
    def called(**values: Any) -> Any:
        for name, group in groups.items():
            values[name] = group(**{part.name: values.pop(part.name) for part in fields(group)})
        return function(**values)

    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in groups:
            parameters += _parameters_of(groups[parameter.name])
        else:
            hint = hints[parameter.name]
            parameters.append(parameter.replace(annotation=hint, kind=parameter.KEYWORD_ONLY))
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    del called.__wrapped__
    return called


def _parameters_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            part.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default_of(part),
            annotation=hints[part.name],
        )
        for part in fields(group)
    ]


def _default_of(part: Field[Any]) -> Any:
    if part.default_factory is not MISSING:
        return part.default_factory()
    return inspect.Parameter.empty if part.default is MISSING else part.default
