"""What an architecture costs on a microcontroller, before a second of training; no torch, no tensorflow."""

from nas.cost.budget import Budget
from nas.cost.operators import Operator, OperatorList, Tensor, lower
from nas.cost.report import CostReport, Peak, Price, StageShare, price, report

__all__ = [
    "Budget",
    "CostReport",
    "Operator",
    "OperatorList",
    "Peak",
    "Price",
    "StageShare",
    "Tensor",
    "lower",
    "price",
    "report",
]
