"""Values as C source text: every text that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VALUES_A_LINE = 16


def escape(text: str) -> str:
    """`text` in printable ASCII for a C string or a comment: everything else, quotes included, as octal escapes.

    Octal, because a hexadecimal escape swallows the digits after it; question marks too, because of trigraphs.
    """
    plain = set(range(32, 127)) - set(b'"\\?')
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogatepass"))


def write_bytes(content: bytes) -> str:
    """Rows of hexadecimal bytes for an array."""
    return _rows([f"0x{byte:02x}" for byte in content])


def write_integers(values: Iterable[int]) -> str:
    """Rows of decimal integers for an array."""
    return _rows([str(value) for value in values])


def _rows(words: Sequence[str]) -> str:
    lines = (words[at : at + VALUES_A_LINE] for at in range(0, len(words), VALUES_A_LINE))
    return "\n".join("    " + " ".join(f"{word}," for word in line) for line in lines)


def write_floats(values: Iterable[float]) -> str:
    """Float literals separated by commas."""
    return ", ".join(write_float(value) for value in values)


def write_float(value: float) -> str:
    """A C float literal: nine digits reproduce a float32 exactly."""
    digits = f"{value:.9g}"
    return f"{digits}f" if "." in digits or "e" in digits else f"{digits}.0f"
