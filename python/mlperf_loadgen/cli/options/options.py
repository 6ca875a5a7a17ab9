"""Options that commands share, as dataclasses of fields that typer reads."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from ... import _core
from .network_options import read_network_options


@dataclass
class Shown:
    """How a command speaks. Both are read before anything else, by `app`."""

    json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON document and nothing else."),
    ] = False
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show tracebacks of mistakes too."),
    ] = False


@dataclass
class Target:
    """What is measured."""

    sut: Annotated[
        str | None,
        typer.Argument(
            metavar="SUT",
            help="System under test: package.module:Class, path/file.py:Class, or an address, "
            "scheme://host:port (several with commas).",
            show_default=False,
        ),
    ] = None
    qsl: Annotated[
        str | None,
        typer.Argument(
            metavar="QSL",
            help="Sample library, named likewise; not needed where the file or module of the SUT "
            "has just one.",
            show_default=False,
        ),
    ] = None
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="RUN.yaml",
            help="YAML file with sut, qsl, conf, model, settings, log and output.",
            show_default=False,
        ),
    ] = None
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="DIR",
            help="Keys for a SUT on the network, as `keys` makes them.",
            show_default=False,
        ),
    ] = None
    connect_timeout: Annotated[
        float | None,
        typer.Option(
            "--connect-timeout",
            metavar="SECONDS",
            help="How long a SUT on the network may take to appear; default: 30.",
            show_default=False,
        ),
    ] = None

    network: Annotated[
        list[str],
        typer.Option(
            "--network",
            metavar="NAME=VALUE",
            help="Option of a SUT on the network, as in concurrency=8, inputs=x:FP32:-1x4, "
            "ca_file=ca.pem or query.NAME=VALUE. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    header: Annotated[
        list[str],
        typer.Option(
            "--header",
            metavar="'NAME: VALUE'",
            help="Header for a SUT on the network (http, kserve), or @FILE with a line each, "
            "which keeps tokens out of the list of processes. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def network_options(self) -> dict[str, Any]:
        """Those that were given, as NetworkQDL names them."""
        given = {"keys": self.keys, "connect_timeout_s": self.connect_timeout}
        own = {name: value for name, value in given.items() if value is not None}
        return own | read_network_options(self.network, self.header)


@dataclass
class Settings:
    """What is asked of a test, but for its mode."""

    conf: Annotated[
        list[Path],
        typer.Option(
            "--conf",
            metavar="FILE",
            help="Config file (mlperf.conf, user.conf). Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Model whose entries of the config files count; alone: of the built-in one, which "
            f"has {', '.join(_core.built_in_models())}.",
            show_default=False,
        ),
    ] = None
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            "-s",
            metavar="NAME",
            help="SingleStream, MultiStream, Server or Offline.",
            show_default=False,
        ),
    ] = None
    set: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting, as in server_target_qps=100. Repeatable; --dry-run of run lists "
            "them.",
            show_default=False,
        ),
    ] = field(default_factory=list)


@dataclass
class Logs:
    """Where logs go, and what is told meanwhile."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder of the logs, made if missing. Else a fresh one in ./runs.",
            show_default=False,
        ),
    ] = None
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Write over the results of an earlier run in the folder of the logs.",
        ),
    ] = False
    log: Annotated[
        list[str],
        typer.Option(
            "--log",
            metavar="KEY=VALUE",
            help="What is logged, as in enable_trace=false. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    progress: Annotated[
        bool | None,
        typer.Option(
            "--progress/--no-progress",
            help="Tell how far it is, on stderr. Default: if that is a terminal.",
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
    """For typer: the fields of its dataclass parameters become parameters of the function."""
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
            default=part.default if part.default is not MISSING else [],
            annotation=hints[part.name],
        )
        for part in fields(group)
    ]
