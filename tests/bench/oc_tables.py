"""The tables of `docs/operating-characteristics.md`, made from a run's rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tests.bench.oc_picture import Strip
from tests.simulation.evaluate import Row
from tests.simulation.scenes import SIZES

RULE_WORDS = {
    "fifty_pairs_net": "50 pairs, at most 10 % worse on balance",
    "fifty_pairs_worse": "50 pairs, at most 10 % worse",
    "pair_z_daily": "z-test on pairs, every day",
    "pair_z_weekly": "z-test on pairs, every week",
    "conversation_z_daily": "z-test on conversations, every day",
    "conversation_z_weekly": "z-test on conversations, every week",
    "asymptotic_daily": "confidence sequence alone, every day",
    "h1_raw": "H1 and guard on the judge alone",
    "h1_people_only": "H1 on people's labels alone",
    "h1_without_guard": "H1 without the guard",
    "h1": "Parallel Pilot (H1 and guard)",
    "h1_and_watch": "the same and the drift watch",
}
CALM, SHOCKED = "boundary", "boundary with day shocks"
_BOUNDARY = {f"{size:,}{words}": (world, size) for world, words in ((CALM, ""), (SHOCKED, ", day shocks")) for size in SIZES}
_ELSEWHERE = {
    "equal, 700": ("parity", 700),
    "equal, 1,400": ("parity", 1400),
    "boundary, 4 of 5 pairs tie, 1,400": ("boundary, four of five pairs are ties", 1400),
    "boundary, up to 60 pairs a conversation, 1,400": ("boundary, conversations of up to 60 pairs", 1400),
}
COLUMNS = {
    "h1_raw": "judge alone",
    "h1_people_only": "people alone",
    "h1_without_guard": "without the guard",
    "h1": "Parallel Pilot",
    "h1_and_watch": "and drift watch",
}
DRAWN = tuple(
    rule
    for rule in RULE_WORDS
    if rule not in ("fifty_pairs_worse", "h1_raw", "h1_people_only", "h1_without_guard", "h1_and_watch")
)


def strips(rows: Sequence[Row]) -> list[Strip]:
    """What the picture draws."""
    found = []
    for rule in DRAWN:
        equal = _rate(rows, "parity", rule, 700)
        calm, shocked = ([_rate(rows, world, rule, size) for size in SIZES] for world in (CALM, SHOCKED))
        found.append(Strip(RULE_WORDS[rule], _known(calm), _known(shocked), equal, is_own=rule == "h1"))
    return found


def tables(rows: Sequence[Row]) -> str:
    """All tables, as Markdown."""
    parts = [
        ("### A candidate that is worse by the whole margin", _by_rule(rows, _BOUNDARY)),
        ("### What the same rules say elsewhere", _by_rule(rows, _ELSEWHERE)),
        ("### The boundary, extended by 14 days", _listed(rows, lambda row: "extended" in row["world"] and not row["labels"])),
        ("### Candidates that are equal, a little worse, clearly worse", _listed(rows, _is_level)),
        ("### Falling and rising candidates", _listed(rows, lambda row: _moves(row) and not row["labels"])),
        ("### One tenant of 30 % that is 15 points worse", _listed(rows, lambda row: "tenant" in row["world"])),
        ("### A judge that is 3 points too kind, corrected by people's labels", _listed(rows, _is_judged)),
        ("### Worlds that try to break the rule", _listed(rows, _is_nasty)),
    ]
    return "\n\n".join(f"{title}\n\n" + "\n".join(lines) for title, lines in parts)


def _by_rule(rows: Sequence[Row], columns: Mapping[str, tuple[str, int]]) -> Iterator[str]:
    yield "| rule | " + " | ".join(columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for rule, words in RULE_WORDS.items():
        cells = [_cell(rows, world, rule, size) for world, size in columns.values()]
        if any(cells):
            yield f"| {_strong(words, rule)} | " + " | ".join(_strong(cell, rule) for cell in cells) + " |"


def _cell(rows: Sequence[Row], world: str, rule: str, size: int) -> str:
    return _share(_find(rows, world, rule, size))


def _listed(rows: Sequence[Row], chosen: Callable[[Row], bool]) -> Iterator[str]:
    by_scene: dict[tuple[str, int, int], dict[str, Row]] = {}
    for row in filter(chosen, rows):
        by_scene.setdefault((row["world"], row["conversations"], row["labels"]), {})[row["rule"]] = row
    columns = [rule for rule in COLUMNS if any(rule in found for found in by_scene.values())]
    heads = [COLUMNS[rule] for rule in columns]
    yield "| " + " | ".join(["world", "conversations / labels", *heads, "told not to", "goal"]) + " |"
    yield "|---|" + "---:|" * (len(columns) + 2) + "---|"
    for (world, conversations, labels), found in by_scene.items():
        size = f"{conversations:,}" + (f" / {labels}" if labels else "")
        shares = [_strong(_share(found.get(rule)), rule) for rule in columns]
        own = found["h1"]
        goal = own.get("goal", "") + ("" if own.get("ok", True) else ": **missed**")
        yield "| " + " | ".join([world, size, *shares, f"{own['dont_migrate_rate']:.1%}", goal]) + " |"


def _share(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row['migrate_rate']:.1%}" + (f" ({row['published']:.1%})" if "published" in row else "")


def _is_level(row: Row) -> bool:
    return not row["labels"] and (row["world"].startswith("flat") or row["world"] in ("parity", "parity with day shocks"))


def _moves(row: Row) -> bool:
    return bool(row["world"].startswith(("falling", "rising", "collapse")))


def _is_judged(row: Row) -> bool:
    return row["labels"] > 0 and not _is_nasty(row)


def _is_nasty(row: Row) -> bool:
    words = ("missing", "weekends", "turns", "up to 60", "long", "ties", "last a week", "fade", "busy", "nobody")
    return any(word in row["world"] for word in words)


def _strong(text: str, rule: str) -> str:
    return f"**{text}**" if rule == "h1" and text else text


def _find(rows: Iterable[Row], world: str, rule: str, size: int) -> Row | None:
    return next((r for r in rows if (r["world"], r["rule"], r["conversations"]) == (world, rule, size)), None)


def _rate(rows: Sequence[Row], world: str, rule: str, size: int) -> float | None:
    found = _find(rows, world, rule, size)
    return None if found is None else float(found["migrate_rate"])


def _known(rates: Iterable[float | None]) -> list[float]:
    return [rate for rate in rates if rate is not None]
