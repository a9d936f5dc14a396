"""Output and exit codes that all commands share."""

import sys
from typing import TextIO

import click

UNSAVED_EXIT_CODE = 1
# A wrong setting or call, and a folder without documents.
SETTING_EXIT_CODE = 2
# 128 + SIGINT, as in shells.
INTERRUPTED_EXIT_CODE = 130


class UsageFailure(click.ClickException):
    """A wrong setting or call: one line on stderr and exit code 2."""

    exit_code = SETTING_EXIT_CODE

    def show(self, file: TextIO | None = None) -> None:  # type: ignore[override]  # click types it IO[Any]
        click.echo(f"verbatim: {self.message}", file=file or sys.stderr)


def print_text(text: str) -> None:
    # TerminalStyle decides about styles. click would also remove control characters from quotes.
    click.echo(text, color=True)


def count_noun(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
