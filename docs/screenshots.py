"""The pictures in the README: the real bot in the sandbox, its chat page driven in headless Chromium.

`make screenshots` takes them all, `.venv/bin/python docs/screenshots.py private` the named ones. Chromium and
its driver are needed (`apt-get install chromium chromium-driver`), and look best with the fonts of
`fonts-roboto-unhinted`, `fonts-noto-core` and `fonts-noto-color-emoji`.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver.remote.webelement import WebElement

ROOT = Path(__file__).parents[1]
PICTURES = Path(__file__).parent / "pictures"
WIDTH, HEIGHT, SCALE = 420, 756, 2
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --lang=en"
)
# Left, top, right and bottom of where faces are: above the chat, and next to what is in a list.
FACES = ((100, 10, 210, 110), (50, 680, 170, 1400))
FONTS = 'Roboto, "Noto Sans", "Noto Sans Arabic", "Noto Color Emoji", sans-serif'
PATIENCE = 60.0
# Where a stranger looks, and where the documents of the project's own tests are.
DOCUMENTS = (ROOT / "seeds", ROOT / "tests" / "eval" / "documents")


class Phone:
    """One person's view of the page; each step waits for what it needs."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address
        self.ids: dict[str, int] = {}

    def act(self, action: str, **body: Any) -> dict[str, Any]:
        response = httpx.post(f"{self.address}control/{action}", json=body, trust_env=False, timeout=30)
        answer: dict[str, Any] = response.json()
        if response.is_error:
            raise SystemExit(f"{action}: {answer}")
        return answer

    def open(self, name: str = "Ada", *, dark: bool = False) -> None:
        """Show the list of chats to somebody; `ids` are the people's and the groups', by name."""
        scheme = "dark" if dark else "light"
        screen = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(self.address)
        self.driver.execute_script(f"document.documentElement.style.fontFamily = '{FONTS}'")
        state = self.act("state")
        self.ids = {one["first_name"]: one["id"] for one in state["users"]}
        self.ids |= {one["title"]: one["id"] for one in state["chats"] if "title" in one}
        self.click(f".account[data-user-id='{self.ids[name]}']")

    def chat(self, number: int) -> None:
        self.click(f".chat[data-chat-id='{number}']")

    def private(self, name: str) -> None:
        self.chat(self.ids[name])
        if not self.act("messages", chat_id=self.ids[name])["messages"]:
            self.click("#start")
            self.answered(1)

    def clear(self, number: int) -> None:
        """Begin with an empty chat: a picture has room for little."""
        for message in self.act("messages", chat_id=number)["messages"]:
            self.act("delete", chat_id=number, message_id=message["message_id"])
        self.wait(lambda: not self.all(".message"))

    def say(self, text: str) -> None:
        self.shown("#composer").send_keys(text, Keys.ENTER)

    def answered(self, count: int) -> None:
        self.wait(lambda: len(self.all(".message.bot")) >= count)

    def click(self, selector: str) -> None:
        self.shown(selector).click()

    def press(self, label: str) -> None:
        """Press the last button with such a label, and wait for the bot's answer."""

        def found() -> WebElement | None:
            return next((one for one in reversed(self.all(".button")) if label in one.text), None)

        self.wait(found).click()
        self.wait(lambda: not self.all(".button.busy"))

    def turn(self) -> None:
        """Press for the next page of the last message, and wait until it is there."""
        before = self.all(".message.bot")[-1].text
        self.press("›")
        self.wait(lambda: self.all(".message.bot")[-1].text != before)

    def shown(self, selector: str) -> WebElement:
        found: WebElement = self.wait(
            lambda: next((one for one in self.all(selector) if one.is_displayed()), None)
        )
        return found

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, condition: Callable[[], Any]) -> Any:
        waiting = WebDriverWait(
            self.driver, PATIENCE, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return waiting.until(lambda _: condition())

    def picture(self, name: str) -> None:
        """Take it as people see it at rest, in few colours, for a page that loads at once."""
        away = {"type": "mouseMoved", "x": 0, "y": 0}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", away)
        self.driver.execute_script("document.activeElement.blur()")
        self.driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 400))")
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        picture = Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")
        few = picture.quantize(palette=_colours(picture), dither=Image.Dither.NONE)
        path = PICTURES / f"{name}.png"
        few.save(path, optimize=True)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")  # noqa: T201 - what it tells


def _colours(picture: Image.Image) -> Image.Image:
    """Choose 256 colours; the small faces count for more than their size, or they would get too few."""
    width, height = picture.size
    sample = Image.new("RGB", (width, height * 3), "white")
    sample.paste(picture)
    for at, face in enumerate(FACES, 1):
        sample.paste(picture.crop(face).resize((width, height)), (0, height * at))
    return sample.quantize(256, kmeans=2)


def private(phone: Phone) -> None:
    """Ask in a private chat."""
    phone.open("Ada")
    phone.private("Ada")
    phone.clear(phone.ids["Ada"])
    phone.say("How many objects does the Harbour Museum hold?")
    phone.answered(1)
    phone.picture("private")


def group(phone: Phone) -> None:
    """Ask among people."""
    phone.open("Ada")
    circle = phone.ids["Reading circle"]
    phone.chat(circle)
    phone.clear(circle)
    omar = {"chat_id": circle, "from": phone.ids["Omar"]}
    phone.act("send", **omar, text="The old charts! Are cameras allowed?")
    phone.say("/ask Can I take pictures in the Chart Gallery?")
    phone.answered(1)
    phone.act("send", **omar, text="Then I'll only look 🙂")
    phone.wait(lambda: "only look" in phone.all(".message")[-1].text)
    phone.picture("group")


def inline(phone: Phone) -> None:
    """Type the bot's name in any chat, and choose."""
    phone.open("Ada")
    circle = phone.ids["Reading circle"]
    phone.chat(circle)
    phone.clear(circle)
    phone.act("send", chat_id=circle, text="What does the museum cost?", **{"from": phone.ids["Omar"]})
    phone.wait(lambda: phone.all(".message"))
    phone.shown("#composer").send_keys("@verbatim_bot museum ticket students")
    phone.shown(".inline-result")
    phone.picture("inline")


def arabic(phone: Phone) -> None:
    """Ask from right to left."""
    phone.open("Omar")
    phone.private("Omar")
    phone.clear(phone.ids["Omar"])
    phone.say("كم لؤلؤة طبيعية يملكها المتحف؟")
    phone.answered(1)
    phone.picture("arabic")


def sources(phone: Phone) -> None:
    """Look through the documents."""
    phone.open("Ada")
    phone.private("Ada")
    phone.clear(phone.ids["Ada"])
    phone.say("/sources")
    phone.answered(1)
    while not any("Harbour" in one.text for one in phone.all(".button")):
        phone.turn()
    phone.press("Harbour")
    phone.wait(lambda: any("Rope Hall" in one.text for one in phone.all(".button")))
    phone.picture("sources")


def dark(phone: Phone) -> None:
    """Ask at night."""
    phone.open("Ada", dark=True)
    phone.private("Ada")
    phone.clear(phone.ids["Ada"])
    phone.say("How many checkpoints does Turkey have in Idlib?")
    phone.answered(1)
    phone.picture("dark")


LEASE = """# Lease of the flat in Quince Street

## Rent

The monthly rent is 740 euros. It is due on the third of each month and is paid into the account of the
landlord, Mr Harald Lindqvist. Heating and water are charged once a year, by consumption.

## Notice

Either party may end this lease with a notice period of three months. The notice must be in writing, and it
counts from the day on which it arrives.

## Pets

The tenant may keep one cat or one small dog. Other animals need the consent of the landlord, which he may
refuse if a neighbour objects.

## Keys

The tenant receives three keys to the flat and one to the bicycle cellar. A lost key is reported at once, and
the tenant pays for the new lock.
"""


def own(phone: Phone) -> None:
    """Send a document with a question."""
    phone.open("Ada")
    phone.private("Ada")
    phone.clear(phone.ids["Ada"])
    lease = {"name": "lease.md", "mime": "text/plain", "base64": base64.b64encode(LEASE.encode()).decode()}
    question = {"text": "am i allowed to keep a dog?", "from": phone.ids["Ada"]}
    phone.act("send", chat_id=phone.ids["Ada"], document=lease, **question)
    phone.answered(2)
    phone.picture("own")
    phone.act("press", **_last_message(phone, "/forget"), data="%g.0", **{"from": phone.ids["Ada"]})


def _last_message(phone: Phone, text: str) -> dict[str, int]:
    """Send a text, and return where the bot's reply to it is."""
    phone.say(text)
    ada = phone.ids["Ada"]
    phone.answered(3)
    return {"chat_id": ada, "message_id": phone.act("messages", chat_id=ada)["messages"][-1]["message_id"]}


def unsure(phone: Phone) -> None:
    """Ask something that is answered only nearly."""
    phone.open("Ada")
    phone.private("Ada")
    phone.clear(phone.ids["Ada"])
    phone.say("can i park at the museum")
    phone.answered(1)
    phone.driver.execute_script("document.querySelector('.message.out').scrollIntoView()")
    phone.picture("unsure")


def overview(phone: Phone) -> None:
    """Ask what a document is about."""
    phone.open("Ada")
    phone.private("Ada")
    phone.clear(phone.ids["Ada"])
    phone.say("/overview Harbour Museum")
    phone.answered(1)
    phone.driver.execute_script("document.querySelector('.message.out').scrollIntoView()")
    phone.picture("overview")


def parts(phone: Phone) -> None:
    """Ask two things at once."""
    phone.open("Ada")
    phone.private("Ada")
    phone.clear(phone.ids["Ada"])
    phone.say("How high was the flood of 1898 and who built the great beam scale?")
    phone.answered(1)
    phone.picture("parts")


SCENES = {
    scene.__name__: scene
    for scene in (private, group, inline, arabic, sources, dark, own, unsure, overview, parts)
}


@contextlib.contextmanager
def _sandbox() -> Iterator[str]:
    """Run the sandbox and the bot in it; gives the address of the page."""
    with tempfile.TemporaryDirectory(prefix="verbatim-") as folder:
        documents = Path(folder) / "documents"
        for source in DOCUMENTS:
            shutil.copytree(source, documents, dirs_exist_ok=True)
        program = [sys.executable, "-m", "bot"]
        environment = os.environ | {"INDEX_DIR": str(Path(folder) / "index")}
        # With vectors, the replies are those that people see.
        indexing = [*program, "index", "--docs", str(documents)]
        subprocess.run(indexing, cwd=ROOT, env=environment, check=True)  # noqa: S603 - ours
        command = [*program, "sandbox", "--port", "0", "--docs", str(documents)]
        with subprocess.Popen(  # noqa: S603 - ours
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                address = None
                while address is None and process.stdout and (line := process.stdout.readline()):
                    address = re.search(r"http://\S+", line)
                if address is None:
                    raise SystemExit("The sandbox did not start")
                yield address[0]
            finally:
                process.terminate()


@contextlib.contextmanager
def _browser() -> Iterator[webdriver.Chrome]:
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    binary, driver = next(filter(None, found), None), shutil.which("chromedriver")
    if not (binary and driver):
        raise SystemExit("There is no Chromium with its driver: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory(prefix="verbatim-", ignore_cleanup_errors=True) as profile:
        options = Options()
        options.binary_location = binary
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        started = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield started
        finally:
            started.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures in the README.")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"of {', '.join(SCENES)}; all without")
    wanted = parser.parse_args().scenes or list(SCENES)
    if unknown := set(wanted) - set(SCENES):
        parser.error(f"no such scene: {', '.join(sorted(unknown))}")
    PICTURES.mkdir(exist_ok=True)
    with _sandbox() as address, _browser() as driver:
        phone = Phone(driver, address)
        for name in wanted:
            SCENES[name](phone)


if __name__ == "__main__":
    main()
