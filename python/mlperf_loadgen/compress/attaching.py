"""What a quantizer changes of a model: a hook, attributes that hide parameters, learnt parameters.

The hook runs before each forward of the model. It hides quantized parameters behind attributes of
their modules, so that the forward uses other weights, while state_dict, optimizers and
`named_parameters` go on seeing the parameters.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch

from .parameters import Target

_LEARNT = "_compress_"  # The names of learnt parameters begin with it; a number follows.

_held: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
"""Modules whose parameters are hidden: parts of models, of which only the root has a hook."""


class _PlainCopy:
    """Copies a tensor of a graph, which torch refuses to copy, as plain weights.

    Copies of a model after a training step have them until their first forward. The tensor is held
    weakly: its memory is used again as soon as it is gone.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = weakref.ref(tensor)

    def deepcopy(self, memo: dict[int, Any]) -> torch.Tensor:
        copied = memo[id(self._tensor())] = self._plain()
        return copied

    def reduce_ex(self, protocol: Any) -> Any:
        return self._plain().__reduce_ex__(protocol)

    def _plain(self) -> torch.Tensor:
        tensor = self._tensor()
        assert tensor is not None  # Its copy is being made.
        return tensor.detach().clone()


def copied_as_plain(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, which `copy.deepcopy` and `pickle` take from now on.

    They ask an object before its class; a subclass would keep torch.compile from its work.
    """
    plain = _PlainCopy(tensor)
    tensor.__deepcopy__ = plain.deepcopy
    tensor.__reduce_ex__ = plain.reduce_ex
    return tensor


class Attachment:
    """A quantizer's hold on a model, whose `targets` it hides."""

    def __init__(
        self, model: torch.nn.Module, targets: list[Target], before_forward: Callable[[], None]
    ) -> None:
        self.model = model
        self._targets = targets
        self._before_forward = before_forward
        self._learnt_names: list[str] = []
        self._sources = [
            (target.places[0].module._parameters, target.places[0].attribute) for target in targets
        ]
        self._handle = model.register_forward_pre_hook(self._hook)
        _held.update(self._modules())

    # The kernels are opaque to torch.compile: it runs this as it is, and compiles the forward. The
    # public decorator would load the compiler, which takes a second, before it is ever needed.
    @torch._disable_dynamo  # type: ignore[untyped-decorator]
    def _hook(self, module: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
        self._before_forward()

    def _modules(self) -> set[torch.nn.Module]:
        return {place.module for target in self._targets for place in target.places}

    def learn(self, values: Iterable[torch.Tensor]) -> None:
        """Registers parameters of the root that begin with these values."""
        for value in values:
            name = f"{_LEARNT}{len(self._learnt_names)}"
            self._learnt_names.append(name)
            self._sources.append((self.model._parameters, name))
            self.model.register_parameter(name, torch.nn.Parameter(value))

    def learnt(self) -> list[torch.nn.Parameter]:
        """These parameters, as they are now."""
        return [self.model._parameters[name] for name in self._learnt_names]

    def token(self) -> list[tuple[object, ...]]:
        """Equal to an earlier one if no parameter has been written to since, as far as torch
        counts it."""
        found: list[tuple[object, ...]] = []
        for parameters, name in self._sources:
            p = parameters[name]
            version = 0 if p.is_inference() else p._version
            found.append((id(p), version, p.data_ptr(), p.dtype))
        return found

    def show(self, target: Target, value: torch.Tensor) -> None:
        """Shows the modules of `target` these weights instead of the parameter."""
        for place in target.places:
            place.module.__dict__[place.attribute] = value

    def hide_nothing(self) -> None:
        """Shows all modules their parameters."""
        for target in self._targets:
            for place in target.places:
                place.module.__dict__.pop(place.attribute, None)

    def remove(self) -> None:
        """Leaves nothing of the quantizer at the model."""
        self._handle.remove()
        _held.difference_update(self._modules())
        self.hide_nothing()
        for name in self._learnt_names:
            del self.model._parameters[name]
        self._learnt_names.clear()
        for module in self.model.modules():
            if isinstance(module, torch.nn.RNNBase):
                module._init_flat_weights()  # Its list holds what it was shown.


def check_model(model: object) -> torch.nn.Module:
    """The model, if a quantizer can be attached to it.

    Raises TypeError for what is no module, RuntimeError for a model that is wrapped, scripted or
    has a quantizer, and ValueError for parameters that have no values yet.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model={type(model).__name__}: it must be a torch.nn.Module")
    wrappers = (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)
    for name, module in model.named_modules():
        what = f"module {name!r}" if name else "the model"
        if isinstance(module, wrappers) or hasattr(module, "_orig_mod"):
            raise RuntimeError(
                f"{what} is wrapped in {type(module).__name__}: attach the quantizer to the model"
                " first and wrap it then"
            )
        if isinstance(module, torch.jit.ScriptModule):
            raise RuntimeError(f"{what} is scripted: attach the quantizer before scripting it")
        hooks = module._forward_pre_hooks.values()
        own = any(isinstance(getattr(hook, "__self__", None), Attachment) for hook in hooks)
        if own or module in _held:
            raise RuntimeError(f"{what} has a quantizer: call its detach() or freeze() first")
        for key, parameter in module._parameters.items():
            if torch.nn.parameter.is_lazy(parameter):
                raise ValueError(
                    f"parameter {f'{name}.{key}'.lstrip('.')!r} has no values yet: run a forward"
                    " of the model before the quantizer is attached"
                )
    return model
