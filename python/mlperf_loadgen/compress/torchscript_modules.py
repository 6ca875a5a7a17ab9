"""What a TorchScript file brings along: bit streams, and code that makes weights of them.

torch compiles this file's text, so that it holds only what TorchScript knows.
"""

from typing import List  # noqa: UP035 - TorchScript's own name for it.

import torch


def codes_of(stream: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """`count` codes of a uint8 bit stream, int32."""
    missing = -stream.numel() % bits
    rows = torch.nn.functional.pad(stream, [0, missing]).view(-1, bits).to(torch.int32)
    codes = torch.empty([rows.size(0), 8], dtype=torch.int32)
    for j in range(8):
        first, shift = j * bits // 8, j * bits % 8
        code = torch.bitwise_right_shift(rows[:, first], shift)
        for byte in range(1, 3):
            if shift + bits > 8 * byte:
                code |= torch.bitwise_left_shift(rows[:, first + byte], 8 * byte - shift)
        codes[:, j] = code & ((1 << bits) - 1)
    return codes.view(-1)[:count]


def affine_weights(codes: torch.Tensor, bits: int, ends: torch.Tensor) -> torch.Tensor:
    """The weights of codes, a row a range, in float64 and rounded once."""
    lo, hi = ends[:, :1].double(), ends[:, 1:].double()
    step = (hi - lo) / ((1 << bits) - 1)
    return (codes.double() * step + lo).float()


def in_rows(codes: torch.Tensor, per_row: int) -> torch.Tensor:
    """Codes in rows, the last of which is filled up."""
    return torch.nn.functional.pad(codes, [0, -codes.numel() % per_row]).view(-1, per_row)


class Affine(torch.nn.Module):  # type: ignore[misc]
    """Weights with a range for each `per_range` of them."""

    def __init__(
        self, stream: torch.Tensor, bits: int, count: int, per_range: int, ends: torch.Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("stream", stream)
        self.register_buffer("ends", ends)
        self.bits, self.count, self.per_range = bits, count, per_range

    def forward(self) -> torch.Tensor:
        codes = in_rows(codes_of(self.stream, self.bits, self.count), self.per_range)
        return affine_weights(codes, self.bits, self.ends).view(-1)[: self.count]


class Zero(torch.nn.Module):  # type: ignore[misc]
    """Weights with a step and a code of zero for each `per_range` of them."""

    def __init__(
        self,
        stream: torch.Tensor,
        bits: int,
        count: int,
        per_range: int,
        steps: torch.Tensor,
        zeros: torch.Tensor,
    ) -> None:
        super().__init__()
        self.register_buffer("stream", stream)
        self.register_buffer("steps", steps)
        self.register_buffer("zeros", zeros)
        self.bits, self.count, self.per_range = bits, count, per_range

    def forward(self) -> torch.Tensor:
        codes = in_rows(codes_of(self.stream, self.bits, self.count), self.per_range)
        zeros = codes_of(self.zeros, self.bits, self.steps.numel()).view(-1, 1)
        return ((codes - zeros).float() * self.steps.view(-1, 1)).view(-1)[: self.count]


class Learnt(torch.nn.Module):  # type: ignore[misc]
    """Weights with one step."""

    def __init__(self, stream: torch.Tensor, bits: int, count: int, step: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("stream", stream)
        self.register_buffer("step", step)
        self.bits, self.count = bits, count

    def forward(self) -> torch.Tensor:
        codes = codes_of(self.stream, self.bits, self.count) - (1 << (self.bits - 1))
        return codes.float() * self.step


class Grouped(torch.nn.Module):  # type: ignore[misc]
    """Weights with one range, and a number of bits for each group of them."""

    def __init__(
        self,
        stream: torch.Tensor,
        group: int,
        count: int,
        ends: torch.Tensor,
        widths: torch.Tensor,
        width_base: int,
        width_bits: int,
    ) -> None:
        super().__init__()
        self.register_buffer("stream", stream)
        self.register_buffer("ends", ends)
        self.register_buffer("widths", widths)
        self.group, self.count = group, count
        self.width_base, self.width_bits = width_base, width_bits

    def forward(self) -> torch.Tensor:
        groups = (self.count + self.group - 1) // self.group
        widths = torch.full([groups], self.width_base, dtype=torch.int32)
        if self.width_bits > 0:
            widths += codes_of(self.widths, self.width_bits, groups)
        rows = torch.empty([groups, self.group])
        begin = 0
        for bits in range(1, 17):
            places = torch.nonzero(widths == bits).view(-1)
            if places.numel() > 0:
                count = places.numel() * self.group
                if int(places[-1]) == groups - 1:
                    count -= groups * self.group - self.count
                end = begin + (count * bits + 7) // 8
                codes = in_rows(codes_of(self.stream[begin:end], bits, count), self.group)
                rows[places] = affine_weights(codes, bits, self.ends)
                begin = end
        return rows.view(-1)[: self.count]


class Shaped(torch.nn.Module):  # type: ignore[misc]
    """The weights of a parameter, of its shape and type."""

    shape: List[int]  # noqa: UP006 - Without axes it is empty, and torch cannot see of what.

    def __init__(self, flat: torch.nn.Module, shape: List[int], dtype: torch.dtype) -> None:  # noqa: UP006
        super().__init__()
        self.flat, self.shape, self.dtype = flat, shape, dtype

    def forward(self) -> torch.Tensor:
        return self.flat().view(self.shape).to(self.dtype)


class Plain(torch.nn.Module):  # type: ignore[misc]
    """A parameter that is not quantized, which the file may have in half precision."""

    def __init__(self, value: torch.Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("value", value)
        self.dtype = dtype

    def forward(self) -> torch.Tensor:
        return self.value.to(self.dtype)


class Unpacking(torch.nn.Module):  # type: ignore[misc]
    """All parameters of a model, made at the first forward."""

    unpacked: List[torch.Tensor]  # noqa: UP006

    def __init__(self, packed: List[torch.nn.Module]) -> None:  # noqa: UP006
        super().__init__()
        self.packed = torch.nn.ModuleList(packed)
        self.unpacked = []

    @torch.jit.export  # type: ignore[untyped-decorator]
    def weights(self) -> List[torch.Tensor]:  # noqa: UP006
        if len(self.unpacked) == 0:
            unpacked: List[torch.Tensor] = []  # noqa: UP006
            for packed in self.packed:
                unpacked.append(packed())
            self.unpacked = unpacked
        return self.unpacked
