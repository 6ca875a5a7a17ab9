"""Weights as few bits: arrays of them, bit streams, and models."""

from .. import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    globals(),
    {
        "arrays": ("dequantize", "pack", "quantize", "unpack"),
        "diffq": ("DiffQuantizer",),
        "file": ("load", "save"),
        "lsq": ("LSQQuantizer",),
        "onnx_export": ("export_onnx",),
        "restoring": ("restore_quantized_state",),
        "system": ("ModelSystem", "sut"),
        "torchscript_export": ("export_torchscript",),
        "uniform": ("UniformQuantizer",),
    },
)
