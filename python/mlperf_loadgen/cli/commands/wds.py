"""`mlperf-loadgen wds`: shards in the WebDataset format."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ...text.units import counted
from ..options.options import Shown, with_options
from ..show.outcome import Mistake, Outcome, Status
from ..target.shard_targets import open_library

wds = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Look at shards in the WebDataset format, check them and index them.",
)

Shards = Annotated[
    list[str],
    typer.Argument(
        metavar="SHARDS...",
        help="Files, brace lists such as 'val-{000000..000019}.tar', a folder, or an index file.",
    ),
]


def _shards(words: list[str]) -> Any:
    """What the words name together; one alone may be an index file, whose counts then hold."""
    if len(words) == 1:
        return words[0]
    from ...data import expand

    try:
        return [shard for word in words for shard in expand(word)]
    except (ValueError, OSError) as error:
        raise Mistake(str(error)) from error


def _library(words: list[str]) -> Any:
    return open_library(_shards(words), " ".join(words))


def _done(document: dict[str, Any], lines: list[str], status: Status = Status.DONE) -> Outcome:
    return Outcome(status, {**document, "exit_status": status}, lambda: print("\n".join(lines)))


@wds.command("index")
@with_options
def index(
    shards: Shards,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Index file to write; default: shardindex.json beside the shards.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the data set.", show_default=False),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="URL",
            help="Where the shards will be found, if that is not where they are now.",
            show_default=False,
        ),
    ] = None,
    *,
    shown: Shown,
) -> Outcome:
    """Write an index file with the samples, size and MD5 sum of each shard, in the order given."""
    from ...data.index_file import write_index
    from ...data.indexing import common_folder, default_output, entries_of, relative_entries

    with _library(shards) as library:
        entries = entries_of(library)
        path = output or default_output(library)
    folder = path.absolute().parent if base is None else common_folder(entries)
    more = _given(name=name, base=base)
    try:
        write_index(path, relative_entries(entries, folder), **more)
    except (ValueError, OSError) as error:
        raise Mistake(f"{path} cannot be written: {error}") from error
    samples = sum(entry["nsamples"] for entry in entries)
    document = {"output": path, "shards": len(entries), "samples": samples}
    return _done(document, [f"{path}: {_samples_in(samples, len(entries))}"])


def _given(**keys: str | None) -> dict[str, str]:
    return {key: value for key, value in keys.items() if value is not None}


def _samples_in(samples: int, shards: int) -> str:
    return f"{counted(samples, 'sample')} in {counted(shards, 'shard')}"


@wds.command("info")
@with_options
def info(shards: Shards, *, shown: Shown) -> Outcome:
    """Show what a data set has: samples, fields, sizes, and what was left out."""
    with _library(shards) as library:
        stats = library.stats()
        described = [library.describe_shard(number) for number in range(stats["shards"])]
    lines = [
        _samples_in(stats["samples"], stats["shards"]),
        f"fields: {', '.join(stats['fields'])}",
        f"bytes: {stats['field_bytes']} of fields, {stats['file_bytes']} of files",
        *(f"left out: {count} {reason}" for reason, count in stats["left_out"].items()),
        *(
            f"warning: {shard['url']}: {text}"
            for shard in described
            for _, text in shard["warnings"]
        ),
        f"sha256: {stats['sha256']}",
    ]
    return _done({**stats, "shard_list": described}, lines)


@wds.command("list")
@with_options
def list_(
    shards: Shards,
    shard: Annotated[
        int | None,
        typer.Option(
            "--shard", metavar="N", help="Only the samples of this shard.", show_default=False
        ),
    ] = None,
    *,
    shown: Shown,
) -> Outcome:
    """List the samples: number, key, and the bytes of each field."""
    with _library(shards) as library:
        count = len(library.shards)
        if shard is not None and not 0 <= shard < count:
            raise Mistake(f"--shard {shard}: the data set has {counted(count, 'shard')}, from 0 on")
        wanted = None if shard is None else library.shards[shard]
        samples = [
            {
                "index": i,
                "key": library.key(i),
                "shard": library.shard_of(i),
                "fields": {field: size for field, _, size in library.members(i)},
            }
            for i in range(library.total_sample_count)
            if wanted is None or library.shard_of(i) == wanted
        ]
    lines = [
        f"{s['index']} {_shown_key(s['key'])} "
        + " ".join(f"{field}:{size}" for field, size in s["fields"].items())
        for s in samples
    ]
    return _done({"samples": samples}, lines)


@wds.command("sample")
@with_options
def sample(
    shards: Shards,
    number: Annotated[int, typer.Argument(metavar="N", help="Number of the sample, from 0 on.")],
    cat: Annotated[
        str | None,
        typer.Option(
            "--cat",
            metavar="FIELD",
            help="Write the bytes of this field, and nothing else.",
            show_default=False,
        ),
    ] = None,
    *,
    shown: Shown,
) -> Outcome:
    """Show one sample: its key, its shard, and its fields."""
    with _library(shards) as library:
        try:
            found = library.read(number)
        except (IndexError, OSError) as error:
            raise Mistake(f"{number}: {error}") from error
        where = library.shard_of(number)
    if cat is not None and cat not in found:
        raise Mistake(f"--cat {cat}: the sample has {', '.join(found.keys())}")
    fields = {field: bytes(view) for field, view in found.items()}
    document = {
        "index": number,
        "key": found.key,
        "shard": where,
        "fields": {
            field: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for field, data in fields.items()
        },
    }
    if cat is not None and not shown.json:
        return Outcome(Status.DONE, document, lambda: _write(fields[cat]))
    first = f"{_shown_key(found.key)} in {where}"
    lines = [first, *(_preview(field, data) for field, data in fields.items())]
    return _done(document, lines)


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _shown_key(key: str) -> str:
    """A key in a line, with what a terminal would not show as an escape sequence."""
    return key if key.isprintable() else repr(key)[1:-1]


def _preview(field: str, data: bytes) -> str:
    """A field in a line: its size, and its beginning if that is text."""
    text = data[:60].decode("utf-8", "replace")
    shown = f": {text}" if text.isprintable() and "\ufffd" not in text else ""
    return f"  {field}, {counted(len(data), 'byte')}{shown}"


@wds.command("verify")
@with_options
def verify(shards: Shards, *, shown: Shown) -> Outcome:
    """Read every header and every body of every shard, and list what is wrong.

    Shards of an index file are held against its counts, sizes and MD5 sums. The exit status is 1 if
    anything is wrong.
    """
    from ...data.indexing import verify as verify_shards

    try:
        checked, problems = verify_shards(_shards(shards))
    except (ValueError, OSError) as error:
        raise Mistake(f"{' '.join(shards)}: {error}") from error
    document = {"shards": len(checked), "problems": [problem.to_dict() for problem in problems]}
    lines = [*(str(problem.error) for problem in problems)]
    lines += [f"{counted(len(checked), 'shard')}, {len(problems)} of them with something wrong"]
    return _done(document, lines, Status.INVALID if problems else Status.DONE)


@wds.command("update")
@with_options
def update(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Index file.")],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Set the name.", show_default=False),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="URL",
            help="Set where the shards will be found. They are read where the file lists them now.",
            show_default=False,
        ),
    ] = None,
    *,
    shown: Shown,
) -> Outcome:
    """Write an index file again with what its shards are now. Other keys of the file stay."""
    from ...data.indexing import update_index

    more = _given(name=name, base=base)
    try:
        changed = update_index(file, **more)
    except (ValueError, OSError) as error:
        raise Mistake(f"{file}: {error}") from error
    lines = [f"{shard} is listed as it is now" for shard in changed]
    lines += [f"{file}: {counted(len(changed), 'shard')} changed"]
    return _done({"output": file, "changed": changed}, lines)
