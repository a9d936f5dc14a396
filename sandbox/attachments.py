"""Messages of users other than text, pictures and files: recordings, polls, places, dice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.telegram_objects import bad_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.telegram_objects import Json

_DICE_VALUE = 4
# These may have a caption.
_WITH_CAPTION = frozenset({"voice", "audio", "video", "animation"})


def build(kind: str, number: int, *, has_caption: bool) -> Json:
    """Return the field of a Message object for an attachment. Raise ApiError for an unknown kind.

    `number` makes its ids unique.
    """
    builder = _BUILDERS.get(kind)
    if builder is None:
        raise bad_request(f"no such attachment: {kind}; known: {', '.join(_BUILDERS)}")
    if has_caption and kind not in _WITH_CAPTION:
        raise bad_request(f"a {kind} has no caption")
    return builder(number)


def _recording(mime: str | None = None, **fields: object) -> Callable[[int], Json]:
    def build_recording(number: int) -> Json:
        ids = {"file_id": f"AwACAgIAAxkBAAM{number:05d}", "file_unique_id": f"AgAD{number:08d}"}
        media = {**ids, "duration": 3, "file_size": 9_000, **fields}
        return media | ({"mime_type": mime} if mime else {})

    return build_recording


def _voice(number: int) -> Json:
    return {"voice": _recording("audio/ogg")(number)}


def _audio(number: int) -> Json:
    return {"audio": _recording("audio/mpeg", title="Song")(number)}


def _video(number: int) -> Json:
    return {"video": _recording("video/mp4", width=640, height=360)(number)}


def _video_note(number: int) -> Json:
    return {"video_note": _recording(length=240)(number)}


def _animation(number: int) -> Json:
    """Return an animation, which has a document of the same file, for old bots."""
    animation = _recording("video/mp4", width=320, height=240)(number)
    document = {key: animation[key] for key in ("file_id", "file_unique_id", "file_size", "mime_type")}
    return {"animation": animation, "document": document}


def _poll(number: int) -> Json:
    options = [
        {"persistent_id": str(index), "text": text, "voter_count": 0}
        for index, text in enumerate(("Yes", "No"), 1)
    ]
    return {
        "poll": {
            "id": str(number),
            "question": "Is it raining?",
            "options": options,
            "total_voter_count": 0,
            "is_closed": False,
            "is_anonymous": True,
            "type": "regular",
            "allows_multiple_answers": False,
            "allows_revoting": True,
            "members_only": False,
        }
    }


_BUILDERS: dict[str, Callable[[int], Json]] = {
    "voice": _voice,
    "audio": _audio,
    "video": _video,
    "video_note": _video_note,
    "animation": _animation,
    "poll": _poll,
    "contact": lambda _: {"contact": {"phone_number": "+15550100", "first_name": "Ada"}},
    "location": lambda _: {"location": {"latitude": 52.5, "longitude": 13.4}},
    "dice": lambda _: {"dice": {"emoji": "🎲", "value": _DICE_VALUE}},
}
