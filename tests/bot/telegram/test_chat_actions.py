"""What the chat shows while a reply takes long, on a virtual clock."""

import asyncio
from typing import Any

import pytest
from telegram import Message, Update

from bot.i18n.texts import texts_for
from bot.telegram.messaging import ChatActions
from bot.views.message import BrowseAction, BrowsePress, encode_browse_press
from tests.bot.update_builders import GROUP, deliver, message, pressed
from tests.bot.virtual_clock import fast, now

TEXTS = texts_for("en")


def _slow(library: Any, seconds: float) -> None:
    fast_answer = library.answer

    async def answer(*arguments: Any, **more: Any) -> Any:
        await asyncio.sleep(seconds)
        return await fast_answer(*arguments, **more)

    library.answer = answer


@pytest.mark.parametrize(("seconds", "expected"), [(0.9, []), (5.0, [1.0]), (12.0, [1.0, 5.5, 10.0])])
def test_a_slow_answer_shows_typing(
    seconds: float, expected: list[float], application: Any, library: Any, calls: list[Any]
) -> None:
    """From the first second on the chat shows "typing" every 4.5 s, and the answer is not delayed."""
    _slow(library, seconds)

    @fast
    async def ask() -> None:
        await deliver(application, message=message("Which?"))

    ask()
    assert [(time, "sendChatAction", "typing") for time in expected] == calls[:-1]
    assert (seconds, "sendMessage", TEXTS.no_answer) == calls[-1]


@pytest.mark.parametrize(
    "reply", [(403, "Forbidden: bot was blocked"), (429, "Too Many Requests"), (502, "?")]
)
def test_failures_to_show_it_are_ignored(
    application: Any, library: Any, telegram: Any, calls: list[Any], reply: tuple[int, str]
) -> None:
    """A rejected action neither delays the answer nor is repeated before its time."""
    _slow(library, 6.0)
    telegram.replies = {"sendChatAction": reply}

    @fast
    async def ask() -> None:
        await deliver(application, message=message("Which?"))

    ask()
    assert [1.0, 5.5, 6.0] == [time for time, *_ in calls]
    assert [TEXTS.no_answer] == telegram.texts()


def test_an_action_on_its_way_does_not_delay_the_answer(
    application: Any, library: Any, telegram: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer does not wait for the response to an action."""
    _slow(library, 2.0)
    request, sent = telegram.do_request, []

    async def hang(url: str, *arguments: Any, **more: Any) -> Any:
        if url.endswith("sendChatAction"):
            await asyncio.sleep(60)
        if url.endswith("sendMessage"):
            sent.append(now())
        return await request(url, *arguments, **more)

    monkeypatch.setattr(telegram, "do_request", hang)

    @fast
    async def ask() -> None:
        await deliver(application, message=message("Which?"))

    ask()
    assert [2.0] == [round(time, 1) for time in sent]


def test_an_unaddressed_message_shows_nothing(application: Any, library: Any, calls: list[Any]) -> None:
    """In a group only messages to the bot make it type."""
    _slow(library, 3.0)

    @fast
    async def ask() -> None:
        await deliver(application, message=message("Nice weather", GROUP))
        assert [] == calls
        await deliver(application, message=message("/ask Which?", GROUP))

    ask()
    assert ["sendChatAction", "sendMessage"] == [name for _, name, _ in calls]


def test_a_file_shows_that_it_is_sent(application: Any, library: Any, telegram: Any, tmp_path: Any) -> None:
    """While a document is sent, the chat shows that."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "name.txt").write_text("words")
    library.folder = tmp_path
    button = encode_browse_press(BrowsePress(BrowseAction.FILE, "folder01"))
    request = telegram.do_request
    names: list[Any] = []

    async def slow(url: str, method: str, request_data: Any = None, **more: Any) -> Any:
        name = url.rpartition("/")[2]
        names.append(request_data.parameters.get("action", name) if request_data else name)
        if name == "sendDocument":
            await asyncio.sleep(3)
            return 200, b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}'
        return await request(url, method, request_data, **more)

    telegram.do_request = slow

    @fast
    async def press() -> None:
        await deliver(application, callback_query=pressed(button, message("/sources")))

    press()
    assert ["sendDocument", "upload_document", "answerCallbackQuery"] == names[1:]


class _Client:
    def __init__(self) -> None:
        self.actions: list[tuple[int, str, int | None]] = []

    async def send_chat_action(self, chat_id: int, action: str, message_thread_id: int | None) -> None:
        self.actions.append((chat_id, str(action), message_thread_id))


def _update(chat: int = 1, **fields: Any) -> Update:
    group = {"id": chat, "type": "supergroup" if chat < 0 else "private", "title": "x"}
    return Update(1, message=Message.de_json(message("?", group, **fields), None))


@fast
async def test_one_action_at_a_time_in_a_chat() -> None:
    """Two pieces of work in one chat show one action; other chats have their own, and topics too."""
    client: Any = _Client()
    actions = ChatActions()
    topic = _update(-5, message_thread_id=7, is_topic_message=True)
    with actions.show(client, _update()), actions.show(client, _update()), actions.show(client, topic):
        await asyncio.sleep(1.5)
    await asyncio.sleep(10)
    assert [(1, "typing", None), (-5, "typing", 7)] == client.actions
    with actions.show(client, _update()):
        await asyncio.sleep(1.5)
    assert 3 == len(client.actions)
