"""The one place that imports torchvision, and the workaround for a torchvision that does not match its torch."""

import sys
from types import ModuleType

import torch

_kept: list[torch.library.Library] = []  # a library's operators vanish with it


def import_torchvision() -> ModuleType:
    """torchvision, imported whatever its build. Call before timm is imported, which imports torchvision itself.

    Package indexes often have torchvision built only for CUDA; with a CPU torch its compiled operators do not load and
    the import fails with "operator torchvision::nms does not exist". Nothing here calls nms: an empty schema of that
    name lets the import succeed. Only then, because a matching torchvision registers its own.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _forget_half_import()
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        _kept.append(library)
        import torchvision
    module: ModuleType = torchvision
    return module


def _forget_half_import() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
