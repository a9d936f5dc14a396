"""The index in a cluster finds what the embedded one finds: the same passages in order, the same numbers."""

import random
from pathlib import Path

import numpy as np
import pytest

from retrieval.documents.library import Library
from retrieval.embeddings.encoder import Vectors
from retrieval.errors import EncoderError
from retrieval.index.local_index import LocalIndex
from retrieval.index.protocol import Candidates
from retrieval.opensearch import Cluster, ClusterLibrary, IndexPlan, cached_embeddings, write
from retrieval.opensearch.search_index import OpenSearchIndex
from tests.opensearch.compare_indexes import (
    EVAL,
    context_terms_of,
    index_of,
    questions,
    terms_of,
    without_names,
)
from tests.retrieval.fake_encoder import FakeEncoder

pytestmark = pytest.mark.opensearch


def same(one: Candidates, other: Candidates) -> bool:
    """Return whether the second stage is given the same."""
    told = [(list(c.passages), dict(c.frequencies), c.size, without_names(c.forward)) for c in (one, other)]
    return told[0] == told[1]


@pytest.fixture(params=[1, 3])
async def both(
    request: pytest.FixtureRequest, cluster: Cluster, alias: str, tmp_path: Path
) -> tuple[LocalIndex, OpenSearchIndex]:
    """Index the documents of the evaluation in both, in one shard and in three."""
    await write(cluster, EVAL, IndexPlan(alias, shards=request.param, replicas=0))
    library = await ClusterLibrary.open(cluster, EVAL, alias=alias)
    return Library.open(EVAL, index_dir=tmp_path).index, index_of(library)


async def test_what_is_held(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both hold as many passages, in the same languages."""
    one, other = both
    assert (one.size, one.languages) == (other.size, other.languages)


async def test_frequencies(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both count the passages of each term, also when they are asked again, and of terms that none holds."""
    terms = [*terms_of(both[0]), "", " ", "unknown", "a b", "x" * 40_000, "\u3000", '"\\']
    expected = await both[0].frequencies(terms)
    assert [expected] * 2 == [await both[1].frequencies(terms) for _ in range(2)]


async def test_search(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Whatever the terms and however many, both find the same passages in the same order."""
    chosen, terms = random.Random(1), terms_of(both[0])
    asked = [chosen.sample(terms, chosen.choice([1, 2, 5, 12])) for _ in range(150)]
    different = [
        one
        for one in [*asked, [], ["unknown"], ["unknown", *terms[:2]]]
        if not same(await both[0].search(one, 64), await both[1].search(one, 64))
    ]
    assert [] == different


async def test_more_terms_than_a_cluster_takes(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """A question of thousands of terms is answered, and nearly as by the embedded index."""
    terms = terms_of(both[0])
    many = [*terms, *(f"unknown{n}" for n in range(3_000))]
    one, other = [await index.search(many, 64) for index in both]
    assert 64 <= len(other.passages) <= 96
    assert one.frequencies == other.frequencies


async def test_contexts(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both find passages by their titles, headings and file names, also by these alone."""
    chosen, terms = random.Random(2), context_terms_of(both[0])
    texts = await both[0].frequencies(terms)
    only = [term for term in terms if not texts[term]]
    assert only
    asked = [[term] for term in only] + [chosen.sample(terms, chosen.choice([2, 3, 8])) for _ in range(60)]
    different = [one for one in asked if not same(await both[0].search(one, 4), await both[1].search(one, 4))]
    assert [] == different
    assert all([(await both[1].search(one, 4)).passages for one in asked])


async def test_nearest(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both find the word that a misspelt one is meant to be, or that there is none."""
    held = {word for asked, _ in questions() for word in asked.split() if word.isalpha() and len(word) > 5}
    slips = [word[:2] + word[3] + word[2] + word[4:] for word in sorted(held)]
    for at in range(0, len(slips), 5):
        words = slips[at : at + 5]
        found = await both[0].corrections(words)
        unknown = [word for word in words if found.get(word) != word]
        expected = {word: right for word, right in found.items() if word in unknown}
        assert expected == await both[1].corrections(unknown)


@pytest.mark.parametrize("words", [[], ["xylophone"], ["12345", "abc", "茶馆茶馆茶馆"], ["lightouse"] * 2])
async def test_nothing_is_near(both: tuple[LocalIndex, OpenSearchIndex], words: list[str]) -> None:
    """Numbers, short words and scripts without spaces have no misspellings, nor has what nothing is like."""
    assert await both[0].corrections(words) == await both[1].corrections(words)


async def test_meaning(cluster: Cluster, alias: str, tmp_path: Path) -> None:
    """The candidates that words find compare with a question as they do in the embedded index."""
    encoder = FakeEncoder()
    await write(
        cluster,
        EVAL,
        IndexPlan(alias, shards=2, replicas=0),
        embeddings=cached_embeddings(encoder, tmp_path, alias),
    )
    read = len(encoder.texts)
    library = Library.open(EVAL, index_dir=tmp_path, encoder=encoder)
    assert library.encode()
    # Both read the same, each once.
    assert set(encoder.texts[:read]) == set(encoder.texts[read:])
    assert len(set(encoder.texts)) == read == len(encoder.texts) - read
    index, other = (
        library.index,
        index_of(await ClusterLibrary.open(cluster, EVAL, alias=alias, encoder=encoder)),
    )
    assert encoder is other.encoder
    chosen, terms = random.Random(3), terms_of(index)
    for asked in [chosen.sample(terms, 5) for _ in range(30)]:
        question = encoder.encode_question(" ".join(asked))
        mine, others = await index.search(asked, 64, question), await other.search(asked, 64, question)
        # What only meaning finds comes last, and is not found in the cluster.
        count = len(others.passages)
        assert list(others.passages) == list(mine.passages[:count])
        assert mine.meaning is not None
        assert others.meaning is not None
        assert question is others.meaning.question
        # They differ by their baselines alone: here that of each language, there one for all.
        apart = mine.meaning.wholes[:count] - others.meaning.wholes
        languages = np.array([passage.language for passage in others.passages])
        for language in set(languages.tolist()):
            assert np.ptp(apart[languages == language]) < 0.01
        assert len(set(others.meaning.baselines.tolist())) == 1
        assert np.allclose(
            mine.meaning.pieces[: len(others.meaning.pieces)], others.meaning.pieces, atol=1e-6
        )


async def test_another_encoder(
    cluster: Cluster, alias: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An index without vectors, or with another encoder's, is searched by words, and one line says so."""
    (tmp_path / "a.txt").write_text("Eleven goats.", encoding="utf-8")
    for name, embeddings in [
        ("none", None),
        ("another", cached_embeddings(FakeEncoder("another"), None, alias)),
    ]:
        await write(cluster, tmp_path, IndexPlan(f"{alias}-{name}", replicas=0), embeddings=embeddings)
        caplog.clear()
        library = await ClusterLibrary.open(cluster, tmp_path, alias=f"{alias}-{name}", encoder=FakeEncoder())
        assert 1 == caplog.text.count("has no vectors of the encoder fake")
        index = index_of(library)
        assert index.encoder is None
        found = await index.search(["goat"], 64, FakeEncoder().encode_question("goats"))
        assert (1, None) == (len(found.passages), found.meaning)
        assert (await library.answer("How many goats?")).citations


async def test_an_encoder_that_fails(
    cluster: Cluster, alias: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the encoder cannot be used any more, answers are those that words find."""
    encoder = FakeEncoder()
    (tmp_path / "a.txt").write_text("Eleven goats.", encoding="utf-8")
    await write(
        cluster, tmp_path, IndexPlan(alias, replicas=0), embeddings=cached_embeddings(encoder, None, alias)
    )
    library = await ClusterLibrary.open(cluster, tmp_path, alias=alias, encoder=encoder)
    words = await ClusterLibrary.open(cluster, tmp_path, alias=alias)

    def fail(_: str) -> Vectors:
        raise EncoderError("no model")

    monkeypatch.setattr(encoder, "encode_question", fail)
    assert await words.answer("How many goats?") == await library.answer("How many goats?")


async def test_answers(cluster: Cluster, alias: str) -> None:
    """All questions of the evaluation get the same answer from both: quotes, confidence and all."""
    await write(cluster, EVAL, IndexPlan(alias, replicas=0))
    library, other = Library.open(EVAL), await ClusterLibrary.open(cluster, EVAL, alias=alias)
    different = [
        (asked, identity)
        for asked, identity in questions()
        if await library.answer(asked) != await other.answer(asked)
    ]
    assert [] == different
