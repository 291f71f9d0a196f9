"""The losses: cross-entropy, the distillation loss of the paper (eq. 9-12), and the schedule of its weight alpha."""

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from nas.training.recipe import AlphaSchedule

# start and final alpha, the weight of the cross-entropy: the paper's formula, and its prose, which says the opposite
ALPHA_RANGES: dict[AlphaSchedule, tuple[float, float]] = {"paper": (0.4, 0.8), "paper-prose": (0.8, 0.4)}


def cross_entropy(
    logits: Float[Tensor, "batch classes"], labels: Tensor, weights: Float[Tensor, " classes"] | None
) -> Float[Tensor, ""]:
    """Mean over the batch, not the weights, so that the parts of a batch add up to the whole. Labels may be soft."""
    if weights is None:
        return functional.cross_entropy(logits, labels)
    return functional.cross_entropy(logits, labels, weight=weights.to(logits.device), reduction="none").mean()


def distillation_loss(
    student_logits: Float[Tensor, "batch classes"],
    teacher_logits: Float[Tensor, "batch classes"],
    labels: Int64[Tensor, " batch"],
    temperature: float,
    alpha: float,
    class_weights: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """alpha * CE + (1 - alpha) * T^2 * KL(teacher || student), mean over the batch (eq. 9-12)."""
    student = functional.log_softmax(student_logits / temperature, dim=1)  # eq. 9
    teacher = functional.log_softmax(teacher_logits / temperature, dim=1)
    divergence = functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
    soft = divergence * temperature**2  # gradients of softened logits shrink by T^2, eq. 10
    hard = cross_entropy(student_logits, labels, class_weights)  # eq. 11
    return alpha * hard + (1 - alpha) * soft  # eq. 12


def alpha_at(schedule: AlphaSchedule, epoch: int, epochs: int) -> float:
    """Alpha in `epoch` (from 1): alpha += (final - alpha) * e / epochs for e = 1..epoch, so it compounds."""
    alpha, final = ALPHA_RANGES[schedule]
    for step in range(1, epoch + 1):
        alpha += (final - alpha) * step / epochs
    return alpha
