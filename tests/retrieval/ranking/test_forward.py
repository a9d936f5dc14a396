from hypothesis import given
from hypothesis import strategies as st

from retrieval.loading.passages import passages
from retrieval.loading.plain import paragraphs
from retrieval.model import Document
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.forward import Forward, grams


def test_grams() -> None:
    """A word's grams are its runs of four letters; a shorter word is its own."""
    assert ["libr", "ibra", "brar", "rary"] == grams("library")
    assert ["sea"] == grams("sea")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200), longest=st.integers(1, 80))
def test_rows(text: str, longest: int) -> None:
    """Every passage has pieces within it, every token a piece, and numbers lead back to words."""
    found = list(passages(Document("a.txt", "a", text, tuple(paragraphs(text)))))
    forward = Forward.build(found, longest)
    words, terms = list(forward.words), list(forward.terms)
    for number, passage in enumerate(found):
        row = slice(*forward.pieces.offsets[number : number + 2])
        starts, ends = forward.pieces.values[row], forward.piece_ends[row]
        assert len(starts) > 0
        assert ((starts < ends) & (ends - starts <= longest) & (ends <= len(passage.text))).all()
        own = slice(*forward.tokens.offsets[number : number + 2])
        tokens = tokenize(passage.text, passage.language)
        assert [token.term for token in tokens] == [terms[i] for i in forward.tokens.values[own]]
        assert [token.start for token in tokens] == forward.starts[own].tolist()
        assert [token.word for token in tokens] == [words[i] for i in forward.token_words[own]]
        assert all(0 <= place < len(starts) for place in forward.places[own])
