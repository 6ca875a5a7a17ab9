"""What is checked before the first test of an endpoint: models, lengths of prompts, one answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .address import EndpointAddress
from .bodies import BodyOptions, http_request
from .prompts import Prompts
from .request import Request
from .server import Caller, ServedModel, ask_models, choose_model, probe

_PROBE_TOKENS = 16


def served_model(
    addresses: Sequence[EndpointAddress], caller: Caller, wanted: str | None
) -> ServedModel:
    """The model that all servers serve, with the smallest of their limits. Raises as `ask_models`
    and `choose_model` do."""
    may_lack = wanted is not None
    listed = [ask_models(one, caller, may_lack=may_lack) for one in addresses]
    chosen = [choose_model(*pair, wanted) for pair in zip(addresses, listed, strict=True)]
    names = dict.fromkeys(model.name for model in chosen)
    if len(names) > 1:
        raise ValueError(f"the servers serve {', '.join(names)}; give the same model of each")
    lengths = [model.max_model_len for model in chosen if model.max_model_len is not None]
    return replace(chosen[0], max_model_len=min(lengths, default=None))


def require_short_prompts(library: Prompts, model: ServedModel) -> None:
    """Raises ValueError, which names the row, for a prompt that is longer than the model takes."""
    if model.max_model_len is None:
        return
    found = library.find_longer_than(model.max_model_len)
    if found is not None:
        index, tokens = found
        raise ValueError(
            f"{library.place(index)}: the prompt has {tokens:,} tokens, and {model.name} takes "
            f"{model.max_model_len:,} (max_model_len); leave it out"
        )


def probe_all(
    addresses: Sequence[EndpointAddress],
    caller: Caller,
    bodies: BodyOptions,
    request: Request,
    model: ServedModel,
    counts_tokens: bool,
) -> Iterator[str]:
    """Sends a short form of a request to each server, and yields what its answers lack.
    `counts_tokens`: a tokenizer counts the tokens that a server does not. Raises as `probe` does.
    """
    limits = [request.max_tokens, bodies.max_tokens, _PROBE_TOKENS]
    short = Request(request.content, min(limit for limit in limits if limit is not None))
    api, body = bodies.api_of(short), bodies.body(short, model.name)
    for address in addresses:
        found = probe(address, http_request(address, api, caller.headers, body), caller)
        if bodies.stream and not found.is_stream:
            yield f"{address} does not stream: each answer comes whole, as one event"
        elif found.token_source == "events" and not counts_tokens:
            yield (
                f"{address} does not say how many tokens an answer has: events are counted in "
                "their place; give tokenizer"
            )
