"""What is done with each sample: stages, made by functions of the field's usual names.

A stage is a callable from iterator to iterator, so those of webdataset work beside them.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial as bound
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from ..addresses import shown
from ..codecs import decoders
from .handlers import Handler, reraise_exception

Stage: TypeAlias = "Callable[[Iterable[Any]], Iterator[Any]]"
Sample: TypeAlias = "dict[str, Any]"

_DROPPED = object()


def _each(
    source: Iterable[Any], *, function: Callable[[Any], Any], handler: Handler
) -> Iterator[Any]:
    """The results of a function of each sample, but for those that are to be dropped."""
    for sample in source:
        try:
            result = function(sample)
        except Exception as error:
            if handler(error):
                continue
            break
        if result is not _DROPPED:
            yield result


# ---- Values --------------------------------------------------------------------------------------


def _mapped(sample: Any, *, function: Callable[[Any], Any]) -> Any:
    result = function(sample)
    if result is None:
        return _DROPPED
    if isinstance(sample, dict) and isinstance(result, dict):
        result["__key__"] = sample.get("__key__")
    return result


def map(function: Callable[[Any], Any], handler: Handler = reraise_exception) -> Stage:
    """The function's results; None drops the sample, and a dict keeps the sample's key."""
    return bound(_each, function=bound(_mapped, function=function), handler=handler)


def _map_fields(sample: Sample, *, functions: dict[str, Callable[[Any], Any]]) -> Sample:
    for field, function in functions.items():
        sample[field] = function(sample[field])
    return sample


def map_dict(handler: Handler = reraise_exception, **functions: Callable[[Any], Any]) -> Stage:
    """Replaces the values of fields by functions of them, in the sample itself."""
    return bound(_each, function=bound(_map_fields, functions=functions), handler=handler)


def _map_places(sample: Any, *, functions: tuple[Callable[[Any], Any] | None, ...]) -> Any:
    values = list(sample)
    for place, function in enumerate(functions[: len(values)]):
        if function is not None:
            values[place] = function(values[place])
    return tuple(values)


def map_tuple(
    *functions: Callable[[Any], Any] | None, handler: Handler = reraise_exception
) -> Stage:
    """Replaces the values of tuples, place by place."""
    return bound(_each, function=bound(_map_places, functions=functions), handler=handler)


def decode(
    *handlers: decoders.Handler | str,
    pre: Iterable[decoders.Handler] | None = None,
    post: Iterable[decoders.Handler] | None = None,
    only: str | Collection[str] | None = None,
    partial: bool = False,
    handler: Handler = reraise_exception,
    allow_pickle: bool = False,
) -> Stage:
    """Fields as values, by their extension; `handlers` come before the table of extensions, and the
    name of an image decoder, such as "pil" or "rgb8", is one of them."""
    decoder = decoders.Decoder(
        handlers, pre=pre, post=post, only=only, partial=partial, allow_pickle=allow_pickle
    )
    return bound(_each, function=decoder, handler=handler)


def _xdecode(
    sample: Sample, *, by_glob: list[tuple[str, Callable[[Any], Any]]], must_decode: bool
) -> Sample:
    decoded = dict(sample)
    for field, value in sample.items():
        if field.startswith("__"):
            continue
        decoder = next(
            (decoder for glob, decoder in by_glob if fnmatchcase(f".{field}", glob)), None
        )
        if decoder is not None:
            decoded[field] = decoder(io.BytesIO(value))
        elif must_decode:
            raise ValueError(
                f"No decoder is given for the field {field!r} of the sample"
                f" {sample.get('__key__')!r}; must_decode=False leaves such fields as they are."
            )
    return decoded


def _read(stream: Any) -> Any:
    return stream.read()


def _read_text(stream: Any) -> Any:
    return stream.read().decode()


def xdecode(
    *by_glob: tuple[str, Callable[[Any], Any]],
    must_decode: bool = True,
    handler: Handler = reraise_exception,
    **by_extension: Callable[[Any], Any],
) -> Stage:
    """Fields as values by decoders of streams, for globs or extensions; bin and txt are known."""
    table = [
        *by_glob,
        *((f"*.{extension}", decoder) for extension, decoder in by_extension.items()),
        ("*.bin", _read),
        ("*.txt", _read_text),
    ]
    function = bound(_xdecode, by_glob=table, must_decode=must_decode)
    return bound(_each, function=function, handler=handler)


# ---- Fields --------------------------------------------------------------------------------------


def _first(sample: Sample, fields: str) -> str | None:
    """The first of fields joined by semicolons that the sample has, with a value."""
    return next((name for name in fields.split(";") if sample.get(name) is not None), None)


def _missing(sample: Sample, fields: object) -> ValueError:
    shard = shown(str(sample.get("__url__")))
    return ValueError(
        f"The sample {sample.get('__key__')!r} of {shard} has no field {fields}; it has"
        f" {', '.join(field for field in sample if not field.startswith('__'))}."
    )


def _as_tuple(
    sample: Sample, *, fields: tuple[str, ...], missing_is_error: bool
) -> tuple[Any, ...]:
    names = [_first(sample, field) for field in fields]
    if missing_is_error and None in names:
        raise _missing(sample, fields[names.index(None)])
    return tuple([None if name is None else sample[name] for name in names])


def to_tuple(
    *fields: str, missing_is_error: bool = True, handler: Handler = reraise_exception
) -> Stage:
    """The values of fields as a tuple. `"png;jpg"` is the first of them that is there."""
    if len(fields) == 1:
        fields = tuple(fields[0].split())
    function = bound(_as_tuple, fields=fields, missing_is_error=missing_is_error)
    return bound(_each, function=function, handler=handler)


def _renamed(sample: Sample, *, names: dict[str, str], keep: bool) -> Sample:
    found = {new: _first(sample, old) for new, old in names.items()}
    for new, old in found.items():
        if old is None:
            raise _missing(sample, names[new])
    taken = {*found.values(), *found}
    kept = {field: value for field, value in sample.items() if keep and field not in taken}
    return {**kept, **{new: sample[old] for new, old in found.items() if old is not None}}


def rename(handler: Handler = reraise_exception, keep: bool = True, **names: str) -> Stage:
    """Gives fields new names, `new="old;or_old"`; others stay, if `keep`."""
    return bound(_each, function=bound(_renamed, names=names, keep=keep), handler=handler)


def _renamed_by_globs(
    sample: Sample,
    *,
    globs: list[tuple[str, str]],
    keep_unselected: bool,
    must_match: bool,
    duplicate_is_error: bool,
) -> Sample:
    renamed: Sample = {}
    unused = {glob for _, glob in globs}
    for field, value in sample.items():
        new, glob = next(((n, g) for n, g in globs if fnmatchcase(field, g)), (None, ""))
        unused.discard(glob)
        if new is None and not keep_unselected:
            continue
        if duplicate_is_error and (new or field) in renamed:
            raise ValueError(
                f"Two fields of the sample {sample.get('__key__')!r} would be named"
                f" {new or field!r}."
            )
        renamed[new or field] = value
    if must_match and unused:
        raise _missing(sample, f"that fits {', '.join(sorted(unused))}")
    return renamed


def rename_keys(
    *pairs: tuple[str, str],
    keep_unselected: bool = False,
    must_match: bool = True,
    duplicate_is_error: bool = True,
    handler: Handler = reraise_exception,
    **globs: str,
) -> Stage:
    """Gives the fields that fit globs new names, `new="*.glob"`; the first that fits counts."""
    function = bound(
        _renamed_by_globs,
        globs=[*pairs, *globs.items()],
        keep_unselected=keep_unselected,
        must_match=must_match,
        duplicate_is_error=duplicate_is_error,
    )
    return bound(_each, function=function, handler=handler)


def _extracted(
    sample: Sample, *, patterns: tuple[str, ...], duplicate_is_error: bool, ignore_missing: bool
) -> Any:
    values = []
    for pattern in patterns:
        globs = pattern.split(";")
        fit = [
            f for f in sample if any(fnmatchcase(name, g) for g in globs for name in (f, f".{f}"))
        ]
        if not fit and ignore_missing:
            return _DROPPED
        if not fit:
            raise _missing(sample, f"that fits {pattern}")
        if len(fit) > 1 and duplicate_is_error:
            raise ValueError(
                f"The sample {sample.get('__key__')!r} has several fields that fit {pattern}:"
                f" {', '.join(fit)}."
            )
        values.append(sample[fit[0]])
    return tuple(values)


def extract_keys(
    *patterns: str,
    duplicate_is_error: bool = True,
    ignore_missing: bool = False,
    handler: Handler = reraise_exception,
) -> Stage:
    """The values of the fields that fit globs, as a tuple; `"*.png;*.jpg"` are alternatives."""
    function = bound(
        _extracted,
        patterns=patterns,
        duplicate_is_error=duplicate_is_error,
        ignore_missing=ignore_missing,
    )
    return bound(_each, function=function, handler=handler)


# ---- Which samples -------------------------------------------------------------------------------


def _selected(sample: Any, *, predicate: Callable[[Any], object]) -> Any:
    return sample if predicate(sample) else _DROPPED


def select(predicate: Callable[[Any], object], handler: Handler = reraise_exception) -> Stage:
    """The samples for which the predicate is true."""
    return bound(_each, function=bound(_selected, predicate=predicate), handler=handler)


def _sliced(source: Iterable[Any], *, bounds: tuple[int | None, ...]) -> Iterator[Any]:
    return islice(source, *bounds)


def slice(*bounds: int | None) -> Stage:
    """Samples by their place, with the arguments of itertools.islice."""
    return bound(_sliced, bounds=bounds)


def _random_part(source: Iterable[Any], *, share: float, seed: int | None) -> Iterator[Any]:
    generator = random.Random(seed)
    return (sample for sample in source if generator.random() < share)


def rsample(p: float = 0.5, seed: int | None = None) -> Stage:
    """A random share of the samples; all of them are read."""
    return bound(_random_part, share=p, seed=seed)


# ---- Beside the samples --------------------------------------------------------------------------


class mcached:
    """Keeps the samples of the first whole pass in memory, for later passes."""

    def __init__(self) -> None:
        self._samples: list[Any] | None = None

    def __call__(self, source: Iterable[Any]) -> Iterator[Any]:
        if self._samples is not None:
            yield from self._samples
            return
        samples = []
        for sample in source:
            samples.append(sample)
            yield sample
        self._samples = samples


def _logged(source: Iterable[Any], *, path: str) -> Iterator[Any]:
    with Path(path).open("a") as file:
        for number, sample in enumerate(source):
            file.write(f"{number}\t{sample.get('__key__')}\t{sample.get('__url__')}\n")
            yield sample


def log_keys(logfile: str) -> Stage:
    """Writes number, key and shard of each sample to a file, behind what it has already."""
    return bound(_logged, path=logfile)
