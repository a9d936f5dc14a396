from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.query import question_phrases
from retrieval.query.question_phrases import find_asking_phrases, remove_asking_phrases

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
    """Asking phrases are removed in every language."""
    assert subject == remove_asking_phrases(question)


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
def test_documents_as_subject(question: str) -> None:
    """Words for documents stay if they are the subject."""
    assert ([], question) == (find_asking_phrases(question), remove_asking_phrases(question))


@pytest.mark.parametrize("question", ["tell me", "Can you tell me?", "根据文档", "Расскажи мне", "  "])
def test_only_asking_phrases(question: str) -> None:
    """A question of asking phrases only is unchanged."""
    assert question == remove_asking_phrases(question)


def test_adjacent_phrases() -> None:
    """Adjacent phrases are one span."""
    question = "Can you tell me, what does this page say about goats?"
    assert [(0, question.index(" goats"))] == find_asking_phrases(question)


@given(text=TEXT)
def test_spans(text: str) -> None:
    """Spans of any text are in order, do not overlap, and are inside it."""
    spans = find_asking_phrases(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@given(text=TEXT)
def test_never_empty(text: str) -> None:
    """Something is left of any text, and nothing is added."""
    subject = remove_asking_phrases(text)
    assert bool(subject) == bool(text)
    assert subject == text or set(subject.split()) <= {
        part for word in text.split() for part in _substrings(word)
    }


def _substrings(word: str) -> set[str]:
    return {word[start:end] for start, end in product(range(len(word) + 1), repeat=2)}


@pytest.mark.parametrize("takes_optional", [True, False])
def test_every_phrase_matches_itself(takes_optional: bool) -> None:
    """A phrase of the first options is found whole, with or without its optional parts."""
    for phrase in question_phrases._load_phrases():
        parts = [part.options[0] for part in phrase.parts if takes_optional or not part.is_optional]
        text = "".join(parts)
        assert [(0, len(text))] == find_asking_phrases(text), text
