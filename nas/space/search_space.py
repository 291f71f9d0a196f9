"""The search space (Table I): the one source of every choice, grammar, mask and prompt text about architectures."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from nas.errors import ProposalError, SettingError
from nas.space.architecture import Architecture, Stage, Task, plan_blocks

Choice: TypeAlias = str | int | float | bool

STAGE_FIELDS = (
    "block",
    "out_channels",
    "kernel_size",
    "stride",
    "expansion",
    "se_ratio",
    "skip",
    "activation",
    "num_blocks",
)


_SHOWN_VIOLATIONS = 8  # an error is one line, whatever was given
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """A value outside the space: where it is, what it is and what is allowed. `stage` 0 is the whole file."""

    stage: int
    field: str
    value: Any
    rule: str

    def __str__(self) -> str:
        place = f"stage {self.stage}: " if self.stage else ""
        got = repr(self.value)
        return f"{place}{self.field[:_SHOWN_CHARACTERS]} {self.rule}; got {got[:_SHOWN_CHARACTERS]}"


class SchemaError(ProposalError):
    """An architecture outside the search space; `violations` name every wrong field."""

    def __init__(self, violations: Sequence[SchemaViolation]) -> None:
        more = len(violations) - _SHOWN_VIOLATIONS
        rest = [f"and {more} more"] if more > 0 else []
        super().__init__("; ".join([*map(str, violations[:_SHOWN_VIOLATIONS]), *rest]))
        self.violations = tuple(violations)


@dataclass(frozen=True, slots=True)
class Edit:
    """One field of one stage (counted from 1) set to a value."""

    stage: int
    field: str
    value: Choice

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as the `edit_architecture` tool takes it."""
        return {"stage": self.stage, "field": self.field, "value": self.value}


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """`num_stages` sequential stages; every field of a stage has a finite list of values."""

    num_stages: int = 5
    block: tuple[str, ...] = ("DWSepConv", "MBConv")
    out_channels: tuple[int, ...] = (16, 24, 32, 48, 64, 96, 128, 160)
    kernel_size: tuple[int, ...] = (3, 5, 7)
    stride: tuple[int, ...] = (1, 2)
    expansion: tuple[int, ...] = (3, 4, 6)
    se_ratio: tuple[float, ...] = (0, 0.25, 0.5)
    skip: tuple[bool, ...] = (False, True)
    activation: tuple[str, ...] = ("relu6", "leaky_relu", "swish")
    num_blocks: tuple[int, ...] = (1, 2, 3, 4, 6)

    def choices(self, field: str) -> tuple[Choice, ...]:
        """The allowed values of a stage field."""
        if field not in STAGE_FIELDS:
            raise SettingError(f"field must be one of {', '.join(STAGE_FIELDS)}; got {field!r}")
        values: tuple[Choice, ...] = getattr(self, field)
        return values

    def count_stage_configurations(self, *, se_on_off: bool = False) -> int:
        """Configurations of one stage: 25,920, or the paper's 17,280 when SE counts as on/off."""
        total = 1
        for field in STAGE_FIELDS:
            total *= 2 if field == "se_ratio" and se_on_off else len(self.choices(field))
        return total

    def parse(self, data: object) -> Architecture:
        """The architecture an architecture file describes; raises SchemaError naming every wrong field."""
        violations: list[SchemaViolation] = []
        if not isinstance(data, dict) or set(data) != {"stages"} or not isinstance(data["stages"], list):
            shown = sorted(map(str, data)) if isinstance(data, dict) else data
            raise SchemaError([SchemaViolation(0, "architecture", shown, 'must be an object {"stages": [...]}')])
        if len(data["stages"]) != self.num_stages:
            rule = f"must have exactly {self.num_stages} entries"
            violations.append(SchemaViolation(0, "stages", len(data["stages"]), rule))
        stages = [self._parse_stage(number, raw, violations) for number, raw in enumerate(data["stages"], start=1)]
        if violations:
            raise SchemaError(violations)
        return Architecture(tuple(stage for stage in stages if stage is not None))

    def _parse_stage(self, number: int, raw: object, violations: list[SchemaViolation]) -> Stage | None:
        if not isinstance(raw, dict):
            violations.append(SchemaViolation(number, "stage", raw, "must be an object"))
            return None
        found = len(violations)
        for name in sorted(set(map(str, raw)) - set(STAGE_FIELDS)):
            violations.append(SchemaViolation(number, name, raw.get(name), "is not a field of a stage"))
        values: dict[str, Any] = {"expansion": None}
        for name in STAGE_FIELDS:
            if name == "expansion" and raw.get("block") == "DWSepConv" and raw.get(name) is None:
                continue
            allowed = self.choices(name)
            values[name] = next((value for value in allowed if name in raw and _same(raw[name], value)), None)
            if values[name] is None:
                violations.append(SchemaViolation(number, name, raw.get(name, "nothing"), _one_of(allowed)))
        return Stage(**values) if len(violations) == found else None

    def check_resolution(self, architecture: Architecture, task: Task) -> None:
        """Raise SchemaError if a stage shrinks its feature map to one pixel: TFLM's graph changes shape there."""
        for plan in plan_blocks(architecture, task):
            if plan.out_height * plan.out_width == 1:
                rule = f"must leave more than one pixel of the {plan.in_height}x{plan.in_width} that reach the stage"
                raise SchemaError([SchemaViolation(plan.stage, "stride", plan.stride, rule)])

    def sample_stage(self, rng: random.Random) -> Stage:
        """One stage drawn uniformly over its 25,920 configurations."""
        return self._parse_trusted({field: rng.choice(self.choices(field)) for field in STAGE_FIELDS})

    def sample(self, rng: random.Random) -> Architecture:
        """One architecture drawn uniformly over the space (legal or not, any resolution)."""
        return Architecture(tuple(self.sample_stage(rng) for _ in range(self.num_stages)))

    @staticmethod
    def _parse_trusted(values: dict[str, Any]) -> Stage:
        if values["block"] == "DWSepConv":
            values["expansion"] = None
        return Stage(**values)

    def single_edits(self, architecture: Architecture) -> Iterator[Edit]:
        """Every edit of one field of one stage that changes what is written, earliest stage first."""
        for number, stage in enumerate(architecture.stages, start=1):
            for field in STAGE_FIELDS:
                if field == "expansion" and stage.block == "DWSepConv":
                    continue
                for value in self.choices(field):
                    if value != getattr(stage, field):
                        yield Edit(number, field, value)

    def apply(self, architecture: Architecture, edits: Sequence[Edit]) -> Architecture:
        """The architecture with the edits applied; raises SchemaError for one outside the space or a repeated field."""
        repeated = [place for place, count in Counter((edit.stage, edit.field) for edit in edits).items() if count > 1]
        if repeated:
            stage, field = repeated[0]
            raise SchemaError([SchemaViolation(stage, "field", field, "must be edited at most once")])
        stages = list(architecture.stages)
        for edit in edits:
            value = self._checked(edit, len(stages))
            stages[edit.stage - 1] = replace(stages[edit.stage - 1], **{edit.field: value})  # type: ignore[arg-type]
        return Architecture(tuple(self._settle_expansion(stage) for stage in stages))

    def with_fields(self, stage: Stage, fields: Mapping[str, Choice]) -> Stage:
        """The stage with some fields set to values of the space; a missing expansion becomes the smallest."""
        return self._settle_expansion(replace(stage, **fields)) if fields else stage  # type: ignore[arg-type]

    def _checked(self, edit: Edit, num_stages: int) -> Choice:
        """The space's own spelling of the edit's value (0, not -0.0); raises SchemaError when it lies outside."""
        if not 1 <= edit.stage <= num_stages:
            raise SchemaError([SchemaViolation(0, "stage", edit.stage, f"must be 1 to {num_stages}")])
        if edit.field not in STAGE_FIELDS:
            raise SchemaError([SchemaViolation(edit.stage, "field", edit.field, _one_of(STAGE_FIELDS))])
        allowed = self.choices(edit.field)
        found = [value for value in allowed if _same(edit.value, value)]
        if not found:
            raise SchemaError([SchemaViolation(edit.stage, edit.field, edit.value, _one_of(allowed))])
        return found[0]

    def _settle_expansion(self, stage: Stage) -> Stage:
        """A stage turned into MBConv gets the smallest expansion unless one was given; DWSepConv has none."""
        if stage.block == "DWSepConv":
            return replace(stage, expansion=None)
        return stage if stage.expansion is not None else replace(stage, expansion=min(self.expansion))

    def describe(self) -> tuple[tuple[str, str], ...]:
        """(field, allowed values) in words, for prompts and help."""
        return tuple(
            (field, ", ".join(format_choice(value) for value in self.choices(field))) for field in STAGE_FIELDS
        )


def _same(value: object, allowed: Choice) -> bool:
    """Equal in value and JSON type: true is not 1, "3" is not 3, but 0.0 is 0."""
    if isinstance(allowed, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(allowed, bool) and value == allowed
    if isinstance(allowed, str) or not isinstance(value, int | float):
        return isinstance(value, str) and value == allowed
    # 3.0 is not a channel count, but 0.0 is the same ratio as 0
    return value == allowed and (isinstance(value, int) or isinstance(allowed, float) or allowed == 0)


def _one_of(allowed: Sequence[Choice]) -> str:
    return f"must be one of {', '.join(format_choice(value) for value in allowed)}"


def format_choice(value: Choice | None) -> str:
    """A value as prompts and messages write it: booleans as in JSON; "none" where a stage has no such field."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
