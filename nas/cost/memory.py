"""TFLM's greedy memory planner: where each buffer lies in the arena, and the head that results, to the byte.

Rules (tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc): sizes are rounded up to 16 bytes; buffers are
placed by size, descending, and among equal sizes the later-created first; each goes into the first gap, by offset,
between the already placed buffers whose lifetimes overlap its own. Scratch buffers are created after all tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.cost.operators import OperatorList, align


@dataclass(frozen=True, slots=True)
class Buffer:
    """One planned buffer: live from operator `first` to operator `last`, at `offset` in the arena."""

    name: str
    shape: tuple[int, ...]
    num_bytes: int
    first: int
    last: int
    offset: int

    @property
    def end(self) -> int:
        """First arena byte after the buffer."""
        return self.offset + self.num_bytes


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The planned arena head. Sizes are arena bytes: multiples of 16."""

    buffers: tuple[Buffer, ...]
    num_operators: int

    @property
    def head_bytes(self) -> int:
        """Bytes of the arena's head: where the highest buffer ends."""
        return max(buffer.end for buffer in self.buffers)

    def live(self, operator: int) -> tuple[Buffer, ...]:
        """The buffers alive while an operator runs, largest first."""
        alive = [buffer for buffer in self.buffers if buffer.first <= operator <= buffer.last]
        return tuple(sorted(alive, key=lambda buffer: -buffer.num_bytes))

    def live_bytes(self) -> tuple[int, ...]:
        """Arena bytes of the live buffers at each operator; their maximum is a lower bound on the head."""
        totals = [0] * self.num_operators
        for buffer in self.buffers:
            for operator in range(buffer.first, buffer.last + 1):
                totals[operator] += buffer.num_bytes
        return tuple(totals)

    def peak_operator(self) -> int:
        """The operator that causes the head: while it runs, the highest buffer is alive, along with the most bytes."""
        head, live_bytes = self.head_bytes, self.live_bytes()
        at_top = {
            operator
            for buffer in self.buffers
            if buffer.end == head
            for operator in range(buffer.first, buffer.last + 1)
        }
        return max(sorted(at_top), key=lambda operator: live_bytes[operator])


def plan_memory(operator_list: OperatorList) -> MemoryPlan:
    """The plan TFLM makes for the operators."""
    tensors, operators = operator_list.tensors, operator_list.operators
    last_use = [max(0, index - 1) for index in range(len(tensors))]  # the image is live from operator 0, too
    for operator in operators:
        for source in operator.inputs:
            last_use[source] = operator.index
    rows = [
        (tensor.name, tensor.shape, align(tensor.num_bytes), max(0, index - 1), last_use[index])
        for index, tensor in enumerate(tensors)
    ]
    for operator in operators:
        for number, num_bytes in enumerate(operator.scratch, start=1):
            rows.append(
                (f"{operator.name} scratch {number}", (num_bytes,), align(num_bytes), operator.index, operator.index)
            )
    offsets = place_buffers([row[2] for row in rows], [row[3] for row in rows], [row[4] for row in rows])
    return MemoryPlan(
        tuple(Buffer(*row, offset) for row, offset in zip(rows, offsets, strict=True)),
        len(operators),
    )


def place_buffers(sizes: Sequence[int], firsts: Sequence[int], lasts: Sequence[int]) -> list[int]:
    """Offsets of buffers of `sizes` (multiples of 16) live over operators `firsts` to `lasts`, in creation order."""
    placed: list[list[tuple[int, int]]] = [[] for _ in range(max(lasts) + 1)]  # (offset, end) alive at each operator
    offsets = [0] * len(sizes)
    # the sort is stable: among equal sizes the later-created stays first
    for index in sorted(range(len(sizes) - 1, -1, -1), key=sizes.__getitem__, reverse=True):
        size, alive = sizes[index], placed[firsts[index] : lasts[index] + 1]
        # only buffers alive at the same time can be in the way: checking every pair would be ten times slower
        neighbours = alive[0] + alive[1] if len(alive) == 2 else [span for spans in alive for span in spans]
        neighbours.sort()
        offset = 0
        for start, end in neighbours:
            if start - offset >= size:
                break
            if end > offset:  # noqa: PLR1730 - a call of max() here would cost a tenth of all pricing time
                offset = end
        offsets[index] = offset
        span = offset, offset + size
        for spans in alive:
            spans.append(span)
    return offsets
