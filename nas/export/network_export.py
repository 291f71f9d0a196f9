"""Exporting one network outside a run: the same delivery folder, without a search to report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas.cost import Budget, price
from nas.cost.board import Board
from nas.datasets import Dataset
from nas.events import EventSink, ignore_events
from nas.export.delivery import Delivery, export
from nas.export.export_order import ExportLimits, ExportOrder
from nas.export.int8_choice import Finetuning
from nas.export.metrics import Provenance
from nas.training import QuantizationRecipe, Recipe
from nas.training.recipe import QAT
from nas.training.results import TrainingOrigin

if TYPE_CHECKING:
    from nas.network.network import Network

EXPLANATION = "# {name}\n\nExported by itself: no search proposed this network, so there is no choice to explain.\n"


def export_network(
    network: Network,
    dataset: Dataset,
    board: Board,
    budget: Budget,
    folder: Path,
    *,
    name: str = "network",
    recipe: Recipe | None = None,
    finetuning: QuantizationRecipe = QAT,
    seed: int = 0,
    events: EventSink = ignore_events,
) -> Delivery:
    """Write the delivery folder of a trained network: int8 TFLite, ONNX, weights, firmware, metrics and model card.

    `recipe` and `seed` are those it was trained with, for the card. Where int8 loses more than `finetuning.threshold`
    against float on validation images, a copy is fine-tuned for int8, and the better of the two is delivered. The whole
    test split is read. Raises CheckError, with figures, for a network that does not fit the board or the budget, and
    SettingError for a folder that holds anything but an earlier delivery.
    """
    from nas.training.network_training import finetune_network  # late: torch
    from nas.training.prediction import evaluate_accuracy

    capped = budget.capped(board)
    accuracy = evaluate_accuracy(network, dataset.validation, dataset, network.task)
    order = ExportOrder(
        candidate_id=name,
        architecture=network.architecture,
        limits=ExportLimits(board.name, board.arena_bytes, capped.flash_bytes, capped.peak_sram_bytes),
        estimated=price(network.architecture, network.task),
        explanation=EXPLANATION.format(name=name),
        folder=folder,
    )
    recipes = {"full": recipe} if recipe else {}
    return export(
        network,
        order,
        network.task,
        dataset,
        training=TrainingOrigin("full", {"full": accuracy}),
        provenance=Provenance(
            command="",
            seed=seed,
            recipes={phase: used.model_dump(mode="json") for phase, used in (recipes | {"qat": finetuning}).items()},
        ),
        finetuning=Finetuning(
            finetuning.threshold, lambda images: finetune_network(network, dataset, finetuning, images, seed=seed)
        ),
        events=events,
    )
