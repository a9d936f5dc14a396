from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index.forward_index import ForwardIndex
from retrieval.index.tokenizer import tokenize
from retrieval.index.vocabulary import digest, token_type
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text.plain_text import paragraphs
from retrieval.model import Document, Passage
from tests.retrieval.corpus import document, forward_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
TEXTS = st.lists(st.tuples(st.sampled_from(["en", "ru", "zh"]), TEXT), max_size=6)


@given(text=TEXT, longest=st.integers(1, 80))
def test_rows(text: str, longest: int) -> None:
    """Every passage has pieces within its text, every token is in a piece, and forms match their tokens."""
    passages = list(split_passages(Document("a.txt", "a", text, tuple(paragraphs(text)))))
    forward, words = ForwardIndex.build(passages, longest)
    for number, passage in enumerate(passages):
        own, row = forward.row(number)
        starts, ends = forward.pieces.values[row], forward.piece_ends[row]
        assert len(starts) > 0
        assert ((starts < ends) & (ends - starts <= longest) & (ends <= len(passage.text))).all()
        tokens, forms = tokenize(passage.text, passage.language), forward.tokens.values[own]
        assert [token.start for token in tokens] == forward.starts[own].tolist()
        assert [token.word for token in tokens] == [words[form] for form in forms]
        assert [digest(token.term) for token in tokens] == forward.forms.terms[forms].tolist()
        assert [token.end - token.start for token in tokens] == forward.forms.lengths[forms].tolist()
        assert [token_type(token, passage.text) for token in tokens] == forward.forms.kinds[forms].tolist()
        pieces = [sum(start <= token.start for start in starts[1:].tolist()) for token in tokens]
        counts = np.bincount(np.array(pieces, np.intp), minlength=len(starts)).tolist()
        assert counts == forward.piece_tokens[row].tolist()


def mixed(texts: Sequence[tuple[str, str]]) -> list[Passage]:
    return [
        passage
        for number, (language, text) in enumerate(texts)
        for passage in document(f"{number}.txt", [text], language)
    ]


@given(texts=TEXTS, others=TEXTS, data=st.data())
@settings(max_examples=60)
def test_join_and_take(
    texts: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]], data: st.DataObject
) -> None:
    """Passages have the same rows alone or joined with others, and in any order they are taken."""
    parts = [mixed(texts), mixed(others)]
    forward = ForwardIndex.join([ForwardIndex.build(part, 60)[0] for part in parts if part])
    alone = [forward_rows(ForwardIndex.build([passage], 60)[0])[0] for part in parts for passage in part]
    assert alone == forward_rows(forward)
    order = data.draw(st.lists(st.integers(0, len(alone) - 1))) if alone else []
    assert [alone[at] for at in order] == forward_rows(forward.take(np.array(order, np.intp)))


def test_too_long() -> None:
    """A passage of 65,535 characters is indexed; a longer one raises an error."""
    forward, _ = ForwardIndex.build(document("a.txt", ["a " * 32_767 + "a"]), 300)
    assert (65_534, 65_535) == (int(forward.starts[-1]), int(forward.piece_ends[-1]))
    with pytest.raises(ValueError, match="a passage is longer than 65535 characters"):
        ForwardIndex.build(document("a.txt", ["a" * 65_536]), 300)
