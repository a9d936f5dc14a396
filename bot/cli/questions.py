"""`verbatim ask` and `verbatim chat`: questions in the terminal, and answers laid out for it or as JSON.

Questions about the documents themselves are answered as the bot does in a chat.
"""

import contextlib
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TextIO

import click

from bot.cli.indexing import open_documents
from bot.cli.output import UsageFailure, count_noun, print_text
from bot.i18n.texts import Texts, small_talk_reply, texts_for
from bot.views.message import (
    MAX_PLACES,
    citation_location,
    heading_line,
    location_below_question,
    location_text,
    place_text,
    question_above,
)
from bot.views.no_answer import MAX_CLOSEST_PASSAGES, closest_quotes, explain_no_answer
from retrieval.documents.library import SingleLibrary
from retrieval.model import Answer, Citation, Source, Span
from retrieval.query.document_names import (
    NameTable,
    documents_meant,
    find_files,
    only_document_about,
    only_document_chosen,
)
from retrieval.query.intent import DocumentQuestionKind, may_name_files, parse_document_question

if TYPE_CHECKING:
    from retrieval.documents.local_library import LocalLibrary

    # The cluster client takes longer to import than answering a question.
    from retrieval.opensearch import ClusterLibrary

_BAR = "│ "
_MAX_COLUMNS = 96
_MIN_COLUMNS = 20

# Control characters, which could move the cursor or change the screen, are shown as one symbol each.
_VISIBLE_CHARS = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) != "\n"},
    ord("\t"): ord(" "),
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
_VISIBLE_LINE_CHARS = _VISIBLE_CHARS | {ord("\n"): 0x240A}


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return the JSON form of an answer. Other programs read it, so its keys are fixed."""
    return {
        "question": answer.question,
        "answered": answer.answered,
        "certainty": answer.certainty,
        "confidence": round(answer.confidence, 4),
        "citations": [_citation_json(citation) for citation in answer.citations],
        "suggestion": answer.suggestion,
    }


def _citation_json(citation: Citation) -> dict[str, Any]:
    locator = citation.locator
    return {
        "rank": citation.rank,
        "document": citation.document_name,
        "title": citation.title,
        **_span_json(citation.span),
        # A scan that is hard to read is not quoted: its place says where to look.
        "quote": citation.quote if citation.is_legible else None,
        "highlights": [[span.start, span.end] for span in citation.highlights],
        **_scan_json(citation),
        "score": round(citation.score, 4),
        "locator": {
            "heading": locator.heading,
            "page": locator.page,
            "line": locator.line,
            "line_end": locator.line_end,
            "paragraph": locator.paragraph,
        },
        "passage": {"id": citation.passage.id, **_span_json(citation.passage.span)},
    }


def _scan_json(citation: Citation) -> dict[str, Any]:
    confidence = citation.scan_confidence
    return {} if confidence is None else {"scan_confidence": round(confidence, 1)}


def _span_json(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}


@dataclass(frozen=True, slots=True)
class TerminalStyle:
    """How the output is laid out: lines of `width` columns (None: unbroken), bold and dim if `styled`."""

    width: int | None = None
    styled: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        if not stream.isatty():
            return cls()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        width = min(shutil.get_terminal_size().columns, _MAX_COLUMNS)
        return cls(max(width, _MIN_COLUMNS), styled=not plain)


def answer_text(answer: Answer, texts: Texts, style: TerminalStyle, *, quotes: slice) -> str:
    """Return the `quotes` of an answer, the closest passages if it is unsure, or why there is no answer."""
    if answer.certainty == "none":
        return _render_no_answer(answer, texts)
    if answer.certainty == "unsure":
        quoted = [render_citation(citation, texts, style) for citation in closest_quotes(answer)]
        return "\n\n".join([texts.unsure_answer, *quoted])
    if answer.parts > 1 and not quotes.start:
        quotes = slice(0, max(quotes.stop or 0, answer.parts))
    return "\n\n".join(render_citation(citation, texts, style) for citation in answer.citations[quotes])


def _render_no_answer(answer: Answer, texts: Texts) -> str:
    reply = explain_no_answer(answer, texts)
    lines = [reply.text]
    if reply.near:
        near = (heading_line(citation).translate(_VISIBLE_LINE_CHARS) for citation in reply.near)
        lines += ["", texts.near_headings, *(f"• {name}" for name in near)]
    if reply.suggestion:
        lines += ["", f"{texts.did_you_mean} {reply.suggestion.translate(_VISIBLE_LINE_CHARS)}"]
    return "\n".join(lines)


def visible_line(text: str) -> str:
    """Return a text with each control character and line break as one symbol."""
    return text.translate(_VISIBLE_LINE_CHARS)


def render_citation(citation: Citation, texts: Texts, style: TerminalStyle) -> str:
    """Return a quote and, below it, its source."""
    names = texts.list_separator.join([citation.document_name, *citation.copies])
    if not citation.is_legible:
        location = f"{citation_location(citation, texts)} · {names}"
        return f"{texts.scan_hard_to_read}\n  {_dim(visible_line(f'— {location}'), style)}"
    quote = render_quote(citation, f"{location_below_question(citation, texts)} · {names}", style)
    question = visible_line(question_above(citation))
    # Without colours and bars, brackets show that this is not part of the quote.
    asked = click.style(question, bold=True) if style.styled else f"[{question}]"
    return f"{asked}\n{quote}" if question else quote


def render_quote(citation: Citation, location: str, style: TerminalStyle) -> str:
    """Return a quote and, below it, its location."""
    source = _dim(visible_line(f"— {location}"), style)
    if style.width is None:
        return f"{citation.quote}\n  {source}"
    bar = _dim(_BAR, style)
    quoted = "\n".join(bar + line for line in _quote_lines(citation, style, style.width - len(_BAR)))
    return f"{quoted}\n  {source}"


def _dim(text: str, style: TerminalStyle) -> str:
    return click.style(text, dim=True) if style.styled else text


def _quote_lines(citation: Citation, style: TerminalStyle, width: int) -> Iterator[str]:
    quote, base = citation.quote.translate(_VISIBLE_CHARS), citation.span.start
    matches = [Span(match.start - base, match.end - base) for match in citation.highlights]
    for line in _break_lines(quote, width):
        end = line.start + len(line.of(quote).rstrip())
        yield _bold_matches(quote, Span(line.start, end), matches if style.styled else [])


def _break_lines(text: str, width: int) -> Iterator[Span]:
    """Yield lines of at most `width` columns, broken at spaces and wide characters; long words stay whole."""
    start = allowed = columns = 0
    for position, char in enumerate(text):
        if char == "\n":
            yield Span(start, position)
            start = allowed = position + 1
            columns = 0
            continue
        char_width = _column_width(char)
        if columns + char_width > width and allowed > start and not char.isspace():
            yield Span(start, allowed)
            start = allowed
            columns = sum(map(_column_width, text[start:position]))
        columns += char_width
        if char.isspace() or char_width > 1:
            allowed = position + 1
    yield Span(start, len(text))


def _column_width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _bold_matches(text: str, line: Span, matches: list[Span]) -> str:
    styled, done = "", line.start
    for match in matches:
        start, end = max(match.start, done), min(match.end, line.end)
        if start < end:
            styled += text[done:start] + click.style(text[start:end], bold=True)
            done = end
    return styled + text[done : line.end]


@dataclass(frozen=True, slots=True)
class DocumentsReply:
    """What to print for a question about the documents themselves, and those that it asks to choose from."""

    text: str
    choice: Sequence[Source] = ()


async def answer_about_documents(
    text: str, library: SingleLibrary, texts: Texts, style: TerminalStyle
) -> DocumentsReply | None:
    """Return the reply to a question about the documents themselves; None for any other question."""
    if named := find_files(text, [NameTable.of(library.sources)]) if may_name_files(text) else []:
        return await _render_documents(named, library, texts, style)
    question = parse_document_question(text)
    if question is None or not library.sources:
        return None
    if question.kind is DocumentQuestionKind.HELP:
        return DocumentsReply(texts.description)
    if question.kind is DocumentQuestionKind.SOURCES:
        opening = texts.document_count(len(library.sources))
        return DocumentsReply("\n".join([opening, "", *(f"• {_name(source)}" for source in library.sources)]))
    if question.kind is DocumentQuestionKind.PLACES:
        return DocumentsReply(_list_places(await library.answer(question.subject, top=MAX_PLACES), texts))
    is_whole = question.kind is DocumentQuestionKind.CONTENTS
    candidates = documents_meant(question.subject, library.sources, is_whole=is_whole)
    return await _render_documents(candidates, library, texts, style) if candidates else None


async def overview_instead(
    text: str, answer: Answer, library: SingleLibrary, texts: Texts, style: TerminalStyle
) -> str | None:
    """Return the overview of the only document that a question without a sure answer can mean, or None."""
    source = None if answer.answered else only_document_about(text, library.sources)
    return await _render_overview(source, library, texts, style) if source else None


async def _render_documents(
    sources: Sequence[Source], library: SingleLibrary, texts: Texts, style: TerminalStyle
) -> DocumentsReply:
    """Return the overview of a document, or a numbered list of several to choose from."""
    if len(sources) == 1:
        return DocumentsReply(await _render_overview(sources[0], library, texts, style))
    lines = [f"{number}. {_name(source)}" for number, source in enumerate(sources, 1)]
    return DocumentsReply("\n".join([texts.choose_document, "", *lines]), sources)


def _name(source: Source) -> str:
    return visible_line(f"{source.title} · {source.name}")


def _chosen(line: str, choice: Sequence[Source]) -> Source | None:
    """Return the document that a line chooses from a list by its number or name; None for a question."""
    text = line.strip().removesuffix(".")
    if text.isdecimal():
        return choice[int(text) - 1] if 1 <= int(text) <= len(choice) else None
    return only_document_chosen(text, choice) if choice else None


def _list_places(answer: Answer, texts: Texts) -> str:
    citations = [citation for citation in answer.citations if citation.highlights]
    if not citations:
        return texts.no_places
    lines = [
        visible_line(f"{location_text(citation.title, citation.locator, texts)} · {citation.document_name}")
        for citation in citations
    ]
    return "\n".join([texts.place_count(len(lines)), "", *(f"• {line}" for line in lines)])


async def _render_overview(source: Source, library: SingleLibrary, texts: Texts, style: TerminalStyle) -> str:
    overview = await library.overview(source)
    title, name = visible_line(source.title), visible_line(source.name)
    parts = [
        f"{click.style(title, bold=True) if style.styled else title}\n{name}",
        texts.overview_of_table if overview.is_table else texts.overview_opening,
        *(
            render_quote(citation, place_text(citation.title, citation.locator, texts), style)
            for citation in overview.sentences
        ),
    ]
    if overview.headings:
        headings = (f"• {visible_line(heading.text)}" for heading in overview.headings)
        parts.append("\n".join([texts.overview_headings, *headings]))
    return "\n\n".join(parts)


# A line that begins like this is a command, not a question, such as those of the bot in Telegram.
_COMMAND = re.compile(r"\s*/[a-z]\w*(\s|$)", re.IGNORECASE)
# A line of one of these words ends the chat.
_QUIT = frozenset({"quit", "exit", "/quit", "/exit"})
_CHAT_HELP = """\
Write a question, and the documents are searched for the sentences that answer it.
Enter alone shows the next quote. "And when was that?" is taken as a follow-up. quit or Ctrl-D ends.
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
                    print_text(about.text)
                    return True
            answer = runner.run(
                library.answer(line, top=quotes if as_json else max(quotes, MAX_CLOSEST_PASSAGES))
            )
            if as_json:
                print_text(json.dumps(answer_json(answer), ensure_ascii=False))
                return answer.certainty != "none"
            overview = runner.run(overview_instead(line, answer, library, texts_for(), style))
            print_text(overview or answer_text(answer, texts_for(), style, quotes=slice(quotes)))
            return answer.certainty != "none" or overview is not None

        if isinstance(question, str):
            sys.exit(0 if print_answer(question) else 1)
        for number, line in enumerate(_read_lines(question)):
            if not as_json:
                # Several passages may answer one question: without it, they cannot be assigned to one.
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
    with open_documents(docs) as (library, runner):
        print_text(
            f"{count_noun(library.passages, 'passage')} of {count_noun(len(library.sources), 'document')}."
            " Ask; Enter alone shows the next quote, quit ends.\n"
        )
        conversation = _Conversation(library, TerminalStyle.of(sys.stdout))
        for line in _input_lines():
            if reply := runner.run(conversation.reply(line)):
                print_text(f"{reply}\n")


@dataclass(slots=True)
class _Conversation:
    """Questions and answers in the terminal, and what the next line may refer to.

    These are the question asked last, the answer shown last with the number of its quotes that were shown,
    and the documents to choose from.
    """

    library: "LocalLibrary | ClusterLibrary"
    style: TerminalStyle
    question: str | None = None
    answer: Answer | None = None
    shown_count: int = 0
    choice: Sequence[Source] = ()

    async def reply(self, line: str) -> str | None:
        """Return what to print for a line; None if there is nothing to say."""
        texts = texts_for()
        if _COMMAND.match(line):
            return _CHAT_HELP
        if not line.strip():
            return self._next_quote()
        if reply := small_talk_reply(line, texts):
            return reply
        if chosen := _chosen(line, self.choice):
            self.answer, self.choice = None, ()
            return await _render_overview(chosen, self.library, texts, self.style)
        if about := await answer_about_documents(line, self.library, texts, self.style):
            self.answer, self.choice = None, about.choice
            return about.text
        return await self._answer_question(line)

    async def _answer_question(self, line: str) -> str:
        texts = texts_for()
        answer = await _answer_line(self.library, line, self.question)
        self.answer, self.shown_count, self.choice = answer, 0, ()
        if overview := await overview_instead(line, answer, self.library, texts, self.style):
            self.answer = None
            return overview
        if not answer.asks_nothing:
            self.question = answer.question
        return self._show_quote(answer)

    def _next_quote(self) -> str | None:
        """Return the next quote; an unsure answer has shown all it has."""
        if self.answer is None or self.answer.certainty == "none":
            return None
        if not self.answer.answered or self.shown_count >= len(self.answer.citations):
            return "That was the last quote."
        return self._show_quote(self.answer)

    def _show_quote(self, answer: Answer) -> str:
        quotes = slice(self.shown_count, self.shown_count + 1)
        self.shown_count += 1
        return answer_text(answer, texts_for(), self.style, quotes=quotes)


async def _answer_line(library: "LocalLibrary | ClusterLibrary", line: str, earlier: str | None) -> Answer:
    """Answer a line as a question of its own or, if that has no answer, as a follow-up question."""
    alone = await library.answer(line)
    if alone.answered or earlier is None:
        return alone
    follow_up = await library.answer(line, earlier=earlier)
    # Words of the earlier question do not answer a line of unknown words.
    return follow_up if follow_up.answered or alone.asks_nothing else alone


def _input_lines() -> Iterator[str]:
    prompt = ""
    if sys.stdin.isatty():
        # Adds history and arrow keys to input(); missing in some Python builds.
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401, PLC0415

        prompt = "? "
    try:
        while (line := input(prompt)).strip().casefold() not in _QUIT:
            yield line
    except (EOFError, KeyboardInterrupt):
        if prompt:
            print_text("")
