"""The chat page in headless Chromium, with a small bot that answers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from sandbox.control_client import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1200,820"
)
MARKUP = "<img src=x onerror=\"document.title='broken'\"> <b>no markup</b>"


class Page:
    """The page as a user sees it. Each step waits for the elements that it needs."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def wait(self, condition: Any) -> Any:
        wait = WebDriverWait(self.driver, 8, 0.05, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(condition)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def shown(self, selector: str) -> WebElement:
        element: WebElement = self.wait(
            lambda _: next((element for element in self.all(selector) if element.is_displayed()), None)
        )
        return element

    def type(self, text: str) -> None:
        self.shown("#composer").send_keys(text)

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self.all(selector)]

    def wait_for_text(self, text: str, selector: str = ".message.in .text") -> None:
        self.wait(lambda _: any(text in shown for shown in self.texts(selector)))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    profile: Path = tmp_path_factory.mktemp("chromium")
    options = Options()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield chrome
    chrome.quit()


@pytest.fixture
async def page(driver: webdriver.Chrome) -> AsyncIterator[Page]:
    async with Sandbox.start(arguments=()) as sandbox:
        await asyncio.to_thread(driver.get, f"{sandbox.url}/")
        page = Page(driver)
        await asyncio.to_thread(page.shown, "#service")
        answering = asyncio.create_task(_run_bot(sandbox))
        yield page
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering


async def _run_bot(sandbox: Sandbox) -> None:
    """Answer every message with a quote of its text and some buttons, until cancelled."""

    async def call(method: str, **params: Any) -> Any:
        answer = (await sandbox.http.post(f"{sandbox.url}/bot{sandbox.token}/{method}", json=params)).json()
        assert answer["ok"], answer
        return answer["result"]

    await call("setMyCommands", commands=[{"command": "help", "description": "How this works"}])
    offset = 0
    while True:
        for update in await call("getUpdates", timeout=20, offset=offset):
            offset = update["update_id"] + 1
            if message := update.get("message"):
                text = message.get("text", "")
                if text and "via_bot" not in message:
                    await call(
                        "sendMessage", **_quoting_reply(message["chat"]["id"], message["message_id"], text)
                    )
            elif query := update.get("callback_query"):
                where = {
                    "chat_id": query["message"]["chat"]["id"],
                    "message_id": query["message"]["message_id"],
                }
                await call("editMessageText", **where, text="the next quote")
                await call("answerCallbackQuery", callback_query_id=query["id"], text="That was the last")
            elif query := update.get("inline_query"):
                first = int(query["offset"] or 1)
                content = {"message_text": f"found {query['query']}"}
                results = [
                    {
                        "type": "article",
                        "id": str(number),
                        "title": "A quote",
                        "input_message_content": content,
                    }
                    for number in range(first, first + 8)
                ]
                next_offset = "9" if first == 1 else ""
                await call(
                    "answerInlineQuery", inline_query_id=query["id"], results=results, next_offset=next_offset
                )


def _quoting_reply(chat_id: int, message_id: int, text: str) -> dict[str, Any]:
    source = "Open the passage"
    quoted = len(text.encode("utf-16-le")) // 2
    link = "https://t.me/verbatim_bot?start=p1"
    row = [{"text": "Next", "callback_data": "n"}, {"text": "Copy", "copy_text": {"text": "copied"}}]
    title = [{"text": "A title that is longer than any telephone is wide " * 3, "callback_data": "t"}]
    return {
        "chat_id": chat_id,
        "text": f"{text}\n{source}",
        "entities": [
            {"type": "blockquote", "offset": 0, "length": quoted},
            {"type": "bold", "offset": 0, "length": min(4, quoted)},
            {"type": "text_link", "offset": quoted + 1, "length": len(source), "url": link},
        ],
        "reply_parameters": {"message_id": message_id},
        "reply_markup": {"inline_keyboard": [row, title]},
    }


async def test_a_private_chat(page: Page) -> None:
    """A user can start the chat, ask, copy from the answer, press its button and follow its link."""

    def person() -> None:
        page.shown("#start").click()
        page.wait_for_text("/start")
        page.type("word for word" + Keys.ENTER)
        page.wait_for_text("word for word", ".message.in blockquote")
        page.wait_for_text("word for word", ".message.in .reply-header")
        assert page.texts(".message.in blockquote strong")[-1] == "word"
        page.all(".button[data-kind=copy_text]")[-1].click()
        page.wait(lambda _: page.shown("#toast").text == "Copied to the clipboard")
        page.all(".button[data-kind=callback_data]")[-1].click()
        page.wait(lambda _: page.shown("#toast").text == "That was the last")
        page.wait_for_text("the next quote")
        assert page.all(".message.in .edited") == []
        page.all(".message.in a.text-link")[0].click()
        page.wait_for_text("/start p1", ".message.in blockquote")
        assert page.texts(".message.out .text")[-1] == "/start"
        assert not page.shown("#chat-status").text.startswith("waiting")

    await asyncio.to_thread(person)


async def test_markup_in_a_message_is_text(page: Page) -> None:
    """Text that looks like HTML is shown as text and has no effect."""

    def person() -> None:
        page.shown("#start").click()
        page.type(MARKUP + Keys.ENTER)
        page.wait_for_text(MARKUP, ".message.in blockquote")
        assert page.all("#messages img") == []
        assert page.driver.title == "Verbatim"

    await asyncio.to_thread(person)


async def test_a_group_and_inline_mode(page: Page) -> None:
    """Two users write in a group, the bot answers its command, and a picked result is sent via the bot."""

    def person() -> None:
        page.shown(".chat[data-chat-id^='-']").click()
        page.type("nobody answers" + Keys.ENTER)
        page.wait_for_text("nobody answers", ".message.out .text")
        page.all(".account")[1].click()
        page.wait_for_text("nobody answers", ".message.in .text")
        page.type("/ask@verbatim_bot this" + Keys.ENTER)
        page.wait_for_text("this", ".message.in blockquote")
        page.type("@verbatim_bot posts")
        page.shown(".inline-result[data-result-id='1']")
        page.driver.execute_script("document.querySelector('#inline-results .more').scrollIntoView()")
        page.wait(lambda _: len(page.all(".inline-result")) == 16)
        assert page.all("#inline-results .more") == []
        page.shown(".inline-result[data-result-id='9']").click()
        page.wait_for_text("found posts", ".message.out .text")
        assert "via @verbatim_bot" in page.texts(".message.out .via")

    await asyncio.to_thread(person)


async def test_files_as_a_reply(page: Page, tmp_path: Path) -> None:
    """Several files are sent as an album that replies to a message, with the text as its caption."""
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for file in files:
        file.write_text(file.stem)

    def person() -> None:
        page.shown("#start").click()
        page.wait_for_text("/start")
        message = page.all(".message.in")[-1]
        ActionChains(page.driver).move_to_element(message).perform()
        page.shown(".message.in [data-tool=reply]").click()
        page.type("what do they say?")
        page.all("#file")[0].send_keys("\n".join(map(str, files)))
        page.wait_for_text("two.txt", ".message.out")
        sent = page.texts(".message.out")[-2:]
        assert ["one.txt" in sent[0], "two.txt" in sent[1]] == [True, True]
        assert ["what do they say?" in text for text in sent] == [True, False]
        assert len(page.all(".message.out [data-reply-to]")) == 2
        assert not page.shown("#composer").get_attribute("value")

    await asyncio.to_thread(person)


async def test_commands_by_keyboard(page: Page) -> None:
    """Typing `/` lists the commands, and Enter sends the selected one."""

    def person() -> None:
        page.shown("#start").click()
        page.wait_for_text("/start")
        page.type("/")
        assert "How this works" in page.shown(".command[data-command=help]").text
        page.type(Keys.ENTER)
        page.wait_for_text("/help", ".message.out .text")

    await asyncio.to_thread(person)


async def test_arabic_is_laid_out_from_right_to_left(page: Page) -> None:
    """Arabic runs from right to left, and its quote has the bar on the right."""

    def person() -> None:
        page.shown("#start").click()
        page.type("كم عدد نقاط المراقبة؟" + Keys.ENTER)
        page.wait_for_text("كم عدد", ".message.in blockquote")
        quote = page.all(".message.in blockquote")[-1]
        assert quote.value_of_css_property("direction") == "rtl"
        assert quote.value_of_css_property("border-right-width") == "3px"

    await asyncio.to_thread(person)


async def test_a_narrow_phone_shows_all_buttons(page: Page) -> None:
    """A button with a long title is as wide as its row and does not leave the screen."""

    def person() -> None:
        page.shown(".chat").click()
        page.shown("#start").click()
        page.wait_for_text("/start", ".message.in blockquote")
        screen = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": False}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        try:
            page.shown(".button")
            edges = {round(row.rect["x"] + row.rect["width"]) for row in page.all(".row")}
            assert len(edges) == 1
            assert edges.pop() <= 320
        finally:
            page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    await asyncio.to_thread(person)
