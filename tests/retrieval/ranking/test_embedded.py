import asyncio

from retrieval.ranking.embedded import EmbeddedIndex


def test_languages(index: EmbeddedIndex) -> None:
    """The languages are the passages', those with most passages first."""
    assert {"en", "de", "ru", "ar", "zh", "th", "hi", "tr"} == set(index.languages)
    german = [passage for passage in index.passages if passage.language == "de"]
    assert ("de", "en") == EmbeddedIndex.build([index.passages[0], *german], 300).languages


def test_search(index: EmbeddedIndex) -> None:
    """Search gives the passages that hold a term, best first, and how many hold each."""
    found = asyncio.run(index.search(["goat", "bay", "unknown"], 10))
    passages = [found.passage(number) for number in found.numbers.tolist()]
    assert ["goats" in passage.text or "bay" in passage.text for passage in passages] == [True, True]
    assert {"goat": 1, "bay": 1, "unknown": 0} == found.frequencies
    assert sorted(found.scores.tolist(), reverse=True) == found.scores.tolist()
    assert len(index.passages) == found.size
    assert 1 == len(asyncio.run(index.search(["goat", "bay"], 1)).numbers)
    assert 0 == len(asyncio.run(index.search([], 10)).numbers)


def test_words(index: EmbeddedIndex) -> None:
    """The index knows its terms, and for a misspelt word its own words as they are spelt."""
    assert index.holds("lighthous")
    assert not index.holds("lighthouses")
    assert "lighthouse" == index.nearest("ligthhouse")
    assert index.nearest("xylophone") is None
