#!/usr/bin/env python3
"""Makes the oracles of this folder: `python make_golden.py [folder]`. Needs NumPy only; deterministic.

Everything is worked out in float64 from the formulas in spec/compression.md, by code that is written to be
read rather than to be fast: bits are put one by one, gradients are checked by central differences here.
"""

import json
import math
import sys
import zlib
from pathlib import Path

import numpy as np

MB_BITS = 2**23


# ---------------------------------------------------------------- formulas
def quantize(w, bits, lo=None, hi=None):
    """Codes, and the range they refer to. w is float32 (or narrower); the sums are float64."""
    w = np.asarray(w, np.float64).ravel()
    lo = float(w.min()) if lo is None else lo
    hi = float(w.max()) if hi is None else hi
    top = 2**bits - 1
    if hi == lo:
        return np.zeros(w.size, np.int64), lo, hi
    codes = np.clip(np.rint((w - lo) * (top / (hi - lo))), 0, top)
    return codes.astype(np.int64), lo, hi


def dequantize(codes, bits, lo, hi):
    """lo + code * step: product and sum are rounded to float64 each, the result once to float32."""
    step = (hi - lo) / (2**bits - 1)
    return (lo + np.asarray(codes, np.float64) * step).astype(np.float32)


def pack(values, bits):
    """Value i is in the bits i*bits to i*bits+bits-1, counted from the lowest bit of the first byte."""
    out = bytearray((len(values) * bits + 7) // 8)
    for i, value in enumerate(values):
        assert 0 <= value < 2**bits
        for k in range(bits):
            if int(value) >> k & 1:
                position = i * bits + k
                out[position >> 3] |= 1 << (position & 7)
    return bytes(out)


def width_bits(widths):
    return math.ceil(math.log2(1 + max(widths) - min(widths)))


def group_slices(n, group):
    group = group or n
    return [slice(a, min(n, a + group)) for a in range(0, n, group)]


def pack_groups(w, widths, group):
    """One stream a width, in ascending order of width, each from a byte boundary; groups in their order."""
    w = np.asarray(w, np.float64).ravel()
    lo, hi = float(w.min()), float(w.max())
    slices = group_slices(w.size, group)
    assert len(slices) == len(widths)
    restored = np.empty(w.size, np.float32)
    streams = b""
    for bits in sorted(set(widths)):
        values = []
        for part, width in zip(slices, widths):
            if width == bits:
                codes, *_ = quantize(w[part], bits, lo, hi)
                restored[part] = dequantize(codes, bits, lo, hi)
                values += codes.tolist()
        streams += pack(values, bits)
    extra = width_bits(widths)
    table = pack([width - min(widths) for width in widths], extra) if extra else b""
    return streams, table, restored, lo, hi


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def bits_of(logits, low, high):
    return low + (high - low) * sigmoid(logits)


def noisy(w, logits, u, group, low, high):
    """The weights of a training step; u is the noise in steps (0.5 * normal, or uniform in +-1/2)."""
    step = (w.max() - w.min()) / (2.0 ** bits_of(logits, low, high) - 1)
    out = w.copy()
    for k, part in enumerate(group_slices(w.size, group)):
        out[part] += step[k] * u[part]
    return out


def noisy_gradients(w, logits, u, group, low, high, g):
    """Of sum(g * noisy): by w, the range's own share included, and by the logits."""
    spread = w.max() - w.min()
    b = bits_of(logits, low, high)
    by_w, by_logit, by_spread = g.copy(), np.zeros_like(logits), 0.0
    for k, part in enumerate(group_slices(w.size, group)):
        dot = float((g[part] * u[part]).sum())
        by_spread += dot / (2 ** b[k] - 1)
        by_bits = -spread * math.log(2) * 2 ** b[k] / (2 ** b[k] - 1) ** 2 * dot
        s = float(sigmoid(logits[k]))
        by_logit[k] = by_bits * (high - low) * s * (1 - s)
    by_w[int(w.argmax())] += by_spread
    by_w[int(w.argmin())] -= by_spread
    return by_w, by_logit


def lsq(w, step, bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return np.clip(np.rint(w / step), low, high)


def lsq_gradients(w, step, bits, g):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    v = w / step
    inside = (v >= low) & (v <= high)
    local = np.where(inside, np.rint(v) - v, np.clip(v, low, high))
    return np.where(inside, g, 0.0), float((g * local).sum() / math.sqrt(w.size * high))


def model_bits(tensors):
    """(soft, true) size in bits. A tensor: a dict, as in sizes.json."""
    soft = true = 0.0
    for t in tensors:
        n, kind = t["count"], t["kind"]
        if kind == "plain":
            soft, true = soft + 32 * n, true + 32 * n
        elif kind == "half":
            soft, true = soft + 16 * n, true + 16 * n
        elif kind == "uniform":
            more = n * t["bits"] + (32 + t["bits"] if t.get("zero") else 64) * t["ranges"]
            soft, true = soft + more, true + more
        elif kind == "lsq":
            soft, true = soft + n * t["bits"] + 32, true + n * t["bits"] + 32
        else:
            low, high = t["min_bits"], t["max_bits"]
            b = bits_of(np.array(t["logits"]), low, high)
            rounded = np.clip(np.rint(b + t["extra_bits"]), 1, 16)
            counts = np.array([s.stop - s.start for s in group_slices(n, t["group"])])
            head = (
                64 + 8 + len(b) * math.ceil(math.log2(1 + max(0, rounded.max() - math.ceil(low))))
            )
            soft += float((counts * b).sum()) + head
            true += float((counts * rounded).sum()) + head
    return soft, true


# ---------------------------------------------------------------- files
def hexed(array):
    return np.asarray(array, "<f4").tobytes().hex()


def rows_quantize(random):
    rows = []
    inputs = {
        "normal": random.normal(size=37),
        "uniform": random.uniform(-0.125, 0.125, 64),
        "one outlier": np.append(random.uniform(-1 / 32, 1 / 32, 63), 1.0),
        "all zero": np.zeros(9),
        "constant": np.full(5, -0.7),
        "one value": np.array([3.25]),
        "two values": np.array([-1.0, 2.0]),
        "ties": np.arange(0, 16) / 8,
        "minus zero": np.array([-0.0, 0.0, 1.0, 0.5]),
        "tiny": random.normal(size=16) * 1e-41,
        "huge": random.normal(size=16) * 1e38,
        "positive only": random.uniform(5, 6, 21),
    }
    for name, values in inputs.items():
        w = np.asarray(values, np.float32)
        for bits in range(1, 17):
            codes, lo, hi = quantize(w, bits)
            back = dequantize(codes, bits, lo, hi)
            error = np.abs(back.astype(np.float64) - w.astype(np.float64)).max()
            step = (hi - lo) / (2**bits - 1)
            slack = np.spacing(np.float32(max(abs(lo), abs(hi))))
            assert error <= step / 2 * (1 + 1e-9) + slack
            assert back.min() >= np.float32(lo) and back.max() <= np.float32(hi)
            rows.append(
                dict(case=name, bits=bits, weights=hexed(w), codes=codes.tolist(), lo=lo, hi=hi,
                     restored=hexed(back), packed=pack(codes.tolist(), bits).hex())
            )  # fmt: skip
    return rows


def rows_pack(random):
    rows = []
    for bits in range(1, 17):
        for count in [*range(0, 18), 63, 64, 65, 100, 300]:
            values = random.integers(0, 2**bits, count).tolist()
            rows.append(dict(bits=bits, values=values, bytes=pack(values, bits).hex()))
        rows.append(
            dict(bits=bits, values=[2**bits - 1] * 13, bytes=pack([2**bits - 1] * 13, bits).hex())
        )
    return rows


def zeroed(w, bits, row):
    """Ranges in which zero is a level: codes, float32 steps, zero points, restored weights."""
    flat, top = np.asarray(w, np.float64).ravel(), 2**bits - 1
    codes, steps, zeros, back = [], [], [], []
    for part in group_slices(flat.size, row):
        x = flat[part]
        lo, hi = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
        step = float(np.float32((hi - lo) / top)) or 1.0
        zero = float(np.clip(np.rint(-lo / step), 0, top))
        c = np.clip(np.rint(x / step) + zero, 0, top)
        codes += c.astype(int).tolist()
        steps.append(step)
        zeros.append(int(zero))
        back.append(((c - zero) * step).astype(np.float32))
    return codes, steps, zeros, np.concatenate(back)


def rows_ranges(random):
    rows = []
    for count, row in ((64, 64), (100, 33), (96, 32), (97, 32), (7, 8), (40, 1)):
        for shift in (0.0, 3.0, -3.0):
            w = (random.normal(size=count) + shift).astype(np.float32)
            w[::9] *= 0
            for bits in (1, 2, 3, 4, 5, 8, 11, 16):
                codes, ranges, back = [], [], []
                for part in group_slices(count, row):
                    c, lo, hi = quantize(w[part], bits)
                    codes += c.tolist()
                    ranges.append([lo, hi])
                    back.append(dequantize(c, bits, lo, hi))
                zcodes, steps, zeros, zback = zeroed(w, bits, row)
                assert (zback[w == 0] == 0).all()
                rows.append(
                    dict(bits=bits, range=row, weights=hexed(w), codes=pack(codes, bits).hex(), ranges=ranges,
                         restored=hexed(np.concatenate(back)), zero_codes=pack(zcodes, bits).hex(),
                         zero_steps=hexed(steps), zero_points=pack(zeros, bits).hex(), zero_restored=hexed(zback))
                )  # fmt: skip
    return rows


def rows_groups(random):
    rows = []
    for count, group in ((1, 1), (1, 8), (7, 8), (8, 8), (9, 8), (64, 8), (67, 8), (50, 1), (50, 3),
                         (51, 7), (100, 16), (33, 32), (40, 0), (256, 8), (255, 5)):  # fmt: skip
        for name, low, high in (
            ("mixed", 1, 16),
            ("narrow", 2, 5),
            ("one width", 15, 15),
            ("all 16", 16, 16),
        ):
            w = random.normal(size=count).astype(np.float32)
            widths = random.integers(low, high + 1, len(group_slices(count, group))).tolist()
            streams, table, back, lo, hi = pack_groups(w, widths, group)
            rows.append(
                dict(case=name, group=group, widths=widths, weights=hexed(w), lo=lo, hi=hi,
                     codes=streams.hex(), width_base=min(widths), width_bits=width_bits(widths),
                     width_table=table.hex(), restored=hexed(back))
            )  # fmt: skip
    w = np.zeros(20, np.float32)
    streams, table, back, lo, hi = pack_groups(w, [3, 9, 1], 8)
    rows.append(dict(case="all zero", group=8, widths=[3, 9, 1], weights=hexed(w), lo=lo, hi=hi, codes=streams.hex(),
                     width_base=1, width_bits=4, width_table=table.hex(), restored=hexed(back)))  # fmt: skip
    return rows


def difference(f, x, i, h):
    up, down = x.copy(), x.copy()
    up[i] += h
    down[i] -= h
    return (f(up) - f(down)) / (2 * h)


def rows_noise(random):
    rows = []
    for count, group, low, high in (
        (16, 8, 2, 15),
        (19, 8, 2, 15),
        (12, 1, 2, 8),
        (10, 0, 1, 16),
        (15, 4, 2.5, 6.5),
    ):
        w = random.normal(size=count)
        logits = random.normal(size=len(group_slices(count, group)))
        u, g = 0.5 * random.normal(size=count), random.normal(size=count)
        by_w, by_logit = noisy_gradients(w, logits, u, group, low, high, g)
        for i in range(count):
            got = difference(
                lambda x: (g * noisy(x, logits, u, group, low, high)).sum(), w, i, 1e-6
            )
            assert abs(got - by_w[i]) < 1e-6 * (1 + abs(got))
        for i in range(len(logits)):
            got = difference(
                lambda x: (g * noisy(w, x, u, group, low, high)).sum(), logits, i, 1e-6
            )
            assert abs(got - by_logit[i]) < 1e-6 * (1 + abs(got))
        rows.append(
            dict(group=group, min_bits=low, max_bits=high, weights=w.tolist(), logits=logits.tolist(),
                 bits=bits_of(logits, low, high).tolist(), noise=u.tolist(), upstream=g.tolist(),
                 noisy=noisy(w, logits, u, group, low, high).tolist(),
                 gradient_weights=by_w.tolist(), gradient_logits=by_logit.tolist())
        )  # fmt: skip
    return rows


def rows_lsq(random):
    rows = []
    for bits in range(2, 17):
        for scale in (1.0, 0.02, 40.0):
            w, g = random.normal(size=29) * scale, random.normal(size=29)
            w, g = w.astype(np.float32).astype(np.float64), g.astype(np.float32).astype(np.float64)
            start = 2 * np.abs(w).mean() / math.sqrt(2 ** (bits - 1))
            step = float(np.float32(start * 0.6))
            codes = lsq(w, step, bits)
            by_w, by_step = lsq_gradients(w, step, bits, g)
            rows.append(
                dict(bits=bits, weights=w.tolist(), start=start, step=step, codes=codes.astype(int).tolist(),
                     restored=hexed(codes * step), packed=pack((codes + 2 ** (bits - 1)).astype(int).tolist(), bits).hex(),
                     upstream=g.tolist(), gradient_weights=by_w.tolist(), gradient_step=by_step)
            )  # fmt: skip
    return rows


def rows_sizes(random):
    logits = lambda k: random.normal(size=k).tolist()  # noqa: E731
    diff = lambda n, g, extra=0, low=2, high=15: dict(  # noqa: E731
        kind="diffq", count=n, group=g, min_bits=low, max_bits=high, extra_bits=extra,
        logits=logits(len(group_slices(n, g))))  # fmt: skip
    start = math.log((8 - 2) / (15 - 8))
    cases = {
        "uniform 8 bits": [dict(kind="uniform", count=32768, bits=8, ranges=1)],
        "uniform 4 bits, a bias": [dict(kind="uniform", count=32768, bits=4, ranges=1), dict(kind="plain", count=256)],
        "convolution and batch norm": [dict(kind="uniform", count=9216, bits=8, ranges=1), dict(kind="plain", count=192)],
        "uniform 3 bits a channel": [dict(kind="uniform", count=32768, bits=3, ranges=256)],
        "uniform 4 bits, groups of 32, ragged": [dict(kind="uniform", count=1000, bits=4, ranges=32)],
        "uniform 4 bits, groups of 32, zero": [dict(kind="uniform", count=1024, bits=4, ranges=32, zero=True)],
        "lsq 4 bits": [dict(kind="lsq", count=32768, bits=4)],
        "half": [dict(kind="half", count=777), dict(kind="lsq", count=5000, bits=2)],
        "diffq at the start": [dict(kind="diffq", count=32768, group=8, min_bits=2, max_bits=15, extra_bits=0,
                                    logits=[start] * 4096)],
        "diffq": [diff(4096, 8), dict(kind="plain", count=64)],
        "diffq, groups of 1": [diff(300, 1)],
        "diffq, one group": [diff(3000, 0)],
        "diffq, ragged": [diff(1003, 16), diff(77, 5)],
        "diffq, extra bits": [diff(512, 8, extra=1)],
        "diffq, other limits": [diff(512, 8, low=1, high=16)],
    }  # fmt: skip
    rows = []
    for name, tensors in cases.items():
        soft, true = model_bits(tensors)
        row = dict(
            case=name,
            tensors=tensors,
            soft_bits=soft,
            true_bits=true,
            soft_mb=soft / MB_BITS,
            true_mb=true / MB_BITS,
        )
        t = tensors[0]
        if t["kind"] == "diffq":  # d(size in MB) / d(logit)
            s = sigmoid(np.array(t["logits"]))
            counts = np.array([p.stop - p.start for p in group_slices(t["count"], t["group"])])
            row["gradient_logits"] = (
                counts * (t["max_bits"] - t["min_bits"]) * s * (1 - s) / MB_BITS
            ).tolist()
        rows.append(row)
    return rows


def example_state(random, folder):
    """A whole file, and what it holds."""
    a = random.normal(size=(24, 16)).astype(np.float32)
    b = random.normal(size=(13, 11)).astype(np.float32)
    c = random.normal(size=(8, 4)).astype(np.float32)
    arrays, expected = {}, {}
    codes, lo, hi = quantize(a, 5)
    arrays["a.weight#codes"] = np.frombuffer(pack(codes.tolist(), 5), np.uint8)
    arrays["a.weight#range"] = np.array([[lo, hi]], np.float32)
    expected["a.weight"] = dequantize(codes, 5, lo, hi).reshape(a.shape)
    widths = random.integers(2, 10, 18).tolist()
    streams, table, back, lo, hi = pack_groups(b, widths, 8)
    arrays["b.weight#codes"] = np.frombuffer(streams, np.uint8)
    arrays["b.weight#widths"] = np.frombuffer(table, np.uint8)
    arrays["b.weight#range"] = np.array([[lo, hi]], np.float32)
    expected["b.weight"] = back.reshape(b.shape)
    q = lsq(c.astype(np.float64), 0.5, 3)
    arrays["c.weight#codes"] = np.frombuffer(
        pack((q + 4).astype(int).ravel().tolist(), 3), np.uint8
    )
    arrays["c.weight#step"] = np.array([0.5], np.float32)
    expected["c.weight"] = (q * 0.5).astype(np.float32)
    for name, n in (("a.bias", 24), ("b.bias", 13), ("c.bias", 8)):
        arrays[name] = expected[name] = random.normal(size=n).astype(np.float32)
    affine = dict(kind="affine", aliases=[], dtype="float32")
    plan = dict(
        tensors=[
            dict(name="a.weight", shape=[24, 16], bits=5, range=384, **affine),
            dict(
                name="b.weight",
                shape=[13, 11],
                group=8,
                width_base=min(widths),
                width_bits=width_bits(widths),
                **affine,
            ),
            dict(name="c.weight", shape=[8, 4], bits=3, kind="lsq", aliases=[], dtype="float32"),
        ],
        plain=[
            dict(name=name, aliases=[], dtype="float32") for name in ("a.bias", "b.bias", "c.bias")
        ],
        method="example",
        crc32={name: zlib.crc32(array.tobytes()) for name, array in arrays.items()},
        arrays={name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()},
    )
    text = json.dumps(plan)
    about = dict(
        format="mlperf-loadgen-compressed",
        version="1",
        plan=text,
        plan_crc32=str(zlib.crc32(text.encode())),
    )
    header = {"__metadata__": about}
    body = b""
    for name in sorted(arrays):
        array = arrays[name]
        kind = {"uint8": "U8", "float32": "F32"}[str(array.dtype)]
        header[name] = dict(
            dtype=kind, shape=list(array.shape), data_offsets=[len(body), len(body) + array.nbytes]
        )
        body += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "state_v1.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + body)
    np.savez(folder / "state_v1.npz", **expected)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    folder.mkdir(parents=True, exist_ok=True)
    makers = dict(
        quantize=rows_quantize,
        pack=rows_pack,
        groups=rows_groups,
        noise=rows_noise,
        lsq=rows_lsq,
        sizes=rows_sizes,
        ranges=rows_ranges,
    )
    for seed, (name, maker) in enumerate(makers.items()):
        rows = maker(np.random.Generator(np.random.PCG64(1000 + seed)))
        (folder / f"{name}.json").write_text(
            "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"
        )
        print(f"{name}.json: {len(rows)} rows")
    example_state(np.random.Generator(np.random.PCG64(77)), folder)
    print("state_v1.safetensors, state_v1.npz")


if __name__ == "__main__":
    main()
