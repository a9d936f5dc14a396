"""Asks questions in the terminal: `verbatim ask` and `verbatim chat`."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bot.cli import answer_output
from bot.cli.answer_output import TerminalStyle, answer_about_documents, answer_json
from bot.cli.open_documents import open_documents
from bot.cli.output import UsageFailure, count_noun, print_text
from bot.i18n.messages import small_talk_reply, texts_for
from bot.views.refusals import MAX_CLOSEST_PASSAGES
from retrieval.model import Answer

if TYPE_CHECKING:
    from retrieval.documents.local_library import LocalLibrary

    # The cluster client takes longer to import than answering a question.
    from retrieval.opensearch import ClusterLibrary

# A line that begins like this is no question but a command, such as those of the bot in Telegram.
_COMMAND = re.compile(r"\s*/[a-z]\w*(\s|$)", re.IGNORECASE)
_CHAT_HELP = """\
Write a question, and the documents are searched for the sentences that answer it.
Enter alone shows the next quote. "And when was that?" asks on about the question before. Ctrl-D ends.
The commands of the bot in Telegram, such as /search and /sources, do not work here.
"""


def ask(docs: Path | None, question: str | BinaryIO, quotes: int, *, as_json: bool) -> None:
    """Print the answer to a question, or to each line of a file, and exit."""
    style = TerminalStyle.of(sys.stdout)
    with open_documents(docs) as (library, runner):

        def print_answer(line: str) -> bool:
            """Print the answer to a line, and return whether it shows any of the documents."""
            if not as_json:
                if reply := small_talk_reply(line, texts_for()):
                    print_text(reply)
                    return False
                if about := runner.run(answer_about_documents(line, library, texts_for(), style)):
                    print_text(about)
                    return True
            answer = runner.run(
                library.answer(line, top=quotes if as_json else max(quotes, MAX_CLOSEST_PASSAGES))
            )
            if as_json:
                print_text(json.dumps(answer_json(answer), ensure_ascii=False))
            else:
                print_text(answer_output.answer_text(answer, texts_for(), style, quotes=slice(quotes)))
            return answer.certainty != "none"

        if isinstance(question, str):
            sys.exit(0 if print_answer(question) else 1)
        for number, line in enumerate(_read_lines(question)):
            if not as_json:
                # Several passages may answer one question: without it, they cannot be told apart.
                separator = "\n" if number else ""
                print_text(f"{separator}Question: {line}\n")
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


def chat(docs: Path | None) -> None:
    """Answer the lines that are typed, until the end of the input."""
    style, shown = TerminalStyle.of(sys.stdout), 0
    answer: Answer | None = None
    question: str | None = None
    with open_documents(docs) as (library, runner):
        print_text(
            f"{count_noun(library.passages, 'passage')} of {count_noun(len(library.sources), 'document')}."
            " Ask; Enter alone shows the next quote, Ctrl-D ends.\n"
        )
        for line in _input_lines():
            if _COMMAND.match(line):
                print_text(_CHAT_HELP)
                continue
            if reply := small_talk_reply(line, texts_for()):
                print_text(reply + "\n")
                continue
            if line.strip() and (
                about := runner.run(answer_about_documents(line, library, texts_for(), style))
            ):
                answer = None
                print_text(about + "\n")
                continue
            if line.strip():
                answer, shown = runner.run(_answer_line(library, line, question)), 0
                if not answer.asks_nothing:
                    question = answer.question
            elif answer is None or not answer.answered:
                continue
            if answer.answered and shown >= len(answer.citations):
                print_text("That was the last quote.\n")
                continue
            print_text(
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
            print_text("")
