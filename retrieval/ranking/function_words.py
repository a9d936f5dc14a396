"""Words that ask or join and name nothing: left out of questions, never of documents."""

FUNCTION_WORDS: frozenset[str] = frozenset()
