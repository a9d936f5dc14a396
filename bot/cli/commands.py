"""The command `verbatim`: its options and help. What a command needs is imported by that command.

Processes that read documents import this module when they start, and help needs nothing else.
"""

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from bot import __version__
from bot.cli.output import UsageFailure, print_text
from config import ConfigError
from retrieval.errors import RetrievalError

_DEFAULT_QUOTES = 1
_DEFAULT_QUOTES_JSON = 5


class CommandGroup(click.Group):
    """Lists commands in the order of their definition, and prints expected errors as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ConfigError, RetrievalError) as error:
            raise UsageFailure(str(error)) from None
        except BrokenPipeError:
            # The reader of the output has gone; click handles this silently.
            raise
        except OSError as error:
            prefix = f"{error.filename}: " if error.filename else ""
            raise UsageFailure(f"{prefix}{error.strerror or error}") from None


list_all_option = click.option(
    "--list-all", is_flag=True, help="List every file that is not read, also files in unsupported formats."
)
docs_option = click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The documents folder, instead of SEEDS_DIR. With OPENSEARCH_URL, answers come from the cluster.",
)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="verbatim", message="%(prog)s %(version)s")
def main() -> None:
    """Answer questions with word-for-word quotes from your own documents, each with its source."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


@main.command()
@docs_option
@click.option(
    "--top",
    type=click.IntRange(1, 50),
    help=f"The number of quotes.  [default: {_DEFAULT_QUOTES}; {_DEFAULT_QUOTES_JSON} with --json]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per question, for programs.")
@click.option(
    "--questions",
    type=click.File("rb"),
    metavar="FILE",
    help="Ask every line of FILE (- for standard input); with --json, print one object per line.",
)
@click.argument("question", nargs=-1)
def ask(
    docs: Path | None,
    top: int | None,
    *,
    as_json: bool,
    questions: BinaryIO | None,
    question: tuple[str, ...],
) -> None:
    """Ask the documents one QUESTION, or each line of a file.

    Without --json, "What is this about?", "What does note.txt say?", "note.txt" and "Which documents do you
    have?" show an overview or the list. Exit codes: 0 for an answer or the closest passages, 1 for no answer,
    2 for a wrong option or setting. With --questions always 0.
    """
    if bool(question) == bool(questions):
        raise click.UsageError("Give a QUESTION, or --questions FILE.")
    from bot.cli.questions import ask as ask_documents

    quotes = top or (_DEFAULT_QUOTES_JSON if as_json else _DEFAULT_QUOTES)
    ask_documents(docs, questions or " ".join(question), quotes, as_json=as_json)


@main.command()
@docs_option
def chat(docs: Path | None) -> None:
    """Ask and answer in the terminal.

    An empty line shows the next quote, /help shows help, quit or Ctrl-D ends.
    """
    from bot.cli import questions

    questions.chat(docs)


@main.command()
@click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The documents folder, instead of SEEDS_DIR.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="With a cluster: re-read unchanged documents too. Without one, every document is always re-read.",
)
@list_all_option
def index(docs: Path | None, *, fresh: bool, list_all: bool) -> None:
    """Read the documents and save their index.

    All documents are read again. Vectors of unchanged texts and OCR results of unchanged files are kept.
    Ctrl-C while texts are encoded or scans are read keeps what was done, and the next run continues.

    With OPENSEARCH_URL only changed documents are read, and the new index replaces the old one when complete.

    Files that cannot be read are listed with the reason. Files in unsupported formats are counted, and listed
    with --list-all.

    Exit codes: 0; 1 if the index or vectors cannot be saved; 2 for a wrong option or setting, or if no
    document can be read.
    """
    from bot.cli import indexing

    indexing.index(docs, fresh=fresh, list_all=list_all)


@main.command("eval")
@docs_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option(
    "--misses/--no-misses", default=True, help="List the questions that went wrong.  [default: yes]"
)
@click.option(
    "--by",
    "labels",
    multiple=True,
    metavar="KEY",
    help="Also group the figures by this key of the questions in FILE.",
)
@click.option(
    "--floors",
    "floors_file",
    type=click.File("rb"),
    metavar="FILE",
    help="Fail when a figure is below its floor in FILE.",
)
@click.argument("file", type=click.File("rb"))
def evaluate(  # noqa: PLR0913  # one for each option
    docs: Path | None,
    *,
    as_json: bool,
    misses: bool,
    labels: tuple[str, ...],
    floors_file: BinaryIO | None,
    file: BinaryIO,
) -> None:
    """Measure how well the documents answer the questions of FILE.

    Each line of FILE is {"question": "...", "answers": ["..."]}: the accepted answer strings, or [] if the
    documents hold no answer. "document", a path below the documents folder, is measured too when it is given.
    Exit codes: 0; 1 if a figure is below its floor or a quote is not verbatim; 2 for a wrong option or file.
    """
    from bot.cli import evaluation

    evaluation.evaluate(docs, file, floors_file, labels=labels, as_json=as_json, misses=misses)


@main.command("report")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option(
    "--feedback",
    "folders",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    multiple=True,
    help="The folder of records, instead of FEEDBACK_DIR. Repeat it for several machines.",
)
def report_feedback(folders: tuple[Path, ...], *, as_json: bool) -> None:
    """Summarise what people asked, what was not answered, and what was voted down.

    Reads FEEDBACK_DIR, or the folders given with --feedback. The bot stores this only when FEEDBACK_DIR is
    set, without who asked.
    """
    from bot.cli import feedback_report

    feedback_report.report(folders, as_json=as_json)


_bot_option = click.option("--bot", type=int, help="The id of the bot, if several have such a chat.")
# Ids of groups begin with a minus sign, like options.
_WITH_NEGATIVE_IDS = {"ignore_unknown_options": True}


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each chat.")
@click.pass_context
def collections(context: click.Context, *, as_json: bool) -> None:
    """List the chats that have documents of their own; export or delete the documents of one.

    `verbatim collections export CHAT FILE` writes them to a ZIP file, `verbatim collections delete CHAT`
    deletes them with all that is kept about them. The bot may be running.
    """
    if context.invoked_subcommand is not None:
        return
    from bot.cli.collections import list_collections, summary_json, summary_line
    from config.settings import read_settings

    settings = read_settings()
    summaries = list_collections(settings)
    if not summaries:
        click.echo(f"No chat has documents of its own in {settings.collections_dir}", err=True)
    for summary in summaries:
        print_text(json.dumps(summary_json(summary)) if as_json else summary_line(summary))


@collections.command(context_settings=_WITH_NEGATIVE_IDS)
@click.argument("chat", type=int)
@click.argument("file", type=click.Path(path_type=Path))
@_bot_option
def export(chat: int, file: Path, bot: int | None) -> None:
    """Write the documents of a chat to a ZIP file."""
    from bot.cli.collections import export_collection
    from config.settings import read_settings

    count = export_collection(read_settings(), chat, file, bot)
    print_text(f"{file}: {count} documents of the chat {chat}")


@collections.command(context_settings=_WITH_NEGATIVE_IDS)
@click.argument("chat", type=int)
@_bot_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(chat: int, bot: int | None, *, yes: bool) -> None:
    """Delete the documents of a chat and all that is kept about them."""
    from bot.cli.collections import delete_collection
    from config.settings import read_settings

    if not yes:
        click.confirm(f"Delete the documents of the chat {chat}? This cannot be undone.", abort=True)
    delete_collection(read_settings(), chat, bot)
    print_text(f"Deleted the documents of the chat {chat}")


@main.command()
@docs_option
@list_all_option
def check(docs: Path | None, *, list_all: bool) -> None:
    """Check that everything is ready to run.

    Checks the token, documents, index and backend, one line each.
    Exit codes: 0; 1 if something has to be fixed; 2 for a setting that cannot be used.
    """
    from bot.cli.diagnostics import run_checks
    from config.settings import read_settings

    settings, ready = read_settings(), True
    for result in run_checks(settings, docs or settings.seeds_dir, list_all=list_all):
        mark = {True: "ok  ", False: "FIX ", None: "note"}[result.ok]
        print_text(f"{mark} {result.topic}: {result.message}")
        ready = ready and result.ok is not False
    sys.exit(0 if ready else 1)


@main.command()
def run() -> None:
    """Run the bot on Telegram until it is stopped.

    Exit codes: 0 when it was stopped; 1 if Telegram rejects the bot or cannot be reached, or no disk space is
    left; 2 for a setting that cannot be used.
    """
    from bot.concurrency import end_process
    from bot.lifecycle import run as run_bot
    from config.settings import read_settings

    end_process(run_bot(read_settings()))


@main.command()
@docs_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="The port of the page. 0: any free port.",
)
def sandbox(docs: Path | None, port: int) -> None:
    """Run the real bot against a local Telegram emulator.

    It has a page to chat on. No account or token needed. Without a folder of documents, the bot answers from
    an example.
    """
    from bot.cli.sandbox_runner import documents_folder, run_sandbox
    from config.settings import read_settings

    settings = read_settings()
    sys.exit(run_sandbox(settings, docs or documents_folder(settings), port))
