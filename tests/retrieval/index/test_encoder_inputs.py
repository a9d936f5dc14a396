from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import encoder_inputs
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.vocabulary import digest
from retrieval.model.document import Passage, Span

TEXT = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
    | st.lists(
        st.sampled_from(["The goat eats. ", "Salt!\n", "\n", "茶馆在哪里。", "ก", "😀"]), max_size=40
    ).map("".join)
).filter(str.strip)
LABEL = st.text(st.sampled_from("abc é\n-:"), max_size=90)


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    text = draw(TEXT)
    heading = tuple(draw(st.lists(LABEL, max_size=3)))
    language = draw(st.sampled_from(["en", "zh", "th"]))
    return Passage("p", "a.txt", draw(LABEL), Span(7, 7 + len(text)), text, heading, 1, 1, language)


def texts_of(passage: Passage, longest: int = 300) -> list[str]:
    forward = ForwardIndex.build([passage], longest)[0]
    starts, ends = forward.pieces.values.tolist(), forward.piece_ends.tolist()
    return [own.text for own in encoder_inputs.encoder_texts(passage, starts, ends)]


@given(several=st.lists(passages(), min_size=1, max_size=4), longest=st.integers(10, 300))
@settings(max_examples=60)
def test_keys_and_texts(several: Sequence[Passage], longest: int) -> None:
    """Keys are the digests of the texts, in the same order: the whole passage, then its pieces."""
    forward = ForwardIndex.build(several, longest)[0]
    keys = encoder_inputs.encoder_keys(several, forward.pieces, forward.piece_ends)
    assert len(several) == len(keys)
    ends = forward.pieces.offsets[1:]
    for number, passage in enumerate(several):
        own = slice(int(forward.pieces.offsets[number]), int(ends[number]))
        starts, stops = forward.pieces.values[own].tolist(), forward.piece_ends[own].tolist()
        texts = list(encoder_inputs.encoder_texts(passage, starts, stops))
        assert keys.row(number).tolist() == [own.key for own in texts] == [digest(own.text) for own in texts]
        assert [True, *[False] * len(starts)] == [own.is_whole for own in texts]
        for start, stop, own_text in zip(starts, stops, texts[1:], strict=True):
            assert passage.text[start:stop].split() == own_text.text.split()


def passage_of(text: str, title: str = "", heading: tuple[str, ...] = ()) -> Passage:
    return Passage("p", "a.txt", title, Span(0, len(text)), text, heading, 1, 1, "en")


def test_texts() -> None:
    """The whole passage has its title and last two headings before it, each once; a piece has nothing."""
    text = "The goat\neats.  Snow fell."
    assert ["Goats - Feed - Salt: The goat eats. Snow fell.", "The goat eats.", "Snow fell."] == texts_of(
        passage_of(text, "Goats", ("Farm", "Feed", "Salt")), 15
    )
    assert "Goats: The goat eats. Snow fell." == texts_of(passage_of(text, "Goats", ("Goats",)))[0]


def test_long_passages_are_cut() -> None:
    """Long passages and long titles are cut, so that the encoder reads some of both."""
    whole = texts_of(passage_of("goat " * 1_000, "title " * 100))[0]
    assert len(whole) < 2_000
    assert whole.startswith("title title")
    assert whole.endswith(" goat")
