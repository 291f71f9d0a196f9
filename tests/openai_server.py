"""A server on the loopback that speaks OpenAI's chat protocol, correctly or not, as its script says.

with OpenAIServer(status(500), calls(("explain", {"candidate_id": "c0001"}))) as server:
    ... RemoteChatModel at server.url ...
    assert server.requests[1]["tool_choice"] == "required"
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from agent.chat_models.baselines import draw_value

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}

Request = dict[str, Any]


@dataclass(frozen=True)
class Behaviour:
    """What the server does with one request, through its handler."""

    act: Callable[[_Handler], None]


# A behaviour, or a function of the parsed request that gives one.
Step = Behaviour | Callable[[Request], Behaviour]


def text(content: str | None, *, finish_reason: str = "stop", **fields: Any) -> Behaviour:
    """An answer of text; `fields` are further fields of its message."""
    return answer({"role": "assistant", "content": content, **fields}, finish_reason=finish_reason)


def calls(*made: tuple[str, Any], finish_reason: str = "tool_calls", call_id: str = "") -> Behaviour:
    """An answer of tool calls, (name, arguments) each. Arguments that are a string are sent as they stand."""
    call_id = call_id or f"call_{random.SystemRandom().randrange(10**9)}"
    written = [
        {
            "id": f"{call_id}_{number}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(made)
    ]
    return answer({"role": "assistant", "content": None, "tool_calls": written}, finish_reason=finish_reason)


def refusal(reason: str) -> Behaviour:
    """The model declines."""
    return text(None, refusal=reason)


def answer(message: dict[str, Any], *, finish_reason: str = "stop", usage: object = USAGE) -> Behaviour:
    """A chat completion with any message."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "served", "choices": [choice]}
    return raw(json.dumps(body | ({"usage": usage} if usage else {})))


def status(code: int, message: str = "told by the test", *, retry_after: float | None = None) -> Behaviour:
    """An HTTP error in OpenAI's form."""
    body = json.dumps({"error": {"message": message, "type": "test", "code": None}})
    return raw(body, code=code, headers={} if retry_after is None else {"Retry-After": f"{retry_after:g}"})


def raw(
    body: str, *, code: int = 200, content_type: str = "application/json", headers: dict[str, str] | None = None
) -> Behaviour:
    """Any body under any status."""
    return Behaviour(lambda handler: handler.reply(code, body.encode(), content_type, headers or {}))


def truncated() -> Behaviour:
    """Half a body: the connection closes before the announced length."""
    headers = {"Content-Length": "5000"}
    return Behaviour(lambda handler: handler.reply(200, b'{"choices": [{"mess', "application/json", headers))


def reset() -> Behaviour:
    """The connection breaks off without an answer."""
    return Behaviour(lambda handler: handler.reset())


def stall() -> Behaviour:
    """The request is taken and never answered."""
    return Behaviour(lambda handler: handler.wait())


def trickle(pause_seconds: float = 0.1) -> Behaviour:
    """An answer that arrives one byte every `pause_seconds`, forever."""
    return Behaviour(lambda handler: handler.trickle(pause_seconds))


def sampled(request: Request) -> Behaviour:
    """A designer: calls an offered tool with arguments drawn from its schema by the request's seed."""
    rng = random.Random(request["seed"])
    function = rng.choice(request["tools"])["function"]
    drawn = draw_value(function["parameters"], rng)
    return calls((function["name"], drawn), call_id=f"call_{request['seed']}")


class OpenAIServer:
    """Plays its steps in order, one per request; the last one repeats. Ends cleanly, whatever hangs."""

    def __init__(self, *steps: Step) -> None:
        self.requests: list[Request] = []
        self.authorizations: list[str | None] = []
        self._steps = list(steps)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.script = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """What --llm-url takes."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def play(self, *steps: Step) -> None:
        """Continue with other steps."""
        with self._lock:
            self._steps = list(steps)

    def close(self) -> None:
        """Stop listening and end every open request."""
        self._stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, request: Request, authorization: str | None) -> Behaviour:
        """Record a request and return its behaviour."""
        with self._lock:
            self.requests.append(request)
            self.authorizations.append(authorization)
            step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
            return step if isinstance(step, Behaviour) else step(request)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether the server was closed within `seconds`."""
        return self._stopped.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the requests, so that none outlives its test
    script: OpenAIServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that disconnected is not the server's error."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        self.reply(200, b'{"object": "list", "data": [{"id": "served", "object": "model"}]}', "application/json", {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/chat/completions"):
            self.reply(404, b'{"error": {"message": "unknown path"}}', "application/json", {})
            return
        self.server.script.take(json.loads(body), self.headers["Authorization"]).act(self)

    def reply(self, code: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in ({"Content-Type": content_type, "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        # no lingering: closing sends RST
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def wait(self) -> None:
        self.server.script.wait()

    def trickle(self, pause_seconds: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{")
        while not self.server.script.wait(pause_seconds):
            self.wfile.write(b" ")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing on stderr."""
