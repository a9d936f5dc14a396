"""Every sentence of the bot. It says nothing about the subject of the documents: only quotes do."""

from collections.abc import Sequence
from gettext import NullTranslations


class Texts:
    """The sentences in one language; English is what the catalogue of another language translates."""

    def __init__(self, catalogue: NullTranslations) -> None:
        self._ = catalogue.gettext
        self._n = catalogue.ngettext

    # What the bot is

    @property
    def description(self) -> str:
        return self._(
            "Ask me anything about the documents I hold. I answer only with word-for-word quotes, "
            "each with its source, and I say so when the documents hold no answer."
        )

    @property
    def short_description(self) -> str:
        return self._("Answers with word-for-word quotes from documents, each with its source.")

    @property
    def commands(self) -> dict[str, str]:
        return {
            "ask": self._("Ask the documents a question"),
            "sources": self._("See which documents I hold"),
            "help": self._("How to ask, and what I do"),
            "privacy": self._("What happens to your questions"),
        }

    @property
    def start(self) -> str:
        return self._(
            "Hello! I answer questions with word-for-word quotes from documents, each with its source.\n"
            "Just write me a question. /sources lists the documents, /help tells more."
        )

    @property
    def start_group(self) -> str:
        return self._(
            "Hello! I answer questions with word-for-word quotes from documents, each with its source.\n"
            "Ask with /ask and your question. /sources lists the documents, /help tells more."
        )

    @property
    def help(self) -> str:
        return self._(
            "Write me a question, and I look for the sentences that answer it. I never put anything in "
            "my own words: you get the exact quote, and where it stands.\n\n"
            "‹ and › under an answer show other quotes, “Wider context” shows what stands around it. "
            "Reply to an answer to ask on from there: “And when was that?”\n\n"
            "In a group, ask with /ask and your question, or reply to a message of mine; mention me where "
            "the group lets me read along. "
            "Reply to somebody’s message with /ask to ask what it says.\n\n"
            "/sources lists the documents, /privacy tells what happens to your questions."
        )

    @property
    def privacy(self) -> str:
        return self._(
            "I keep no questions: they are not logged, and stored no longer than until they are answered; I "
            "keep no list of who asks. "
            "The documents stay on the computer I run on, and answers are found there; nothing is sent "
            "to any other service.\n\n"
            "Telegram carries our messages and keeps them as it keeps any chat with a bot: "
            "https://telegram.org/privacy"
        )

    @property
    def privacy_logged(self) -> str:
        return self._(
            "The operator of this bot reads which questions are asked, to make it answer better: they are "
            "written to its log, without who asked them. The documents stay on the computer I run on, and "
            "answers are found there; nothing is sent to any other service.\n\n"
            "Telegram carries our messages and keeps them as it keeps any chat with a bot: "
            "https://telegram.org/privacy"
        )

    # Questions

    @property
    def ask_how(self) -> str:
        return self._("Happy to look! Write your question after the command: /ask and then the question.")

    @property
    def wordless(self) -> str:
        return self._("I can only read text. Write me your question in words, and I’ll look for a quote.")

    @property
    def unknown_command(self) -> str:
        return self._("I don’t know this command. Just write me your question, or see /help.")

    @property
    def declined(self) -> str:
        return self._("The documents hold no answer to this.")

    @property
    def one_word(self) -> str:
        return self._("One word is little to go by. Ask me a whole question, and I’ll look for a quote.")

    @property
    def nothing_asked(self) -> str:
        return self._("Happy to help! Ask me about something in the documents, and I’ll look for a quote.")

    def perhaps_under(self, headings: Sequence[str]) -> str:
        # A line each: headings may be long, or run from right to left.
        return "\n".join([self._("Perhaps something is under:"), *(f"• {heading}" for heading in headings)])

    @property
    def no_documents(self) -> str:
        return self._("I have no documents yet, so there is nothing I could quote. Please come back later!")

    @property
    def did_you_mean(self) -> str:
        return self._("Did you mean:")

    @property
    def slow_down(self) -> str:
        return self._("That was a lot at once! I’ll be quiet for a moment; please ask again in a minute.")

    @property
    def failed(self) -> str:
        return self._("Sorry, something went wrong on my side. Please ask again.")

    # Where a quote stands

    def under(self, heading: str) -> str:
        return self._("under “{heading}”").format(heading=heading)

    def page(self, label: str) -> str:
        return self._("page {label}").format(label=label)

    def slide(self, label: str) -> str:
        return self._("slide {label}").format(label=label)

    def sheet(self, name: str) -> str:
        return self._("sheet “{name}”").format(name=name)

    def row(self, label: str) -> str:
        return self._("row {label}").format(label=label)

    def chapter(self, name: str) -> str:
        return self._("chapter “{name}”").format(name=name)

    def paragraph(self, number: int) -> str:
        return self._("paragraph {number}").format(number=number)

    def lines(self, first: int, last: int) -> str:
        if first == last:
            return self._("line {number}").format(number=first)
        return self._("lines {first}–{last}").format(first=first, last=last)

    @property
    def altered(self) -> str:
        return self._("Telegram cannot show some signs of this quote, such as tabs, as they are.")

    # Buttons and what they say

    @property
    def wider(self) -> str:
        return self._("Wider context")

    @property
    def back(self) -> str:
        return self._("Back to the quote")

    def place(self, rank: int, count: int) -> str:
        return self._("Quote {rank} of {count}").format(rank=rank, count=count)

    @property
    def stale(self) -> str:
        return self._("This button is out of date. Please ask again.")

    @property
    def question_gone(self) -> str:
        return self._("I can no longer see the question. Please ask it again.")

    @property
    def changed(self) -> str:
        return self._("The documents have changed since. Please ask again.")

    @property
    def link_gone(self) -> str:
        return self._("The passage this link leads to is no longer in the documents.")

    # Sources

    def sources(self, count: int) -> str:
        return self._n("I hold {count} document:", "I hold {count} documents:", count).format(count=count)

    def more(self, count: int) -> str:
        return self._n("… and {count} more", "… and {count} more", count).format(count=count)


def speaking(_language: str | None = None) -> Texts:
    """Choose the sentences for a person's language code; English is all there is so far."""
    return _ENGLISH


_ENGLISH = Texts(NullTranslations())
