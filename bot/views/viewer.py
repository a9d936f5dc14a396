"""Who a reply is for."""

from dataclasses import dataclass

from bot.i18n.messages import Texts


@dataclass(frozen=True, slots=True)
class Viewer:
    """Language and permissions of a person, and the bot's username for deep links.

    `asks_opinion`: answers have vote buttons. `has_files`: the files of documents can be sent. `in_group`:
    long replies are collapsed.
    """

    texts: Texts
    username: str
    asks_opinion: bool = False
    can_remove: bool = False
    has_files: bool = True
    in_group: bool = False

    def link(self, payload: str) -> str:
        """Return a deep link, which sends `/start` with the payload, such as the id of a passage."""
        return f"https://t.me/{self.username}?start={payload}"
