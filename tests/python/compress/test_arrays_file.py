"""Files of arrays: what is written is read again, and everything else is refused.

Method: the layout is compared with one that is put together here by hand; then files are cut short
at each length, made longer, and given headers that contradict their arrays.
"""

import json
import signal
import subprocess
import sys
import threading

import pytest

from mlperf_loadgen.compress.arrays_file import (
    Array,
    Form,
    file_size_bytes,
    read_arrays,
    write_arrays,
    write_whole,
)

DTYPES = {
    "uint8": 1,
    "bool": 1,
    "int16": 2,
    "bfloat16": 2,
    "float32": 4,
    "int64": 8,
    "complex64": 8,
}


def array(dtype, *shape):
    form = Form(dtype, shape)
    return Array(form, memoryview(bytes(range(form.size_bytes))))


def packed(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(dtype="U8", shape=(3,), offsets=(0, 3)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.safetensors"


def test_what_is_written_is_read(path):
    arrays = {dtype: array(dtype, 2, 3) for dtype in DTYPES}
    arrays |= {"scalar": array("int64"), "empty": array("float32", 0, 4)}
    write_arrays(path, {"about": "ä"}, arrays)
    assert path.stat().st_size == file_size_bytes({"about": "ä"}, arrays)
    metadata, read = read_arrays(path)
    assert metadata == {"about": "ä"}
    assert read == arrays
    assert all(read[dtype].form.size_bytes == 6 * size for dtype, size in DTYPES.items())


def test_the_layout(path):
    write_arrays(path, {"k": "v"}, {"b": array("uint8", 3), "a": array("float32", 1)})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = content[8 : 8 + length]
    assert header == header.rstrip(b" ").ljust(length)
    assert json.loads(header) == {
        "__metadata__": {"k": "v"},
        "a": entry("F32", (1,), (0, 4)),
        "b": entry("U8", (3,), (4, 7)),
    }
    assert content[8 + length :] == bytes([0, 1, 2, 3, 0, 1, 2])


def test_a_file_that_cannot_be_written_leaves_the_old_one(path):
    write_arrays(path, {}, {"a": array("uint8", 3)})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_arrays(path, {}, {"a": Array(Form("uint8", (3,)), None)})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_who_reads_the_old_file_goes_on_reading_it(path):
    write_arrays(path, {}, {"a": array("uint8", 3)})
    before = path.read_bytes()
    with path.open("rb") as reader:
        write_arrays(path, {}, {"a": array("uint8", 200)})
        assert reader.read() == before
    assert read_arrays(path)[1] == {"a": array("uint8", 200)}


def test_two_threads_that_write_one_file(path):
    def pieces():
        yield b"abc"
        other = threading.Thread(target=write_whole, args=(path, [b"other"]))
        other.start()
        other.join()
        assert path.read_bytes() == b"other"
        yield b"def"

    write_whole(path, pieces())
    assert path.read_bytes() == b"abcdef"
    assert [*path.parent.iterdir()] == [path]


KILLED = """
import os, signal, sys
from mlperf_loadgen.compress.arrays_file import write_whole

def pieces():
    yield b"abc"
    os.kill(os.getpid(), signal.SIGKILL)

write_whole(sys.argv[1], pieces())
"""


def test_a_killed_writer_leaves_nothing_after_the_next_one(path):
    writer = subprocess.run([sys.executable, "-c", KILLED, path])
    assert writer.returncode == -signal.SIGKILL
    (left,) = path.parent.iterdir()
    others = [
        path.with_name(f"{path.name}{ending}") for ending in (".tmp", ".a.1.tmp", "2.1.1.tmp")
    ]
    for other in others:
        other.touch()
    write_whole(path, [b"abcdef"])
    assert not left.exists()
    assert set(path.parent.iterdir()) == {path, *others}


def test_a_file_that_is_cut_short_anywhere(path):
    write_arrays(path, {}, {"a": array("uint8", 3), "b": array("float32", 2)})
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cut short"):
            read_arrays(path)


def test_a_file_that_is_longer(path):
    path.write_bytes(packed({"a": entry()}, b"abcd"))
    with pytest.raises(ValueError, match=rf"{path} cannot be read: it is longer .* by 1 bytes"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"a": 1, "a": 2}', "a name occurs twice"),
        ({"__metadata__": {"version": 1}}, "__metadata__ is not an object of texts"),
        ({"a": 7}, "header says 7 of the array 'a'"),
        ({"a": entry(dtype="U9")}, "must have a dtype of"),
        ({"a": entry(shape=(-3,))}, "a shape"),
        ({"a": entry(shape=(True, 3))}, "a shape"),
        ({"a": entry(shape=(0, 2**62, 2**62), offsets=(0, 0))}, "a shape"),
        ({"a": entry(offsets=(0, 3, 3))}, "two data_offsets"),
        ({"a": entry(shape=(4,))}, r"'a', uint8 of shape \[4\], is said to be in bytes 0 to 3"),
        ({"a": entry(offsets=(1, 4))}, "must be in bytes 0 to 3"),
        ({"a": entry(offsets=(3, 0))}, "must be in bytes 0 to 3"),
        ({"a": entry(), "b": entry(offsets=(2, 5))}, "'b', .* must be in bytes 3 to 6"),
    ],
)
def test_a_header_that_makes_no_sense(path, header, says):
    path.write_bytes(packed(header, b"abc"))
    with pytest.raises(ValueError, match=says):
        read_arrays(path)


def test_a_file_that_is_not_there(path):
    with pytest.raises(FileNotFoundError):
        read_arrays(path)
