"""The conversation in a terminal: a line editor with history and completion, and commands that begin with a slash."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from agent.running.inquiry import Inquiry, open_inquiry
from agent.running.interruption import Interruption
from agent.terminal.live_display import Display
from agent.terminal.output import message_console, print_json, result_console
from agent.terminal.turn_text import ask_person, print_turn
from agent.transcript.tables import build_front_table
from nas.errors import ChatModelError, KilosmithError, SettingError
from nas.plain_text import plain
from nas.records.run_store import RunStore
from nas.search.pareto import summarize_member

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

HISTORY_FILE = "chat_history"

_HELP = """Ask in your own words: why, why not, what if, compare, how sure, which limit, where is the peak.
/why ID            why a candidate is what it is, or why it was rejected
/compare ID ID     two candidates side by side
/stage ID N        one stage of a candidate
/front             the Pareto front
/runs              what this run was about
/history           the conversation so far
/help              this list
/quit              leave (Ctrl-D does, too); Ctrl-C drops the line, or the answer under way"""


@dataclass(frozen=True)
class Command:
    """What a slash command asks: the question it stands for, from its arguments."""

    num_arguments: int
    question: Callable[..., str]


COMMANDS: dict[str, Command] = {
    "/why": Command(1, lambda candidate: f"why {candidate}"),
    "/compare": Command(2, lambda first, second: f"compare {first} with {second}"),
    "/stage": Command(2, lambda candidate, stage: f"describe stage {stage} of {candidate}"),
    "/runs": Command(0, lambda: "what is this run's task, board and budget"),
}
_OTHERS = ("/front", "/history", "/help", "/quit")


class Leave(Exception):  # noqa: N818  # no error: the person goes
    """Raised to end the conversation."""


@dataclass(frozen=True)
class Conversation:
    """Answers lines: questions and commands."""

    inquiry: Inquiry
    console: Console

    def answer(self, line: str) -> None:
        """Show what a line asks for; raises Leave if it is a farewell."""
        text = line.strip()
        if not text:
            return
        if text.startswith("/"):
            self._obey(text)
        else:
            print_turn(self.console, self.inquiry.ask(text))

    def _obey(self, text: str) -> None:
        name, *arguments = text.split()
        if name in ("/quit", "/exit"):
            raise Leave
        if name == "/help":
            self.console.print(Text(_HELP))
        elif name == "/front":
            self.console.print(build_front_table([summarize_member(member) for member in self.inquiry.records().front]))
        elif name == "/history":
            self._show_history()
        elif name in COMMANDS:
            command = COMMANDS[name]
            if len(arguments) != command.num_arguments:
                raise SettingError(f"{name} takes {command.num_arguments} arguments; got {len(arguments)}; see /help")
            print_turn(self.console, self.inquiry.ask(command.question(*arguments)))
        else:
            raise SettingError(f"a command must be one of {', '.join([*COMMANDS, *_OTHERS])}; got {plain(name)[:40]!r}")

    def _show_history(self) -> None:
        for turn in self.inquiry.store.load_conversation():
            self.console.print(Text(f"> {plain(turn['question'])}", style="bold"))
            print_turn(self.console, turn)  # type: ignore[arg-type]  # a line of the records


def converse_in_terminal(
    store: RunStore, interruption: Interruption, *, llm: str | None, llm_url: str | None, quiet: bool
) -> None:
    """Read lines in the terminal until the person leaves. An error ends an answer, never the conversation."""
    console, messages = result_console(), message_console()
    with Display(messages, quiet=quiet) as display:

        def confirm(asked: Mapping[str, Any]) -> bool:
            display.pause()
            return ask_person(asked)

        inquiry = open_inquiry(store, llm=llm, llm_url=llm_url, confirm=confirm, show=display.show)
        inquiry.warm_up()
        display.pause()
        conversation, session = Conversation(inquiry, console), _open_session(inquiry)
        if not quiet:
            by = inquiry.answers.identity.get("spec") if inquiry.answers is not None else "rules over the records"
            head = (
                f"About run {store.run_id}; answers come from {plain(by)}. /help lists what you can ask, /quit leaves."
            )
            console.print(Text(head, style="dim"))
        while True:
            try:
                line = session.prompt("> ")
            except KeyboardInterrupt:
                continue  # only the line is dropped
            except EOFError:
                return
            display.resume()
            try:
                conversation.answer(line)
            except Leave:
                return
            except KeyboardInterrupt:
                interruption.forget()
                messages.print(Text("interrupted; nothing of this question was kept", style="yellow"))
            except KilosmithError as error:
                messages.print(Text(plain(error), style="red"))
            finally:
                display.pause()


def _open_session(inquiry: Inquiry) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    words = [*COMMANDS, *_OTHERS, *(trial.id for trial in inquiry.records().trials)]
    return PromptSession(
        history=FileHistory(str(inquiry.store.folder / HISTORY_FILE)),
        completer=WordCompleter(words, sentence=False, WORD=True),
        complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory(),
    )


def converse_in_pipe(store: RunStore, *, llm: str | None, llm_url: str | None, json: bool, quiet: bool) -> None:
    """Answer the lines of stdin, one question each; there is no one to confirm a training."""
    with Display(message_console(), quiet=quiet) as display:
        inquiry = open_inquiry(store, llm=llm, llm_url=llm_url, confirm=lambda _: False, show=display.show)
        if json:
            print_json([inquiry.ask(line) for line in _questions(sys.stdin)])
            return
        conversation = Conversation(inquiry, result_console())
        for line in _questions(sys.stdin):
            if not quiet:
                conversation.console.print(Text(f"> {plain(line)}", style="bold"))
            try:
                conversation.answer(line)
            except Leave:
                return
            except ChatModelError:
                raise
            except KilosmithError as error:
                message_console().print(Text(plain(error), style="red"))


def _questions(lines: Iterable[str]) -> Iterable[str]:
    return (line.strip() for line in lines if line.strip())
