"""The JSON form of an answer. Other programs read it, so its keys are fixed."""

from typing import Any

from retrieval.model import Answer, Citation, Span


def answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "answered": answer.answered,
        "certainty": answer.certainty,
        "confidence": round(answer.confidence, 4),
        "citations": [_citation(citation) for citation in answer.citations],
        "suggestion": answer.suggestion,
    }


def _citation(citation: Citation) -> dict[str, Any]:
    locator = citation.locator
    return {
        "rank": citation.rank,
        "document": citation.document,
        "title": citation.title,
        **_span(citation.span),
        "quote": citation.quote,
        "highlights": [[span.start, span.end] for span in citation.highlights],
        "score": round(citation.score, 4),
        "locator": {
            "heading": locator.heading,
            "page": locator.page,
            "line": locator.line,
            "line_end": locator.line_end,
            "paragraph": locator.paragraph,
        },
        "passage": {"id": citation.passage.id, **_span(citation.passage.span)},
    }


def _span(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}
