"""An index in a cluster returns the same results as one on this machine: passages, order and numbers."""

import random
from pathlib import Path

import numpy as np
import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import QuestionVectors
from retrieval.errors import EncoderError
from retrieval.index.candidates import Candidates
from retrieval.index.local_index import LocalIndex
from retrieval.opensearch import ClusterClient, ClusterLibrary, IndexPlan, cached_embeddings, write_index
from retrieval.opensearch.cluster_library import OpenSearchIndex
from tests.opensearch.compare_indexes import (
    EVAL_DOCUMENTS,
    cluster_index,
    heading_terms,
    questions,
    rows_without_names,
    text_terms,
)
from tests.retrieval.fake_encoder import FakeEncoder

pytestmark = pytest.mark.opensearch


def are_equal(local: Candidates, remote: Candidates) -> bool:
    """Return whether both candidates are the same for the second stage."""
    first, second = (
        (
            list(candidates.passages),
            dict(candidates.document_frequencies),
            candidates.size,
            rows_without_names(candidates.forward),
        )
        for candidates in (local, remote)
    )
    return first == second


@pytest.fixture(params=[1, 3])
async def both(
    request: pytest.FixtureRequest, cluster: ClusterClient, alias: str, tmp_path: Path
) -> tuple[LocalIndex, OpenSearchIndex]:
    """Index the documents of the evaluation on this machine, and in a cluster in one or three shards."""
    await write_index(cluster, EVAL_DOCUMENTS, IndexPlan(alias, shards=request.param, replicas=0))
    library = await ClusterLibrary.open(cluster, EVAL_DOCUMENTS, alias=alias)
    return LocalLibrary.open(EVAL_DOCUMENTS, index_dir=tmp_path).index, cluster_index(library)


async def test_sizes_and_languages(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both have the same number of passages and the same languages."""
    local, remote = both
    assert (local.size, local.languages) == (remote.size, remote.languages)


async def test_frequencies(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Document frequencies are equal, also when requested again, and for terms that do not occur."""
    terms = [*text_terms(both[0]), "", " ", "unknown", "a b", "x" * 40_000, "\u3000", '"\\']
    expected = await both[0].document_frequencies(terms)
    assert [expected] * 2 == [await both[1].document_frequencies(terms) for _ in range(2)]


async def test_search(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both find the same passages in the same order for any terms."""
    rng, terms = random.Random(1), text_terms(both[0])
    queries = [rng.sample(terms, rng.choice([1, 2, 5, 12])) for _ in range(150)]
    different = [
        query
        for query in [*queries, [], ["unknown"], ["unknown", *terms[:2]]]
        if not are_equal(await both[0].search(query, 64), await both[1].search(query, 64))
    ]
    assert [] == different


async def test_thousands_of_terms(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """A query of more terms than OpenSearch allows finds passages by its rarest terms."""
    terms = text_terms(both[0])
    many = [*terms, *(f"unknown{n}" for n in range(3_000))]
    local, remote = [await index.search(many, 64) for index in both]
    assert 64 <= len(remote.passages) <= 96
    assert local.document_frequencies == remote.document_frequencies


async def test_heading_fields(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both find the same passages by title, headings and file name, also by these alone."""
    rng, terms = random.Random(2), heading_terms(both[0])
    texts = await both[0].document_frequencies(terms)
    headings_only = [term for term in terms if not texts[term]]
    assert headings_only
    queries = [[term] for term in headings_only] + [
        rng.sample(terms, rng.choice([2, 3, 8])) for _ in range(60)
    ]
    different = [
        query
        for query in queries
        if not are_equal(await both[0].search(query, 4), await both[1].search(query, 4))
    ]
    assert [] == different
    assert all([(await both[1].search(query, 4)).passages for query in queries])


async def test_corrections(both: tuple[LocalIndex, OpenSearchIndex]) -> None:
    """Both correct misspelt words to the same words, or to none."""
    long_words = {
        word for question, _ in questions() for word in question.split() if word.isalpha() and len(word) > 5
    }
    misspelt = [word[:2] + word[3] + word[2] + word[4:] for word in sorted(long_words)]
    for at in range(0, len(misspelt), 5):
        words = misspelt[at : at + 5]
        corrections = await both[0].corrections(words)
        unknown = [word for word in words if corrections.get(word) != word]
        expected = {word: right for word, right in corrections.items() if word in unknown}
        assert expected == await both[1].corrections(unknown)


@pytest.mark.parametrize("words", [[], ["xylophone"], ["12345", "abc", "茶馆茶馆茶馆"], ["lightouse"] * 2])
async def test_no_corrections(both: tuple[LocalIndex, OpenSearchIndex], words: list[str]) -> None:
    """Neither corrects numbers, short words, words in scripts without spaces, or words unlike any other."""
    assert await both[0].corrections(words) == await both[1].corrections(words)


async def test_meaning_scores(cluster: ClusterClient, alias: str, tmp_path: Path) -> None:
    """Similarities of the candidates found by words equal those of an index on this machine."""
    encoder = FakeEncoder()
    await write_index(
        cluster,
        EVAL_DOCUMENTS,
        IndexPlan(alias, shards=2, replicas=0),
        embeddings=cached_embeddings(encoder, tmp_path, alias),
    )
    count = len(encoder.texts)
    library = LocalLibrary.open(EVAL_DOCUMENTS, index_dir=tmp_path, encoder=encoder)
    assert library.encode()
    # Both encode the same texts, each once.
    assert set(encoder.texts[:count]) == set(encoder.texts[count:])
    assert len(set(encoder.texts)) == count == len(encoder.texts) - count
    local = library.index
    remote = cluster_index(await ClusterLibrary.open(cluster, EVAL_DOCUMENTS, alias=alias, encoder=encoder))
    assert encoder is remote.encoder
    rng, terms = random.Random(3), text_terms(local)
    for query in [rng.sample(terms, 5) for _ in range(30)]:
        question = encoder.encode_question(" ".join(query))
        expected, candidates = (
            await local.search(query, 64, question),
            await remote.search(query, 64, question),
        )
        # Passages found by vectors alone come last; a cluster does not find them.
        count = len(candidates.passages)
        assert list(candidates.passages) == list(expected.passages[:count])
        assert expected.meaning is not None
        assert candidates.meaning is not None
        assert question.vector is candidates.meaning.question
        # The only differences are the baselines: one for each language here, one for all in the cluster.
        differences = expected.meaning.wholes[:count] - candidates.meaning.wholes
        languages = np.array([passage.language for passage in candidates.passages])
        for language in set(languages.tolist()):
            assert np.ptp(differences[languages == language]) < 0.01
        assert len(set(candidates.meaning.baselines.tolist())) == 1
        assert np.allclose(
            expected.meaning.pieces[: len(candidates.meaning.pieces)], candidates.meaning.pieces, atol=1e-6
        )


async def test_other_encoder(
    cluster: ClusterClient, alias: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An index without vectors, or with those of another encoder, is searched by words with a warning."""
    (tmp_path / "a.txt").write_text("Eleven goats.", encoding="utf-8")
    for name, embeddings in [
        ("none", None),
        ("other", cached_embeddings(FakeEncoder("other"), None, alias)),
    ]:
        await write_index(cluster, tmp_path, IndexPlan(f"{alias}-{name}", replicas=0), embeddings=embeddings)
        caplog.clear()
        library = await ClusterLibrary.open(cluster, tmp_path, alias=f"{alias}-{name}", encoder=FakeEncoder())
        assert 1 == caplog.text.count("has no vectors of the encoder fake")
        index = cluster_index(library)
        assert index.encoder is None
        candidates = await index.search(["goat"], 64, FakeEncoder().encode_question("goats"))
        assert (1, None) == (len(candidates.passages), candidates.meaning)
        assert (await library.answer("How many goats?")).citations


async def test_failing_encoder(
    cluster: ClusterClient, alias: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the encoder fails, answers are found by words."""
    encoder = FakeEncoder()
    (tmp_path / "a.txt").write_text("Eleven goats.", encoding="utf-8")
    await write_index(
        cluster, tmp_path, IndexPlan(alias, replicas=0), embeddings=cached_embeddings(encoder, None, alias)
    )
    library = await ClusterLibrary.open(cluster, tmp_path, alias=alias, encoder=encoder)
    without_encoder = await ClusterLibrary.open(cluster, tmp_path, alias=alias)

    def fail(_: str) -> QuestionVectors:
        raise EncoderError("no model")

    monkeypatch.setattr(encoder, "encode_question", fail)
    assert await without_encoder.answer("How many goats?") == await library.answer("How many goats?")


async def test_answers(cluster: ClusterClient, alias: str) -> None:
    """All questions of the evaluation get equal answers, including quotes and confidence."""
    await write_index(cluster, EVAL_DOCUMENTS, IndexPlan(alias, replicas=0))
    local, remote = (
        LocalLibrary.open(EVAL_DOCUMENTS),
        await ClusterLibrary.open(cluster, EVAL_DOCUMENTS, alias=alias),
    )
    different = [
        question_id
        for question, question_id in questions()
        if await local.answer(question) != await remote.answer(question)
    ]
    assert [] == different
