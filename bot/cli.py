"""The command `verbatim`. Each command is glue; what only one of them needs is imported by it."""

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from bot import terminal
from bot.contract import answer_json
from bot.texts import speaking
from config import logging
from config.errors import ConfigError
from config.settings import Settings
from retrieval.errors import FolderError
from retrieval.library import Library

_WIDEST = 96

docs_option = click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The documents folder, instead of SEEDS_DIR.",
)


class Failure(click.ClickException):
    """One clear line on stderr, and exit code 2: the configuration or the call is wrong."""

    exit_code = 2

    def show(self, file: TextIO | None = None) -> None:  # type: ignore[override]  # click types it IO[Any]
        click.echo(f"verbatim: {self.message}", file=file or sys.stderr)


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (ConfigError, FolderError) as error:
        raise Failure(str(error)) from None


def _settings() -> Settings:
    with _clear_errors():
        settings = Settings.read()
    logging.configure(settings.log_level, settings.log_format, settings.secrets)
    return settings


def _library(docs: Path | None, *, loudly: bool = True) -> Library:
    settings = _settings()
    with _clear_errors():
        library = Library.open(
            docs or settings.seeds_dir, index_dir=settings.index_dir, quote_chars=settings.quote_chars
        )
    if loudly:
        _tell_problems(library)
    return library


def _tell_problems(library: Library) -> None:
    for problem in library.problems:
        click.echo(f"left out {problem.name}: {problem.reason}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="verbatim")
def main() -> None:
    """Answer questions with word-for-word quotes from your own documents, each with its source."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


@main.command()
@docs_option
@click.option(
    "--top", type=click.IntRange(1, 50), default=None, help="How many quotes.  [default: 1; 5 with --json]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a question, for programs.")
@click.option(
    "--questions",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Ask every line of FILE (- for standard input); with --json one object a line.",
)
@click.argument("question", nargs=-1)
def ask(
    docs: Path | None, top: int | None, *, as_json: bool, questions: TextIO | None, question: tuple[str, ...]
) -> None:
    """Ask the documents. Exits with 0 when answered, 1 when they hold no answer, 2 when the call is wrong."""
    if bool(question) == bool(questions):
        raise click.UsageError("Give a QUESTION, or --questions FILE.")
    library = _library(docs)
    asked = [" ".join(question)] if questions is None else _lines(questions)
    answers = asyncio.run(_ask_all(library, asked, top or (5 if as_json else 1), as_json=as_json))
    if questions is None and not answers[-1]:
        sys.exit(1)


def _lines(file: TextIO) -> list[str]:
    try:
        text = file.read()
    except UnicodeDecodeError as error:
        raise Failure(f"{file.name}: byte {error.start} is not valid UTF-8; save the file as UTF-8") from None
    return text.removeprefix("\ufeff").removesuffix("\n").split("\n") if text else []


async def _ask_all(library: Library, questions: list[str], top: int, *, as_json: bool) -> list[bool]:
    answered = []
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    for question in questions:
        answer = await library.answer(question, top=top)
        if as_json:
            click.echo(json.dumps(answer_json(answer), ensure_ascii=False))
        else:
            click.echo(terminal.answered(answer, speaking(), width=width, quotes=slice(top)))
        answered.append(answer.answered)
    return answered


@main.command()
@docs_option
def chat(docs: Path | None) -> None:
    """Ask and answer in the terminal; an empty line shows the next quote, Ctrl-D ends."""
    library = _library(docs)
    passages = f"{library.passages} passages of {len(library.sources)} documents"
    click.echo(f"{passages}. Ask; Enter alone shows the next quote, Ctrl-D ends.")
    asyncio.run(_converse(library))


async def _converse(library: Library) -> None:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    answer, shown = None, 0
    while True:
        try:
            line = await asyncio.to_thread(input, "\n? " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return
        if line.strip():
            answer, shown = await library.answer(line, earlier=answer.question if answer else None), 0
        if answer is None:
            continue
        if answer.answered and shown >= len(answer.citations):
            click.echo("That was the last quote.")
            continue
        click.echo(terminal.answered(answer, speaking(), width=width, quotes=slice(shown, shown + 1)))
        shown += 1


@main.command()
@docs_option
def index(docs: Path | None) -> None:
    """Build the index of the documents and save it; say what was left out, and why."""
    settings = _settings()
    folder = docs or settings.seeds_dir
    with _clear_errors(), click.progressbar(length=0, label="Reading", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        library = Library.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            progress=progress,
            fresh=True,
        )
    _tell_problems(library)
    click.echo(
        f"{len(library.sources)} documents, {library.passages} passages"
        f" in {', '.join(library.languages) or 'no language'}; {len(library.problems)} files left out."
    )


@main.command()
@docs_option
def check(docs: Path | None) -> None:
    """Tell whether this is ready to run: token, documents, index, backend, one line each."""
    from bot.checkup import examine  # noqa: PLC0415

    settings = _settings()
    findings = examine(settings, docs or settings.seeds_dir)
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'MEND'} {finding.what}: {finding.told}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


@main.command()
def run() -> None:
    """Run the bot on Telegram, until it is told to stop."""
    from bot.service import run as run_bot  # noqa: PLC0415

    sys.exit(run_bot(_settings()))


@main.command()
@docs_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0 takes any free port."
)
def sandbox(docs: Path | None, port: int) -> None:
    """Run the bot in a Telegram of its own on this machine, with a page to chat on; no token needed."""
    from bot.sandboxed import run_both  # noqa: PLC0415

    settings = _settings()
    with _clear_errors():
        sys.exit(run_both(docs or settings.seeds_dir, port))


if __name__ == "__main__":
    main()
