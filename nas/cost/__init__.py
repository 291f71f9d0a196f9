"""What an architecture costs on a microcontroller, before a second of training; no torch, no tensorflow."""

from nas.cost.assessment import Assessment, estimate
from nas.cost.budget import Budget
from nas.cost.cheapest_edits import Change, EditSuggestion, find_edits
from nas.cost.constraints import Cure, Violation, find_violations
from nas.cost.feasible import sample_feasible
from nas.cost.legality import BrokenLimit, Constraint, is_legal
from nas.cost.operators import Operator, OperatorList, Tensor, lower
from nas.cost.price import CostReport, Costs, Peak, Price, StageShare, price, report
from nas.cost.violation_causes import CostlyStage, LiveTensor, PeakCause, StagesCause

__all__ = [
    "Assessment",
    "BrokenLimit",
    "Budget",
    "Change",
    "Constraint",
    "CostReport",
    "CostlyStage",
    "Costs",
    "Cure",
    "EditSuggestion",
    "LiveTensor",
    "Operator",
    "OperatorList",
    "Peak",
    "PeakCause",
    "Price",
    "StageShare",
    "StagesCause",
    "Tensor",
    "Violation",
    "estimate",
    "find_edits",
    "find_violations",
    "is_legal",
    "lower",
    "price",
    "report",
    "sample_feasible",
]
