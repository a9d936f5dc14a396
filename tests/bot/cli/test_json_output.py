"""The JSON form of answers, checked against a strict schema."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, StrictFloat

from bot.cli.json_output import answer_json
from retrieval.model import Certainty, Locator

Place = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LocatorSchema(Strict):
    heading: str | None
    page: Count | None
    line: Count
    line_end: Count
    paragraph: Count


class PassageSchema(Strict):
    id: str
    start: Place
    end: Place


class CitationSchema(Strict):
    rank: Count
    document: str
    title: str
    start: Place
    end: Place
    quote: str
    highlights: list[Annotated[list[Place], Field(min_length=2, max_length=2)]]
    score: StrictFloat
    locator: LocatorSchema
    passage: PassageSchema


class AnswerSchema(Strict):
    question: str
    answered: bool
    certainty: Certainty
    confidence: Annotated[StrictFloat, Field(ge=0, le=1)]
    citations: list[CitationSchema]
    suggestion: str | None


def test_an_answer_has_exactly_the_fields_of_the_schema(
    answer: Callable[..., Any], citation: Callable[..., Any]
) -> None:
    """Every field has its type, and there are no others, also after a round trip through JSON."""
    result = answer(citation("The lamp burns.", (4, 8), ((4, 8),)), suggestion="did you mean …")
    parsed = json.loads(json.dumps(answer_json(result), ensure_ascii=False))
    assert parsed == AnswerSchema.model_validate(parsed).model_dump()


def test_all_values(answer: Callable[..., Any], citation: Callable[..., Any]) -> None:
    """Each value has its own key."""
    expected = {
        "question": "How many are there?",
        "answered": True,
        "certainty": "sure",
        "confidence": 0.9,
        "citations": [
            {
                "rank": 1,
                "document": "folder/name.txt",
                "title": "Title",
                "start": 104,
                "end": 115,
                "quote": "lamp burns.",
                "highlights": [[104, 108]],
                "score": 1.0,
                "locator": {"heading": None, "page": 3, "line": 5, "line_end": 7, "paragraph": 2},
                "passage": {"id": "000000000001folder01", "start": 100, "end": 115},
            }
        ],
        "suggestion": None,
    }
    cited = citation("The lamp burns.", (4, 15), ((4, 8),), locator=Locator(None, 3, 5, 7, 2))
    assert expected == answer_json(answer(cited))


@pytest.mark.parametrize("certainty", ["sure", "unsure", "none"])
def test_only_sure_answers_count_as_answered(answer: Callable[..., Any], certainty: Certainty) -> None:
    """Only an answer that is sure has `answered`; `certainty` has all three values."""
    fields = answer_json(answer(certainty=certainty))
    assert (certainty, certainty == "sure") == (fields["certainty"], fields["answered"])


def test_the_nearest_passages_are_listed_without_an_answer(
    answer: Callable[..., Any], citation: Callable[..., Any]
) -> None:
    """A question without an answer still has citations, but does not count as answered."""
    listed = answer_json(answer(citation("The lamp burns.", (0, 15)), certainty="none"))
    assert (False, 1) == (listed["answered"], len(listed["citations"]))
