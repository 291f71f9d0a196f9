"""A run's configuration: preset, then file, then --set, then flags, later ones winning; unknown keys are rejected."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.chat_models.chat_model_settings import ChatModelSettings
from graphs.design.settings import DesignSettings
from nas.cost import Budget
from nas.cost.board import Board, find_board
from nas.errors import SettingError
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace
from nas.training import TrainingSettings
from nas.training.named_recipes import RECIPES


class DataSettings(BaseModel):
    """Which images, at which size (pixels) the network sees them, and how they are split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: str
    height: int = Field(ge=8, le=512)
    width: int = Field(ge=8, le=512)
    validation_fraction: float = Field(0.1, gt=0, lt=0.5)
    train_limit: int = Field(0, ge=0)  # 0 = all training images


class SpaceSettings(BaseModel):
    """The searched stages and the fixed stem's width (channels)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_stages: int = Field(5, ge=1, le=12)
    stem_channels: int = Field(16, ge=4, le=64, multiple_of=4)


class LlmSettings(ChatModelSettings):
    """Which chat model designs, and how it samples."""

    spec: str = "smollm2"


class TrackingSettings(BaseModel):
    """Where a run is mirrored: the address of an MLflow store ("" = nowhere) and the experiment's name there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mlflow: str = ""
    experiment: str = Field("kilosmith", min_length=1)

    @field_validator("mlflow")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if urlsplit(value).password or urlsplit(value).username:
            raise ValueError("credentials must be in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, not here")
        return value


class RunConfig(BaseModel):
    """Everything that decides a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str
    seed: int = Field(0, ge=0)
    # Small networks: a second OpenMP thread gains 1.2-1.7x on an idle machine but costs up to 40x on a busy one, since
    # the threads wait for each other by spinning. One thread also makes results independent of the number of cores.
    threads: int = Field(1, ge=0)
    workers: int = Field(1, ge=1, le=64)  # processes that train the candidates of a batch
    board: str
    approve: Literal["auto", "ask"] = "auto"
    data: DataSettings
    space: SpaceSettings = SpaceSettings()
    budget: Budget
    llm: LlmSettings = LlmSettings()
    design: DesignSettings
    training: TrainingSettings
    tracking: TrackingSettings = TrackingSettings()

    def resolve_board(self) -> Board:
        """The board; raises SettingError for an unknown one."""
        return find_board(self.board)

    def for_board(self, name: str) -> RunConfig:
        """The configuration with another board, whose own memory replaces the run's limits."""
        board = find_board(name)
        memory = {"peak_sram_bytes": board.arena_bytes, "flash_bytes": board.flash_bytes}
        return self.model_copy(update={"board": board.name, "budget": self.budget.model_copy(update=memory)})

    def resolve_budget(self) -> Budget:
        """The budget, capped by the board."""
        return self.budget.capped(self.resolve_board())

    def resolve_space(self) -> SearchSpace:
        """The search space."""
        return SearchSpace(num_stages=self.space.num_stages)

    def resolve_task(self) -> Task:
        """The network's input and output, known without loading images where the data set allows."""
        from nas.datasets.catalogue import describe_dataset

        channels, num_classes = describe_dataset(self.data.spec)[2:]
        return Task(self.data.height, self.data.width, channels, num_classes, self.space.stem_channels)


def list_presets() -> list[str]:
    """Names of the shipped presets."""
    folder = resources.files("agent.presets")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def resolve_config(
    preset: str, *, file: Path | None = None, settings: Sequence[str] = (), flags: Mapping[str, Any] | None = None
) -> RunConfig:
    """The run configuration; `settings` are key=value with dotted keys, `flags` dotted keys with values or None."""
    if preset not in list_presets():
        raise SettingError(f"--preset must be one of {', '.join(list_presets())}; got {preset!r}")
    text = resources.files("agent.presets").joinpath(f"{preset}.toml").read_text(encoding="utf-8")
    tree: dict[str, Any] = tomllib.loads(text)
    if file is not None:
        _merge(tree, _read_toml(file))
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not key:
            raise SettingError(f"--set takes key=value; got {setting!r}; for example --set design.max_trials=4")
        _assign(tree, key.strip(), _parse_value(value.strip()))
    for key, value in (flags or {}).items():
        if value is not None:
            _assign(tree, key, value)
    if "preset" in tree:
        raise SettingError("preset is chosen by --preset, not by a file or --set; remove it there")
    _expand_recipes(tree)
    tree["preset"] = preset
    return read_config(tree)


def _expand_recipes(tree: dict[str, Any]) -> None:
    """Expand the recipes named by `training.recipes`; single values given in [training] override them."""
    training = tree.get("training")
    if not isinstance(training, dict) or "recipes" not in training:
        return
    name = training.pop("recipes")
    if name not in RECIPES:
        raise SettingError(f"training.recipes must be one of {', '.join(RECIPES)}; got {name!r}")
    tree["training"] = RECIPES[name].model_dump()
    _merge(tree["training"], training)


def read_config(tree: Mapping[str, Any]) -> RunConfig:
    """The validated configuration; one line names every wrong key."""
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise SettingError("; ".join(_describe(fault) for fault in error.errors())) from error


def _describe(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a configuration key; see docs/configuration.md"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{key or 'configuration'}: {message}; got {fault.get('input')!r}"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"--config must be a readable file; {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"--config must be TOML; {path}: {error}") from error


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word is a string: --set board=nrf52840


def _assign(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise SettingError(f"{dotted} is not a configuration key; {part} holds a plain value")
    tree[last] = value


def _merge(tree: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value
