"""The reference's vector types: lists that hold samples or responses and nothing else."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, SupportsIndex


class _TypedList(list):  # type: ignore[type-arg]
    _item_type: type

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(self._checked(item) for item in items)

    def _checked(self, item: Any) -> Any:
        if not isinstance(item, self._item_type):
            raise TypeError(f"{type(self).__name__} holds {self._item_type.__name__}, not {item!r}")
        return item

    def append(self, item: Any) -> None:
        super().append(self._checked(item))

    def insert(self, index: SupportsIndex, item: Any) -> None:
        super().insert(index, self._checked(item))

    def extend(self, items: Iterable[Any]) -> None:
        super().extend([self._checked(item) for item in items])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            super().__setitem__(index, [self._checked(item) for item in value])
        else:
            super().__setitem__(index, self._checked(value))

    def __iadd__(self, items: Iterable[Any]) -> _TypedList:  # type: ignore[misc]
        self.extend(items)
        return self


class VectorQuerySample(_TypedList):
    """A list of QuerySample."""

    _item_type = _core.QuerySample


class VectorQuerySampleResponse(_TypedList):
    """A list of QuerySampleResponse."""

    _item_type = _core.QuerySampleResponse
