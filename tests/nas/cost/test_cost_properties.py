from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from nas.cost import Budget, is_legal, lower, price, report
from nas.cost.feasible import can_be_completed, extreme_stage
from nas.cost.memory import plan_memory
from nas.cost.screening import may_be_legal, price_if_legal, screen_runs
from nas.errors import SettingError
from nas.network.network import Network
from nas.space.architecture import Architecture, Stage, Task, plan_blocks
from nas.space.search_space import SearchSpace

SPACE = SearchSpace()
UNTIMED = settings(deadline=None)  # other processes may slow down a single example


@st.composite
def stages(draw: st.DrawFn) -> Stage:
    block = draw(st.sampled_from(SPACE.block))
    return Stage(
        block=block,  # type: ignore[arg-type]
        out_channels=draw(st.sampled_from(SPACE.out_channels)),
        kernel_size=draw(st.sampled_from(SPACE.kernel_size)),
        stride=draw(st.sampled_from(SPACE.stride)),
        expansion=draw(st.sampled_from(SPACE.expansion)) if block == "MBConv" else None,
        se_ratio=draw(st.sampled_from(SPACE.se_ratio)),
        skip=draw(st.booleans()),
        activation=draw(st.sampled_from(SPACE.activation)),  # type: ignore[arg-type]
        num_blocks=draw(st.sampled_from(SPACE.num_blocks)),
    )


architectures = st.lists(stages(), min_size=1, max_size=5).map(lambda drawn: Architecture(tuple(drawn)))
tasks = st.builds(
    Task,
    height=st.integers(16, 160),
    width=st.integers(16, 160),
    channels=st.sampled_from([1, 3]),
    num_classes=st.integers(2, 100),
    stem_channels=st.sampled_from([8, 16, 24]),
)


@UNTIMED
@given(architectures, tasks)
def test_the_fast_price_equals_the_sums_of_the_operator_list(architecture: Architecture, task: Task) -> None:
    priced, operators = price(architecture, task), lower(architecture, task)
    assert priced.macs == operators.macs
    assert priced.params == operators.params
    assert priced.head_bytes == plan_memory(operators).head_bytes
    assert priced.total_bytes == priced.head_bytes + priced.tail_bytes <= priced.arena_bytes
    assert priced.host_total_bytes > priced.total_bytes


@UNTIMED
@given(architectures, tasks, st.integers(0, 4), st.sampled_from(SPACE.out_channels))
def test_narrowing_a_stage_never_raises_macs_or_parameters(
    architecture: Architecture, task: Task, index: int, width: int
) -> None:
    index %= len(architecture.stages)
    assume(width < architecture.stages[index].out_channels)
    narrowed = list(architecture.stages)
    narrowed[index] = replace(narrowed[index], out_channels=width)
    before, after = price(architecture, task), price(Architecture(tuple(narrowed)), task)
    assert after.macs <= before.macs
    assert after.params <= before.params


@UNTIMED
@given(architectures, tasks)
def test_the_price_is_a_function_of_the_canonical_form(architecture: Architecture, task: Task) -> None:
    assert price(architecture, task) == price(architecture.canonical(task.stem_channels), task)


@settings(UNTIMED, max_examples=25)
@given(architectures, tasks)
def test_operator_shapes_equal_the_shapes_of_torchs_forward_pass(architecture: Architecture, task: Task) -> None:
    shapes: list[tuple[int, ...]] = []

    def record(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        _, channels, *size = output.shape  # (1, C, H, W) or (1, classes)
        shapes.append((*size, channels))

    with torch.device("meta"):
        network = Network(architecture, task)  # no weights are drawn: shapes only
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.LeakyReLU | nn.SiLU):
                module.register_forward_hook(record)
        network.eval()(torch.empty(1, task.channels, task.height, task.width))
    expected = [
        operator.output_shape
        for operator in lower(architecture, task).operators
        if operator.weights or operator.op == "LEAKY_RELU" or operator.name.endswith("_swish")
    ]
    assert shapes == expected
    assert sum(parameter.numel() for parameter in network.parameters()) == price(architecture, task).params


@UNTIMED
@given(architectures, tasks)
def test_places_count_from_one_and_follow_the_blocks(architecture: Architecture, task: Task) -> None:
    operators = lower(architecture, task).operators
    assert [operator.index for operator in operators] == list(range(len(operators)))
    places = dict.fromkeys((operator.stage, operator.block) for operator in operators)
    blocks = [(plan.stage, plan.block) for plan in plan_blocks(architecture, task)]
    assert list(places) == [("stem", None), *blocks, ("head", None)]


@UNTIMED
@given(architectures, tasks, st.integers(1, 20), st.integers(1, 20))
def test_screening_never_rejects_what_is_legal(architecture: Architecture, task: Task, sram: int, flash: int) -> None:
    budget = Budget(macs_min=10**5, macs_max=10**9, peak_sram_bytes=sram << 15, flash_bytes=flash << 17)
    runs = screen_runs(architecture, task)
    try:
        SearchSpace(num_stages=len(architecture.stages)).check_resolution(architecture, task)
    except SettingError:
        assert runs is None
        return
    assert runs is not None
    legal = is_legal(price(architecture, task), budget)
    assert may_be_legal(runs, budget) or not legal
    assert (price_if_legal(architecture, task, budget) is not None) == legal


@UNTIMED
@given(architectures, tasks)
def test_a_legal_architecture_can_be_completed_from_each_of_its_beginnings(
    architecture: Architecture, task: Task
) -> None:
    assume(screen_runs(architecture, task) is not None)
    own = price(architecture, task)
    tight = Budget(macs_min=own.macs, macs_max=own.macs, peak_sram_bytes=own.arena_bytes, flash_bytes=own.flash_bytes)
    smallest, largest = extreme_stage(SPACE, smallest=True), extreme_stage(SPACE, smallest=False)
    for length in range(1, len(architecture.stages) + 1):
        beginning = architecture.stages[:length]
        assert can_be_completed(beginning, len(architecture.stages), task, tight, smallest, largest)


def test_every_option_of_a_block_is_priced_like_its_operators() -> None:
    """All 2 x 3 x 3 x 2 x 2 kinds of block, where hypothesis might miss one."""
    task = Task(24, 24, 1, 4)
    for block, activation, se_ratio, skip, stride in product(
        SPACE.block, SPACE.activation, SPACE.se_ratio, SPACE.skip, SPACE.stride
    ):
        expansion = 3 if block == "MBConv" else None
        stage = Stage(block, 16, 3, stride, expansion, se_ratio, skip, activation, 2)  # type: ignore[arg-type]
        architecture = Architecture((stage,))
        assert price(architecture, task).head_bytes == plan_memory(lower(architecture, task)).head_bytes


def test_the_report_of_a_small_network_can_be_checked_by_hand() -> None:
    """The example of docs/costs.md."""
    stage = Stage("DWSepConv", 16, 3, 1, None, 0, True, "swish", 1)
    account = report(Architecture((stage,)), Task(32, 32, 1, 10))
    assert [operator.op for operator in account.operator_list.operators] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "LOGISTIC",
        "MUL",
        "CONV_2D",
        "ADD",
        "MEAN",
        "FULLY_CONNECTED",
    ]
    assert account.price.macs == 9 * 1 * 16 * 256 + 9 * 16 * 256 + 16 * 16 * 256 + 16 * 10
    assert account.price.params == (9 * 16 + 32) + (9 * 16 + 32) + (16 * 16 + 32) + (16 * 10 + 10)
    assert account.live_bytes == (5120, 8192, 12288, 16384, 12288, 12288, 4096 + 16 + 64 + 16 + 16, 16 + 16)
    assert account.price.head_bytes == 16384
    assert (account.peak.operator, account.peak.stage) == (3, 1)
    assert [share.stage for share in account.stages()] == ["stem", 1, "head"]
    assert sum(share.macs_share for share in account.stages()) == pytest.approx(1)


def test_random_draws_keep_the_documented_baseline() -> None:
    """Uniform sampling at 160x160: about 32% within 70-350M MACs (method.md, section 2)."""
    rng = random.Random(0)
    macs = [price(SPACE.sample(rng), Task(160, 160, 3, 100)).macs for _ in range(400)]
    assert 0.26 <= sum(70e6 <= value <= 350e6 for value in macs) / len(macs) <= 0.38
