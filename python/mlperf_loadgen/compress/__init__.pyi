# Written by tests/python/helpers/public_stubs.py from the table of __init__.py.
from .arrays import dequantize as dequantize, pack as pack, quantize as quantize, unpack as unpack

__all__ = [
    "dequantize",
    "pack",
    "quantize",
    "unpack",
]
