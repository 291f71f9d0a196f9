"""Exit codes, a public contract (docs/commands.md)."""

from nas.errors import ChatModelError, CheckError, KilosmithError, NoLegalCandidateError

DONE = 0
# 1 is a bug: the interpreter's own code for a traceback
WRONG_INPUT = 2
NO_LEGAL_CANDIDATE = 3
CHAT_MODEL_FAILED = 4
CHECK_FAILED = 5
INTERRUPTED = 130


def exit_code_of(error: KilosmithError) -> int:
    """The documented exit code of an expected error."""
    if isinstance(error, NoLegalCandidateError):
        return NO_LEGAL_CANDIDATE
    if isinstance(error, ChatModelError):
        return CHAT_MODEL_FAILED
    if isinstance(error, CheckError):
        return CHECK_FAILED
    return WRONG_INPUT
