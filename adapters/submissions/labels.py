"""Which contact field a form's label or field name means, in eight languages.

A phrase has to match as a whole, after fill words ("your", "please enter", "Ihre") are taken away: "Company name" is
the company, and "Name of your dog" is nobody's name. E-mail and phone are also found inside longer questions, because
there the value tells whether it is one.
"""

import re
import unicodedata
from functools import cache, lru_cache

from adapters.submissions.words import COMMON, FILL_WORDS, PARTS, PHRASES, PREFIXES, WRAPPERS

_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_REMARK = re.compile(r"\{\{[^{}]*\}\}|\([^()]*\)|<[^<>]*>")
_ACCENT = re.compile(r"[\u0300-\u036f]")
_CONTINUED = re.compile(r",\s*\n")
MAX_LABEL, MAX_WORDS = 500, 16


def words_of(text: str) -> tuple[str, ...]:
    """The words of a label or name in lower case without accents: ``yourEmail``, ``your-email`` and ``Your E-Mail``
    give the same ones. Remarks in brackets, HTML and numbers at the end (``email-456``) are left out."""
    return _words_of(text[:MAX_LABEL])


@lru_cache(maxsize=8192)
def _words_of(text: str) -> tuple[str, ...]:
    text = _REMARK.sub(" ", text).replace("'", " ").replace("\u2019", " ")
    if " " not in text.strip():
        text = _CAMEL.sub(" ", text)
    if not text.isascii():
        # Marks that stand alone go first: ordering a long pile of them is slow.
        text = _ACCENT.sub("", unicodedata.normalize("NFKD", _ACCENT.sub("", text).translate(_LETTERS)))
    words = _WORD.findall(text.casefold())
    while len(words) > 1 and words[-1].isdigit():
        del words[-1]
    return tuple(_join_email(words))


def _join_email(words: list[str]) -> list[str]:
    """``e mail`` as ``email``."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "e" and word.startswith("mail"):
            joined[-1] = f"e{word}"
        else:
            joined.append(word)
    return joined


def field_of(label: str) -> str | None:
    """The contact field that a label or name means, or None. Case, accents, fill words and numbers do not matter."""
    return _field_of(words_of(label))


@lru_cache(maxsize=8192)
def _field_of(words: tuple[str, ...]) -> str | None:
    if len(words) > MAX_WORDS:
        return None
    while words:
        found = _look_up(words) or _look_up((*words[:-1], words[-1].rstrip("0123456789")))
        if found or words[0] not in PREFIXES:
            return found
        words = words[1:]
    return None


def field_at(path: tuple[str, ...]) -> str | None:
    """The contact field at a place in a nested document: ``company.name`` is the company, ``contact.name`` a name."""
    parts: frozenset[str] | None = None
    while path:
        found = field_of(" ".join(path))
        if found is not None and (parts is None or found in parts):
            return found
        step = path[0].casefold().replace("-", "_")
        if len(path) == 1 or (step not in WRAPPERS and step not in PARTS):
            return None
        parts = PARTS.get(step, parts)
        path = path[1:]
    return None


def _look_up(words: tuple[str, ...]) -> str | None:
    whole, cores = _phrases()
    found = whole.get("".join(words))
    if found is not None:
        return found
    for fill, known in zip(FILL_WORDS, cores, strict=True):
        if not fill.isdisjoint(words) and (found := known.get(_core(words, fill))):
            return found
    return None


def _core(words: tuple[str, ...], fill: frozenset[str]) -> str:
    return "".join(word for word in words if word not in fill)


@cache
def _phrases() -> tuple[dict[str, str], list[dict[str, str]]]:
    """Phrase without spaces → field, for all languages together and, without fill words, for each."""
    whole: dict[str, str] = {}
    cores: list[dict[str, str]] = [dict(COMMON) for _ in FILL_WORDS]
    for name, listed in PHRASES.items():
        for line, fill, known in zip(_CONTINUED.sub(",", listed).strip().splitlines(), FILL_WORDS, cores, strict=True):
            for phrase in line.split(","):
                words = words_of(phrase)
                whole.setdefault("".join(words), name)
                known.setdefault(_core(words, fill) or "".join(words), name)
    return whole, cores


def mentions(words: tuple[str, ...], vocabulary: frozenset[str]) -> bool:
    """Whether one of the words is in a vocabulary."""
    return not vocabulary.isdisjoint(words)
