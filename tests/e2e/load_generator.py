"""Simulated users who ask the bot questions, and counts of the answers."""

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

from sandbox.control_client import ChatClient, MessageClient, Sandbox

_MAX_CONCURRENT_CHATS = 24


@dataclass(frozen=True, slots=True)
class Count:
    """The numbers of questions, of unanswered questions, and of repeated answers."""

    asked: int
    lost: int
    doubled: int


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A row of the fault table: a fault, and the outcome of the questions asked during it."""

    fault: str
    mode: str
    count: Count
    note: str = ""


def format_table(rows: list[FaultRow]) -> str:
    """Return the rows as a Markdown table."""
    head = ["| fault | mode | asked | lost | doubled | |", "|---|---|--:|--:|--:|---|"]
    lines = []
    for row in rows:
        cells = (row.fault, row.mode, row.count.asked, row.count.lost, row.count.doubled, row.note)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*head, *lines, ""])


@dataclass(slots=True)
class SimulatedUsers:
    """Private chats with the bot, and the questions asked in them."""

    sandbox: Sandbox
    chats: list[ChatClient]
    questions: list[MessageClient] = field(default_factory=list)

    @classmethod
    async def create(cls, sandbox: Sandbox, count: int) -> Self:
        return cls(sandbox, [await sandbox.private_chat(f"Person {number}") for number in range(count)])

    async def ask(self, times: int = 1, *, text: str = "/help", pause: float = 0.0) -> None:
        """Let every user ask several times with pauses, staggered so that the total rate is steady."""
        semaphore = asyncio.Semaphore(_MAX_CONCURRENT_CHATS)

        async def ask_repeatedly(number: int, chat: ChatClient) -> None:
            await asyncio.sleep(pause * number / len(self.chats))
            for _ in range(times):
                async with semaphore:
                    self.questions.append(await chat.send(text))
                await asyncio.sleep(pause)

        await asyncio.gather(*(ask_repeatedly(number, chat) for number, chat in enumerate(self.chats)))

    async def count(self) -> Count:
        """Count the answers to each question, by the message they reply to."""
        answers = await self._answers()
        counts = [answers[question.chat.id, question.id] for question in list(self.questions)]
        return Count(len(counts), counts.count(0), sum(count - 1 for count in counts if count))

    async def count_replies_in_flight(self, journaled: Collection[int] = ()) -> int:
        """Count answered updates that are neither confirmed nor in the journal.

        While no process is running, only these can be delivered and answered again.
        """
        # The sandbox completes the calls that it has received.
        await asyncio.sleep(0.5)
        unconfirmed = {
            (update["message"]["chat"]["id"], update["message"]["message_id"])
            for update in await self.sandbox.unconfirmed()
            if "message" in update and update["update_id"] not in journaled
        }
        return len(unconfirmed & (await self._answers()).keys())

    async def _answers(self) -> Counter[tuple[int, int]]:
        """Count the answers by chat and question."""
        semaphore = asyncio.Semaphore(_MAX_CONCURRENT_CHATS)

        async def answers(chat: ChatClient) -> list[tuple[int, int]]:
            async with semaphore:
                return [
                    (chat.id, message.raw["reply_to_message"]["message_id"])
                    for message in await chat.messages()
                    if message.raw["from"]["is_bot"] and "reply_to_message" in message.raw
                ]

        return Counter(key for keys in await asyncio.gather(*map(answers, self.chats)) for key in keys)

    async def wait_and_count(self, *, timeout_seconds: float = 20.0, settle_seconds: float = 0.3) -> Count:
        """Wait until all updates are confirmed and all questions answered, or for a timeout, and count."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        # Counting is expensive for the sandbox, and not needed while updates are pending.
        while await self.sandbox.unconfirmed() or (await self.count()).lost:
            if asyncio.get_running_loop().time() > deadline:
                return await self.count()
            await asyncio.sleep(0.2)
        # A repeated answer would come soon after the first.
        await asyncio.sleep(settle_seconds)
        return await self.count()


def warning_lines(log: str) -> list[str]:
    """Return the log lines of level WARNING or above."""
    return [line for line in log.splitlines() if any(f" {level} " in line for level in _WARNING_LEVELS)]


_WARNING_LEVELS = ("WARNING", "ERROR", "CRITICAL")
