"""Errors a user can cause or cure. Each message is one line: the rule, the value, the remedy."""


class KilosmithError(Exception):
    """Base of every expected error; the command line turns it into one line and a documented exit code."""


class SettingError(KilosmithError):
    """Wrong arguments, settings, files or data (exit code 2)."""


class TeacherFailedError(SettingError):
    """The training of a teacher did not finish: a run delivers without it."""


class ProposalError(SettingError):
    """A designer asked for something impossible: feedback for the language model, wrong input from a person."""


class NoLegalCandidateError(KilosmithError):
    """The search ended without a single legal candidate (exit code 3)."""


class ChatModelError(KilosmithError):
    """The chat model was unavailable, could not be reached or kept failing (exit code 4)."""


class ConversationTooLongError(ChatModelError):
    """A conversation does not fit the chat model's context: the same request would fail again."""


class CheckError(KilosmithError):
    """A verification failed: a tampered file, an export that does not fit or does not verify (exit code 5)."""
