"""The worked numbers of tests/golden/compression as NumPy arrays."""

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "compression"


def rows(name):
    """The rows of a file, each a dict."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def floats(text):
    """float32 numbers of their hexadecimal text."""
    return np.frombuffer(bytes.fromhex(text), "<f4").copy()


def stream(text):
    """The bytes of a bit stream."""
    return np.frombuffer(bytes.fromhex(text), np.uint8).copy()


def codes(values, bits):
    """Codes of their numbers, in the type that they have."""
    return np.array(values, np.uint8 if bits <= 8 else np.uint16)


def same_bits(a, b):
    """Whether float32 arrays are equal to the bit, -0 and +0 apart, as -0 comes back as +0."""
    return np.array_equal((a + np.float32(0)).view(np.uint32), (b + np.float32(0)).view(np.uint32))
