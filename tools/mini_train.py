"""The tool that trains a legal candidate for its mini-phase."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.workspace.workspace import Workspace
from tools.answers import Answer, CandidateArguments, answer_tool


def build_mini_train(workspace: Workspace) -> StructuredTool:
    """The tool `mini_train`."""

    def mini_train(candidate_id: str) -> Answer:
        """Train a legal candidate for a few epochs and measure its validation accuracy."""
        trial = workspace.mini_train(candidate_id)
        artifact = {
            "state": trial.state,
            "validation_accuracy": trial.validation_accuracy,
            "epochs": len(trial.curve),
            "seconds": trial.seconds,
        }
        if trial.state != "trained" or trial.validation_accuracy is None:
            return f"{candidate_id}: training {trial.state}: {trial.reason}.", artifact
        text = f"{candidate_id}: {trial.validation_accuracy:.2%} validation accuracy after {len(trial.curve)} epochs."
        return text, artifact

    return answer_tool(mini_train, CandidateArguments)
