"""What the process remembers of recent messages: which answer a question got, and which albums were seen."""

from collections import OrderedDict

from telegram import Message

_MAX_REMEMBERED_ANSWERS = 2_000
_MAX_REMEMBERED_ALBUMS = 500


class AnswerMap:
    """Ids of recent questions and their answers, in memory, to edit the answer of an edited question."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[int, int], int] = OrderedDict()

    def remember(self, chat: int, question: int, answer: int) -> None:
        self._answers[chat, question] = answer
        if len(self._answers) > _MAX_REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)

    def find(self, chat: int, question: int) -> int | None:
        return self._answers.get((chat, question))


class SeenAlbums:
    """Ids of recent albums, in memory: Telegram sends each picture of an album as a message of its own."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, album: str) -> bool:
        return album in self._ids

    def add(self, message: Message) -> bool:
        """Return whether a message is the first of its album, or of none."""
        album = message.media_group_id
        if album is None:
            return True
        is_first = album not in self._ids
        self._ids[album] = None
        if len(self._ids) > _MAX_REMEMBERED_ALBUMS:
            self._ids.popitem(last=False)
        return is_first
