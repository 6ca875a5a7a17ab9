"""What was asked of an endpoint, in the run file and in the options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .options.endpoint_options import CONNECTION_READERS, TABLES, Endpoint
from .options.options import Target
from .options.run_file import Dataset, RunFile
from .show.outcome import Mistake
from .target.endpoint_targets import dataset_in_folder, names_endpoint, open_prompts
from .target.targets import shown_target


@dataclass(frozen=True)
class AskedEndpoint:
    """Prompts, and how they are sent."""

    given: Endpoint
    """The options of the command line."""
    of_file: Mapping[str, Any]
    """Those of the run file, by the names that OpenAIEndpoint uses."""
    dataset: Dataset | None
    """Prompts in place of a sample library."""

    def options(self, target: Target) -> dict[str, Any]:
        """Arguments of OpenAIEndpoint. Raises Mistake for an option that it does not have."""
        if target.keys is not None:
            raise Mistake(
                f"--keys {target.keys}: is for nodes of `mlperf-loadgen serve`; set OPENAI_API_KEY "
                "to the key of an endpoint"
            )
        return self._merged(target.network_options(CONNECTION_READERS))

    def prompts(self) -> Any:
        """The sample library of the data set, which must be there."""
        assert self.dataset is not None
        return open_prompts(self.dataset, self._merged({}))

    def _merged(self, of_connection: Mapping[str, Any]) -> dict[str, Any]:
        """The command line overrides the file; tables are merged by their members."""
        given = {**self.given.options(), **of_connection}
        tables = {
            name: {**self.of_file[name], **given[name]}
            for name in TABLES
            if name in given and name in self.of_file
        }
        return {**self.of_file, **given, **tables}

    def check_unused(self, sut: str) -> None:
        """Raises Mistake for what only an endpoint takes, if `sut` is none. Two of the options
        are for prompts as well."""
        used = () if self.dataset is None else ("max_tokens", "tokenizer")
        unused = [name for name in self.given.options() if name not in used]
        option = f"--{unused[0].replace('_', '-')}" if unused else ""
        if not unused and set(self.of_file) - set(used):
            option = "`endpoint` in the run file"
        if option:
            raise Mistake(
                f"{option} is for an endpoint, and {shown_target(sut)} is none: leave it out, or "
                "name one, as in openai+http://host:8000/v1"
            )


def asked_endpoint(given: Endpoint, target: Target, file: RunFile) -> AskedEndpoint:
    """What counts of both sources. A system on the command line that is no endpoint leaves what the
    file says of one without use. Raises Mistake for prompts beside a sample library."""
    for one, other, where in (
        (given.dataset, target.qsl, "--dataset"),
        (file.dataset, file.qsl, file.dataset.where if file.dataset else ""),
    ):
        if one and other:
            raise Mistake(f"{where}: takes the place of the QSL {other}: give one of the two")
    if target.sut and not names_endpoint(target.sut):
        file = RunFile(file.folder)
    dataset = None if file.dataset is None else dataset_in_folder(file.dataset, file.folder)
    if given.dataset is not None:
        dataset = Dataset(given.dataset, "--dataset")
    return AskedEndpoint(given, file.endpoint, None if target.qsl else dataset)
