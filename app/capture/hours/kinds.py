"""Of which kind a tracker's entry is: by the user's rules, by one kind for all, or by the words of its tags."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.hours import KINDS, RECURRING_KINDS
from app.errors import InvalidInput, Problem

# Words that trackers' tags, tasks and projects have for a kind, beside its own name.
WORDS: Mapping[str, tuple[str, ...]] = {
    "set-up": ("setup", "installation", "deployment", "provisioning"),
    "prompt porting": ("prompt engineering", "prompt migration", "porting"),
    "tuning": ("fine tuning", "finetuning", "performance tuning"),
    "incident": ("incidents", "outage", "outages", "postmortem"),
    "upgrade": ("upgrades", "upgrading", "patching"),
    "evaluation": ("eval", "evals", "evaluating", "labelling", "labeling"),
    "on-call": ("oncall", "pager", "pagerduty"),
    "other": (),
}
RECURRING_TAGS = {"recurring": True, "comes again": True, "once": False, "one off": False}
MAX_RULES = 200
Labels = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class KindRules:
    """How the kind of an entry is found; the first that says something is taken.

    Attributes:
        rules: Label and kind, in the user's order; a label may end in `*`.
        kind: For all entries that no rule names.
    """

    rules: tuple[tuple[str, str], ...] = ()
    kind: str | None = None

    @classmethod
    def of(cls, kind_of: Sequence[str], kind: str | None) -> "KindRules":
        """From `TAG=kind` texts; `InvalidInput` names every one that is wrong."""
        problems = [Problem(said, field="kind_of") for text in kind_of if (said := _wrong_rule(text))]
        if kind is not None and kind not in KINDS:
            problems.append(Problem(f"kind must be one of {', '.join(KINDS)}, not {kind!r}", field="kind"))
        if len(kind_of) > MAX_RULES:
            problems.append(Problem(f"there may be at most {MAX_RULES} rules, not {len(kind_of)}", field="kind_of"))
        if problems:
            message = "the rules for kinds are wrong: " + "; ".join(problem.message for problem in problems)
            raise InvalidInput(message, tuple(problems))
        split = [text.rpartition("=") for text in kind_of]
        return cls(tuple((_plain(label), to.strip()) for label, _, to in split), kind)

    def kind_of(self, labels: Labels) -> str:
        """The kind of an entry with these labels, by what they are (tags first); `ValueError` says what is allowed."""
        every = [_plain(label) for level in labels.values() for label in level]
        for pattern, kind in self.rules:
            if any(_meets(label, pattern) for label in every):
                return kind
        if self.kind is not None:
            return self.kind
        for level in labels.values():
            found = sorted({_BY_WORD[word] for label in level if (word := _plain(label)) in _BY_WORD})
            if len(found) > 1:
                message = f"its labels name several kinds ({', '.join(found)}): say which with --kind-of 'LABEL=KIND'"
                raise ValueError(message)
            if found:
                return found[0]
        message = f"nothing says its kind ({_told(labels)}); allowed: {', '.join(KINDS)}: --kind-of 'LABEL=KIND' or --kind KIND"
        raise ValueError(message)


def is_recurring(kind: str, labels: Labels) -> bool:
    """Whether it comes again: as a tag of its own says, else as its kind does."""
    said = [RECURRING_TAGS[word] for level in labels.values() for label in level if (word := _plain(label)) in RECURRING_TAGS]
    return said[0] if said else kind in RECURRING_KINDS


def _meets(label: str, pattern: str) -> bool:
    return label.startswith(pattern[:-1]) if pattern.endswith("*") else label == pattern


def _wrong_rule(text: str) -> str:
    label, equals, kind = text.rpartition("=")
    if not equals or not label.strip().strip("*"):
        return f"a rule is written LABEL=KIND, not {text!r}"
    if kind.strip() not in KINDS:
        return f"the kind of a rule must be one of {', '.join(KINDS)}, not {kind.strip()!r}"
    return ""


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def _told(labels: Labels) -> str:
    parts = [f"{name} {', '.join(repr(label[:40]) for label in level[:5])}" for name, level in labels.items() if level]
    return "; ".join(parts) or "it has no labels"


_BY_WORD = {_plain(word): kind for kind, words in WORDS.items() for word in (kind, *words)}
