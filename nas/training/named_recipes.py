"""The recipes by name: what `training.recipes` in a preset or configuration file refers to."""

from nas.training.recipe import (
    PAPER_DISTILL,
    PAPER_FULL,
    PAPER_MINI,
    QUICK_DISTILL,
    QUICK_FULL,
    QUICK_MINI,
    QUICK_TEACHER,
    DistillRecipe,
    Recipe,
    TeacherSettings,
    TrainingSettings,
)

# A small ViT at CIFAR's own size. The paper's teacher is a ViT-B/16 fine-tuned from ImageNet-21k, which has to be
# fetched from a hub; a run must not depend on one.
_CIFAR_TEACHER = TeacherSettings(
    optimizer="adamw",
    epochs=60,
    learning_rate=1e-3,
    schedule="warmup-cosine",
    warmup_epochs=5,
    weight_decay=0.05,
    augmentation="autoaugment",
    image_size=32,
    patch_size=4,
    embed_dim=192,
    depth=9,
    num_heads=3,
)

RECIPES = {
    "paper": TrainingSettings(mini=PAPER_MINI, full=PAPER_FULL, distill=PAPER_DISTILL, teacher=_CIFAR_TEACHER),
    "quick": TrainingSettings(mini=QUICK_MINI, full=QUICK_FULL, distill=QUICK_DISTILL, teacher=QUICK_TEACHER),
    # Minutes on two cores instead of hours: far from converged, and meant to be.
    "cifar-cpu": TrainingSettings(
        mini=Recipe(epochs=3, learning_rate=0.1, schedule="warmup-cosine", warmup_epochs=1, batch_size=32),
        full=Recipe(
            epochs=12, learning_rate=0.1, schedule="warmup-cosine", warmup_epochs=1, batch_size=32, augmentation="shift"
        ),
        distill=DistillRecipe(epochs=4, learning_rate=0.02, schedule="cosine", batch_size=32),
        teacher=_CIFAR_TEACHER.model_copy(
            update={
                "epochs": 8,
                "warmup_epochs": 1,
                "batch_size": 32,
                "augmentation": "shift",
                "embed_dim": 96,
                "depth": 4,
            }
        ),
    ),
}
