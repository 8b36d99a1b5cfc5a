"""Letters of customers, and the fields that a model takes from them."""

import json
from typing import Final

from app.domain.exchange import Json
from app.simulator.draws import one_of, shuffled, uniform

FIELDS: Final = ("customer", "order_number", "appliance", "model", "price_euros", "wish")
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {name: {"type": ["string", "null"]} for name in FIELDS},
    "required": list(FIELDS),
    "additionalProperties": False,
}
_FIRST = ("Anna", "Jonas", "Maria", "Piotr", "Elif", "Lukas", "Chiara", "Tom", "Ines", "David", "Sofia", "Mehmet")
_LAST = (
    "Kowalski",
    "Berger",
    "Rossi",
    "Yilmaz",
    "Novak",
    "Lindgren",
    "Moreau",
    "Hughes",
    "Silva",
    "Keller",
    "Dubois",
    "Horvat",
)
_APPLIANCES = ("dishwasher", "fridge", "washing machine", "oven", "dryer", "coffee machine", "freezer", "cooker hood")
_SERIES = ("Volta", "Arctic", "Linea", "Corno", "Mistral", "Terra")
_WISHES = ("return", "repair", "exchange", "cancel")
_LETTERS = (
    "Hello, my name is {customer}. I bought this from you: {appliance}, {model}, for {price_euros} euros. The order number is "
    "{order_number}. It does not work for me at all and I would like to {wish} it as soon as possible. Kind regards",
    "Re: order {order_number}\nDear team, concerning the {appliance} {model} ({price_euros} euros): please {wish} it. I have "
    "tried to call you three times without success, so I do it by mail now. Thank you in advance\n{customer}",
    "To whom it may concern. On the phone they told me to write down everything: {customer}, {appliance}, type {model}, number "
    "{order_number}, paid {price_euros} euros by card. What I want is to {wish} it. I am at home on weekdays after five.",
)


def fields_of(seed: int, case: int) -> dict[str, str]:
    """What a case's letter says."""
    first, last = one_of(_FIRST, seed, case, "first"), one_of(_LAST, seed, case, "last")
    euros, cents = 150 + int(uniform(seed, case, "price") * 1200), one_of(("00", "50", "90", "99"), seed, case, "cents")
    return {
        "customer": f"{first} {last}",
        "order_number": f"LK-{10_000_000 + int(uniform(seed, case, 'order') * 89_999_999)}",
        "appliance": one_of(_APPLIANCES, seed, case, "appliance"),
        "model": f"{one_of(_SERIES, seed, case, 'series')} {100 + int(uniform(seed, case, 'model') * 899)}",
        "price_euros": f"{euros}.{cents}",
        "wish": one_of(_WISHES, seed, case, "wish"),
    }


def letter_of(seed: int, case: int) -> str:
    """The customer's letter."""
    return one_of(_LETTERS, seed, case, "letter").format(**fields_of(seed, case))


def extraction_text(seed: int, case: int, arm: str, level: int) -> str:
    """An arm's JSON with `level` of six fields right; a poor one may even break the schema."""
    fields: dict[str, str | None] = dict(fields_of(seed, case))
    wrong = shuffled(FIELDS, seed, case, arm, "wrong")[level:]
    for name in wrong:
        fields[name] = _mistake(name, str(fields[name]), seed, case, arm)
    if len(wrong) > 1 and uniform(seed, case, arm, "left out") < 0.3:  # noqa: PLR2004
        del fields[wrong[0]]
    if uniform(seed, case, arm, "order") < 0.5:  # noqa: PLR2004 - the order of keys is the model's own
        fields = dict(reversed(fields.items()))
    return json.dumps(fields, indent=2 if uniform(seed, case, arm, "indent") < 0.5 else None)  # noqa: PLR2004


def fields_right(letter: str, reply: str) -> int | None:
    """How many fields of a reply stand in the letter; `None` if the reply is not such a JSON object."""
    try:
        fields = json.loads(reply)
    except ValueError:
        return None
    if not isinstance(fields, dict) or not set(fields) <= set(FIELDS):
        return None
    return sum(isinstance(value, str) and value in letter for value in fields.values())


def _mistake(name: str, value: str, seed: int, case: int, arm: str) -> str | None:
    """A wrong value as models make them: left empty, digits read wrongly, or a guess."""
    if uniform(seed, case, arm, name, "empty") < 0.4:  # noqa: PLR2004
        return None
    if name in ("order_number", "price_euros", "model"):
        last = value[-1]
        return f"{value[:-1]}{(int(last) + 1 + int(uniform(seed, case, arm, name, 'digit') * 9)) % 10}"
    if name == "customer":
        return value + value[-1]
    return "complaint" if name == "wish" else "household appliance"
