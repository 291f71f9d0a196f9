from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from search_examples import BUDGET, make_stages

from nas.errors import CheckError, SettingError
from nas.network.network import Network
from nas.space.search_space import Edit
from nas.workspace.workspace import Workspace

Open = Callable[..., Workspace]


def propose(workspace: Workspace, number: int, **first: object) -> str:
    return workspace.open_proposal(number).design({"stages": make_stages(first)}).id


def test_a_legal_candidate_is_trained_and_recorded_once(open_workspace: Open) -> None:
    workspace = open_workspace()
    candidate = propose(workspace, 1)
    trained = workspace.mini_train(candidate)
    assert trained.state == "trained"
    assert trained.validation_accuracy is not None
    assert len(trained.curve) == 1
    assert workspace.mini_train(candidate) == trained
    assert workspace.store.load_trials() == [trained]
    assert not (workspace.store.training_folder / candidate / "mini").exists()


def test_a_phase_that_fails_is_the_outcome_of_its_trial_with_the_reason(
    open_workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    workspace = open_workspace()
    monkeypatch.setattr(Network, "forward", exhaust)
    failed = workspace.mini_train(propose(workspace, 1))
    assert (failed.state, failed.validation_accuracy) == ("failed", None)
    assert failed.reason == "memory did not hold 2 images at a time"
    monkeypatch.undo()
    assert workspace.mini_train(propose(workspace, 2, kernel_size=5)).state == "trained"
    assert [member.id for member in workspace.front] == ["c002"]


def test_a_trial_records_that_its_batch_was_split_for_memory(
    open_workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Network.forward

    def narrow(self: Network, images: torch.Tensor) -> torch.Tensor:
        if self.training and len(images) > 64:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, images)

    workspace = open_workspace()
    monkeypatch.setattr(Network, "forward", narrow)
    trained = workspace.mini_train(propose(workspace, 1))
    assert trained.state == "trained"
    assert trained.reason == "memory did not hold a whole batch: its gradients were summed over 2 parts"
    assert trained.curve[0].parts == 2


def test_an_equal_network_is_a_duplicate_that_names_the_earlier_candidate(open_workspace: Open) -> None:
    workspace = open_workspace()
    propose(workspace, 1)
    workspace.judge("c001")
    again = workspace.open_proposal(2).design(
        {"stages": make_stages({"expansion": 6})}
    )  # a DWSepConv stage has no expansion
    assert again.state == "duplicate"
    assert "c001" in again.reason


def test_a_proposal_outside_the_space_is_recorded_as_invalid_with_the_rule(open_workspace: Open) -> None:
    workspace = open_workspace()
    trial = workspace.open_proposal(1).design({"stages": make_stages({"kernel_size": 4})})
    assert trial.state == "invalid"
    assert "stage 1: kernel_size must be one of 3, 5, 7; got 4" in trial.reason
    assert workspace.store.load_trials() == [trial]


def test_a_candidate_over_the_limit_is_rejected_with_cause_and_cheapest_edits(open_workspace: Open) -> None:
    workspace = open_workspace(BUDGET.model_copy(update={"macs_max": 100_000}))
    trial = workspace.judge(propose(workspace, 1, out_channels=64))
    assert trial.state == "rejected"
    assert trial.violations[0].constraint == "macs"
    assert trial.violations[0].cheapest_edits
    with pytest.raises(SettingError, match="was rejected"):
        workspace.mini_train(trial.id)


def test_an_edit_keeps_its_parent_and_its_edits(open_workspace: Open) -> None:
    workspace = open_workspace()
    propose(workspace, 1)
    child = workspace.open_proposal(2).edit("c001", [Edit(1, "kernel_size", 5), Edit(3, "out_channels", 48)])
    assert child.parent == "c001"
    assert child.architecture
    assert [stage.kernel_size for stage in child.architecture.stages] == [5, 3, 3]
    assert child.architecture.stages[2].out_channels == 48


def test_a_step_repeated_after_an_interruption_gives_the_same_trial(open_workspace: Open) -> None:
    workspace = open_workspace()
    propose(workspace, 1)
    pending = [workspace.judge("c001").to_dict()]
    again = open_workspace()  # the process died before the candidate was trained
    again.restore(pending)
    trained = again.mini_train("c001")
    third = open_workspace()  # and once more after it was
    third.restore(pending)
    assert third.open_proposal(1).design({"stages": make_stages()}) == trained
    assert third.mini_train("c001") == trained
    assert len(third.store.load_trials()) == 1


def test_an_unknown_candidate_is_refused_by_naming_the_known_ones(open_workspace: Open) -> None:
    workspace = open_workspace()
    propose(workspace, 1)
    with pytest.raises(SettingError, match="got 'c999'; the latest: c001"):
        workspace.assess("c999")


def test_parents_come_from_front_and_niches_and_depend_on_the_seed_alone(open_workspace: Open) -> None:
    workspace = open_workspace()
    assert workspace.steering.rank_parents(1) == []
    workspace.mini_train(propose(workspace, 1))
    workspace.mini_train(propose(workspace, 2, kernel_size=5))
    known = {member.id for member in workspace.front} | {trial.id for _, trial in workspace.index.elites}
    picked = [workspace.steering.rank_parents(number) for number in range(3, 20)]
    assert all(parents and {parent.id for parent in parents} <= known for parents in picked)
    assert all(len({parent.id for parent in parents}) == len(parents) for parents in picked)
    assert picked == [open_workspace().steering.rank_parents(number) for number in range(3, 20)]


def test_a_candidate_that_was_passed_over_is_on_record_and_not_trained(open_workspace: Open) -> None:
    workspace = open_workspace()
    propose(workspace, 1)
    workspace.judge("c001")
    assert workspace.pass_over("c001").state == "untrained"
    assert open_workspace().find("c001").costs
    with pytest.raises(SettingError, match="c001 was left: propose another"):
        workspace.mini_train("c001")


def test_a_mask_leads_to_legal_and_new_networks_only(open_workspace: Open) -> None:
    workspace = open_workspace(BUDGET.model_copy(update={"macs_max": 300_000}))
    assert workspace.steering.mask_design(1)
    workspace.mini_train(propose(workspace, 1))
    mask = workspace.steering.mask_edits(workspace.find("c001"))
    assert mask
    first = mask.options([])[0][0]
    second = mask.options([first])[0][-1]
    options, may_end = mask.options([first, second])
    edits = [first, second] if may_end else [first, second, options[0]]
    assert workspace.judge(workspace.open_proposal(2).edit("c001", edits).id).state == "proposed"


def test_where_nothing_is_legal_there_is_no_mask(open_workspace: Open) -> None:
    workspace = open_workspace(BUDGET.model_copy(update={"macs_min": 10, "macs_max": 20}))
    assert workspace.steering.mask_design(1) is None


def test_what_does_not_fit_is_refused_with_figures(open_workspace: Open) -> None:
    workspace = open_workspace(BUDGET.model_copy(update={"peak_sram_bytes": 4096}))
    propose(workspace, 1)
    with pytest.raises(CheckError, match="does not fit nrf52840"):
        workspace.require_fit("c001")
