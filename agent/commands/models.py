"""`models`: the chat models that can design, and what each needs."""

from __future__ import annotations

from dataclasses import asdict

from agent.terminal.output import JsonOption, QuietOption, print_json, result_console

# Where the servers listen by default, according to their own documentation.
SERVERS = (
    ("vLLM", "http://127.0.0.1:8000/v1", "vllm serve MODEL --enable-auto-tool-choice --tool-call-parser PARSER"),
    ("Ollama", "http://127.0.0.1:11434/v1", "ollama pull MODEL"),
    ("llama.cpp", "http://127.0.0.1:8080/v1", "llama-server --jinja -m FILE.gguf"),
)


def models(json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the chat models that can design, what each needs, and whether the embedded one is here."""
    from rich.table import Table
    from rich.text import Text

    from agent.chat_models.registry import KNOWN_CHAT_MODELS

    weights = _find_weights()
    if json:
        known = [asdict(model) for model in KNOWN_CHAT_MODELS]
        places = [{"server": name, "url": url, "start": start} for name, url, start in SERVERS]
        print_json({"models": known, "servers": places, "smollm2": weights})
        return
    if quiet:
        return
    table = Table()
    for name in ("--llm", "what it is", "needs"):
        table.add_column(name)
    for model in KNOWN_CHAT_MODELS:
        table.add_row(Text(model.spec), model.about, model.needs)
    console = result_console()
    console.print(table)
    servers = Table()
    for name in ("server", "usual --llm-url", "started by"):
        servers.add_column(name)
    for row in SERVERS:
        servers.add_row(*(Text(cell) for cell in row))
    console.print(servers)
    console.print(f"smollm2: {weights['detail']}", soft_wrap=True)


def _find_weights() -> dict[str, object]:
    """Whether the embedded model's weights are in the cache, and their size in bytes."""
    from agent.chat_models.local.smollm2 import FOLDER_NAME, REQUIREMENT
    from agent.running.paths import cache_folder

    folder = cache_folder() / FOLDER_NAME
    if not folder.is_dir():
        detail = f"not fetched yet; the first run downloads {REQUIREMENT} (93 MB) and converts it into {folder}"
        return {"fetched": False, "folder": str(folder), "bytes": 0, "detail": detail}
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    detail = f"fetched: {size / 1e6:.0f} MB in {folder}"
    return {"fetched": True, "folder": str(folder), "bytes": size, "detail": detail}
