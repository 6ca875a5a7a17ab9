"""Recorded traces, which have times and lengths but no texts: Mooncake, Azure, BurstGPT."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...text.units import counted
from ..request import Request
from .dataset import Dataset, Source, read_bytes, refuse
from .json_lines import objects
from .token_text import TokenSource

BLOCK_TOKENS = 512
"""The tokens that one of Mooncake's hash ids stands for."""
_MOST_TOKENS = 100_000_000
"""A longer prompt or answer is a mistake of the trace; its ids would not fit into the memory."""
_SHOWN_CHARACTERS = 40
_BLOCK_SEED = 2  # Prompts without hash ids have (seed, 0, index), as random ones.


@dataclass(frozen=True)
class _Record:
    """A row of a trace."""

    place: str
    at_ns: int
    input_tokens: int
    output_tokens: int
    hash_ids: tuple[int, ...] = ()


class _TraceRows(Sequence[Request]):
    """The prompts of a trace, each made when it is asked for, as together they may be large."""

    def __init__(self, records: list[_Record], tokens: TokenSource, seed: int) -> None:
        self._records, self._tokens, self._seed = records, tokens, seed

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: Any) -> Any:
        record = self._records[index]
        content = self._of_blocks(record) if record.hash_ids else self._plain(record, index)
        return Request(content, record.output_tokens, record.place)

    def _plain(self, record: _Record, index: int) -> str | npt.NDArray[np.int64]:
        ids = self._tokens.draw(record.input_tokens, self._seed, 0, index)
        return self._tokens.content(ids, self._seed, 0, index)

    def _of_blocks(self, record: _Record) -> str | npt.NDArray[np.int64]:
        """Equal hash ids give equal tokens, and equal texts."""
        blocks, left = [], record.input_tokens
        for hash_id in record.hash_ids:
            ids = self._tokens.draw(BLOCK_TOKENS, self._seed, _BLOCK_SEED, hash_id)
            blocks.append(ids[:left])
            left -= len(blocks[-1])
        if self._tokens.tokenizer is None:
            return np.concatenate(blocks)
        return "".join(self._tokens.tokenizer.text(block) for block in blocks)


def read_mooncake(source: Source) -> Dataset:
    """`timestamp` in ms, `input_length`, `output_length` and `hash_ids`, one for each 512 tokens,
    as a JSON object a line."""
    records = []
    for place, row in objects(source.path):
        if "timestamp" not in row and "delay" in row:
            raise refuse(
                source.path,
                place,
                "it has a delay in place of a timestamp; sessions are not replayed, so give each "
                "row a timestamp",
            )
        ms, length, output = (_number(source, place, row, name) for name in _MOONCAKE)
        hashes = row.get("hash_ids", [])
        if not isinstance(hashes, list) or not all(_is_count(one) for one in hashes):
            raise refuse(source.path, place, "hash_ids must be a list of integers from 0")
        if hashes and not 0 <= len(hashes) * BLOCK_TOKENS - length < BLOCK_TOKENS:
            raise refuse(
                source.path,
                place,
                f"its {counted(len(hashes), 'hash id')} of {BLOCK_TOKENS} tokens do not cover "
                f"input_length={length:g}",
            )
        try:
            at_ns = _whole_ns(ms * 1e6)
        except ValueError:
            raise refuse(source.path, place, f"timestamp={ms:g} is too large for ms") from None
        records.append(_Record(place, at_ns, int(length), int(output), tuple(hashes)))
    return _dataset(source, records)


def read_azure(source: Source) -> Dataset:
    """`TIMESTAMP`, `ContextTokens` and `GeneratedTokens`, as CSV."""
    return _read_csv(source, ("TIMESTAMP", "ContextTokens", "GeneratedTokens"), _date_ns)


def read_burstgpt(source: Source) -> Dataset:
    """`Timestamp` in seconds, `Request tokens` and `Response tokens`, as CSV."""
    return _read_csv(source, ("Timestamp", "Request tokens", "Response tokens"), _seconds_ns)


_MOONCAKE = ("timestamp", "input_length", "output_length")


def _read_csv(source: Source, columns: tuple[str, str, str], at_ns: Any) -> Dataset:
    text = read_bytes(source.path).decode("utf-8-sig", "replace")
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise refuse(source.path, "line 1", f"it has no column {', '.join(missing)}")
    records = []
    try:
        for row in reader:
            place = f"line {reader.line_num}"
            records.append(_csv_record(source, place, {name: row[name] for name in columns}, at_ns))
    except csv.Error as error:
        raise refuse(source.path, f"line {reader.line_num}", f"it is no CSV: {error}") from None
    return _dataset(source, records)


def _csv_record(source: Source, place: str, cells: dict[str, Any], at_ns: Any) -> _Record:
    """`cells`: a time and two counts by the names of their columns."""
    time, *counts = cells.values()
    try:
        length, output = map(int, counts)
        time_ns = at_ns(time)
    except (TypeError, ValueError):
        length = output = time_ns = -1
    if not (_is_token_count(length) and _is_token_count(output)):
        shown = ", ".join(
            f"{name}={repr(cell)[:_SHOWN_CHARACTERS]}" for name, cell in cells.items()
        )
        raise refuse(source.path, place, f"it has no time and two counts: {shown}")
    return _Record(place, time_ns, length, output)


def _date_ns(text: str) -> int:
    plain = text.strip().removesuffix("Z").removesuffix("+00:00")
    date = np.datetime64(plain, "ns")
    if np.isnat(date):
        raise ValueError(text)
    return int(date.astype(np.int64))


def _seconds_ns(text: str) -> int:
    return _whole_ns(float(text) * 1e9)


def _whole_ns(time_ns: float) -> int:
    """Raises ValueError for a time that does not fit into 64 bits."""
    if not abs(time_ns) < 2**63:
        raise ValueError(time_ns)
    return round(time_ns)


def _number(source: Source, place: str, row: dict[str, Any], name: str) -> float:
    value = row.get(name)
    whole = name != "timestamp"
    good = _is_token_count(value) if whole else isinstance(value, (int, float)) and value >= 0
    if not good or isinstance(value, bool):
        what = f"an integer from 0 to {_MOST_TOKENS:,}" if whole else "a number from 0"
        raise refuse(source.path, place, f"{name} must be {what}, not {value!r}")
    return float(value)  # type: ignore[arg-type]


def _is_token_count(value: object) -> bool:
    return _is_count(value) and value <= _MOST_TOKENS  # type: ignore[operator]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _dataset(source: Source, records: list[_Record]) -> Dataset:
    """Rows in the order of their times. Rows that asked nothing, or had no answer, are left out and
    counted."""
    kept = [one for one in records if one.input_tokens > 0 and one.output_tokens > 0]
    if not kept:
        raise refuse(source.path, "", "no row has an input and an output")
    kept.sort(key=lambda one: one.at_ns)  # Which leaves equal times in order.
    left_out = len(records) - len(kept)
    notes = [f"{counted(left_out, 'row')} without input or output left out"] if left_out else []
    tokens = TokenSource(source.tokenizer)
    times = np.array([one.at_ns for one in kept], np.int64)
    return Dataset(
        _TraceRows(kept, tokens, source.seed),
        arrival_ns=times - times[0],
        places=[one.place for one in kept],
        prompt_tokens=np.array([one.input_tokens for one in kept], np.int64),
        notes=notes,
    )
