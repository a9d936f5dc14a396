"""All sentences of the bot. None is about the subject of the documents; only quotes are."""

from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

from retrieval.query.intent import SmallTalk, parse_small_talk

LANGUAGES = ("en", "ru", "ar", "de", "es", "tr", "zh", "uk", "fr")

_LOCALE = Path(__file__).parent / "locale"
_KILOBYTES_PER_MEGABYTE = 1024


class Texts:
    """The sentences in one language; the English ones in this class are the keys of the catalogues."""

    def __init__(self, catalogue: NullTranslations, language: str = "en") -> None:
        self._ = catalogue.gettext
        self._n = catalogue.ngettext
        self.language = language

    # Profile, greetings and help

    @property
    def description(self) -> str:
        return self._(
            "Ask me anything about the documents I have. I answer only with word-for-word quotes, "
            "each with its source, and I say so when the documents hold no answer."
        )

    @property
    def short_description(self) -> str:
        return self._("Answers with word-for-word quotes from documents, each with its source.")

    @property
    def commands(self) -> dict[str, str]:
        return {
            "ask": self._("Ask the documents a question"),
            "overview": self._("See what a document is about"),
            "search": self._("Find where words occur"),
            "sources": self._("Browse the documents"),
            "why": self._("See which words matched, and their weight"),
            "help": self._("How to ask, and what I can do"),
            "privacy": self._("What happens to your questions"),
        }

    @property
    def upload_commands(self) -> dict[str, str]:
        """The commands of bots that take documents from everyone."""
        return {
            "mine": self._("The documents of this chat"),
            "forget": self._("Delete the documents of this chat"),
        }

    @property
    def admin_commands(self) -> dict[str, str]:
        return {
            "status": self._("Status of the bot"),
            "reload": self._("Read the documents again"),
        }

    @property
    def greeting(self) -> str:
        return self._(
            "Hello! I answer questions with word-for-word quotes from documents, each with its source.\n"
            "Just write me a question. /sources lists the documents, /help explains more."
        )

    @property
    def group_greeting(self) -> str:
        return self._(
            "Hello! I answer questions with word-for-word quotes from documents, each with its source.\n"
            "Ask with /ask and your question. /sources lists the documents, /help explains more."
        )

    @property
    def uploads(self) -> str:
        return self._("You can also send me a document, and I answer from it too, in this chat only.")

    @property
    def uploads_in_group(self) -> str:
        return self._(
            "Administrators can also send me documents, as a reply to one of my messages, and I answer from "
            "them in this group only."
        )

    @property
    def uploads_of_admin(self) -> str:
        """Follows `uploads` or `help_uploads`, for people who may add documents to the library, too."""
        return self._(
            "As you are one of my admins, I ask whether it is for this chat only or for the library, which "
            "I search for everyone."
        )

    @property
    def uploads_to_library(self) -> str:
        """For people who may add documents to the library, where others cannot send any."""
        return self._(
            "As you are one of my admins, you can send me documents: I add them to the library, which "
            "I search for everyone."
        )

    @property
    def receives_addressed_only(self) -> str:
        return self._(
            "In this group I see only commands and replies to my messages, nothing else that is written."
        )

    @property
    def receives_all_messages(self) -> str:
        return self._(
            "Telegram lets me see all messages of this group. I read only those that mention me, reply to me "
            "or begin with a command, and forget the others at once."
        )

    @property
    def help(self) -> str:
        return self._(
            "Write me a question, and I look for the sentences that answer it. I never put anything in "
            "my own words: you get the exact quote, and where it is.\n\n"
            "‹ and › under an answer show other quotes, “Show context” shows the text around it. "
            "The source under a quote is a link: it opens the passage here, wherever you forward it. "
            "Reply to an answer to ask a follow-up question: “And when was that?” "
            "Edit your question, and my answer follows.\n\n"
            "Ask “What is this about?” or send /overview and the name of a document, and I show its most "
            "telling sentences. "
            "/search finds where words occur, /sources lets you browse the documents. "
            "Reply to an answer with /why to see which words matched.\n\n"
            "In a group, ask with /ask and your question, or reply to one of my messages; mention me if I "
            "can see the messages of the group. "
            "Reply to somebody’s message with /ask to ask what it says. "
            "In any other chat, type my name and a question.\n\n"
            "/privacy explains what happens to your questions."
        )

    @property
    def privacy(self) -> str:
        return self._(
            "I keep no questions: they are not logged, and stored only until they are answered. I "
            "keep no list of who asks. "
            "The documents stay on the operator’s computers, and answers are found there; nothing is sent "
            "to any other service.\n\n"
            "Telegram carries our messages and keeps them as it keeps any chat with a bot: "
            "https://telegram.org/privacy"
        )

    @property
    def privacy_logged(self) -> str:
        return self._(
            "The operator of this bot reads which questions are asked, to make it answer better: they are "
            "written to its log, without who asked them. The documents stay on the operator’s computers, and "
            "answers are found there; nothing is sent to any other service.\n\n"
            "Telegram carries our messages and keeps them as it keeps any chat with a bot: "
            "https://telegram.org/privacy"
        )

    @property
    def privacy_feedback(self) -> str:
        return self._(
            "The operator of this bot collects what is asked, what I answered and which answers were found "
            "good or bad, to make it answer better. Who asked is not kept. The documents stay on the "
            "operator’s computers, and answers are found there; nothing is sent to any other service.\n\n"
            "Telegram carries our messages and keeps them as it keeps any chat with a bot: "
            "https://telegram.org/privacy"
        )

    # Questions

    @property
    def ask_usage(self) -> str:
        return self._("Happy to look! Write your question after the command: /ask and then the question.")

    @property
    def search_usage(self) -> str:
        return self._("Write the words to look for after the command: /search and then the words.")

    @property
    def why_usage(self) -> str:
        return self._("Reply to a question or to one of my answers with /why, or write a question after it.")

    @property
    def unsupported_message(self) -> str:
        return self._("I can only read text. Write me your question in words, and I’ll look for a quote.")

    @property
    def recording_not_heard(self) -> str:
        return self._(
            "I can’t listen to recordings. Write me your question in words, and I’ll look for a quote."
        )

    @property
    def picture_not_seen(self) -> str:
        return self._(
            "I can’t see what is in pictures and videos. Write me your question as a caption or a message, "
            "and I’ll look for a quote."
        )

    @property
    def document_not_taken(self) -> str:
        return self._(
            "I answer only from the documents that my operator has given me; /sources lists them. Write me a "
            "question about these, and I’ll look for a quote."
        )

    @property
    def link_not_opened(self) -> str:
        return self._(
            "I don’t open links, I only read the documents I have. Write me your question in words, and I’ll "
            "look for a quote."
        )

    @property
    def link_not_opened_but_files(self) -> str:
        """Where people can send documents."""
        return self._(
            "I don’t open links. Save what is there as a file and send me that, and I answer from it. Or "
            "write me your question in words."
        )

    @property
    def document_named(self) -> str:
        return self._("That is one of my documents. Ask me something about it, or choose a heading:")

    @property
    def documents_named(self) -> str:
        return self._("Those are some of my documents. Ask me something about them, or choose one:")

    @property
    def greeted(self) -> str:
        return self._("Hello! Ask me about something in the documents, and I’ll look for a quote.")

    @property
    def thanked(self) -> str:
        return self._("You’re welcome! If you want to know anything else from the documents, just ask.")

    @property
    def said_goodbye(self) -> str:
        return self._("Goodbye! Write to me whenever you want to know something from the documents.")

    @property
    def unknown_command(self) -> str:
        return self._("I don’t know this command. Just write me your question, or see /help.")

    @property
    def no_answer(self) -> str:
        return self._("The documents hold no answer to this.")

    @property
    def one_word_question(self) -> str:
        return self._("One word is not enough to go on. Ask me a whole question, and I’ll look for a quote.")

    @property
    def nothing_asked(self) -> str:
        return self._("Happy to help! Ask me about something in the documents, and I’ll look for a quote.")

    @property
    def no_words(self) -> str:
        return self._("What would you like to know? Ask me in a few words, and I’ll look for a quote.")

    @property
    def near_headings(self) -> str:
        return self._("These headings may help:")

    @property
    def unsure_answer(self) -> str:
        return self._("I’m not sure this answers it. The closest passages:")

    @property
    def no_documents(self) -> str:
        return self._("I have no documents yet, so there is nothing I could quote. Please come back later!")

    @property
    def did_you_mean(self) -> str:
        return self._("Did you mean:")

    @property
    def too_many_questions(self) -> str:
        return self._("That was a lot at once! Please ask again in a minute.")

    @property
    def internal_error(self) -> str:
        return self._("Sorry, something went wrong on my side. Please ask again.")

    @property
    def documents_unreachable(self) -> str:
        return self._("The documents cannot be reached at the moment. Please ask again in a minute.")

    # Locations of quotes

    @property
    def is_right_to_left(self) -> bool:
        """Whether the language is written from right to left."""
        return self.language == "ar"

    @property
    def list_separator(self) -> str:
        return self._(", ")

    def under_heading(self, heading: str) -> str:
        return self._("under “{heading}”").format(heading=heading)

    def page(self, label: str) -> str:
        return self._("page {label}").format(label=label)

    @property
    def scanned(self) -> str:
        """Follows the page of a quote that was read by OCR: page 3, scanned."""
        return self._("scanned")

    @property
    def scan_hard_to_read(self) -> str:
        return self._("The scan is hard to read here, so I don’t quote it.")

    @property
    def can_show_page(self) -> str:
        return self._("I can show you the page.")

    def slide(self, label: str) -> str:
        return self._("slide {label}").format(label=label)

    def sheet(self, name: str) -> str:
        return self._("sheet “{name}”").format(name=name)

    def row(self, label: str) -> str:
        return self._("row {label}").format(label=label)

    def time(self, label: str) -> str:
        """Return a place in a recording; `label` is a time such as 00:12:31."""
        return self._("at {label}").format(label=label)

    def cell(self, label: str) -> str:
        return self._("cell {label}").format(label=label)

    def record(self, label: str) -> str:
        return self._("record {label}").format(label=label)

    def mail(self, number: str, date: str) -> str:
        """Return which e-mail of a file it is; one of number and date may be empty."""
        if not date:
            return self._("message {number}").format(number=number)
        if not number:
            return self._("message of {date}").format(date=date)
        return self._("message {number} of {date}").format(number=number, date=date)

    def chapter(self, name: str) -> str:
        return self._("chapter “{name}”").format(name=name)

    def paragraph(self, number: int) -> str:
        return self._("paragraph {number}").format(number=number)

    def lines(self, first: int, last: int) -> str:
        if first == last:
            return self._("line {number}").format(number=first)
        return self._("lines {first}–{last}").format(first=first, last=last)

    @property
    def altered_characters(self) -> str:
        return self._("Telegram cannot display some characters of this quote, such as tabs, exactly.")

    def passage_gone(self, title: str) -> str:
        return self._(
            "The document “{title}” has changed since this link was made, and no longer holds the passage."
        ).format(title=title)

    # /why

    @property
    def matched_words(self) -> str:
        return self._("Matched words, by weight:")

    def word_weight(self, word: str, weight: str, passages: int) -> str:
        return self._n(
            "{word}: {weight}, in {passages} passage",
            "{word}: {weight}, in {passages} passages",
            passages,
        ).format(word=word, weight=weight, passages=passages)

    def unknown_words(self, words: str) -> str:
        return self._("Not in any document: {words}").format(words=words)

    def low_weight_words(self, words: str) -> str:
        return self._("Little weight: {words}").format(words=words)

    @property
    def no_specific_words(self) -> str:
        return self._("None of these words is specific enough to search for.")

    # Inline queries

    @property
    def inline_hint(self) -> str:
        return self._("Type a question to find a quote")

    @property
    def inline_no_quote(self) -> str:
        return self._("No quote found. How does this work?")

    def inline_unsure(self, quote: str) -> str:
        return self._("Not sure: {quote}").format(quote=quote)

    @property
    def inline_unreachable(self) -> str:
        return self._("The documents cannot be reached right now")

    # Buttons and the replies to them

    @property
    def show_context(self) -> str:
        return self._("Show context")

    @property
    def back_to_quote(self) -> str:
        return self._("Back to the quote")

    @property
    def back_to_closest(self) -> str:
        return self._("Back to the passages")

    @property
    def show_closest(self) -> str:
        return self._("Show the closest passages")

    def show_context_of(self, number: int) -> str:
        return self._("Context {number}").format(number=number)

    @property
    def read_on(self) -> str:
        return self._("Read on")

    @property
    def copy_citation(self) -> str:
        return self._("Copy citation")

    @property
    def show_page(self) -> str:
        return self._("Page")

    @property
    def page_not_available(self) -> str:
        return self._("I cannot show this page.")

    @property
    def document(self) -> str:
        return self._("Document")

    @property
    def file_not_available(self) -> str:
        return self._("I cannot send this document.")

    @property
    def thanks_for_vote(self) -> str:
        return self._("Thank you! That helps me answer better.")

    def quote_position(self, rank: int, count: int) -> str:
        return self._("Quote {rank} of {count}").format(rank=rank, count=count)

    @property
    def button_expired(self) -> str:
        return self._("This button is out of date. Please ask again.")

    @property
    def question_gone(self) -> str:
        return self._("I can no longer see the question. Please ask it again.")

    @property
    def documents_changed(self) -> str:
        return self._("The documents have changed since then. Please ask again.")

    @property
    def linked_document_gone(self) -> str:
        return self._("The document this link leads to is no longer here, or belongs to another chat.")

    # Browsing

    def document_count(self, count: int) -> str:
        return self._n("I have {count} document:", "I have {count} documents:", count).format(count=count)

    def passage_count(self, count: int) -> str:
        return self._n("{count} passage", "{count} passages", count).format(count=count)

    def file_size(self, kilobytes: int) -> str:
        if kilobytes < _KILOBYTES_PER_MEGABYTE:
            return self._("{number} KB").format(number=kilobytes)
        return self._("{number} MB").format(number=round(kilobytes / _KILOBYTES_PER_MEGABYTE, 1))

    @property
    def overview(self) -> str:
        return self._("Overview")

    @property
    def overview_opening(self) -> str:
        return self._("What it is about, in its own sentences:")

    @property
    def overview_of_table(self) -> str:
        return self._("The first rows:")

    @property
    def overview_headings(self) -> str:
        return self._("Headings:")

    @property
    def choose_document(self) -> str:
        return self._("Which document do you mean?")

    @property
    def unknown_document(self) -> str:
        return self._("I have no document of this name. Which one do you mean?")

    @property
    def read_from_start(self) -> str:
        return self._("Read from the beginning")

    @property
    def all_documents(self) -> str:
        return self._("All documents")

    @property
    def all_headings(self) -> str:
        return self._("Headings")

    def place_count(self, count: int) -> str:
        return self._n("{count} place, the best first:", "{count} places, the best first:", count).format(
            count=count
        )

    @property
    def no_places(self) -> str:
        return self._("None of these words occurs in the documents.")

    def page_of(self, number: int, count: int) -> str:
        return self._("Page {number} of {count}").format(number=number, count=count)

    # Documents of a chat

    @property
    def help_uploads(self) -> str:
        return self._(
            "Send me a document, and I answer from it too, in this chat only. In a group, its administrators "
            "send it as a reply to one of my messages, or with my name in the caption if I can see the "
            "messages of the group. "
            "/mine lists the documents of the chat, and /forget deletes them."
        )

    @property
    def privacy_uploads(self) -> str:
        return self._(
            "Documents that you send me are stored on the operator’s computers, with the name of who sent "
            "them and the time of the last question. I quote them in this chat only; what you ask about them "
            "is neither logged nor collected. /mine lists them and removes single ones, and /forget deletes "
            "them all at once. When I am removed from a group, its documents are deleted a day later."
        )

    def kept_for_days(self, days: int) -> str:
        return self._n(
            "After {count} day without a question, they are deleted.",
            "After {count} days without a question, they are deleted.",
            days,
        ).format(count=days)

    @property
    def kept_until_removed(self) -> str:
        return self._("Otherwise they are kept until somebody removes them.")

    def document_read(self, name: str) -> str:
        return self._("I’ve read {name}. Ask away!").format(name=name)

    def document_read_pages(self, name: str, pages: int) -> str:
        return self._n(
            "I’ve read {name} ({count} page). Ask away!",
            "I’ve read {name} ({count} pages). Ask away!",
            pages,
        ).format(name=name, count=pages)

    def document_read_files(self, name: str, count: int) -> str:
        return self._n(
            "I’ve read {name} ({count} document). Ask away!",
            "I’ve read {name} ({count} documents). Ask away!",
            count,
        ).format(name=name, count=count)

    def confirm_replacement(self, name: str) -> str:
        return self._(
            "This chat already has a document named {name}. Shall I replace it with this one?"
        ).format(name=name)

    @property
    def replacement_confirmed(self) -> str:
        return self._("Yes, replace it")

    @property
    def replacement_cancelled(self) -> str:
        return self._("No, keep the old one")

    def document_kept(self, name: str) -> str:
        return self._("I’ve kept the existing {name}.").format(name=name)

    def confirm_library(self, name: str) -> str:
        return self._("Where does {name} belong?").format(name=name)

    @property
    def to_this_chat(self) -> str:
        return self._("To this chat only")

    @property
    def to_the_library(self) -> str:
        return self._("To the library, for everyone")

    def format_not_supported(self, formats: str) -> str:
        return self._("I cannot read files of this kind; send it as {formats}").format(formats=formats)

    @property
    def document_is_protected(self) -> str:
        return self._("it is protected; send a copy without a password")

    @property
    def document_is_pictures(self) -> str:
        return self._(
            "it contains only pictures and no text to quote; run text recognition (OCR) on it first"
        )

    @property
    def scan_language_missing(self) -> str:
        return self._("it is scanned, in a script that I can’t read here")

    @property
    def document_is_empty(self) -> str:
        return self._("it has no text that I could quote")

    @property
    def document_is_too_large(self) -> str:
        return self._("it is too large; split it and send the parts")

    @property
    def document_is_damaged(self) -> str:
        return self._("it is damaged, or another kind of file than its name says; save it again and send it")

    def document_is_misnamed(self, suffix: str) -> str:
        return self._(
            "it is a {suffix} file, not what its name says; rename it so that it ends in {suffix}, and send "
            "it again"
        ).format(suffix=suffix)

    def too_many_documents(self, max_documents: int) -> str:
        return self._n(
            "a chat may have {count} document at most; remove one with /mine first",
            "a chat may have {count} documents at most; remove one with /mine first",
            max_documents,
        ).format(count=max_documents)

    def documents_too_large(self, megabytes: int) -> str:
        return self._(
            "the documents of a chat may have {megabytes} MB together at most; remove some with /mine first"
        ).format(megabytes=megabytes)

    @property
    def cannot_store(self) -> str:
        return self._("I cannot store it at the moment; please try again later")

    @property
    def file_not_delivered(self) -> str:
        return self._("Telegram no longer has the file; please send it again")

    @property
    def group_admins_only(self) -> str:
        return self._("Only administrators of this group can do that.")

    def own_document_count(self, count: int) -> str:
        return self._n(
            "This chat has {count} document of its own:", "This chat has {count} documents of its own:", count
        ).format(count=count)

    @property
    def no_own_documents(self) -> str:
        return self._(
            "This chat has no documents of its own. Send me one, and I answer from it in this chat only."
        )

    @property
    def no_own_documents_in_group(self) -> str:
        return self._(
            "This group has no documents of its own. An administrator can send one as a reply to this "
            "message, and I answer from it in this group only."
        )

    def added_by(self, person: str) -> str:
        return self._("added by {person}").format(person=person)

    @property
    def still_reading(self) -> str:
        return self._("still being read")

    @property
    def scope_question(self) -> str:
        return self._("Which documents should I search?")

    @property
    def scope_both(self) -> str:
        return self._("These documents and the library")

    @property
    def scope_own(self) -> str:
        return self._("Only these documents")

    @property
    def scope_library(self) -> str:
        return self._("Only the library")

    @property
    def searched_own(self) -> str:
        return self._("Searched: only the documents of this chat (change with /mine)")

    @property
    def searched_library(self) -> str:
        return self._("Searched: only the library (change with /mine)")

    @property
    def forget_all(self) -> str:
        return self._("Delete all")

    def confirm_forgetting(self, count: int) -> str:
        return self._n(
            "Delete the {count} document of this chat? This cannot be undone.",
            "Delete all {count} documents of this chat? This cannot be undone.",
            count,
        ).format(count=count)

    @property
    def forgetting_confirmed(self) -> str:
        return self._("Yes, delete all")

    @property
    def forgetting_cancelled(self) -> str:
        return self._("No, keep them")

    @property
    def forgotten(self) -> str:
        return self._("Done. All documents of this chat have been deleted.")

    @property
    def nothing_to_forget(self) -> str:
        return self._("There is nothing to delete: this chat has no documents of its own.")

    # Admins

    def collections_status(self, chats: int, documents: int, megabytes: int) -> str:
        return self._(
            "Chats with documents of their own: {chats} ({documents} documents, {megabytes} MB)"
        ).format(chats=chats, documents=documents, megabytes=megabytes)

    def status(self, figures: Mapping[str, str]) -> str:
        lines = (
            self._("Documents: {documents}"),
            self._("Passages: {passages}"),
            self._("Index: {version}, {backend}"),
            self._("Running for: {hours} h {minutes} min"),
            self._("Questions answered: {answers}, not sure: {unsure}, declined: {declines}"),
            self._("Median time of an answer: {median} ms"),
        )
        return "\n".join(lines).format_map(figures)

    def files_left_out(self, count: int) -> str:
        return self._n("{count} file was skipped:", "{count} files were skipped:", count).format(count=count)

    @property
    def reloading(self) -> str:
        return self._("Reading the documents …")

    def reloaded(self, documents: int, passages: int) -> str:
        read = self._n("{count} document read", "{count} documents read", documents).format(count=documents)
        return f"{read} · {self.passage_count(passages)}"

    def reading_document(self, name: str) -> str:
        return self._("Reading {name} …").format(name=name)

    def document_added(self, name: str) -> str:
        return self._("Added {name}. It is searchable now.").format(name=name)

    def document_replaced(self, name: str) -> str:
        return self._("Replaced {name}. The new version is searchable now.").format(name=name)

    def scanned_pages_waiting(self, count: int) -> str:
        return self._n(
            "Its {count} scanned page is being read and will be searchable later.",
            "Its {count} scanned pages are being read and will be searchable later.",
            count,
        ).format(count=count)

    def document_not_added(self, name: str, reason: str) -> str:
        return self._("{name} was not added: {reason}").format(name=name, reason=reason)

    @property
    def documents_in_cluster(self) -> str:
        return self._(
            "My documents are in a cluster. Change them with the command “verbatim index”, not from Telegram."
        )

    @property
    def file_name_not_allowed(self) -> str:
        return self._("its file name is not allowed here; rename it")

    def file_too_large(self, max_megabytes: int) -> str:
        return self._("it is larger than {most} MB; split it").format(most=max_megabytes)

    @property
    def remove_document(self) -> str:
        return self._("Remove")

    def confirm_removal(self, name: str) -> str:
        return self._("Remove {name} from the documents? Its file is deleted.").format(name=name)

    @property
    def removal_confirmed(self) -> str:
        return self._("Yes, remove it")

    @property
    def removal_cancelled(self) -> str:
        return self._("No, keep it")

    def document_removed(self, name: str) -> str:
        return self._("Removed {name}.").format(name=name)


def texts_for(language: str | None = None) -> Texts:
    """Return the sentences for an IETF language tag, such as `zh-hans`; English for unknown languages.

    Sentences missing from a catalogue are in English, too.
    """
    code = (language or "").replace("_", "-").partition("-")[0].lower()
    return _catalogue(code if code in LANGUAGES else "en")


def small_talk_reply(message: str, texts: Texts) -> str | None:
    """Return the reply to a message of small talk, in its language; None for any other message."""
    if not (small_talk := parse_small_talk(message, texts.language)):
        return None
    kind, language = small_talk
    texts_of_message = texts_for(language)
    if kind is SmallTalk.THANKS:
        return texts_of_message.thanked
    return texts_of_message.said_goodbye if kind is SmallTalk.GOODBYE else texts_of_message.greeted


@cache
def _catalogue(language: str) -> Texts:
    catalogue = translation("verbatim", _LOCALE, [language], fallback=True)
    return Texts(catalogue, language)
