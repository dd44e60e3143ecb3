"""Translates what the book's code says: sentences made of words, and of numbers and names in them.

A message is one sentence or several, with {0}, {1} … where something is put in. A text is looked up
as it is, then among the messages with places, then sentence by sentence; what stood in the places
is put back, itself translated if it can be. A text without a translation stays as it is.

Sphinx uses it for what cells show, and the worker in the browser for what Python answers there.
"""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

PLACE = re.compile(r"\{\d+\}")
NUMBER = re.compile(r"[-−]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
WORD = re.compile(r"[A-Za-z]{2}")
SENTENCE_END = re.compile(r"[.?!](?:\s|$)")
BETWEEN_SENTENCES = re.compile(r"(?<=[.?!]) (?=\S)")
ATTRIBUTES = ("alt", "aria-label", "title")  # of HTML, those that are read out
NO_WORDS = ("script", "style")


class Translator:
    """The messages of a catalogue, and their translations."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.whole = {message.strip(): said.strip() for message, said in messages.items()}
        with_places = filter(PLACE.search, self.whole)
        # Those with most words of their own come first: "{0}: {1}" fits much.
        ordered = sorted(with_places, key=lambda m: (-len(PLACE.sub("", m)), m))
        self.patterns = [(_pattern(message), self.whole[message]) for message in ordered]

    def text(self, text: str) -> str:
        """Return a text in the other language, as much of it as has a translation."""
        words = text.strip()
        if not self.whole or not words:
            return text
        found = self._all(words) or next(self._fitting(words, self.text), None)
        if not found:
            found = join(*(self._all(part) or part for part in sentences(words)))
        return text.replace(words, found, 1)

    def _all(self, words: str) -> str | None:
        """Return the translation if there is one of each sentence."""
        if words in self.whole:
            return self.whole[words]
        if fitting := next(self._fitting(words, self._put_in), None):
            return fitting
        if words.endswith(".") and (found := self._all(words[:-1])):  # a phrase ends a sentence
            return f"{found}。"
        parts = [self._all(part) for part in sentences(words)[1:] and sentences(words)]
        return join(*filter(None, parts)) if parts and all(parts) else None

    def _put_in(self, words: str) -> str | None:
        """Return what to put into a place; if that has sentences, they have to be known."""
        return self._all(words) or (None if SENTENCE_END.search(words) else words)

    def _fitting(self, words: str, put_in: Callable[[str], str | None]) -> Iterator[str]:
        """Yield the translations of the messages that fit, with the places filled."""
        for pattern, translation in self.patterns:
            if match := pattern.fullmatch(words):
                filled = {f"{{{k}}}": put_in(value) for k, value in enumerate(match.groups())}
                if None not in filled.values():
                    yield PLACE.sub(lambda place, known=filled: known[place[0]], translation)

    def html(self, text: str) -> str:
        """Return a fragment of HTML, which has to be XML too, with its texts translated."""
        if not self.whole:
            return text
        writer = _Writer(self)
        writer.feed(text)
        writer.close()
        return "".join(writer.written)


def _pattern(message: str) -> re.Pattern[str]:
    """Return what fits a message with anything in its places."""
    return re.compile("(.*?)".join(map(re.escape, PLACE.split(message))), re.DOTALL)


def sentences(text: str) -> list[str]:
    """Split a text."""
    return BETWEEN_SENTENCES.split(text)


def join(*parts: str) -> str:
    """Join sentences: no space stands beside Chinese punctuation."""
    return re.sub(r"(?<=[。？！；：]) ", "", " ".join(parts))


def messages_of(text: str) -> list[str]:
    """Return the messages of a text: its sentences that have words, without their numbers."""
    return [template(part) for part in sentences(text.strip()) if WORD.search(part)]


def template(sentence: str) -> str:
    """Put places into a sentence instead of its numbers."""
    places = iter(range(len(sentence)))
    return NUMBER.sub(lambda _: f"{{{next(places)}}}", sentence)


class _Reader(HTMLParser):
    """Meets each text of a fragment of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []  # with capital letters, which SVG has

    def text(self, text: str) -> str:
        """Return what to write in the place of a text."""
        raise NotImplementedError

    def write(self, markup: str) -> None:
        """Take the next piece of the fragment."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        self.open.append(re.findall(r"[^\s<>/]+", self.get_starttag_text() or "")[0])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        markup = self.get_starttag_text() or ""
        for name, value in attrs:
            if name in ATTRIBUTES and value:
                old, new = (html.escape(words) for words in (value, self.text(value)))
                markup = markup.replace(f'{name}="{old}"', f'{name}="{new}"')
        self.write(markup)

    def handle_endtag(self, tag: str) -> None:
        self.write(f"</{self.open.pop()}>")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in NO_WORDS:
            self.write(data)
        else:
            self.write(html.escape(self.text(data), quote=False))


class _Writer(_Reader):
    """Writes the fragment again, translated."""

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        self.text = translator.text  # type: ignore[method-assign]
        self.written: list[str] = []

    def write(self, markup: str) -> None:
        self.written.append(markup)


class _Collector(_Reader):
    """Collects the messages of the fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def text(self, text: str) -> str:
        self.messages += messages_of(text)
        return text


def messages_of_html(text: str) -> list[str]:
    """Return the messages of a fragment of HTML."""
    collector = _Collector()
    collector.feed(text)
    collector.close()
    return collector.messages


# --- in the browser ------------------------------------------------------------------------------


@cache
def translator(name: str) -> Translator:
    """Return the translations that the build has put beside this module; none in English."""
    file = Path(__file__).with_name("messages.json")
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return Translator(known.get(name, {}))
