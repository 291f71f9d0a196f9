"""What TFLM needs temporarily while it sets a model up, and the smallest arena that suffices for it.

`AllocateTensors` lays its planner's work out where activations will lie later (micro_allocator.cc,
CommitStaticMemoryPlan): the list of scratch requests, one AllocationInfo per tensor and scratch buffer, and the greedy
planner's tables. Where activations are small (a few KiB: tiny images, deep networks) this exceeds the head, and an
arena of head plus tail bytes fails at startup, although the runtime's own record shows no more. Found by bisecting
arena sizes: for 14 networks with heads of 4 to 37 KB the smallest arena on the host is this figure to within 8 bytes.
"""

from __future__ import annotations

from typing import Final

from nas.cost.operators import align
from nas.cost.tail import Runtime, TailTerms

REQUESTS_AHEAD: Final = 12  # kMaxScratchBuffersPerOp: places kept free for the next operator's requests
PLANNER_BYTES: Final = 40  # per buffer: four ints of requirements, two of sorting, three of list entry, one of offset


def planning_bytes(terms: TailTerms, runtime: Runtime) -> int:
    """Bytes at the arena's start that planning holds, from the terms of all operators."""
    request = 2 * 4 + runtime.pointer  # ScratchBufferRequest: a size and two ints
    info = 2 * runtime.pointer + 4 * 4  # AllocationInfo: a size, a pointer, three ints and a padded bool
    tensors = terms.tensors + 2  # the image, and the axes that every MEAN shares
    requests = (terms.scratch_buffers + REQUESTS_AHEAD) * request
    infos = runtime.pointer + (tensors + terms.scratch_buffers) * info
    return align(requests + infos) + (terms.operators + 1 + terms.scratch_buffers) * PLANNER_BYTES


def smallest_arena(head: int, tail: int, terms: TailTerms, runtime: Runtime) -> int:
    """Bytes of the smallest arena with which `AllocateTensors` succeeds: head plus tail, or more for a tiny head."""
    return tail + max(head, planning_bytes(terms, runtime) - runtime.late)
