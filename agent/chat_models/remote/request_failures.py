"""Why a request to a server got no answer, in one line, and whether retrying may help."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nas.plain_text import plain

# What parsing a malformed answer raises, in our code or in the client's.
PROTOCOL_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)

MAX_REASON_CHARACTERS = 240
_PASSING = (408, 409, 429)  # busy, or another request is in the way
_TOO_LONG = (400, 413, 422)
_ABOUT_LENGTH = re.compile(r"context|too (long|large|many tokens)|maximum.{0,40}(length|tokens)", re.IGNORECASE)
_ABOUT_TOOLS = re.compile(r"\btools?\b|tool[-_ ]|function[-_ ]call|grammar|jinja|chat template", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """One request that failed: the reason, the HTTP status if the server gave one, and how long it asked us to wait."""

    reason: str
    status: int | None = None
    retry_after_seconds: float | None = None

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status is None or self.status in _PASSING or self.status >= 500

    @property
    def is_about_tools(self) -> bool:
        """Whether the server refused because it cannot call tools (rather than because they fill its context)."""
        if self.status is None or self.status in (401, 403, 429) or "context" in self.reason.lower():
            return False
        return bool(_ABOUT_TOOLS.search(self.reason))

    @property
    def is_about_length(self) -> bool:
        """Whether the server refused because the conversation does not fit the model's context."""
        return self.status in _TOO_LONG and bool(_ABOUT_LENGTH.search(self.reason))


def read_failure(error: Exception, *, timeout_seconds: float, secret: str) -> RequestFailure:
    """What a client's error means; `secret` is blanked out wherever the server repeats it."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(status, int) and status >= 400:
        message = _server_message(response)
        reason = f"HTTP {status}: {message}" if message else f"HTTP {status}"
        return RequestFailure(_shorten(reason, secret), status, _read_retry_after(response))
    return RequestFailure(_shorten(_name_cause(list(_chain(error)), timeout_seconds), secret))


def summarize(failures: Sequence[RequestFailure]) -> str:
    """The reasons, each once, with how often it occurred: `timed out after 120 s x4`."""
    counted = Counter(failure.reason for failure in failures)
    return "; ".join(f"{reason} x{count}" if count > 1 else reason for reason, count in counted.items())


def _name_cause(causes: Sequence[BaseException], timeout_seconds: float) -> str:
    """What happened to a request without an HTTP status, from its error and what caused that, outermost first."""
    known: dict[str, type[BaseException]] = {
        "connection refused": ConnectionRefusedError,
        "connection reset": ConnectionResetError,
        "unknown host": socket.gaierror,
    }
    if any(isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes):
        return f"timed out after {timeout_seconds:g} s"
    for name, kind in known.items():
        if any(isinstance(cause, kind) for cause in causes):
            return name
    if any("RemoteProtocolError" in type(cause).__name__ for cause in causes):
        return "the connection ended before the answer was complete"
    broken = next((cause for cause in causes if isinstance(cause, OSError)), None)
    if broken is not None:
        return f"no connection ({broken})"
    return f"unreadable answer ({type(causes[0]).__name__}: {causes[0]})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _server_message(response: Any) -> str:
    """The message in an error's body: OpenAI's form, a bare `error`, `message` or `detail`, else its plain text."""
    text = str(response.text)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "" if "<" in text else text  # a web page does not fit one line
    if isinstance(body, dict):
        body = body.get("error") or body.get("message") or body.get("detail") or ""
    if isinstance(body, dict):
        body = body.get("message") or ""
    return body if isinstance(body, str) else json.dumps(body)


def _read_retry_after(response: Any) -> float | None:
    """The pause the server asks for, in seconds; for the header's other form, a date, our own pauses apply."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return None


def _shorten(text: str, secret: str) -> str:
    line = plain(text)
    if secret:
        line = line.replace(secret, "***")
    return line if len(line) <= MAX_REASON_CHARACTERS else line[: MAX_REASON_CHARACTERS - 3] + "..."
