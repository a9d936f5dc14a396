"""The command `verbatim`. Each command is glue; what only one of them needs is imported by it."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from bot.cli import feedback_report, terminal
from bot.cli.json_output import answer_json
from bot.cli.terminal import TerminalStyle
from bot.i18n.messages import speaking
from bot.ops import feedback
from bot.search_backends import (
    connection_settings,
    encoder_for,
    loaded_encoder_for,
    open_cluster,
    open_cluster_library,
)
from bot.settings_checks import no_documents
from bot.views.locations import MOST_CLOSEST
from config import logging
from config.settings import ConfigError, Settings
from retrieval.documents.library import Library
from retrieval.errors import EncoderError, RetrievalError
from retrieval.evaluation import dataset, floors, metrics, report
from retrieval.model import Answer

if TYPE_CHECKING:
    # What speaks to a cluster takes longer to import than a question to answer.
    from retrieval.opensearch import Cluster, ClusterLibrary

# These take some minutes on two cores; more are made by `verbatim index`, so that nobody waits unasked.
_MOST_VECTORS_FIRST = 20_000
# The exit code of what Ctrl-C ends, as shells have it.
_INTERRUPTED = 130
_TOP = 1
_TOP_JSON = 5


class Failure(click.ClickException):
    """One clear line on stderr, and exit code 2: the configuration or the call is wrong."""

    exit_code = 2

    def show(self, file: TextIO | None = None) -> None:  # type: ignore[override]  # click types it IO[Any]
        click.echo(f"verbatim: {self.message}", file=file or sys.stderr)


class Commands(click.Group):
    """The commands in the order they are written here; what an operator can mend ends them in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ConfigError, RetrievalError, dataset.DatasetError, floors.FloorError) as error:
            raise Failure(str(error)) from None
        except BrokenPipeError:
            # click ends quietly when the reader of our output has gone.
            raise
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            raise Failure(f"{named}{error.strerror or error}") from None


docs_option = click.option(
    "--docs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The documents folder, instead of SEEDS_DIR. With OPENSEARCH_URL, answers come from the cluster.",
)


def _settings() -> Settings:
    settings = Settings.read()
    logging.configure(settings.log_level, settings.log_format, settings.secrets)
    return settings


@contextlib.contextmanager
def _opened(docs: Path | None) -> Iterator[tuple["Library | ClusterLibrary", asyncio.Runner]]:
    """Open the documents, here or in a cluster, and the event loop in which they are asked."""
    settings = _settings()
    folder = docs or settings.seeds_dir
    with asyncio.Runner() as runner:
        if settings.opensearch_nodes:
            with _cluster(settings, runner) as cluster:
                yield _in_cluster(settings, folder, cluster, runner), runner
            return
        library = Library.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            encoder=encoder_for(settings),
        )
        _tell_problems(library, folder)
        _make_few_vectors(library)
        yield library, runner


def _make_few_vectors(library: Library) -> None:
    """Make the vectors that are missing before the first question, if they are few; tell if they are not."""
    missing = library.unencoded
    if not missing:
        return
    if missing > _MOST_VECTORS_FIRST:
        click.echo(
            f"{missing:,} texts have no vector yet, so answers are found by words alone for now; "
            "`verbatim index` makes them",
            err=True,
        )
        return
    _make_vectors(library)


def _make_vectors(library: Library) -> None:
    # Where the encoder cannot be loaded the log has told why.
    with contextlib.suppress(EncoderError), _progress("Comparing meanings") as progress:
        library.encode(progress, threads=os.cpu_count() or 1)


@contextlib.contextmanager
def _cluster(settings: Settings, runner: asyncio.Runner) -> Iterator["Cluster"]:
    cluster = open_cluster(connection_settings(settings))
    try:
        yield cluster
    finally:
        runner.run(cluster.close())


def _in_cluster(
    settings: Settings, folder: Path, cluster: "Cluster", runner: asyncio.Runner
) -> "ClusterLibrary":
    library = runner.run(open_cluster_library(settings, folder, cluster, encoder_for(settings)))
    _tell_problems(library, "the cluster")
    return library


def _tell_problems(library: "Library | ClusterLibrary", folder: Path | str) -> None:
    for problem in library.problems:
        click.echo(f"left out {problem.name}: {problem.reason}", err=True)
    if not library.sources:
        click.echo(no_documents(folder), err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(text: str) -> None:
    # What is styled is decided by the Look; click would take control characters out of quotes as well.
    click.echo(text, color=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="verbatim")
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
    help=f"The number of quotes.  [default: {_TOP}; {_TOP_JSON} with --json]",
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

    Exit codes: 0 for an answer or the closest passages, 1 for no answer, 2 for a wrong option or setting.
    With --questions always 0.
    """
    if bool(question) == bool(questions):
        raise click.UsageError("Give a QUESTION, or --questions FILE.")
    look, quotes = TerminalStyle.of(sys.stdout), top or (_TOP_JSON if as_json else _TOP)
    with _opened(docs) as (library, runner):

        def tell(asked: str) -> Answer:
            answer = runner.run(library.answer(asked, top=quotes if as_json else max(quotes, MOST_CLOSEST)))
            if as_json:
                _say(json.dumps(answer_json(answer), ensure_ascii=False))
            else:
                _say(terminal.render_answer(answer, speaking(), look, quotes=slice(quotes)))
            return answer

        if questions is None:
            sys.exit(1 if tell(" ".join(question)).certainty == "none" else 0)
        for number, line in enumerate(_lines(questions)):
            if number and not as_json:
                _say("")
            tell(line)


def _lines(file: BinaryIO) -> Iterator[str]:
    """Read line by line, so that a program can ask, read the answer, and ask on."""
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise Failure(f"{file.name}: line {number} is not UTF-8 text: save the file as UTF-8") from None
        yield text.removesuffix("\n").removesuffix("\r")


@main.command()
@docs_option
def chat(docs: Path | None) -> None:
    """Ask and answer in the terminal.

    An empty line shows the next quote, Ctrl-D ends.
    """
    look, shown = TerminalStyle.of(sys.stdout), 0
    answer: Answer | None = None
    with _opened(docs) as (library, runner):
        _say(
            f"{_count(library.passages, 'passage')} of {_count(len(library.sources), 'document')}."
            " Ask; Enter alone shows the next quote, Ctrl-D ends."
        )
        for line in _spoken():
            if line.strip():
                answer, shown = runner.run(_following(library, line, answer)), 0
            elif answer is None or not answer.answered:
                continue
            if answer.answered and shown >= len(answer.citations):
                _say("That was the last quote.")
                continue
            _say(terminal.render_answer(answer, speaking(), look, quotes=slice(shown, shown + 1)))
            shown += 1


async def _following(library: "Library | ClusterLibrary", line: str, before: Answer | None) -> Answer:
    """Take a line for a question of its own; where it has no answer, for one that follows the last."""
    alone = await library.answer(line)
    if alone.answered or before is None:
        return alone
    following = await library.answer(line, earlier=before.question)
    # What the line before lends is no answer to words that nobody knows.
    return following if following.answered or alone.asks_nothing else alone


def _spoken() -> Iterator[str]:
    prompt = ""
    if sys.stdin.isatty():
        # It gives input() its history and arrow keys; some Pythons come without.
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401, PLC0415

        prompt = "\n? "
    try:
        while True:
            yield input(prompt)
    except (EOFError, KeyboardInterrupt):
        if prompt:
            _say("")


@main.command()
@docs_option
@click.option("--fresh", is_flag=True, help="In a cluster too, read every document again.")
def index(docs: Path | None, *, fresh: bool) -> None:
    """Read the documents and save their index.

    All documents are read again; vectors of unchanged texts are kept. Ctrl-C while vectors are made keeps
    those that are done, and the next run continues. With OPENSEARCH_URL only changed documents are read, and
    the new index replaces the old one when complete. Files that are left out are listed with the reason.
    """
    settings = _settings()
    folder = docs or settings.seeds_dir
    if settings.opensearch_nodes:
        _index_cluster(settings, folder, fresh=fresh)
        return
    with _progress("Reading") as progress:
        library = Library.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            progress=progress,
            fresh=True,
            encoder=encoder_for(settings),
        )
    _tell_problems(library, folder)
    _tell_counts(library)
    if texts := library.encodable:
        _index_meanings(library, texts)


def _index_meanings(library: Library, texts: int) -> None:
    """Make all vectors that are missing; stopped by Ctrl-C, those that were made are kept."""
    missing = library.unencoded
    try:
        _make_vectors(library)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    finally:
        left = library.unencoded
        rest = "; `verbatim index` makes the rest" if left else ""
        _say(f"{texts - left:,} of {texts:,} texts have vectors, {missing - left:,} of them new{rest}")


def _index_cluster(settings: Settings, folder: Path, *, fresh: bool) -> None:
    from retrieval.opensearch import IndexPlan, cached_embeddings, write  # noqa: PLC0415  # as above

    # Whether it can be loaded has to be known first: an index has vectors of all its texts or of none.
    encoder = loaded_encoder_for(settings)
    embeddings = (
        cached_embeddings(encoder, settings.index_dir, settings.opensearch_index) if encoder else None
    )

    def waits(holder: str) -> None:
        click.echo(f"waiting for {holder}, who writes the index", err=True)

    plan = IndexPlan(
        settings.opensearch_index,
        settings.quote_chars,
        settings.opensearch_shards,
        settings.opensearch_replicas,
        fresh,
    )
    with asyncio.Runner() as runner, _cluster(settings, runner) as cluster:
        with _progress("Reading") as progress:
            runner.run(write(cluster, folder, plan, progress=progress, waits=waits, embeddings=embeddings))
        _tell_counts(_in_cluster(settings, folder, cluster, runner))


@contextlib.contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar at a terminal, and give what moves it: how many are done, and their total."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress


def _tell_counts(library: "Library | ClusterLibrary") -> None:
    languages = f" in {', '.join(library.languages)}" if library.languages else ""
    left_out = f"; {len(library.problems)} left out" if library.problems else ""
    counted = f"{_count(len(library.sources), 'document')}, {_count(library.passages, 'passage')}"
    _say(f"{counted}{languages}{left_out}")


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
    help="Show figures for each value of this key of the lines too.",
)
@click.option(
    "--floors",
    "pinned",
    type=click.File("rb"),
    metavar="FILE",
    help="Fail when a figure is below its floor in FILE.",
)
@click.argument("file", type=click.File("rb"))
def evaluate(  # noqa: PLR0913  # an option each
    docs: Path | None,
    *,
    as_json: bool,
    misses: bool,
    labels: tuple[str, ...],
    pinned: BinaryIO | None,
    file: BinaryIO,
) -> None:
    """Measure how well the documents answer the questions of FILE.

    Each line of FILE is {"question": "...", "answers": ["..."]}: the accepted answer strings, or [] if the
    documents hold no answer. "document", a path below the documents folder, is measured too when it is given.
    Exit codes: 0; 1 if a figure is below its floor or a quote is not verbatim; 2 for a wrong option or file.
    """
    folder, data = docs or _settings().seeds_dir, file.read()
    with _opened(docs) as (library, runner):
        names = [name for source in library.sources for name in (source.name, *source.copies)]
        asked = dataset.read_cases(data, file.name, names)
        for label in labels:
            if not any(label in case.labels for case in asked):
                raise Failure(f"{file.name}: --by {label}: no line has this key with a text")
        limits = floors.read(pinned.read(), pinned.name) if pinned else None
        outcomes = runner.run(metrics.evaluate(library, asked, metrics.document_texts(folder)))
    checks = floors.checks(limits, outcomes) if limits else None
    told = report.Report(outcomes, labels, checks, misses)
    _say(json.dumps(report.report_json(told), ensure_ascii=False) if as_json else report.report_text(told))
    if limits and (digest := floors.digest(data, folder, names)) != limits.digest:
        raise Failure(
            f"{limits.name}: digest mismatch: expected {limits.digest}, got {digest}. The questions or "
            "documents have changed: check that the floors still make sense, then put the new digest there"
        )
    exact = told.overall.verbatim in {None, 1.0}
    sys.exit(0 if exact and all(check.is_met for check in checks or ()) else 1)


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
        kept = _settings().feedback_dir
        if kept is None:
            raise ConfigError("FEEDBACK_DIR is not set, so nothing is collected: set it to a folder")
        folders = (kept,)
    told = feedback_report.summarise(record for folder in folders for record in feedback.records(folder))
    _say(
        json.dumps(feedback_report.summary_json(told), ensure_ascii=False)
        if as_json
        else feedback_report.summary_text(told)
    )


@main.command()
@docs_option
def check(docs: Path | None) -> None:
    """Check that everything is ready to run.

    Checks the token, documents, index and backend, one line each. Exit code 1 if something has to be fixed.
    """
    # httpx is an import of its own weight, and `ask` needs none of it.
    from bot.cli.diagnostics import run_checks  # noqa: PLC0415

    settings, ready = _settings(), True
    for finding in run_checks(settings, docs or settings.seeds_dir):
        mark = {True: "ok  ", False: "FIX ", None: "note"}[finding.ok]
        _say(f"{mark} {finding.what}: {finding.told}")
        ready = ready and finding.ok is not False
    sys.exit(0 if ready else 1)


@main.command()
def run() -> None:
    """Run the bot on Telegram until it is told to stop."""
    # The telegram library takes longer to import than a question to answer.
    from bot.lifecycle import run as run_bot  # noqa: PLC0415

    sys.exit(run_bot(_settings()))


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

    It has a page to chat on. No account or token needed.
    """
    from bot.cli.sandbox_runner import run_sandbox  # noqa: PLC0415  # httpx, as above

    settings = _settings()
    sys.exit(run_sandbox(settings, docs or settings.seeds_dir, port))
