"""Answers questions about the documents themselves in the terminal, as the bot does in a chat."""

from collections.abc import Sequence

import click

from bot.cli.answer_output import TerminalStyle, render_quote, visible_line
from bot.i18n.messages import Texts
from bot.views.locations import MAX_PLACES, location_text, place_text
from retrieval.documents.base_library import SingleLibrary
from retrieval.model.answer import Answer
from retrieval.model.document import Source
from retrieval.query.document_names import documents_meant
from retrieval.query.question_phrases import Topic, parse_document_question


async def answer_about_documents(
    text: str, library: SingleLibrary, texts: Texts, style: TerminalStyle
) -> str | None:
    """Return what to print for a question about the documents themselves; None for any other question."""
    question = parse_document_question(text)
    if question is None or not library.sources:
        return None
    if question.topic is Topic.HELP:
        return texts.description
    if question.topic is Topic.SOURCES:
        return _list_sources(texts.document_count(len(library.sources)), library.sources)
    if question.topic is Topic.PLACES:
        return _list_places(await library.answer(question.subject, top=MAX_PLACES), texts)
    candidates = documents_meant(question.subject, library.sources)
    if len(candidates) == 1:
        return await _render_overview(candidates[0], library, texts, style)
    return _list_sources(texts.choose_document, candidates) if candidates else None


def _list_sources(opening: str, sources: Sequence[Source]) -> str:
    lines = [visible_line(f"{source.title} · {source.name}") for source in sources]
    return "\n".join([opening, "", *(f"• {line}" for line in lines)])


def _list_places(answer: Answer, texts: Texts) -> str:
    citations = [citation for citation in answer.citations if citation.highlights]
    if not citations:
        return texts.no_places
    lines = [
        visible_line(f"{location_text(citation.title, citation.locator, texts)} · {citation.document}")
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
