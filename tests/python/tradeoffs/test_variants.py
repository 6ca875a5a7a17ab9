"""Each word names the variant that docs/pareto.md says, and other words are refused.

Method: words and the fields that they stand for.
"""

import pytest

from mlperf_loadgen.tradeoffs.variants import ModelVariant, variant_of

WORDS = {
    "fp32": ("fp32", 0, "tensor", 0.0, "torch", "float", ""),
    "fp32@onnx": ("fp32", 0, "tensor", 0.0, "onnx", "float", ""),
    "int8": ("uniform", 8, "channel", 0.0, "onnx", "int8", "kernels"),
    "int4": ("uniform", 4, 32, 0.0, "onnx", "int4", "kernels"),
    "uniform:4": ("uniform", 4, "tensor", 0.0, "torch", "float", "storage"),
    "uniform:16/channel": ("uniform", 16, "channel", 0.0, "torch", "float", "storage"),
    "uniform:4/32": ("uniform", 4, 32, 0.0, "torch", "float", "storage"),
    "uniform:3/128@onnx": ("uniform", 3, 128, 0.0, "onnx", "float", "storage"),
    "qat:2": ("qat", 2, "tensor", 0.0, "torch", "float", "storage"),
    "qat:2/channel@onnx": ("qat", 2, "channel", 0.0, "onnx", "float", "storage"),
    "lsq:3": ("lsq", 3, "tensor", 0.0, "torch", "float", "storage"),
    "diffq:5": ("diffq", 0, "tensor", 5.0, "torch", "float", "storage"),
    "diffq:0.5@onnx": ("diffq", 0, "tensor", 0.5, "onnx", "float", "storage"),
}


@pytest.mark.parametrize("word", WORDS)
def test_words(word):
    method, bits, range_, penalty, runtime, kernels, kind = WORDS[word]
    found = variant_of(word)
    assert found == ModelVariant(word, method, bits, range_, penalty, runtime, kernels)
    assert found.kind == kind
    assert found.trains == (method in ("qat", "lsq", "diffq"))


REFUSED = {
    "": "there is no such method",
    "fp16": "there is no such method",
    "int8@onnx": "there is no such method",
    "uniform:4@torchscript": "it runs on 'torchscript', which is not onnx",
    "fp32:4": "fp32 takes no number",
    "uniform": "it needs a whole number of bits, 1 to 16",
    "uniform:0": "it needs a whole number of bits, 1 to 16",
    "uniform:17": "it needs a whole number of bits, 1 to 16",
    "uniform:4.5": "it needs a whole number of bits, 1 to 16",
    "uniform:4/0": "'0' is no number of weights",
    "uniform:4/row": "'row' is no number of weights",
    "lsq:1": "it needs a whole number of bits, 2 to 16",
    "lsq:4/32": "lsq has a step for each tensor",
    "diffq": "it needs a penalty, a number of at least 0",
    "diffq:-1": "it needs a penalty, a number of at least 0",
    "diffq:nan": "it needs a penalty, a number of at least 0",
    "diffq:5/8": "diffq has a range for each tensor",
}


@pytest.mark.parametrize("word", REFUSED)
def test_words_that_are_refused(word):
    with pytest.raises(ValueError) as caught:
        variant_of(word)
    assert str(caught.value).startswith(f"variant {word!r}: {REFUSED[word]}; variants are fp32, ")
