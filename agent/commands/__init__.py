"""One command a file; heavy modules are imported inside the command that needs them, so that --help stays fast."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.terminal.output import print_line


def build_app() -> typer.Typer:
    """The command-line application."""
    from agent.commands.ask import ask
    from agent.commands.boards import boards
    from agent.commands.chat import chat
    from agent.commands.compare import compare
    from agent.commands.doctor import doctor
    from agent.commands.estimate import estimate
    from agent.commands.export import export
    from agent.commands.front import front
    from agent.commands.models import models
    from agent.commands.replay import replay
    from agent.commands.report import report
    from agent.commands.resume import resume
    from agent.commands.run import run
    from agent.commands.sample import sample
    from agent.commands.teacher import teacher
    from agent.commands.trials import trials
    from agent.commands.verify import verify

    app = typer.Typer(
        help="A language model designs neural networks that fit a microcontroller: priced to the byte before they are "
        "trained, distilled, quantized and delivered for TensorFlow Lite Micro.",
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        add_completion=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_take_version)
    designing = (
        run,
        resume,
        ask,
        chat,
        replay,
        trials,
        front,
        report,
        compare,
        estimate,
        sample,
        export,
        verify,
        teacher,
    )
    for command in (*designing, boards, models, doctor):
        app.command()(command)
    return app


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print_line(f"kilosmith {version('kilosmith')}")
        raise typer.Exit


def _take_version(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """What may stand before a command."""
