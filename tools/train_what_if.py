"""The tool that trains a what-if. Only a person's confirmation allows it: no argument can."""

from __future__ import annotations

from collections.abc import Callable

from langchain_core.tools import StructuredTool

from nas.errors import ProposalError
from nas.explanation.effects import Effect, find_effect
from nas.explanation.verdicts import describe_effect
from nas.quantities import format_accuracy
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from tools.answers import Answer, answer_tool
from tools.edit_architecture import EditArguments
from tools.price_edits import edit_arguments, read_edits

Confirm = Callable[[Effect], bool]
Train = Callable[[Effect], Trial]


def build_train_what_if(records: RunRecords, confirm: Confirm, train: Train) -> StructuredTool:
    """The tool `train_what_if`; `confirm` asks a person, `train` does the work."""

    def train_what_if(candidate_id: str, edits: list[EditArguments]) -> Answer:
        """Train a candidate with some fields changed, to learn its accuracy. A person is asked first, may decline."""
        effect = find_effect(records, candidate_id, read_edits(edits))
        told = {"candidate": candidate_id, "edits": [edit.to_dict() for edit in effect.edits]}
        if not effect.edits:
            raise ProposalError(f"train_what_if needs edits that change {candidate_id}; these change nothing")
        if effect.known is not None:
            return describe_effect(effect, records), told | {"trial": effect.known.id}
        if not confirm(effect):
            return f"{describe_effect(effect, records)}\nNothing was trained: nobody confirmed it.", told | {
                "trial": None
            }
        trial = train(effect)
        if trial.validation_accuracy is None:
            return f"{trial.id}, {candidate_id} with {effect.describe_edits()}: training {trial.state}.", told
        own = records.find(candidate_id).validation_accuracy
        against = f", {100 * (trial.validation_accuracy - own):+.2f} points against {candidate_id}" if own else ""
        text = (
            f"Trained as {trial.id}, {candidate_id} with {effect.describe_edits()}: "
            f"{format_accuracy(trial.validation_accuracy)} validation accuracy after {len(trial.curve)} epochs"
            f"{against}. "
            f"It is no part of the search: {effect.describe_change()}."
        )
        return text, told | {"trial": trial.id}

    return answer_tool(train_what_if, edit_arguments(records, "TrainWhatIf"))
