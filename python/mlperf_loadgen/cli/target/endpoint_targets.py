"""Endpoints, such as `openai+http://gpu:8000/v1`, and prompts, such as `chats.json:sharegpt`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...text.addresses import shown_address
from ..options.run_file import Dataset
from ..show.outcome import Mistake

_BETWEEN = re.compile(r",(?=\s*[A-Za-z][A-Za-z0-9+.-]*://)")
_MADE = "random:"  # Prompts that no file holds.


def names_endpoint(target: str | None) -> bool:
    """Whether a target is an endpoint, or several with commas between them. Raises Mistake for an
    endpoint beside a system of another kind."""
    from ...llm.address import is_endpoint

    parts = _parts(target or "")
    endpoints = [part for part in parts if is_endpoint(part)]
    others = [part for part in parts if part not in endpoints]
    if endpoints and others:
        raise Mistake(
            f"{shown_endpoints(target or '')}: {shown_address(others[0])} is no endpoint, and the "
            "systems of a test are of one kind: give openai+http:// addresses only"
        )
    return bool(endpoints)


def shown_endpoints(target: str) -> str:
    """Addresses of endpoints as a command can show them: without secrets, and with the model."""
    return ",".join(map(_shown, _parts(target)))


def _parts(target: str) -> list[str]:
    """The addresses. A comma that is part of one has no other behind it."""
    return [part.strip() for part in _BETWEEN.split(target)]


def _shown(address: str) -> str:
    from ...llm.address import EndpointAddress

    try:
        read = EndpointAddress.parse(address)
    except ValueError:
        return shown_address(address)
    if read.model is None:
        return f"openai+{read}"
    return f"openai+{read}{'&' if read.query else '?'}model={quote(read.model, safe='/:')}"


def make_endpoint(target: str, library: Any, options: dict[str, Any]) -> object:
    """OpenAIEndpoint, which is not connected yet. Raises Mistake for an address, an option or a
    library that it cannot take."""
    from ...llm import OpenAIEndpoint

    try:
        return OpenAIEndpoint(_parts(target), library, **options)
    except ValueError as error:  # It names what is wrong.
        raise Mistake(str(error)) from error
    except (ImportError, OSError, TypeError) as error:
        raise Mistake(f"{shown_endpoints(target)}: {error}") from error


# ---- Prompts -------------------------------------------------------------------------------------


def open_prompts(dataset: Dataset, options: dict[str, Any]) -> Any:
    """Prompts, with those of the options that they use. Raises Mistake for what cannot be used."""
    from ...llm import DatasetError, Prompts

    used = {name: options[name] for name in ("max_tokens", "tokenizer") if name in options}
    try:
        return Prompts(dataset.text, **used)
    except DatasetError as error:  # It begins with the file.
        raise Mistake(f"{dataset.where} {error}") from error
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise Mistake(str(error)) from error


def dataset_in_folder(dataset: Dataset, folder: Path) -> Dataset:
    """A data set whose path is relative to a folder, as seen from the current one."""
    if dataset.text.startswith(_MADE):
        return dataset
    return dataset._replace(text=str(folder / dataset.text))
