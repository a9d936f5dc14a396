"""The command `verbatim`. Modules that only one command needs are imported by that command."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TextIO

import click

from bot import __version__
from bot.cli import answer_output, feedback_report
from bot.cli.answer_output import TerminalStyle, answer_about_documents, answer_json
from bot.cli.open_documents import (
    connect,
    encode_missing,
    open_cluster_documents,
    open_documents,
    print_problems,
    progress_bar,
    read_scans,
    read_settings,
)
from bot.documents.search_backends import encoder_for, loaded_encoder_for
from bot.i18n.messages import texts_for
from bot.i18n.small_talk import small_talk_reply
from bot.monitoring import feedback
from bot.views.refusals import MAX_CLOSEST_PASSAGES
from config.settings import ConfigError, Settings
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import RetrievalError
from retrieval.evaluation import dataset, evaluation_report, floors, metrics
from retrieval.model.answer import Answer

if TYPE_CHECKING:
    # The cluster client takes longer to import than answering a question.
    from retrieval.opensearch import ClusterLibrary

# 128 + SIGINT, as in shells.
_INTERRUPTED_EXIT_CODE = 130
_UNSAVED_EXIT_CODE = 1
# A wrong setting or call, and a folder without documents.
_SETTING_EXIT_CODE = 2
_DEFAULT_QUOTES = 1
_DEFAULT_QUOTES_JSON = 5

# A line that begins like this is no question but a command, such as those of the bot in Telegram.
_COMMAND = re.compile(r"\s*/[a-z]\w*(\s|$)", re.IGNORECASE)
_CHAT_HELP = """\
Write a question, and the documents are searched for the sentences that answer it.
Enter alone shows the next quote. "And when was that?" asks on about the question before. Ctrl-D ends.
The commands of the bot in Telegram, such as /search and /sources, do not work here.
"""


class UsageFailure(click.ClickException):
    """A wrong setting or call: one line on stderr and exit code 2."""

    exit_code = _SETTING_EXIT_CODE

    def show(self, file: TextIO | None = None) -> None:  # type: ignore[override]  # click types it IO[Any]
        click.echo(f"verbatim: {self.message}", file=file or sys.stderr)


class CommandGroup(click.Group):
    """Lists commands in the order of their definition, and prints expected errors as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ConfigError, RetrievalError, dataset.DatasetError, floors.FloorError) as error:
            raise UsageFailure(str(error)) from None
        except BrokenPipeError:
            # The reader of the output has gone; click handles this silently.
            raise
        except OSError as error:
            prefix = f"{error.filename}: " if error.filename else ""
            raise UsageFailure(f"{prefix}{error.strerror or error}") from None


list_all_option = click.option(
    "--list-all", is_flag=True, help="List every file that is not read, also those that are no documents."
)
docs_option = click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The documents folder, instead of SEEDS_DIR. With OPENSEARCH_URL, answers come from the cluster.",
)


def _count_noun(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _print(text: str) -> None:
    # TerminalStyle decides about styles. click would also remove control characters from quotes.
    click.echo(text, color=True)


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

    Without --json, "What is this about?" and "Which documents do you have?" show an overview or the list.
    Exit codes: 0 for an answer or the closest passages, 1 for no answer, 2 for a wrong option or setting.
    With --questions always 0.
    """
    if bool(question) == bool(questions):
        raise click.UsageError("Give a QUESTION, or --questions FILE.")
    style, quotes = (
        TerminalStyle.of(sys.stdout),
        top or (_DEFAULT_QUOTES_JSON if as_json else _DEFAULT_QUOTES),
    )
    with open_documents(docs) as (library, runner):

        def print_answer(line: str) -> bool:
            """Print the answer to a line, and return whether it shows any of the documents."""
            if not as_json:
                if reply := small_talk_reply(line, texts_for()):
                    _print(reply)
                    return False
                if about := runner.run(answer_about_documents(line, library, texts_for(), style)):
                    _print(about)
                    return True
            answer = runner.run(
                library.answer(line, top=quotes if as_json else max(quotes, MAX_CLOSEST_PASSAGES))
            )
            if as_json:
                _print(json.dumps(answer_json(answer), ensure_ascii=False))
            else:
                _print(answer_output.answer_text(answer, texts_for(), style, quotes=slice(quotes)))
            return answer.certainty != "none"

        if questions is None:
            sys.exit(0 if print_answer(" ".join(question)) else 1)
        for number, line in enumerate(_read_lines(questions)):
            if number and not as_json:
                _print("")
            print_answer(line)


def _read_lines(file: BinaryIO) -> Iterator[str]:
    """Yield lines as they arrive: a program can read each answer before it sends the next question."""
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise UsageFailure(
                f"{file.name}: line {number} is not UTF-8 text: save the file as UTF-8"
            ) from None
        yield text.removesuffix("\n").removesuffix("\r")


@main.command()
@docs_option
def chat(docs: Path | None) -> None:
    """Ask and answer in the terminal.

    An empty line shows the next quote, /help explains, Ctrl-D ends.
    """
    style, shown = TerminalStyle.of(sys.stdout), 0
    answer: Answer | None = None
    question: str | None = None
    with open_documents(docs) as (library, runner):
        _print(
            f"{_count_noun(library.passages, 'passage')} of {_count_noun(len(library.sources), 'document')}."
            " Ask; Enter alone shows the next quote, Ctrl-D ends.\n"
        )
        for line in _input_lines():
            if _COMMAND.match(line):
                _print(_CHAT_HELP)
                continue
            if reply := small_talk_reply(line, texts_for()):
                _print(reply + "\n")
                continue
            if line.strip() and (
                about := runner.run(answer_about_documents(line, library, texts_for(), style))
            ):
                answer = None
                _print(about + "\n")
                continue
            if line.strip():
                answer, shown = runner.run(_answer_line(library, line, question)), 0
                if not answer.asks_nothing:
                    question = answer.question
            elif answer is None or not answer.answered:
                continue
            if answer.answered and shown >= len(answer.citations):
                _print("That was the last quote.\n")
                continue
            _print(
                answer_output.answer_text(answer, texts_for(), style, quotes=slice(shown, shown + 1)) + "\n"
            )
            shown += 1


async def _answer_line(library: "LocalLibrary | ClusterLibrary", line: str, earlier: str | None) -> Answer:
    """Answer a line as a question of its own or, if that has no answer, as a follow-up question."""
    alone = await library.answer(line)
    if alone.answered or earlier is None:
        return alone
    follow_up = await library.answer(line, earlier=earlier)
    # Words of the earlier question are no answer to a line of unknown words.
    return follow_up if follow_up.answered or alone.asks_nothing else alone


def _input_lines() -> Iterator[str]:
    prompt = ""
    if sys.stdin.isatty():
        # Adds history and arrow keys to input(); missing in some Python builds.
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401, PLC0415

        prompt = "? "
    try:
        while True:
            yield input(prompt)
    except (EOFError, KeyboardInterrupt):
        if prompt:
            _print("")


@main.command()
@click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The documents folder, instead of SEEDS_DIR.",
)
@click.option("--fresh", is_flag=True, help="Re-read every document (without a cluster always).")
@list_all_option
def index(docs: Path | None, *, fresh: bool, list_all: bool) -> None:
    """Read the documents and save their index.

    All documents are read again; vectors of unchanged texts are kept, and what OCR has read of unchanged
    files. Ctrl-C while texts are encoded or scans are read keeps what was done, and the next run
    continues. With OPENSEARCH_URL only changed documents are read, and the new index replaces the old
    one when complete. Files that cannot be read are listed with the reason; others that are no
    documents are counted, and listed with --list-all.
    Exit codes: 0; 1 if the index or vectors cannot be saved; 2 for a wrong option or setting, or if no
    document can be read.
    """
    settings = read_settings()
    folder = docs or settings.seeds_dir
    if settings.opensearch_nodes:
        _index_cluster(settings, folder, fresh=fresh, list_all=list_all)
        return
    with progress_bar("Reading") as progress:
        library = LocalLibrary.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            progress=progress,
            fresh=True,
            encoder=encoder_for(settings),
            ocr=settings.ocr == "auto",
        )
    library = _read_scans_for_index(library, settings.index_dir)
    print_problems(library, folder, list_all=list_all)
    _print_counts(library)
    if not library.sources:
        sys.exit(_SETTING_EXIT_CODE)
    if not library.is_saved:
        _fail_unsaved(settings, "the index is not saved")
    if texts := library.encodable:
        _encode_for_index(library, texts)
        if not library.has_saved_vectors:
            _fail_unsaved(settings, "vectors are not saved")


def _fail_unsaved(settings: Settings, what: str) -> NoReturn:
    """End with exit code 1 and a line; the reason has been logged."""
    click.echo(f"verbatim: INDEX_DIR={settings.index_dir}: {what}; `verbatim index` tries again", err=True)
    sys.exit(_UNSAVED_EXIT_CODE)


def _read_scans_for_index(library: LocalLibrary, index_dir: Path) -> LocalLibrary:
    """Read all scanned pages by OCR. Ctrl-C stops this, and keeps the pages so far."""
    try:
        return read_scans(library, index_dir)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED_EXIT_CODE)


def _encode_for_index(library: LocalLibrary, texts: int) -> None:
    """Encode all texts without a vector. Ctrl-C stops this, and keeps the vectors so far."""
    missing = library.unencoded
    try:
        encode_missing(library)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED_EXIT_CODE)
    finally:
        remaining = library.unencoded
        hint = "; `verbatim index` encodes the rest" if remaining else ""
        counts = f"{texts - remaining:,} of {texts:,} texts have vectors, {missing - remaining:,} of them new"
        _print(f"{counts}{hint}")


def _index_cluster(settings: Settings, folder: Path, *, fresh: bool, list_all: bool) -> None:
    from retrieval.opensearch import IndexPlan, cached_embeddings, write_index  # noqa: PLC0415  # as above

    # Loaded first to see whether that works: an index has vectors of all its texts or of none.
    encoder = loaded_encoder_for(settings)
    embeddings = (
        cached_embeddings(encoder, settings.index_dir, settings.opensearch_index) if encoder else None
    )

    def print_waiting(holder: str) -> None:
        click.echo(f"another process ({holder}) is writing the index; waiting", err=True)

    plan = IndexPlan(
        settings.opensearch_index,
        settings.quote_chars,
        settings.opensearch_shards,
        settings.opensearch_replicas,
        fresh,
    )
    with asyncio.Runner() as runner, connect(settings, runner) as cluster:
        with progress_bar("Reading") as progress:
            runner.run(
                write_index(
                    cluster, folder, plan, progress=progress, on_wait=print_waiting, embeddings=embeddings
                )
            )
        library = open_cluster_documents(settings, folder, cluster, runner)
    print_problems(library, "the cluster", list_all=list_all)
    _print_counts(library)
    if not library.sources:
        sys.exit(_SETTING_EXIT_CODE)


def _print_counts(library: "LocalLibrary | ClusterLibrary") -> None:
    languages = f" in {', '.join(library.languages)}" if library.languages else ""
    left_out = f"; {len(library.problems)} left out" if library.problems else ""
    counts = f"{_count_noun(len(library.sources), 'document')}, {_count_noun(library.passages, 'passage')}"
    _print(f"{counts}{languages}{left_out}")


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
    help="Also group the figures by this key of the lines.",
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
    folder, data = docs or read_settings().seeds_dir, file.read()
    with open_documents(docs) as (library, runner):
        names = [name for source in library.sources for name in (source.name, *source.copies)]
        cases = dataset.read_cases(data, file.name, names)
        for label in labels:
            if not any(label in case.labels for case in cases):
                raise UsageFailure(f"{file.name}: --by {label}: no line has this key with a text")
        limits = floors.read_floors(floors_file.read(), floors_file.name) if floors_file else None
        outcomes = runner.run(metrics.evaluate(library, cases, metrics.document_texts(folder)))
    checks = floors.check_floors(limits, outcomes) if limits else None
    evaluation = evaluation_report.Report(outcomes, labels, checks, misses)
    _print(
        json.dumps(evaluation_report.report_json(evaluation), ensure_ascii=False)
        if as_json
        else evaluation_report.report_text(evaluation)
    )
    if limits and (digest := floors.dataset_digest(data, folder, names)) != limits.digest:
        raise UsageFailure(
            f"{limits.name}: digest mismatch: expected {limits.digest}, got {digest}. The questions or "
            "documents have changed: check that the floors still make sense, then put the new digest there"
        )
    is_verbatim = evaluation.overall.verbatim in {None, 1.0}
    sys.exit(0 if is_verbatim and all(check.is_met for check in checks or ()) else 1)


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

    The bot stores this only when FEEDBACK_DIR is set, without who asked.
    """
    if not folders:
        folder = read_settings().feedback_dir
        if folder is None:
            raise ConfigError("FEEDBACK_DIR is not set, so nothing is collected: set it to a folder")
        folders = (folder,)
    records = (record for folder in folders for record in feedback.read_records(folder))
    summary = feedback_report.summarise(records)
    _print(
        json.dumps(feedback_report.summary_json(summary), ensure_ascii=False)
        if as_json
        else feedback_report.summary_text(summary)
    )


_bot_option = click.option("--bot", type=int, help="The id of the bot, if several have such a chat.")
# Ids of groups begin with a minus sign, like options.
_WITH_NEGATIVE_IDS = {"ignore_unknown_options": True}


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each chat.")
@click.pass_context
def collections(context: click.Context, *, as_json: bool) -> None:
    """List the documents that belong to single chats; export or delete those of one.

    `verbatim collections export CHAT FILE` writes them to a ZIP file, `verbatim collections delete CHAT`
    deletes them with all that is kept about them. The bot may be running.
    """
    if context.invoked_subcommand is not None:
        return
    from bot.cli import chat_collections  # noqa: PLC0415  # as above

    settings = read_settings()
    summaries = chat_collections.list_collections(settings)
    if not summaries:
        click.echo(f"No chat has documents of its own in {settings.collections_dir}", err=True)
    for summary in summaries:
        _print(
            json.dumps(chat_collections.summary_json(summary))
            if as_json
            else chat_collections.summary_line(summary)
        )


@collections.command(context_settings=_WITH_NEGATIVE_IDS)
@click.argument("chat", type=int)
@click.argument("file", type=click.Path(path_type=Path))
@_bot_option
def export(chat: int, file: Path, bot: int | None) -> None:
    """Write the documents of a chat to a ZIP file."""
    from bot.cli import chat_collections  # noqa: PLC0415  # as above

    count = chat_collections.export_collection(read_settings(), chat, file, bot)
    _print(f"{file}: {count} documents of the chat {chat}")


@collections.command(context_settings=_WITH_NEGATIVE_IDS)
@click.argument("chat", type=int)
@_bot_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(chat: int, bot: int | None, *, yes: bool) -> None:
    """Delete the documents of a chat and all that is kept about them."""
    from bot.cli import chat_collections  # noqa: PLC0415  # as above

    if not yes:
        click.confirm(f"Delete the documents of the chat {chat}? This cannot be undone.", abort=True)
    chat_collections.delete_collection(read_settings(), chat, bot)
    _print(f"Deleted the documents of the chat {chat}")


@main.command()
@docs_option
@list_all_option
def check(docs: Path | None, *, list_all: bool) -> None:
    """Check that everything is ready to run.

    Checks the token, documents, index and backend, one line each. Exit code 1 if something has to be fixed.
    """
    # Imports httpx, which is slow and which `ask` does not need.
    from bot.cli.diagnostics import run_checks  # noqa: PLC0415

    settings, ready = read_settings(), True
    for result in run_checks(settings, docs or settings.seeds_dir, list_all=list_all):
        mark = {True: "ok  ", False: "FIX ", None: "note"}[result.ok]
        _print(f"{mark} {result.topic}: {result.message}")
        ready = ready and result.ok is not False
    sys.exit(0 if ready else 1)


@main.command()
def run() -> None:
    """Run the bot on Telegram until it is told to stop."""
    # The Telegram library takes longer to import than answering a question.
    from bot.concurrency import end_process  # noqa: PLC0415
    from bot.lifecycle import run as run_bot  # noqa: PLC0415

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
    from bot.cli.sandbox_runner import documents_folder, run_sandbox  # noqa: PLC0415  # httpx, as above

    settings = read_settings()
    sys.exit(run_sandbox(settings, docs or documents_folder(settings), port))
