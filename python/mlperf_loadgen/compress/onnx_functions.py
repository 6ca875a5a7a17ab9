"""Functions that an ONNX file brings along, which make weights of bit streams.

ONNX Runtime evaluates them once, when it loads the file, as all that they take is constant. Types
in between are narrow, since each of their results is in memory for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DOMAIN = "mlperf_loadgen.compress"
_OPSET = 20  # BitwiseAnd needs 18; the exporter of torch writes 20.
_BYTE_BITS = 8
_OCTET = 8  # So many codes of b bits are b bytes.


def unpack(bits: int) -> tuple[str, str]:
    """Unpack(stream, count): the first codes of a stream, uint8 up to 8 bits, else uint32.

    The stream is filled up to a multiple of `bits` bytes. Eight codes are a row of `bits` bytes, so
    that code j of a row has the same place in all rows.
    """
    name = f"Unpack{bits}"
    if bits == _BYTE_BITS:
        return name, _text(name, "stream, count", "codes", [*_cut("stream")])
    dtype, number = ("uint8", 2) if bits < _BYTE_BITS else ("uint32", 12)
    lines = [
        _constant("row", "int64", [-1, bits]),
        "bytes = Reshape (stream, row)",
        # A column of zeros, where codes end that need no further byte.
        _constant("pads", "int64", [0, 0, 0, 1]),
        "padded = Pad (bytes, pads)",
        f"columns = Cast <to = {number}> (padded)",
    ]
    pieces = []
    for byte in range(2 if bits < _BYTE_BITS else 3):
        places, shifts = zip(*(_piece(bits, j, byte) for j in range(_OCTET)), strict=True)
        lines += [
            _constant(f"places{byte}", "int32", places),
            _constant(f"shifts{byte}", dtype, shifts),
            f"bytes{byte} = Gather <axis = 1> (columns, places{byte})",
            f'piece{byte} = BitShift <direction = "{"LEFT" if byte else "RIGHT"}">'
            f" (bytes{byte}, shifts{byte})",
        ]
        pieces.append(f"piece{byte}")
    lines.append("sum1 = BitwiseOr (piece0, piece1)")
    if len(pieces) == 3:
        lines.append("sum2 = BitwiseOr (sum1, piece2)")
    lines += [
        _constant("mask", dtype, [2**bits - 1]),
        f"masked = BitwiseAnd (sum{len(pieces) - 1}, mask)",
        _constant("flat", "int64", [-1]),
        "all = Reshape (masked, flat)",
        *_cut("all"),
    ]
    return name, _text(name, "stream, count", "codes", lines)


def _piece(bits: int, code: int, byte: int) -> tuple[int, int]:
    """Where byte `byte` of a code lies in its row, and by how many bits it is shifted: the first to
    the right, the others to the left."""
    first, shift = divmod(code * bits, _BYTE_BITS)
    if byte == 0:
        return first, shift
    ends_before = shift + bits <= byte * _BYTE_BITS
    return (bits, 0) if ends_before else (first + byte, byte * _BYTE_BITS - shift)


def _cut(stream: str) -> list[str]:
    return [_constant("start", "int64", [0]), f"codes = Slice ({stream}, start, count)"]


def numbers(bits: int) -> tuple[str, str]:
    """Numbers(): all codes of so many bits, float32 of shape [1, 2^bits]."""
    name = f"Numbers{bits}"
    lines = [
        _constant("first", "float", 0.0),
        _constant("end", "float", float(2**bits)),
        _constant("one", "float", 1.0),
        "ascending = Range (first, end, one)",
        _constant("row", "int64", [1, -1]),
        "codes = Reshape (ascending, row)",
    ]
    return name, _text(name, "", "codes", lines)


def affine(bits: int) -> tuple[str, str]:
    """Affine(codes, range): the weights of codes, a row a range, in float64 and rounded once."""
    name = f"Affine{bits}"
    lines = [
        "ends = Cast <to = 11> (range)",
        _constant("at_lo", "int64", [0]),
        _constant("at_hi", "int64", [1]),
        "lo = Gather <axis = 1> (ends, at_lo)",
        "hi = Gather <axis = 1> (ends, at_hi)",
        "span = Sub (hi, lo)",
        _constant("top", "double", float(2**bits - 1)),
        "step = Div (span, top)",
        "numbers = Cast <to = 11> (codes)",
        "above = Mul (numbers, step)",
        "exact = Add (above, lo)",
        "weights = Cast <to = 1> (exact)",
    ]
    return name, _text(name, "codes, range", "weights", lines)


def zero() -> tuple[str, str]:
    """Zero(codes, zeros, step): the weights of codes, a row a range. The difference is exact in
    float32, and the product is rounded once."""
    lines = [
        _constant("column", "int64", [-1, 1]),
        "numbers = Cast <to = 1> (codes)",
        "of_zero = Cast <to = 1> (zeros)",
        "zero_column = Reshape (of_zero, column)",
        "steps = Reshape (step, column)",
        "above = Sub (numbers, zero_column)",
        "weights = Mul (above, steps)",
    ]
    return "Zero", _text("Zero", "codes, zeros, step", "weights", lines)


def learnt(bits: int) -> tuple[str, str]:
    """Learnt(codes, step): the weights of codes with one step."""
    name = f"Learnt{bits}"
    lines = [
        _constant("of_zero", "float", float(2 ** (bits - 1))),
        "numbers = Cast <to = 1> (codes)",
        "above = Sub (numbers, of_zero)",
        "weights = Mul (above, step)",
    ]
    return name, _text(name, "codes, step", "weights", lines)


def pick() -> tuple[str, str]:
    """Pick(levels, codes): the level of each code, both with a row a range."""
    lines = [
        "places = Cast <to = 6> (codes)",
        "weights = GatherElements <axis = 1> (levels, places)",
    ]
    return "Pick", _text("Pick", "levels, codes", "weights", lines)


def in_order() -> tuple[str, str]:
    """InOrder(groups, widths, count): rows that are sorted by width, back in their order.

    Among equal widths TopK keeps the order, so that TopK of its places is the way back.
    """
    lines = [
        "numbers = Cast <to = 6> (widths)",
        "sorted, places = TopK <largest = 0> (numbers, count)",
        "again, way_back = TopK <largest = 0> (places, count)",
        "ordered = Gather <axis = 0> (groups, way_back)",
    ]
    return "InOrder", _text("InOrder", "groups, widths, count", "ordered", lines)


def signed(bits: int) -> tuple[str, str]:
    """Signed(codes): codes less 2^(bits-1), int8."""
    name = f"Signed{bits}"
    lines = [
        _constant("first", "int32", -(2 ** (bits - 1))),
        _constant("end", "int32", 2 ** (bits - 1)),
        _constant("one", "int32", 1),
        "wide = Range (first, end, one)",
        "numbers = Cast <to = 3> (wide)",
        "places = Cast <to = 6> (codes)",
        "signed = Gather <axis = 0> (numbers, places)",
    ]
    return name, _text(name, "codes", "signed", lines)


def nibbles() -> tuple[str, str]:
    """Nibbles(codes): codes of up to 4 bits in rows of an even length, two in a byte."""
    lines = [
        _constant("pair", "int64", [0, -1, 2]),
        "pairs = Reshape (codes, pair)",
        _constant("at_low", "int64", 0),
        _constant("at_high", "int64", 1),
        "low = Gather <axis = 2> (pairs, at_low)",
        "high = Gather <axis = 2> (pairs, at_high)",
        _constant("four", "uint8", [4]),
        'shifted = BitShift <direction = "LEFT"> (high, four)',
        "bytes = BitwiseOr (low, shifted)",
    ]
    return "Nibbles", _text("Nibbles", "codes", "bytes", lines)


def _constant(name: str, dtype: str, value: Any) -> str:
    values, shape = (value, f"[{len(value)}]") if isinstance(value, Sequence) else ([value], "")
    return f"{name} = Constant <value = {dtype}{shape} {{{', '.join(map(str, values))}}}> ()"


def _text(name: str, takes: str, gives: str, lines: list[str]) -> str:
    """A function in ONNX's own notation."""
    head = f'<domain: "{DOMAIN}", opset_import: ["": {_OPSET}]>'
    body = "\n".join(f"  {line}" for line in lines)
    return f"{head}\n{name} ({takes}) => ({gives})\n{{\n{body}\n}}"
