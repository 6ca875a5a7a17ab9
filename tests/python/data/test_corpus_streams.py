"""Goal: a stream of samples is right on every archive of the corpus, whatever pieces it comes in.

Method: tests/golden/webdataset/make_corpus.py writes the archives; expected.json, which it made
too, says from how each was put together what a right reader makes of it.
"""

import bz2
import gzip
import hashlib
import lzma

import pytest
from shard_golden import ARCHIVES, GOLDEN, STREAM_OPTIONS, digests, golden_digests

from mlperf_loadgen import _shards
from mlperf_loadgen.data import ShardFormatError

PLAIN = [name for name, entry in ARCHIVES.items() if "compression" not in entry]
DECOMPRESS = {"gz": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress}


def streamed(data, piece=1 << 20, name="shard", **options):
    """(samples, error, stream) of bytes fed in pieces."""
    stream = _shards.TarStream(name, **options)
    samples = []
    try:
        for start in range(0, len(data), piece):
            samples += stream.feed(data[start : start + piece])
        samples += stream.finish()
        samples += stream.finish()  # Gives the error that samples stood before.
    except ShardFormatError as error:
        return samples, error, stream
    return samples, None, stream


def check(entry, samples, error, stream):
    outcome = entry.get("streaming", entry)
    if "error" in outcome and not (error is None and "samples" in entry):
        assert error is not None
        assert (error.kind, error.offset) == (entry["error"]["kind"], entry["error"]["offset"])
        low, high = entry["streaming_before"]
        assert low <= len(samples) <= high
        return
    if error is not None:
        assert error.kind in entry["accept_error"]
        return
    assert digests(samples) == golden_digests(outcome["samples"])
    assert {kind for kind, _ in stream.warnings} - {"links"} == set(outcome.get("warnings", ()))
    assert stream.counts == entry.get("skipped", {})


@pytest.mark.parametrize("piece", [1, 513, 1 << 20])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_archives(corpus, name, piece):
    data = (corpus / name).read_bytes()
    if piece == 1 and len(data) > 100_000:
        piece = 7919
    check(ARCHIVES[name], *streamed(data, piece))


@pytest.mark.parametrize("name", PLAIN)
def test_local_files(corpus, name):
    path = str(corpus / name)
    reader = _shards.read_samples(path)
    samples, error = [], None
    try:
        for some in reader:
            samples += some
    except ShardFormatError as raised:
        error = raised
        assert error.shard == path
        assert path in str(error)
    check(ARCHIVES[name], samples, error, reader)


@pytest.mark.parametrize(
    "name", [n for n, e in ARCHIVES.items() if "samples" in e and n not in PLAIN]
)
def test_decompressed_archives(corpus, name):
    entry = ARCHIVES[name]
    if entry["compression"] not in DECOMPRESS:
        pytest.skip("needs zstandard")
    data = DECOMPRESS[entry["compression"]]((corpus / name).read_bytes())
    check(entry, *streamed(data))


@pytest.mark.parametrize(("name", "options", "expected"), STREAM_OPTIONS)
def test_options(corpus, name, options, expected):
    samples, error, _ = streamed((corpus / name).read_bytes(), 100, **options)
    assert error is None
    assert digests(samples) == golden_digests(expected)


def block(name, size=0):
    """A header of a regular file."""
    header = bytearray(512)
    header[: len(name)] = name
    header[124:136] = b"%011o\0" % size
    header[156:157] = b"0"
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize(("name", "expected", "reason"), GOLDEN["keys"])
def test_keys(name, expected, reason):
    samples, error, stream = streamed(block(name.encode()) + bytes(1024))
    assert error is None
    if expected is None:
        assert samples == []
        assert stream.counts == {reason: 1}
    else:
        key, field = expected
        assert samples == [(key, {field: b""})]


def test_an_error_is_raised_again_and_nothing_follows(corpus):
    stream = _shards.TarStream("s")
    data = (corpus / "bad-checksum.tar").read_bytes()
    assert [key for key, _ in stream.feed(data)] == ["a"]
    for _ in range(3):
        with pytest.raises(ShardFormatError, match="s is broken at byte"):
            stream.feed(data)
    with pytest.raises(ShardFormatError):
        stream.finish()


@pytest.mark.parametrize(
    ("keys", "text"),
    [(["a", "b", "a"], "1 key came back"), (["a", "b", "a", "b"], "2 keys came back")],
)
def test_keys_that_come_back_are_counted_in_words(keys, text):
    data = b"".join(block(f"{key}.x{n}".encode()) for n, key in enumerate(keys)) + bytes(1024)
    samples, error, stream = streamed(data)
    assert ([key for key, _ in samples], error) == (keys, None)
    assert [warning.partition(" after")[0] for _, warning in stream.warnings] == [text]


def test_select_and_rename(corpus):
    data = (corpus / "ustar.tar").read_bytes()
    seen = []

    def select(name):
        seen.append(name)
        return name.endswith((".class", ".jpg"))

    samples, error, stream = streamed(
        data, select=select, rename=lambda name: name.replace("cls", "class")
    )
    assert error is None
    assert [sorted(fields) for _, fields in samples] == [["class", "jpg"]] * 3
    assert seen[:3] == ["000000.class", "000000.json", "000000.jpg"]
    assert stream.counts == {"not_selected": 3}


def test_a_users_exception_ends_the_stream(corpus):
    def select(name):
        raise KeyError(name)

    stream = _shards.TarStream("s", select=select)
    with pytest.raises(KeyError, match="000000"):
        stream.feed((corpus / "ustar.tar").read_bytes())
    assert stream.finish() == []


def test_a_size_that_is_claimed_takes_no_memory(corpus):
    """A header says 8 GiB; the file has some KiB."""
    samples, error, _ = streamed((corpus / "bad-size-octal-huge.tar").read_bytes(), 600)
    assert error.kind == "truncated"
    assert [key for key, _ in samples][:1] == ["a"]


@pytest.mark.parametrize(
    "options", [{"links": "follow"}, {"concatenated": "yes"}, {"concatenated": ""}]
)
def test_options_that_do_not_exist(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f'{name}="{value}": it must be'):
        _shards.TarStream("s", **options)


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match="no-such"):
        _shards.read_samples("/no-such.tar")


def test_fields_are_digests_of_the_right_bytes():
    """The helper itself."""
    assert digests([("k", {"f": b"x"})]) == [("k", {"f": (1, hashlib.sha256(b"x").hexdigest())})]
