from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.query import question_phrases
from retrieval.query.question_phrases import asking_spans, without_asking

TEXT = st.text(max_size=80) | st.lists(
    st.sampled_from(
        [
            "what does the article say about",
            "tell me",
            "goats",
            "İ",
            "steht im handbuch",
            "关于",
            "山羊",
            ",",
            "?",
        ]
    ),
    max_size=8,
).map(" ".join)


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("What does the article say about goats?", "goats?"),
        ("Can you tell me where goats live?", "where goats live?"),
        ("According to the handbook, who feeds goats?", "who feeds goats?"),
        ("Who feeds the goats in this document?", "Who feeds the goats ?"),
        ("Where can I find information about goats", "goats"),
        ("Was steht im Handbuch über Ziegen?", "Ziegen?"),
        ("Ich möchte wissen, ob Ziegen Salz fressen", "ob Ziegen Salz fressen"),
        ("Laut dem Handbuch, wer füttert die Ziegen?", "wer füttert die Ziegen?"),
        ("¿Qué dice el artículo sobre las cabras?", "las cabras?"),
        ("Quiero saber si hay cabras", "hay cabras"),
        ("Que dit l'article sur les chèvres ?", "les chèvres ?"),
        ("Que dit l’article sur les chèvres ?", "les chèvres ?"),
        ("Je voudrais savoir si les chèvres mangent", "les chèvres mangent"),
        ("Что говорится в статье о козах?", "козах?"),
        ("Расскажи мне о козах", "козах"),
        ("Що йдеться у статті про кіз?", "кіз?"),
        ("Розкажи мені про кіз", "кіз"),
        ("Keçiler hakkında bilgi verir misin?", "Keçiler ?"),
        ("Keçiler ne yer, merak ediyorum", "Keçiler ne yer"),
        ("ماذا يقول المقال عن الماعز؟", "الماعز؟"),
        ("أخبرني عن الماعز", "الماعز"),
        ("请告诉我山羊吃什么", "山羊吃什么"),
        ("我想知道山羊吃什么", "山羊吃什么"),
        ("根据这份文档,山羊吃什么", "山羊吃什么"),
    ],
)
def test_subject(question: str, subject: str) -> None:
    """What is about the asking is left out in each language, whatever the documents are in."""
    assert subject == without_asking(question)


@pytest.mark.parametrize(
    "question",
    [
        "how many documents do I need",
        "what is in the text message",
        "Who wrote the article?",
        "Wie viele Unterlagen brauche ich?",
        "Qué documentos necesito?",
        "Quels documents faut-il ?",
        "Какие документы нужны?",
        "需要什么文件",
        "",
    ],
)
def test_subjects_stay(question: str) -> None:
    """Documents may be what is asked about."""
    assert ([], question) == (asking_spans(question), without_asking(question))


@pytest.mark.parametrize("question", ["tell me", "Can you tell me?", "根据文档", "Расскажи мне", "  "])
def test_nothing_else(question: str) -> None:
    """A question that holds nothing else is left as it is."""
    assert question == without_asking(question)


def test_neighbours_are_one() -> None:
    """Phrases that follow each other are one span."""
    question = "Can you tell me, what does this page say about goats?"
    assert [(0, question.index(" goats"))] == asking_spans(question)


@given(text=TEXT)
def test_spans(text: str) -> None:
    """Spans are in order, apart, and inside the text, whatever it is."""
    spans = asking_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@given(text=TEXT)
def test_never_empty(text: str) -> None:
    """Of a text that holds something, something stays, and no words are added."""
    subject = without_asking(text)
    assert bool(subject) == bool(text)
    assert subject == text or set(subject.split()) <= {part for word in text.split() for part in _parts(word)}


def _parts(word: str) -> set[str]:
    """Return all that may be left of a word."""
    return {word[start:end] for start, end in product(range(len(word) + 1), repeat=2)}


@pytest.mark.parametrize("takes_optional", [True, False])
def test_every_phrase_matches_itself(takes_optional: bool) -> None:
    """A phrase with the first of its options is found as a whole, with or without what may be left out."""
    for phrase in question_phrases._phrases():
        parts = [part.options[0] for part in phrase.parts if takes_optional or not part.is_optional]
        text = "".join(parts)
        assert [(0, len(text))] == asking_spans(text), text
