"""Conversations as ShareGPT has them: a JSON list of `{"conversations": [{"from", "value"}]}`."""

from __future__ import annotations

import json
from typing import Any

from ...text.units import counted
from ..request import Request
from .dataset import Dataset, Source, at_place, read_bytes, refuse

_ASKING = ("human", "user")


def read_sharegpt(source: Source) -> Dataset:
    """The first human turn of each conversation is the prompt. With a tokenizer, the length of the
    answer that follows it is the limit of the answer's tokens. Conversations without a human turn
    that has text are left out, and counted in the notes."""
    try:
        rows = json.loads(read_bytes(source.path))
    except (ValueError, RecursionError) as error:
        raise refuse(source.path, "", f"it is no JSON ({error})") from None
    if not isinstance(rows, list):
        raise refuse(source.path, "", 'it must be a JSON list of {"conversations": [...]}')
    requests, places = [], []
    for number, row in enumerate(rows):
        place = f"row {number}"
        turns = _turns(row)
        if turns is None:
            raise refuse(
                source.path, place, 'it has no "conversations": [{"from": ..., "value": ...}]'
            )
        first = next((i for i, (who, text) in enumerate(turns) if who in _ASKING and text), None)
        if first is None:
            continue
        limit = None
        if source.tokenizer is not None and first + 1 < len(turns):
            limit = source.tokenizer.count(turns[first + 1][1]) or None
        text, name = turns[first][1], str(row.get("id", ""))
        with at_place(source.path, place):
            requests.append(Request(text, limit, name))
        places.append(place)
    if not requests:
        raise refuse(source.path, "", "no conversation has a human turn with text")
    left_out = len(rows) - len(requests)
    notes = [f"{counted(left_out, 'conversation')} without a human turn left out"]
    return Dataset(requests, places=places, notes=notes if left_out else [])


def _turns(row: Any) -> list[tuple[str, str]] | None:
    """(who, text) of each turn; None if the row is no conversation."""
    turns = row.get("conversations") if isinstance(row, dict) else None
    if not isinstance(turns, list):
        return None
    found = []
    for turn in turns:
        if not isinstance(turn, dict) or not isinstance(turn.get("value"), str):
            return None
        found.append((str(turn.get("from", "")), turn["value"]))
    return found
