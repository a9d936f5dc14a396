"""A question in, an Answer out: the stages in their order."""

from retrieval.model import Answer
from retrieval.quoting.citations import cite
from retrieval.quoting.confidence import THRESHOLD, confidence
from retrieval.quoting.excerpts import choose
from retrieval.ranking.evidence import gather
from retrieval.ranking.index import Index
from retrieval.ranking.question import analyse
from retrieval.ranking.rerank import score

# The full sum over the best 50 of the first stage ranks as over all passages, to 0.001 of hit@1.
CANDIDATES = 100


async def answer(
    question: str, index: Index, *, quote_chars: int, top: int, earlier: str | None = None
) -> Answer:
    """Answer from the index's passages with up to `top` quotes of at most `quote_chars` characters."""
    analysed = analyse(question, index.languages)
    candidates = await index.search(analysed.terms, CANDIDATES)
    if not len(candidates.numbers):
        return Answer(question, answered=False, confidence=0.0, citations=())
    evidence = gather(analysed, candidates)
    excerpts = choose(evidence, score(evidence, candidates.scores), quote_chars, top)
    sure = confidence(evidence)
    citations = tuple(
        cite(analysed, candidates.passage(int(candidates.numbers[excerpt.candidate])), excerpt, rank)
        for rank, excerpt in enumerate(excerpts, 1)
    )
    return Answer(question, answered=sure >= THRESHOLD, confidence=sure, citations=citations)
