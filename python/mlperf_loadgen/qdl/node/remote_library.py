"""The sample library of a load generator elsewhere, as a node's system under test sees it."""

from __future__ import annotations

import json
from collections.abc import Callable

from ... import _core
from ...interfaces import QuerySampleLibrary
from ..links.link import Payload
from ..wire.payload import Layout, parse_layout, restore, split

_MOST_KNOWN_LAYOUTS = 4096


class RemoteLibrary(QuerySampleLibrary):
    """Has the payloads of the samples that are being worked on: `library[index]`.

    The payloads came with the queries, so loading does nothing here.
    """

    name = "RemoteLibrary"

    def __init__(self) -> None:
        self.total = 0
        self.performance = 0
        self._held: dict[int, list[object]] = {}  # Payload, and how many samples need it.
        self._old: dict[int, list[object]] = {}  # Of the run before, which may still be at work.
        self._layouts: dict[bytes, Layout] = {}  # By their texts.
        self.payload_of_lane: Callable[[int], _core.HeldPayload | None] | None = None
        """Set by the node: the bytes of a sample that came by a lane."""

    @property
    def total_sample_count(self) -> int:
        return self.total

    @property
    def performance_sample_count(self) -> int:
        return self.performance

    def load_samples(self, indices: list[int]) -> None:
        """Does nothing: the load generator has loaded the samples."""

    def unload_samples(self, indices: list[int]) -> None:
        """Does nothing."""

    def __getitem__(self, index: int) -> Payload:
        """What the load generator's `qsl[index]` gave. Arrays are read-only.

        Raises KeyError for a sample that is not being worked on.
        """
        index = int(index)
        held = self._held.get(index)
        if held is None and self.payload_of_lane is not None:
            of_lane = self.payload_of_lane(index)
            if of_lane is not None:
                return self._restore(of_lane)
        held = held or self._old.get(index)
        if held is None:
            raise KeyError(f"sample {index} is not being worked on: use it before completing it")
        return held[0]  # type: ignore[return-value]

    def _restore(self, held: _core.HeldPayload) -> Payload:
        text = held.layout
        layout = self._layouts.get(text)
        if layout is None:
            if len(self._layouts) >= _MOST_KNOWN_LAYOUTS:  # Payloads whose shapes never come again.
                self._layouts.clear()
            layout = self._layouts[text] = parse_layout(json.loads(text))
        return restore(layout, split(layout, held.data))

    def hold(self, indices: list[int], payloads: list[Payload]) -> None:
        """Keeps payloads until `release` was called as often."""
        for index, payload in zip(indices, payloads, strict=True):
            held = self._held.get(index)
            if held is None:
                self._held[index] = [payload, 1]
            else:
                held[1] += 1  # type: ignore[operator]

    def release(self, index: int) -> None:
        """Releases a payload once."""
        held = self._held[index]
        held[1] -= 1  # type: ignore[operator]
        if held[1] == 0:
            del self._held[index]

    def begin(self, total: int, performance: int) -> None:
        """Begins another run, with a library of this many samples."""
        self.total, self.performance = total, performance
        self._old, self._held = self._held, {}
