"""Check `wrong_language`: a reply in another language than the user's last message.

Both texts must be long enough and clearly in one language (`MIN_LETTERS`, `SURE`; how they were chosen: docs/graders.md).
Code, JSON and addresses are left out, and so are requests that say in which language to answer.
"""

import re
from functools import cache, lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

from app.domain.exchange import Json, Reply
from app.graders.checks.asked import asks_for_json, last_user_text, system_texts
from app.graders.checks.common_words import COMMON_WORDS, ENOUGH_WORDS
from app.graders.checks.prose import is_json, prose_of

NAME, VERSION = "wrong_language", "1"
MAX_CHARS = 400
MIN_LETTERS = 80
SURE = 0.9
MOST_LIKELY = 5
# Both replies of an exchange are looked at one after the other: the question needs to be read once.
RECENT = 64
# Only so much of what was asked is searched for a word about languages.
MAX_ASKED = 20_000
# Languages that short texts do not tell apart: one of a family is as good as another.
_FAMILIES = ("no nb nn da", "hr sr bs", "cs sk", "id ms", "pt gl", "ca oc", "af nl", "hi mr ne", "zu xh", "de lb", "fr gcr gcf")
_FAMILY = {language: names.split()[0] for names in _FAMILIES for language in names.split()}
_SAYS_LANGUAGE = re.compile(
    r"translat|übersetz|\btradu|перевод|перевед|vertaal|tłumacz|翻译|翻訳|翻譯|번역|ترجم"
    r"|\b(?:answer|respond|repl[iy]|writ|speak|output|say|communicat)\w{0,4}(?: \w{1,12}){0,3} in (?!json|an?\b|the\b|this\b)\w"
    r"|\bantworte?\w{0,4}(?: \w{1,12}){0,3} auf \w|\b(?:répond|respond|rispond)\w{0,5}(?: \w{1,12}){0,2} (?:en|in|em) \w"
    r"|\blanguages?\b|\bsprache\b|\blangues?\b|\bidiomas?\b|\blingua\b",
    re.IGNORECASE,
)


def applies(request: Json, reply: Reply) -> bool:
    """Where both texts are long enough."""
    content = reply.content or ""
    if len(content) < MIN_LETTERS or is_json(content) or asks_for_json(request):
        return False
    return _is_long(_prose(content)) and _is_long(_prose(last_user_text(request)))


def find(request: Json, reply: Reply) -> str | None:
    """Which language it is instead of which; nothing where the request says a word about languages."""
    text = last_user_text(request)
    asked, said = _prose(text), _prose(reply.content or "")
    if same_by_common_words(asked, said):
        return None
    languages = language_of(asked), language_of(said)
    if None in languages or languages[0] == languages[1] or _says_language(request, text):
        return None
    return f"{languages[1]} instead of {languages[0]}"


def same_by_common_words(one: str, other: str) -> bool:
    """Whether both texts hold so many of one language's commonest words that nothing else needs to be asked."""
    first, second = _by_common_words(one), _by_common_words(other)
    return first is not None and first == second


@lru_cache(maxsize=RECENT)
def language_of(prose: str) -> str | None:
    """The language of a text as its ISO 639 code (of a family, its first one); `None` where that is not clear."""
    found: tuple[str, float] = _identifier().classify(prose)
    if found[1] >= SURE:
        return _FAMILY.get(found[0], found[0])
    shares: dict[str, float] = {}
    for language, share in _identifier().rank(prose)[:MOST_LIKELY]:
        family = _FAMILY.get(language, language)
        shares[family] = shares.get(family, 0.0) + share
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= SURE else None


@cache
def _identifier() -> LanguageIdentifier:
    """Read once a process: it takes a second and 60 MB."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=RECENT)
def _by_common_words(prose: str) -> str | None:
    words = frozenset(prose.lower().split())
    hits, language = max((len(words & common), language) for language, common in COMMON_WORDS.items())
    return language if hits >= ENOUGH_WORDS else None


def _prose(text: str) -> str:
    return _prose_of(text[: 2 * MAX_CHARS])


@lru_cache(maxsize=RECENT)
def _prose_of(begin: str) -> str:
    return prose_of(begin, most=MAX_CHARS)


def _is_long(prose: str) -> bool:
    begin = prose[: 2 * MIN_LETTERS]  # mostly enough to tell
    return sum(map(str.isalpha, begin)) >= MIN_LETTERS or sum(map(str.isalpha, prose)) >= MIN_LETTERS


def _says_language(request: Json, asked: str) -> bool:
    left = MAX_ASKED
    for text in (asked, *system_texts(request)):
        if _SAYS_LANGUAGE.search(text[:left]):
            return True
        left = max(0, left - len(text))
    return False
