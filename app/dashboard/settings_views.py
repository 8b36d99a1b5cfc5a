"""What the page of settings says of a pilot: how it stands, what is kept, what was registered, what changed, every table."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.erasure import ErasureKind
from app.domain.pilot import Pilot
from app.domain.registration_models import PlanModel, RegistrationModel
from app.domain.words import PilotState
from app.pipeline.content import strictest_level_of
from app.pipeline.pilot_steps import SettingsSeen
from app.pipeline.pilots import PilotDetails, retention_words
from app.pipeline.registration_card import change_model
from app.reports import figures
from app.reports.background import registered_section
from app.reports.document import Bullets, Fact, Facts, Paragraph, Section, Table, cells
from app.reports.settings_words import LEVELS, TABLES, key_words, value_words

REMOVALS = {
    ErasureKind.CONVERSATION: "a conversation was erased",
    ErasureKind.USER: "a user was erased",
    ErasureKind.PILOT: "all texts of the pilot were shredded",
    ErasureKind.RETENTION: "older than texts are kept",
}
STATES = {PilotState.DRAFT: "Draft", PilotState.RUNNING: "Running", PilotState.STOPPED: "Stopped"}


def settings_sections(seen: SettingsSeen, now: datetime) -> list[Section]:
    """Everything but the file itself, which only some may read, and the defaults, which few need."""
    return [
        _now(seen, now),
        _content(seen),
        _budgets(seen),
        _labels(seen),
        _registered(seen.details),
        configuration_section(seen),
    ]


def _now(seen: SettingsSeen, now: datetime) -> Section:
    pilot = seen.pilot
    timezone = pilot.configuration.pilot.timezone
    mirror = "On" if pilot.mirror_on and pilot.state is PilotState.RUNNING else "Off"
    why = "switched off" if not pilot.mirror_on else "" if pilot.state is PilotState.RUNNING else "the pilot does not run"
    place = "Detached" if pilot.is_detached else "Default" if pilot.is_default else "By name"
    items = (
        Fact(label="State", value=STATES[pilot.state], detail=_since(pilot, timezone)),
        Fact(label="Day", value=_day(pilot, now), detail=_window(pilot, timezone)),
        Fact(label="Mirroring", value=mirror, detail=why or "requests go to the candidates, too"),
        Fact(label="At the gateway", value=place, detail=_place(pilot)),
    )
    return Section(slug="now", title="How it stands", blocks=(Facts(items=items),))


def _since(pilot: Pilot, timezone: str) -> str:
    for word, at in (("stopped", pilot.stopped_at), ("started", pilot.started_at)):
        if at is not None:
            return f"{word} {figures.moment(at, timezone)}"
    return f"made {figures.moment(pilot.created_at, timezone)}"


def _day(pilot: Pilot, now: datetime) -> str:
    if pilot.state is PilotState.DRAFT or pilot.starts_at is None or pilot.ends_at is None:
        return f"0 of {pilot.days}"
    at = pilot.stopped_at or now
    day = pilot.days if at >= pilot.ends_at else pilot.day_of(at) or 0
    return f"{day} of {pilot.days}"


def _window(pilot: Pilot, timezone: str) -> str:
    if pilot.starts_at is None or pilot.ends_at is None:
        return "begins with the first stored request, or at the start"
    longer = f", {pilot.extended_days} of them added" if pilot.extended_days else ""
    return f"{figures.local_time(pilot.starts_at, timezone)} to {figures.moment(pilot.ends_at, timezone)}{longer}"


def _place(pilot: Pilot) -> str:
    if pilot.is_detached:
        return "the gateway does not forward for it"
    return "plain /v1 is this pilot's" if pilot.is_default else f"requests name it: /p/{pilot.name}/v1"


def _content(seen: SettingsSeen) -> Section:
    pilot = seen.pilot
    content = pilot.configuration.content
    other = [f"{s.name}: {s.content}" for s in pilot.configuration.segment if s.content not in (None, content.level)]
    sees = {"raw": "Candidates are sent requests as they are.", "masked": "Candidates are sent masked requests."}
    kept = retention_words(pilot.configuration)
    blocks: list[Paragraph | Bullets | Table] = [
        Paragraph(text=f"{LEVELS[content.level]} {kept[:1].upper()}{kept[1:]}."),
        Paragraph(
            text=f"{sees[content.candidate_sees]} Applications can only make a request's level stricter, never laxer. "
            f"Looks at texts are {'noted in the audit log' if content.audit_reads else 'not noted'}."
        ),
    ]
    if other:
        strictest = strictest_level_of(pilot.configuration)
        blocks.append(Bullets(title=f"Stricter for kinds of work (the strictest: {strictest})", items=tuple(other)))
    if seen.removals:
        blocks.append(_removals(seen))
    return Section(slug="content", title="What is kept of texts", blocks=tuple(blocks))


def _removals(seen: SettingsSeen) -> Table:
    timezone = seen.pilot.configuration.pilot.timezone
    rows = tuple(
        cells(
            figures.moment(each.erased_at, timezone),
            REMOVALS[each.kind],
            figures.count(int(each.counts.get("exchanges", 0))),
            each.by,
            str(each.id),
        )
        for each in seen.removals
    )
    return Table(
        caption="The last removals of texts",
        columns=("When", "Why", "Exchanges", "By", "Receipt"),
        rows=rows,
        note="Of whom is not kept, only a digest. Figures stay. Admins list and check receipts with `pilot erasures`.",
    )


def _budgets(seen: SettingsSeen) -> Section:
    configuration = seen.pilot.configuration
    judge = configuration.judge if configuration.judge is not None and configuration.judge.base_url else None
    least = "" if seen.spent_usd is not None else "at least "
    spent = f"{least}{figures.money(seen.mirror_usd)}"
    rows = [cells("Live calls to candidates and control", _budget(configuration.mirror.budget_usd), spent)]
    if judge is not None:
        day = f", ${judge.budget_usd_per_day:,} a day" if judge.budget_usd_per_day is not None else ""
        rows.append(
            cells("Judges, canaries and panel", f"{_budget(judge.budget_usd)}{day}", f"{least}{figures.money(seen.judge_usd)}")
        )
    rows.append(cells("All that the pilot itself spent", figures.NOTHING, figures.money(seen.spent_usd)))
    table = Table(
        caption="What the pilot may spend, and has",
        columns=("For", "At most", "Spent"),
        rows=tuple(rows),
        numeric=2,
        note="At the bound nothing more is asked; production is never held back. Unknown = the price of a call is not known.",
    )
    return Section(slug="budgets", title="Budgets", blocks=(table,))


def _budget(usd: Decimal | None) -> str:
    return "no bound" if usd is None else figures.money(usd)


def _labels(seen: SettingsSeen) -> Section:
    labels = seen.pilot.configuration.labels
    if not labels.per_day:
        text = "Nobody is asked: labels.per_day is 0. Only the judge and the rules decide, and nobody checks the judge."
    else:
        people = "one person" if labels.raters_per_pair == 1 else f"{labels.raters_per_pair} people"
        text = f"{labels.per_day} drawn pairs a day, each shown blind to {people}."
    if seen.labellers is None:
        who = "Nobody has an account yet; whoever has a key with the role labeller or above can label."
    else:
        who = f"May label: {figures.names(list(seen.labellers)) or 'nobody'}; and whoever has such a key."
    return Section(slug="labels", title="Who labels", blocks=(Paragraph(text=f"{text} {who}"),))


def _registered(details: PilotDetails) -> Section:
    registration, timezone = details.registration, details.pilot.configuration.pilot.timezone
    model = RegistrationModel(
        hash=registration.hash if registration is not None else None,
        registered_at=registration.registered_at if registration is not None else None,
        changes=[change_model(change) for change in details.changes],
        plan=PlanModel.of(details.plan),
    )
    return registered_section(model, timezone)


def configuration_section(seen: SettingsSeen) -> Section:
    """What the file says, table by table; what it does not say has its own, longer table."""
    blocks: list[Table | Bullets | Paragraph] = []
    for entry in _entries(seen):
        rows = tuple(cells(key_words(entry.name, key), _value(entry, key), f"{entry.name}.{key}") for key in entry.given)
        if rows:
            blocks.append(Table(caption=entry.title, columns=("Setting", "Value", "Key"), rows=rows))
    absent = [_lower(TABLES.get(name, name)) for name, value in seen.pilot.configuration.model_dump().items() if value is None]
    if absent:
        blocks.append(
            Paragraph(text=f"Not in the file at all, so that nothing is asked or checked by it: {figures.names(absent)}.")
        )
    if seen.details.guesses:
        said = tuple(str(guess["message"]) for guess in seen.details.guesses)
        blocks.append(Bullets(title="Guessed, because the file does not say it", items=said))
    return Section(slug="configuration", title="The configuration, as the file gives it", blocks=tuple(blocks))


def defaults_table(seen: SettingsSeen) -> Table:
    """Everything that stands at its default."""
    rows = tuple(
        cells(
            f"{entry.title.partition(':')[0]}: {_lower(key_words(entry.name, key))}", _value(entry, key), f"{entry.name}.{key}"
        )
        for entry in _entries(seen)
        for key in entry.values
        if key not in entry.given
    )
    return Table(caption="What the file does not say", columns=("Setting", "Value", "Key"), rows=rows)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One table of the file: all its values, and which of them somebody gave, in the file's order."""

    name: str
    title: str
    values: Mapping[str, Any]
    given: tuple[str, ...]


def _entries(seen: SettingsSeen) -> Iterator[_Entry]:
    source = tomllib.loads(seen.source)
    dumped = seen.pilot.configuration.model_dump()
    for name in (*TABLES, *(key for key in dumped if key not in TABLES)):
        value, said = dumped.get(name), source.get(name, {})
        if isinstance(value, list | tuple):
            for place, each in enumerate(value):
                own = said[place] if place < len(said) else {}
                yield _Entry(name, f"{TABLES.get(name, name)} {each.get('name', place + 1)}", each, _given(each, own))
        elif isinstance(value, dict):
            yield _Entry(name, TABLES.get(name, name), value, _given(value, said))


def _given(values: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key for key in said if key in values)


def _value(entry: _Entry, key: str) -> str:
    return value_words(f"{entry.name}.{key}", entry.values[key])


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
