"""The question with its misspelt words put right, from the documents' own words."""

from collections.abc import Mapping

from retrieval.ranking.question import Question


def suggestion(question: Question, corrections: Mapping[str, str]) -> str | None:
    """Spell the question with the corrections (misspelt word to right one); None when there are none."""
    text, done = "", 0
    for word in sorted(question.words, key=lambda word: word.start):
        if word.text in corrections and word.start >= done:
            written = question.text[word.start : word.end]
            right = corrections[word.text]
            text += question.text[done : word.start] + (right.capitalize() if written[0].isupper() else right)
            done = word.end
    return text + question.text[done:] if done else None
