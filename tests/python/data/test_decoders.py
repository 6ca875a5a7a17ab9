"""Fields become values by their extension, and nothing is unpickled unless that is allowed.

Method: values are encoded by other packages, or byte by byte, and decoded.
"""

import gzip
import io
import json
import pickle
import struct

import numpy as np
import pytest

from mlperf_loadgen.data import DecodingError
from mlperf_loadgen.data.codecs import tenbin
from mlperf_loadgen.data.codecs.decoders import Decoder
from mlperf_loadgen.data.codecs.encoders import encode


def decoded(field, data, *handlers, **how):
    return Decoder(handlers, **how)({"__key__": "k", field: data})[field]


def npy(value):
    stream = io.BytesIO()
    np.save(stream, value)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("field", "data", "value"),
    [
        ("txt", "été".encode(), "été"),
        ("text", b"a", "a"),
        ("transcript", b"a", "a"),
        ("cls", b"3", 3),
        ("cls2", b"-3\n", -3),
        ("index", b"3", 3),
        ("inx", b"3", 3),
        ("id", b"3", 3),
        ("json", b'{"a": [1]}', {"a": [1]}),
        ("jsn", b"1.5", 1.5),
        ("json", "[1]".encode("utf-16"), [1]),
        ("json", b"\xef\xbb\xbf[1]", [1]),
        ("left.json", b"[]", []),
        ("json.gz", gzip.compress(b"[1]", mtime=0), [1]),
        ("gz", gzip.compress(b"x", mtime=0), b"x"),
        ("bin", b"x", b"x"),
        ("", b"x", b"x"),
        ("txt.zzz", b"x", b"x"),
        ("__note.json", b"[", b"["),
    ],
)
def test_values_by_extension(field, data, value):
    assert decoded(field, data) == value


def test_message_pack_and_cbor():
    msgpack, cbor2 = pytest.importorskip("msgpack"), pytest.importorskip("cbor2")
    for field in ("mp", "msg"):
        assert decoded(field, msgpack.packb({"a": [1]})) == {"a": [1]}
    assert decoded("cbor", cbor2.dumps({"a": [1]})) == {"a": [1]}


def test_arrays():
    array = np.arange(6, dtype="int16").reshape(2, 3)
    assert (decoded("npy", npy(array)) == array).all()
    stream = io.BytesIO()
    np.savez(stream, x=array)
    found = decoded("npz", stream.getvalue())
    assert list(found) == ["x"] and (found["x"] == array).all()


def test_nothing_is_unpickled_unless_allowed():
    ran = []

    class Evil:
        def __reduce__(self):
            return ran.append, (1,)

    data = pickle.dumps([1])
    for field in ("pkl", "pickle", "pyd", "pth"):
        with pytest.raises(DecodingError, match="allow_pickle=True"):
            decoded(field, data)
    for field in ("pkl", "pickle", "pyd"):
        assert decoded(field, data, allow_pickle=True) == [1]
    with pytest.raises(DecodingError):
        decoded("npy", npy(np.array([Evil()], dtype=object)))
    assert ran == []


# ---- Tensors as chunks ------------------------------------------------------------


def tenbin_chunk(data):
    return b"~TenBin~" + struct.pack("<q", len(data)) + data + bytes(-len(data) % 64)


def test_tenbin_byte_by_byte():
    header = b"f4\0\0\0\0\0\0" + b"name\0\0\0\0" + struct.pack("<qqq", 2, 1, 3)
    data = tenbin_chunk(header) + tenbin_chunk(struct.pack("<3f", 1, 2, 3))
    (array,) = decoded("ten", data)
    assert array.dtype == np.float32 and array.tolist() == [[1, 2, 3]]


def test_tenbin_there_and_back():
    arrays = [np.arange(6, dtype=kind).reshape(1, 2, 3) for kind in ("f2", "f8", "i1", "u2", "i8")]
    arrays += [np.float32(5), np.zeros((0, 4), "u1"), np.arange(9, dtype=">i4")[::2]]
    data = encode({"__key__": "k", "tb": arrays})["tb"]
    assert len(data) % 16 == 0
    found = decoded("tb", data)
    assert [np.asarray(a).tolist() for a in found] == [np.asarray(a).tolist() for a in arrays]
    assert [a.dtype for a in found[:5]] == [a.dtype for a in arrays[:5]]


GOOD = tenbin.encode([np.arange(3, dtype="f4")])


@pytest.mark.parametrize(
    "data",
    [
        GOOD[:10],
        GOOD[:40],
        GOOD[:80],
        b"~TenBix~" + GOOD[8:],
        GOOD[:8] + struct.pack("<q", -1) + GOOD[16:],
        GOOD[:16] + b"O\0" + GOOD[18:],
        GOOD.replace(struct.pack("<qq", 1, 3), struct.pack("<qq", 1, -3)),
        GOOD.replace(struct.pack("<qq", 1, 3), struct.pack("<qq", 2, 3)),
        GOOD.replace(struct.pack("<qq", 1, 3), struct.pack("<qq", 1, 1 << 40)),
    ],
)
def test_a_wrong_tenbin_is_an_error(data):
    with pytest.raises(DecodingError, match="'ten' of the sample 'k'"):
        decoded("ten", data)


def test_objects_are_no_tenbin():
    with pytest.raises(ValueError, match="object"):
        encode({"__key__": "k", "ten": [np.array([None])]})


# ---- Images ------------------------------------------------------------

PIXELS = np.array([[[255, 0, 51], [0, 255, 102]]], "uint8")


@pytest.fixture
def png():
    image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    image.fromarray(PIXELS).save(stream, "PNG")
    return stream.getvalue()


def test_images_as_arrays(png):
    assert (decoded("png", png, "rgb8") == PIXELS).all()
    floats = decoded("png", png, "rgb")
    assert floats.dtype == np.float32 and np.allclose(floats, PIXELS / 255)
    assert decoded("png", png, "rgba8")[..., 3].tolist() == [[255, 255]]
    assert decoded("png", png, "l8").shape == (1, 2)
    assert decoded("left.PNG", png, "l").dtype == np.float32


@pytest.mark.parametrize(("spec", "mode"), [("pil", "RGB"), ("pill", "L"), ("pilrgba", "RGBA")])
def test_images_of_pil(png, spec, mode):
    image = decoded("png", png, spec)
    assert (image.mode, image.size) == (mode, (2, 1))


def test_fields_that_are_no_images_are_left_to_others(png):
    assert decoded("txt", b"x", "pil") == "x"
    assert decoded("png", png) == png


def test_a_broken_image_is_an_error():
    pytest.importorskip("PIL.Image")
    with pytest.raises(DecodingError, match="'jpg' of the sample 'k'"):
        decoded("jpg", b"no image", "pil")


@pytest.mark.parametrize("spec", ["", "rgb16", "pil8", "torch_video", "torch_audio"])
def test_an_image_decoder_that_is_not_there(spec):
    with pytest.raises(ValueError, match="There is no image decoder"):
        Decoder([spec])


# ---- Handlers ------------------------------------------------------------


def test_handlers_come_before_the_table_and_after_gz():
    seen = []

    def handler(key, data):
        seen.append((key, data))
        return data.upper() if key.endswith(".txt") else None

    assert decoded("a.txt", b"x", handler) == b"X"
    assert decoded("a.txt.gz", gzip.compress(b"x"), handler) == b"X"
    assert decoded("cls", b"3", handler) == 3
    assert seen == [(".a.txt", b"x"), (".a.txt", b"x"), (".cls", b"3")]


def test_the_first_result_counts():
    handlers = [lambda k, d: None, lambda k, d: 0, lambda k, d: 1]
    assert decoded("bin", b"", *handlers) == 0
    assert decoded("bin", b"", pre=handlers[2:], post=handlers[1:2]) == 1


def test_only_some_fields():
    sample = {"__key__": "k", "cls": b"1", "left.cls": b"2", "json": b"[]"}
    assert Decoder(only="cls json")(sample) == {**sample, "cls": 1, "json": []}
    assert Decoder(only=["left.cls"])(sample) == {**sample, "left.cls": 2}


def test_any_number_of_sets_of_fields():
    decoder = Decoder()
    for number in range(2500):
        assert decoder({f"{number}.cls": b"1", "cls": b"2"}) == {f"{number}.cls": 1, "cls": 2}


def test_values_that_are_decoded_already():
    assert decoded("json", {"a": 1}, partial=True) == {"a": 1}
    with pytest.raises(DecodingError):
        decoded("json", {"a": 1})


def test_the_sample_itself_is_not_changed():
    sample = {"__key__": "k", "cls": b"1"}
    Decoder()(sample)
    assert sample["cls"] == b"1"


def test_an_error_names_the_place():
    with pytest.raises(DecodingError) as caught:
        Decoder()({"__key__": "k", "__url__": "a.tar", "cls": b"x"})
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.url, error.key, error.field) == ("a.tar", "k", "cls")
    assert "'cls' of the sample 'k' in a.tar" in str(error)


def test_what_is_encoded_is_decoded():
    sample = {"__key__": "k", "txt": "x", "cls": 3, "json": {"a": None}, "npy": np.arange(3)}
    found = Decoder()(encode(sample))
    assert found["npy"].tolist() == [0, 1, 2]
    assert {f: v for f, v in found.items() if f != "npy"} == {
        f: v for f, v in sample.items() if f != "npy"
    }
    assert json.loads(encode(sample)["json"]) == {"a": None}
