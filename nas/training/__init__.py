"""Training: recipes as data, one loop for every phase, distillation and its teacher.

What is re-exported here needs no torch, so that reading a configuration stays quick; `nas.training.loop`, `.teacher`,
`.prediction` and `.weights` do need it.
"""

from nas.training.jobs import Finetuned, JobPhase, StopRule, TrainedPhase, TrainingJob
from nas.training.recipe import (
    DistillRecipe,
    HalvingSettings,
    QuantizationRecipe,
    Recipe,
    TeacherSettings,
    TrainingSettings,
)
from nas.training.results import EpochResult, TrainingResult

__all__ = [
    "DistillRecipe",
    "EpochResult",
    "Finetuned",
    "HalvingSettings",
    "JobPhase",
    "QuantizationRecipe",
    "Recipe",
    "StopRule",
    "TeacherSettings",
    "TrainedPhase",
    "TrainingJob",
    "TrainingResult",
    "TrainingSettings",
]
