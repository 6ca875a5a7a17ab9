"""`mlperf-loadgen serve`: a system under test for load generators on other machines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ...host.stderr import say
from ...interfaces import QuerySampleLibrary, SystemUnderTest
from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status
from ..target.signatures import check_methods
from ..target.targets import entered, is_address, make_library, make_system
from ..target.user_code import calling_user_code


@dataclass
class Listening:
    """Where to listen, and whom to answer."""

    bind: Annotated[
        list[str],
        typer.Option(
            "--bind",
            metavar="ADDRESS",
            help="Address at which to listen, for example tcp://127.0.0.1:8001. Repeatable.",
        ),
    ]
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="DIR",
            help="Folder made by `mlperf-loadgen keys`. Only load generators with its keys are "
            "answered.",
            show_default=False,
        ),
    ] = None
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Answer every program that can reach the address, without keys."
        ),
    ] = False

    def check(self) -> None:
        """Raises Mistake for an address that is none."""
        for address in self.bind:
            if not _is_address_to_bind(address):
                raise Mistake(f"--bind {address} is no address: write it as tcp://127.0.0.1:8001")


@with_options
def serve(
    sut: Annotated[
        str,
        typer.Argument(
            metavar="SUT",
            help="System under test: package.module:Class or path/file.py:Class.",
        ),
    ],
    qsl: Annotated[
        str | None,
        typer.Option(
            "--qsl",
            metavar="QSL",
            help="Sample library on this machine for the SUT, all of which is loaded; shards are "
            "named as in 'wds:val-{000000..000019}.tar'. Default: a library of the samples that "
            "load generators send.",
            show_default=False,
        ),
    ] = None,
    *,
    listening: Listening,
    shown: Shown,
) -> Outcome:
    """Answer load generators on other machines, until Ctrl-C."""
    if is_address(sut):
        raise Mistake(f"{sut} is on the network already: name a class, as in path/file.py:Class")
    listening.check()
    with contextlib.ExitStack() as stack:
        own = None if qsl is None else _loaded_library(sut, qsl)

        def make(remote: object) -> SystemUnderTest:
            made: SystemUnderTest = entered(
                stack, make_system(sut, own or remote), sut, SystemUnderTest
            )
            return made

        served = _serve(make, sut, listening)
    return Outcome(Status.DONE, {"served": served, "exit_status": Status.DONE}, lambda: None)


def _serve(make: Callable[[object], SystemUnderTest], sut: str, listening: Listening) -> list[str]:
    """Serves until Ctrl-C. Returns the addresses at which it listened."""
    from ...qdl import NetworkError
    from ...qdl import serve as serve_node

    served: list[str] = []

    def ready(addresses: list[str]) -> None:
        served.extend(addresses)
        say(f"serving {sut} at {', '.join(addresses)}; Ctrl-C ends it\n")

    try:
        with calling_user_code():
            serve_node(
                make,
                listening.bind,
                keys=listening.keys,
                insecure=listening.insecure,
                ready=ready,
            )
    except (NetworkError, OSError, ValueError, ImportError) as error:
        raise Mistake(f"--bind {' '.join(listening.bind)}: {error}") from error
    return served


def _is_address_to_bind(address: str) -> bool:
    try:
        return is_address(address)
    except Mistake as error:
        raise Mistake(f"--bind {error}") from error


def _loaded_library(sut: str, qsl: str) -> Any:
    library: Any = make_library(sut, qsl)
    if not isinstance(library, QuerySampleLibrary):
        raise Mistake(f"--qsl {qsl}: no QuerySampleLibrary; derive its class from that")
    with calling_user_code():
        check_methods(library, f"--qsl {qsl}")
        library.load_samples(list(range(library.total_sample_count)))
    return library
