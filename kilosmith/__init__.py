"""kilosmith as a library: designing, pricing, training and exporting networks for microcontrollers.

    space, task = kilosmith.SearchSpace(num_stages=3), kilosmith.Task(32, 32, 1, 10)
    architecture = kilosmith.sample_feasible(space, task, budget, random.Random(0))
    kilosmith.estimate(architecture, space, task, budget).violations

Importing it loads nothing else: each name is imported from its module in `nas` when first used. Data and costs need no
torch; networks, training and export do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.cost.assessment import Assessment, estimate
    from nas.cost.board import Board, find_board, load_boards
    from nas.cost.budget import Budget
    from nas.cost.cheapest_edits import EditSuggestion
    from nas.cost.constraints import Violation
    from nas.cost.feasible import sample_feasible
    from nas.cost.price import CostReport
    from nas.datasets.catalogue import load_dataset
    from nas.datasets.images import Dataset
    from nas.errors import KilosmithError
    from nas.export.delivery import Delivery
    from nas.export.network_export import export_network
    from nas.export.verification import verify_delivery
    from nas.network.network import Network, build_network
    from nas.records.reading import load_run
    from nas.records.run_records import RunRecords
    from nas.search.trial import Trial
    from nas.space.architecture import Architecture, Stage, Task
    from nas.space.search_space import Edit, SearchSpace
    from nas.training.network_training import train_network
    from nas.training.recipe import Recipe
    from nas.training.results import TrainingResult

    __version__: str

__all__ = [
    "Architecture",
    "Assessment",
    "Board",
    "Budget",
    "CostReport",
    "Dataset",
    "Delivery",
    "Edit",
    "EditSuggestion",
    "KilosmithError",
    "Network",
    "Recipe",
    "RunRecords",
    "SearchSpace",
    "Stage",
    "Task",
    "TrainingResult",
    "Trial",
    "Violation",
    "__version__",
    "build_network",
    "estimate",
    "export_network",
    "find_board",
    "load_boards",
    "load_dataset",
    "load_run",
    "sample_feasible",
    "train_network",
    "verify_delivery",
]

_MODULES = {
    "Architecture": "nas.space.architecture",
    "Assessment": "nas.cost.assessment",
    "Board": "nas.cost.board",
    "Budget": "nas.cost.budget",
    "CostReport": "nas.cost.price",
    "Dataset": "nas.datasets.images",
    "Delivery": "nas.export.delivery",
    "Edit": "nas.space.search_space",
    "EditSuggestion": "nas.cost.cheapest_edits",
    "KilosmithError": "nas.errors",
    "Network": "nas.network.network",
    "Recipe": "nas.training.recipe",
    "RunRecords": "nas.records.run_records",
    "SearchSpace": "nas.space.search_space",
    "Stage": "nas.space.architecture",
    "Task": "nas.space.architecture",
    "TrainingResult": "nas.training.results",
    "Trial": "nas.search.trial",
    "Violation": "nas.cost.constraints",
    "build_network": "nas.network.network",
    "estimate": "nas.cost.assessment",
    "export_network": "nas.export.network_export",
    "find_board": "nas.cost.board",
    "load_boards": "nas.cost.board",
    "load_dataset": "nas.datasets.catalogue",
    "load_run": "nas.records.reading",
    "sample_feasible": "nas.cost.feasible",
    "train_network": "nas.training.network_training",
    "verify_delivery": "nas.export.verification",
}


def __getattr__(name: str) -> Any:
    """The export of that name, imported now and kept (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("kilosmith")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
