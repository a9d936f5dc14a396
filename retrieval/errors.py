"""What can go wrong, one class for each thing a caller can act on."""


class RetrievalError(Exception):
    """The root of every error that this package raises on purpose."""


class DocumentError(RetrievalError):
    """One document cannot be read; the others can."""

    def __init__(self, name: str, reason: str) -> None:
        """Name the document below the documents folder, and say what is wrong and what to do."""
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class FolderError(RetrievalError):
    """The documents folder itself is missing or cannot be listed."""


class DamagedError(RetrievalError):
    """What is saved is not as it was written; making the index anew mends it."""


class UnavailableError(RetrievalError):
    """What is searched is elsewhere and does not answer now; it may later. One line for people."""


class EncoderError(RetrievalError):
    """The sentence encoder cannot be used here. Answers are found by words alone."""
