"""`doctor`: which parts of the installation work."""

from __future__ import annotations

import shutil
from importlib import import_module, metadata
from pathlib import Path

from agent import exit_codes
from agent.terminal.output import JsonOption, QuietOption, print_json, result_console

_PARTS = {
    "designer": (
        "langgraph",
        "langchain-core",
        "langchain-openai",
        "langchain-huggingface",
        "transformers",
        "llguidance",
    ),
    "training": ("torch", "torchvision", "timm", "safetensors", "scikit-learn"),
    "export": ("tensorflow", "tflite-micro", "onnx", "onnxruntime"),
    "terminal": ("rich", "typer", "pydantic"),
}
_MODULES = {
    "scikit-learn": "sklearn",
    "tflite-micro": "tflite_micro",
}


def doctor(json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Import every part for real, look for the embedded model's weights, and say what works."""
    import typer
    from rich.table import Table
    from rich.text import Text

    checks = [_check_package(part, name) for part, names in _PARTS.items() for name in names]
    checks += [_check_weights(), _check_disk()]
    works = all(check["works"] for check in checks)
    if json:
        print_json({"works": works, "checks": checks})
    elif not quiet:
        table = Table()
        for name in ("part", "check", "works", "detail"):
            table.add_column(name)
        for check in checks:
            verdict = Text("yes", style="green") if check["works"] else Text("no", style="bold red")
            table.add_row(str(check["part"]), str(check["check"]), verdict, Text(str(check["detail"])))
        result_console().print(table)
    if not works:
        raise typer.Exit(exit_codes.CHECK_FAILED)


def _check_package(part: str, name: str) -> dict[str, object]:
    check: dict[str, object] = {"part": part, "check": name}
    try:
        if name == "tensorflow":
            from nas.export.tensorflow_runtime import load_tensorflow

            load_tensorflow()  # imports without noise
        if name in ("timm", "torchvision"):
            from nas.training.torchvision_import import import_torchvision

            import_torchvision()
        import_module(_MODULES.get(name, name.replace("-", "_")))
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        # whatever an import of foreign native code raises is this command's finding, not its failure
        return check | {"works": False, "detail": f"{type(error).__name__}: {error}"}
    return check | {"works": True, "detail": metadata.version(name)}


def _check_weights() -> dict[str, object]:
    from agent.running.paths import cache_folder

    folder = cache_folder()
    held = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []
    detail = f"{folder}: {', '.join(held)}" if held else f"not fetched yet; the first run puts them into {folder}"
    return {"part": "designer", "check": "smollm2 weights", "works": True, "detail": detail}


def _check_disk() -> dict[str, object]:
    free = shutil.disk_usage(Path()).free
    return {"part": "disk", "check": "free space", "works": free > 2**30, "detail": f"{free / 2**30:.1f} GiB free here"}
