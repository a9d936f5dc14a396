"""Imported once by the server that forks the processes which read documents in tests."""

import retrieval.documents.ingestion
import retrieval.page_rendering  # noqa: F401
from retrieval.language import detect

# Loads the model that detects languages.
detect("The lighthouse was built by an engineer.")
