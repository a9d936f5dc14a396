import re

from hypothesis import given
from hypothesis import strategies as st

from bot.i18n.messages import texts_for
from bot.views.viewer import Viewer
from retrieval.ids import document_id, passage_id

VIEWER = Viewer(texts_for("en"), "verbatim_bot")


@given(st.text(), st.text(), st.integers(0, 10**6))
def test_links_have_a_valid_payload(name: str, words: str, occurrence: int) -> None:
    """The payload of a link to a passage is valid for Telegram: at most 64 of A-Z a-z 0-9 _ -."""
    link = VIEWER.link(passage_id(name, words, occurrence))
    assert re.fullmatch(r"https://t\.me/verbatim_bot\?start=[A-Za-z0-9_-]{1,64}", link)
    assert link.endswith(document_id(name))
