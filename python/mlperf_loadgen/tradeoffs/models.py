"""Variants of a model: compressed and written to files in one process, and run from them in others.

A file does not hold the class of a model, and making it anew may load or train float weights. So
the model is kept without its weights as well, pickled, and each process that measures has the
skeleton and the file alone.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compress.system import ModelSystem, sut
from ..host.folders import make_folder
from ..interfaces import QuerySampleLibrary
from .folder import MODEL, PREPARED, replace_file, to_json
from .variants import ONNX, ModelVariant

_WEIGHTS = "weights.safetensors"
_ONNX_FILE = "model.onnx"
_SKELETON = "skeleton.pt"
_NOTHING_MB = 1e9
"""No parameter is as large, so that a quantizer with this least size quantizes none."""
_RATE_OF_BITS = 1e-2
"""The learning rate of the bits that DiffQ learns."""
_SEED = 0


@dataclass(frozen=True)
class ModelMaker:
    """Makes the system of a variant of a model from its files."""

    folder: Path
    runtime: str
    kind: str
    weight_count: int
    max_batch: int
    threads: int

    @property
    def file(self) -> Path:
        """The file that the variant needs beside the model's class."""
        return self.folder / (_ONNX_FILE if self.runtime == ONNX else _WEIGHTS)

    def import_runtime(self) -> None:
        """Imports what runs the model, whose own size and time are not the model's."""
        if self.runtime == ONNX:
            importlib.import_module("onnxruntime")
            return
        from .. import compress

        for name in ("load", "restore_quantized_state"):
            getattr(compress, name)

    def __call__(self, library: QuerySampleLibrary) -> ModelSystem:
        if self.runtime == ONNX:
            made = sut(self.file, library, max_batch=self.max_batch, threads=self.threads)
        else:
            from .skeletons import load_skeleton

            made = sut(
                load_skeleton(self.folder / _SKELETON),
                library,
                max_batch=self.max_batch,
                threads=self.threads,
                weights=self.file,
            )
        made.model_files, made.kind, made.weight_count = (self.file,), self.kind, self.weight_count
        return made


def prepared(folder: Path, max_batch: int, threads: int) -> ModelMaker | None:
    """What `prepare_model` left in a variant's folder; None: it did not get that far, or its file
    was removed."""
    try:
        values = json.loads((folder / MODEL / PREPARED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    found = ModelMaker(folder / MODEL, **values, max_batch=max_batch, threads=threads)
    return found if found.file.exists() else None


# ---- In a process of its own ---------------------------------------------------------------------


def prepare_model(make: Callable[[], Any], variant: ModelVariant, folder: Path) -> None:
    """Makes the model, compresses it, and writes what `prepared` reads to a variant's folder.

    Raises TypeError for what `make` must not return, and what training and the quantizer raise.
    """
    import torch

    from .skeletons import save_skeleton

    made = _made(make(), variant)
    target = make_folder(folder / MODEL, "outdir")
    weight_count = sum(parameter.numel() for parameter in made.model.parameters())
    torch.manual_seed(_SEED)
    quantizer = _trained(made, variant) if variant.trains else _quantizer(made.model, variant)
    made.model.eval()
    if variant.runtime == ONNX:
        from ..compress import export_onnx

        export_onnx(quantizer, target / _ONNX_FILE, made.example, kernels=variant.kernels)
    else:
        from ..compress import save

        save(quantizer.get_quantized_state(), target / _WEIGHTS)
        save_skeleton(quantizer.detach(), target / _SKELETON)
    values = {"runtime": variant.runtime, "kind": variant.kind, "weight_count": weight_count}
    replace_file(target / PREPARED, to_json(values))


@dataclass(frozen=True)
class _Made:
    """What `make` returned."""

    model: Any
    example: Any
    train: Callable[..., object] | None
    optimizer: Callable[[Any], Any] | None


def _made(returned: Any, variant: ModelVariant) -> _Made:
    """Raises TypeError for what lacks a part that the variant needs."""
    import torch

    if isinstance(returned, tuple) and len(returned) == 2:
        made = _Made(*returned, None, None)
    else:
        names = ("model", "example", "train", "optimizer")
        made = _Made(*(getattr(returned, name, None) for name in names))
    if not isinstance(made.model, torch.nn.Module):
        raise TypeError(
            f"make returned {returned!r:.200}: return a torch module and an example of its inputs, "
            "or an object with them as model and example"
        )
    if variant.runtime == ONNX and made.example is None:
        raise TypeError(
            f"variant {variant.word!r} needs an example of the model's inputs: give one"
        )
    if variant.trains and not callable(made.train):
        raise TypeError(
            f"variant {variant.word!r} is trained, and what make returned has no train(model, "
            "optimizer, penalty): write it, or leave the variant out"
        )
    return made


def _quantizer(model: Any, variant: ModelVariant) -> Any:
    """Attaches the variant's quantizer."""
    from .. import compress

    if variant.method == "diffq":
        return compress.DiffQuantizer(model)
    if variant.method == "lsq":
        return compress.LSQQuantizer(model, bits=variant.bits)
    if variant.method == "fp32":
        return compress.UniformQuantizer(model, min_size=_NOTHING_MB)
    return compress.UniformQuantizer(
        model,
        bits=variant.bits,
        qat=variant.method == "qat",
        range=variant.range,
        zero=variant.kernels != "float",
    )


def _trained(made: _Made, variant: ModelVariant) -> Any:
    """Trains the model with its quantizer, which is returned."""
    import torch

    make_optimizer = made.optimizer or (lambda model: torch.optim.Adam(model.parameters(), lr=1e-3))
    optimizer = make_optimizer(made.model)  # Before the quantizer adds what it learns.
    quantizer = _quantizer(made.model, variant)
    if variant.method == "diffq":
        quantizer.setup_optimizer(optimizer, lr=_RATE_OF_BITS)
    else:
        quantizer.setup_optimizer(optimizer)

    def penalty() -> Any:
        return variant.penalty * quantizer.model_size() if variant.penalty else 0.0

    assert made.train is not None  # Or the variant would have been refused.
    made.train(made.model, optimizer, penalty)
    return quantizer
