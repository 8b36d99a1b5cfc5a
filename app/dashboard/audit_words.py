"""The audit log in plain words: a sentence for each action; facts that it does not use stand below it."""

import json
from string import Formatter
from typing import Any, NamedTuple

from app.store.audit import Action

WORDS = {
    "decision.sign": "Signed {outcome} for {candidate} under the report {report}",
    "encryption.encrypt_old": "Sealed {texts} texts that earlier versions stored plain",
    "encryption.rotate": "Wrapped {data_keys} data keys of stored texts under the key {fingerprint}",
    "erasure.make": "Erased what was held of a {kind} in {pilot}, receipt {erasure}",
    "grading.ask": "Asked for the pairs of {pilot} to be graded",
    "hours.add": "Logged {hours} hours of {kind}",
    "hours.correct": "Corrected logged hours: entry {old} is entry {new} now",
    "hours.import": "Imported engineering hours from a file",
    "hours.remove": "Removed {hours} logged hours of {kind}, entry {id}",
    "import.abandon": "Gave up the import {import_id}",
    "import.commit": "Imported recorded exchanges, import {import_id}",
    "import.refuse": "Was refused the import {import_id}: the file has errors",
    "invoice.import": "Imported the invoice {file}",
    "invoice.remove": "Removed the invoice {file}",
    "key.create": "Issued the API key {key} with the role {role}",
    "key.revoke": "Revoked the API key {key}",
    "label.correct": "Changed a label; what it was before stands below",
    "label.import": "Imported labels from a file",
    "label.undo": "Took a label back; what it was stands below",
    "notify.test": "Sent a test message for {pilot}",
    "pair.read": "Read texts of production on the page {page}",
    "page.sign_in": "Signed in by {given}",
    "page.sign_in_failed": "Somebody tried to sign in and was refused: {why}",
    "page.sign_out": "Signed out",
    "person.change_password": "Changed the own password",
    "person.change_role": "Changed the role of {person} from {before} to {role}",
    "person.create": "Added the person {person} with the role {role}",
    "person.disable": "Disabled the person {person}",
    "person.enable": "Enabled the person {person} again",
    "person.end_sessions": "Ended {ended} other sessions of the own",
    "person.reset_password": "Gave {person} a new password, to be changed at the next sign-in",
    "pilot.compute": "Asked for the figures of {pilot} to be computed now",
    "pilot.configure": "Changed the configuration of {pilot}",
    "pilot.create": "Created the pilot {pilot}",
    "pilot.default": "Made {pilot} the default pilot",
    "pilot.detach": "Detached {pilot}: the gateway forwards no more for it",
    "pilot.extend": "Extended {pilot} by {days} days",
    "pilot.mirror": "Switched mirroring of {pilot}: on = {on}",
    "pilot.shred": "Shredded the texts of {pilot}: {data_keys} data keys removed",
    "pilot.start": "Started {pilot}, which registered its plan",
    "pilot.stop": "Stopped {pilot}",
    "rehearsal.cancel": "Stopped the rehearsal {rehearsal}",
    "rehearsal.create": "Asked for a rehearsal of {candidate} under load, number {rehearsal}",
    "replay.cancel": "Stopped the replay {replay}",
    "replay.create": "Asked for a replay of stored requests, number {replay}",
    "report.bundle": "Downloaded a part of the data bundle of the report {report}: {part}",
    "report.bundle.drop": "Removed the data bundle of the report {report}: newer ones are kept",
    "report.bundle.make": "Made the data bundle of the report {report}",
    "report.make": "Made the report {report}",
}
FACTS = {
    "address": "from the address",
    "arm": "arm",
    "data_hash": "hash of the data",
    "exchange_id": "exchange",
    "given": "given",
    "ip": "address",
    "name": "name",
    "paths": "keys",
    "shown_first": "shown first",
    "starts_at": "starts",
}
LONGEST_FACT = 500


class Fact(NamedTuple):
    """One fact of an entry."""

    name: str
    value: str


def sentence_of(action: Action) -> str:
    """What was done, in one sentence."""
    words = WORDS.get(action.action)
    if words is None or not _named_in(words) <= action.facts.keys():
        return spoken(action.action)
    return words.format_map({name: _text(value) for name, value in action.facts.items()})


def facts_of(action: Action) -> list[Fact]:
    """The facts that the sentence does not say; an unknown one is said to be so."""
    words = WORDS.get(action.action, "")
    told = _named_in(words) if _named_in(words) <= action.facts.keys() else frozenset[str]()
    left = (name for name in action.facts if name not in told and not _is_pilot(action, name))
    return [Fact(FACTS.get(name, name.replace("_", " ")), _text(action.facts[name])) for name in left]


def spoken(action: str) -> str:
    """An action's name as words: `decision.sign` is "Decision: sign"."""
    subject, _, verb = action.partition(".")
    return f"{subject.replace('_', ' ').capitalize()}: {verb.replace('_', ' ')}" if verb else subject


def _is_pilot(action: Action, name: str) -> bool:
    return name == "pilot" and action.facts[name] == action.pilot


def _named_in(words: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(words) if name)


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        value = ", ".join(map(str, value)) or "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_FACT else text[:LONGEST_FACT] + " …"
