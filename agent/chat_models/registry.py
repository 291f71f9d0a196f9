"""From what the user gives to --llm to a chat model. Heavy modules are imported when a model is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from agent.chat_models.chat_model_settings import ChatModelSettings
from nas.errors import SettingError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent.chat_models.remote.remote_chat_model import ChatServer

Drive = Literal["check", "guided"]

_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class KnownChatModel:
    """What may follow --llm: its form, what it is, and what it needs."""

    spec: str
    about: str
    needs: str


KNOWN_CHAT_MODELS = (
    KnownChatModel("smollm2", "SmolLM2-135M-Instruct, embedded, without a hub or an account", "93 MB, fetched once"),
    KnownChatModel("hf:ORG/NAME", "a causal language model of the Hugging Face hub, run here", "the hub, or its cache"),
    KnownChatModel("FOLDER", "a causal language model in a local folder (safetensors), run here", "the folder"),
    KnownChatModel("openai:MODEL", "a model of OpenAI", "OPENAI_API_KEY"),
    KnownChatModel(
        "openai:MODEL --llm-url URL",
        "a model of an OpenAI-compatible server (vLLM, Ollama, llama.cpp, ...)",
        "the server; OPENAI_API_KEY if it asks for one",
    ),
    KnownChatModel("hf-endpoint:ORG/NAME", "a model of Hugging Face's inference providers", "HF_TOKEN"),
    KnownChatModel("hf-endpoint:ORG/NAME --llm-url URL", "a Hugging Face endpoint of your own", "HF_TOKEN"),
    KnownChatModel("scripted:FILE.json", "recorded answers, for tests and demonstrations", "the file"),
    KnownChatModel("mutate", "baseline: random edits of the parent in the LLM's place", "nothing"),
    KnownChatModel("random", "baseline: uniform random designs in the LLM's place", "nothing"),
)


@dataclass(frozen=True, slots=True)
class OpenedChatModel:
    """A chat model ready to answer.

    With `designs_whole` every proposal is a whole design, never an edit; with `takes_masks` the masks that tools carry
    narrow what it can write. `drive` is what design.drive = "auto" means for it: "check" finds out at the start what
    the model is capable of, "guided" skips that. `context_tokens` is the longest conversation it can read,
    where that is known. `only_guided`: it cannot choose tools by itself.
    """

    model: BaseChatModel
    name: str
    designs_whole: bool = False
    takes_masks: bool = False
    drive: Drive = "guided"
    context_tokens: int | None = None
    only_guided: bool = False


def open_chat_model(
    spec: str, settings: ChatModelSettings, *, cache: Path, report: Callable[[str], None]
) -> OpenedChatModel:
    """The chat model `spec` names; `report` receives one line for each thing that takes long.

    Raises SettingError for an unknown spec, a wrong script or URL or a missing key, ChatModelError when the weights
    are unavailable. No request is sent to a server yet.
    """
    kind, _, rest = spec.partition(":")
    match kind:
        case "smollm2" if spec == kind:
            return _open_smollm2(settings, cache, report)
        case "random" | "mutate" if spec == kind:
            from agent.chat_models.baselines import SchemaBaseline

            model = SchemaBaseline(seed=settings.seed, model_name=spec)
            return OpenedChatModel(model, spec, designs_whole=spec == "random", only_guided=True)
        case "scripted" if rest:
            from agent.chat_models.scripted import load_scripted

            return OpenedChatModel(load_scripted(Path(rest)), spec)
        case "openai" | "hf-endpoint" if rest:
            return _open_server(kind, rest, settings)
        case "hf" if rest:
            return _open_local(rest, spec, settings, report)
    if spec and Path(spec).is_dir():
        return _open_local(spec, spec, settings, report)
    known = ", ".join(dict.fromkeys(model.spec.partition(" ")[0] for model in KNOWN_CHAT_MODELS))
    raise SettingError(f"the chat model must be one of {known}; got {spec!r}; see `models`")


def _open_smollm2(settings: ChatModelSettings, cache: Path, report: Callable[[str], None]) -> OpenedChatModel:
    from agent.chat_models.local.smollm2 import fetch_smollm2

    # not checked at every start: it fails the first question of the check whatever the seed (a test checks this)
    return _load_local(fetch_smollm2(cache, report), "smollm2", settings, hub=False, drive="guided")


def _open_local(source: str, spec: str, settings: ChatModelSettings, report: Callable[[str], None]) -> OpenedChatModel:
    if Path(source).is_dir():
        return _load_local(Path(source), spec, settings, hub=False)
    if not _HUB_NAME.fullmatch(source):
        raise SettingError(f"hf: takes ORG/NAME or an existing folder; got {source!r}; see `models`")
    report(f"loading {source} from the Hugging Face hub; the first time it is downloaded")
    return _load_local(source, spec, settings, hub=True)


def _load_local(
    source: str | Path, name: str, settings: ChatModelSettings, *, hub: bool, drive: Drive = "check"
) -> OpenedChatModel:
    from agent.chat_models.local.engine import load_engine
    from agent.chat_models.local.local_chat_model import LocalChatModel

    engine = load_engine(source, device=settings.device, dtype=settings.dtype, hub=hub)
    model = LocalChatModel(engine=engine, settings=settings, model_name=name)
    return OpenedChatModel(model, name, takes_masks=True, drive=drive, context_tokens=engine.context_tokens)


def _open_server(kind: str, model: str, settings: ChatModelSettings) -> OpenedChatModel:
    spec = f"{kind}:{model}"
    if settings.url is not None:
        settings = settings.model_copy(update={"url": read_url(settings.url)})
    server = _connect_openai(model, settings) if kind == "openai" else _connect_hf_endpoint(model, settings)

    from agent.chat_models.remote.remote_chat_model import RemoteChatModel

    remote = RemoteChatModel(server=server, settings=settings, model_name=spec)
    return OpenedChatModel(remote, spec, drive="check", context_tokens=settings.context_tokens)


def _connect_openai(model: str, settings: ChatModelSettings) -> ChatServer:
    key = os.environ.get("OPENAI_API_KEY", "")
    if settings.url is None and not key:
        remedy = "set it, or name another server by --llm-url"
        raise SettingError(f"openai:{model} without a URL needs OPENAI_API_KEY in the environment; {remedy}")

    from agent.chat_models.remote.openai_client import connect_openai

    return connect_openai(model, settings, key)


def _connect_hf_endpoint(model: str, settings: ChatModelSettings) -> ChatServer:
    key = os.environ.get("HF_TOKEN", "")
    if settings.url is None and not key:
        remedy = "set it, or name an endpoint of your own by --llm-url"
        raise SettingError(f"hf-endpoint:{model} needs HF_TOKEN in the environment; {remedy}")

    from agent.chat_models.remote.hf_endpoint import connect_hf_endpoint

    return connect_hf_endpoint(model, settings, key)


def read_url(text: str) -> str:
    """The address of an API: http or https with a host; a bare host means its /v1, as every known server has it."""
    rule = "llm.url must be http(s)://HOST[:PORT][/PATH], for example http://127.0.0.1:8000/v1"
    try:
        parts = urlsplit(text)
        has_place = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:  # a port that is not a number, a malformed IPv6 address
        has_place = False
    if not has_place or any(character.isspace() for character in text):
        raise SettingError(f"{rule}; got {text!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingError(f"{rule}; got more than that; a key belongs in the environment (see `models`)")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"
