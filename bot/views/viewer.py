"""How the bot speaks to one person."""

from dataclasses import dataclass

from bot.i18n.messages import Texts


@dataclass(frozen=True, slots=True)
class Viewer:
    """The sentences in the person's language, and the name that links lead to.

    In a group, what is long is folded up.
    """

    texts: Texts
    username: str
    asks_opinion: bool = False
    can_remove: bool = False
    has_files: bool = True
    in_group: bool = False

    def link(self, payload: str) -> str:
        """Return the deep link that opens a passage, or another parameter of /start."""
        return f"https://t.me/{self.username}?start={payload}"
