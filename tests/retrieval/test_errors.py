import pickle

from retrieval.errors import DocumentError, ProblemKind


def test_an_error_of_a_document_survives_the_way_between_processes() -> None:
    """Its name, its reason and its kind are those of the process that found it."""
    error = DocumentError("a.pdf", "contains no text; add some", kind=ProblemKind.EMPTY)
    copy = pickle.loads(pickle.dumps(error))
    assert ("a.pdf", "contains no text; add some", ProblemKind.EMPTY) == (copy.name, copy.reason, copy.kind)
    assert str(error) == str(copy)
