import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import opendocument
from retrieval.loaders.opendocument import load_odp
from tests.documents import samples


def test_slides() -> None:
    """A slide has its title first, then texts, notes, tables and groups; prompts and footers are omitted."""
    document = load_odp(samples.make_odp(), "a.odp")
    assert [
        "El faro de Punta Lisa cumple cien años.",
        "La farera se llama Inés Quiroga.",
        "Visita: Torre\nPrecio: 6 euros",
        "Visita: Jardín\nPrecio: gratis",
        "La torre tiene 214 peldaños.",
    ] == [block.of(document.text) for block in document.blocks]
    assert ["Punta Lisa", "Visitas"] == [heading.text for heading in document.headings]
    assert ["1", "2"] == [page.label for page in document.pages]
    assert document.text.startswith("Punta Lisa")
    assert ("El faro", "slide") == (document.title, document.unit)


def test_limit_of_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    """A presentation with too many slides is rejected."""
    monkeypatch.setattr(opendocument, "MAX_SLIDES", 1)
    with pytest.raises(DocumentError, match="has more than 1 slides; split it"):
        load_odp(samples.make_odp(), "a.odp")
