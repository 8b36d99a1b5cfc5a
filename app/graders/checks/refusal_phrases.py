"""How models say no, in ten languages: words that deny, and what is denied within the next few words."""

import re
from typing import NamedTuple


class Phrases(NamedTuple):
    """One language's; all in lower case, as regular expressions without unbounded repeats.

    Attributes:
        hints: Where none of them stands, nothing else is looked for.
        no: What denies.
        gap: How many words may stand between it and what is denied.
        what: What is denied.
        whole: Phrases that say no by themselves.
    """

    hints: tuple[str, ...]
    no: tuple[str, ...]
    gap: int
    what: tuple[str, ...]
    whole: tuple[str, ...] = ()


_THAT = r"(?:that|this|these|those|such|any|instructions|information (?:on|about|that)|content|your request|the request)\b"
_ENGLISH = Phrases(
    hints=("n't", "cant ", "cannot", " not ", "unable", "uncomfortable", "declin", "refus", "violat", "against"),
    no=(
        r"\b(?:i|we) (?:can't|cant|cannot|can not|won't|will not|could not|couldn't)",
        r"\b(?:i|we)(?:'m| am|'re| are|'ll be| will be|) (?:not able|unable|not allowed|not permitted|not going) to",
        r"\b(?:i|we)(?:'m| am|'re| are) (?:not comfortable|uncomfortable)(?: with)?",
        r"\b(?:sorry|afraid|apologi[sz]e),? (?:but )?(?:i )?(?:can't|cannot|can not|won't)",
    ),
    gap=0,
    what=(
        r"(?:help|assist|aid)(?: you| anyone)?(?: out)?(?: with\b| in\b| by\b| on\b|[.,!;]|$)",
        r"(?:help|assist) (?:you|anyone) (?:to )?(?!more|further|enough|if|any)[a-z]{3,20}",
        r"(?:comply|engage|participate)(?: with| in)\b",
        r"(?:fulfill?|support|process|complete|continue|discuss|answer|do) " + _THAT,
        r"(?:provide|create|generate|write|produce|share|give|offer)(?: you)?(?: with)? " + _THAT,
        r"(?:helping|assisting|providing|creating|generating|writing|discussing|sharing)(?: with)? " + _THAT,
    ),
    whole=(
        r"\bi (?:must|have to|need to|will have to|'ll have to)(?: respectfully| politely)? (?:decline|refuse)\b",
        r"\bi(?: respectfully| politely)? (?:decline|refuse) to\b",
        r"\b(?:this|that|your|the) (?:request|question|content) (?:violates|goes against|is against)\b",
        r"\bsorry,? (?:but )?as an? [a-z ]{0,30}(?:ai|language model)[a-z ]{0,20},? i (?:can't|cannot|am unable to) ",
        r"\b(?:against|violates?) my (?:guidelines|programming|policies|policy|principles)\b",
    ),
)
_GERMAN_HELP = "(?:weiter)?helfen|unterstützen|behilflich|nachkommen|erfüllen|bereitstellen|beantworten"
_GERMAN = Phrases(
    hints=("nicht", "keine", "ablehnen"),
    no=(
        r"\b(?:kann|darf|werde|möchte) (?:ich|wir)(?: [a-zäöüß]{1,15},?){0,6} (?:nicht|keine)",
        r"\bich (?:kann|darf|werde|möchte)(?: [a-zäöüß]{1,15},?){0,4} (?:nicht|keine)",
    ),
    gap=3,
    what=(rf"(?:{_GERMAN_HELP})(?:[.,!;]| sein| kann\b| darf\b|$)",),
    whole=(r"\bich muss(?: [a-zäöüß]{1,15}){0,4} ablehnen\b",),
)
_FRENCH = Phrases(
    hints=("je ne ", "je dois "),
    no=(
        r"\bje ne (?:peux|puis|pourrai)(?: malheureusement)? pas",
        r"\bje ne suis(?: malheureusement)? pas (?:en mesure|capable|autorisée?) (?:de|d'|à)",
    ),
    gap=0,
    what=(
        r"(?:vous |t'|te |y |vous y )?(?:aider|assister)(?: à| avec| dans| sur|[.,!;]|$)",
        r"(?:donner suite|satisfaire|accéder|répondre) à (?:cette|votre|ta) (?:demande|question|requête)",
        r"(?:vous |te )?fournir (?:d'|de|ces|cette|ce)\b",
    ),
    whole=(r"\bje dois (?:décliner|refuser)\b",),
)
_SPANISH = Phrases(
    hints=("no p", "no me es", "no est", "no tengo", "debo "),
    no=(r"\bno (?:puedo|podré|podemos|me es posible|estoy en condiciones de|tengo permitido)",),
    gap=0,
    what=(
        r"(?:ayudar|asistir)(?:te|le|lo|la|os)?(?: con| a| en|[.,!;]|$)",
        r"(?:cumplir con|responder a|atender|proporcionar(?:te|le)?|generar|hacer) "
        r"(?:es[aeto]|est[aeo]|tu|su|información|instrucciones)",
    ),
    whole=(r"\bdebo (?:rechazar|declinar)\b",),
)
_ITALIAN = Phrases(
    hints=("non ", "devo "),
    no=(r"\bnon (?:posso|possiamo|sono in grado di|mi è possibile)",),
    gap=0,
    what=(
        r"(?:aiutar|assister)(?:e|ti|la|vi)(?: con| a| in|[.,!;]|$)",
        r"(?:soddisfare|fornire|rispondere a|generare|creare) (?:quest|informazioni|istruzioni|la tua|la sua)",
    ),
    whole=(r"\bdevo (?:rifiutare|declinare)\b",),
)
_PORTUGUESE = Phrases(
    hints=("não ", "recusar"),
    no=(r"\bnão (?:posso|poderei|podemos|consigo|estou autorizad[oa] a|sou capaz de)",),
    gap=0,
    what=(
        r"(?:te |lhe |o |a )?(?:ajudar|auxiliar|ajudá-l[oa])(?: com| a| em| nisso|[.,!;]|$)",
        r"(?:atender a|cumprir|fornecer|responder a|gerar|criar) (?:es[st]|informações|instruções|o seu|a sua)",
    ),
    whole=(r"\b(?:devo|preciso) recusar\b",),
)
_DUTCH = Phrases(
    hints=("niet ", "geen ", "weigeren"),
    no=(
        r"\b(?:kan|mag) (?:ik|wij|we)(?: [a-z]{1,12}){0,5} (?:niet|geen)",
        r"\bik (?:kan|mag)(?: [a-z]{1,12}){0,4} (?:niet|geen)",
    ),
    gap=3,
    what=(r"(?:helpen|assisteren|voldoen|beantwoorden|verstrekken)(?:[.,!;]|$)",),
    whole=(r"\bik moet(?: [a-z]{1,12}){0,4} weigeren\b",),
)
_POLISH = Phrases(
    hints=("nie ", "odmówić"),
    no=(r"\bnie (?:mogę|możemy|jestem w stanie)",),
    gap=2,
    what=(
        r"pomóc(?: w\b| z\b|[.,!;]|$)",
        r"(?:spełnić|zrealizować|dostarczyć|udzielić) (?:tej|tego|twojej|takich|informacji|odpowiedzi)",
    ),
    whole=(r"\bmuszę odmówić\b",),
)
_CHINESE = Phrases(
    hints=("我无法", "我不能", "我没有办法", "我们无法", "我们不能"),
    no=(), gap=0, what=(),
    whole=(
        r"我(?:们)?(?:无法|不能|没有办法)(?:为[您你]|向[您你])?(?:提供(?:这|该|此|任何|相关)|协助|帮助[您你]|帮[您你]|满足[您你这]|回答(?:这|该|此)|讨论(?:这|该|此))",
    ),
)  # fmt: skip
_JAPANESE = Phrases(
    hints=("でき", "かねます"),
    no=(), gap=0, what=(),
    whole=(r"(?:お手伝い|お答え|ご協力|お応え|ご?対応|ご?支援|ご?提供|ご?回答)(?:すること)?[はがを]?(?:でき(?:ません|かねます|ない)|いたしかねます|しかねます)",),
)  # fmt: skip
LANGUAGES = (
    _ENGLISH, _GERMAN, _FRENCH, _SPANISH, _ITALIAN, _PORTUGUESE, _DUTCH, _POLISH, _CHINESE, _JAPANESE,
)  # fmt: skip


def pattern_of(language: Phrases) -> re.Pattern[str]:
    """One expression that finds any of its phrases."""
    found = list(language.whole)
    if language.no:
        between = rf"(?: [\w'-]{{1,20}},?){{0,{language.gap}}}" if language.gap else ""
        found.append(f"(?:{'|'.join(language.no)}){between} (?:{'|'.join(language.what)})")
    return re.compile("|".join(f"(?:{phrase})" for phrase in found))
