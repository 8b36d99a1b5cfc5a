"""What of a text may leave the mirror, by a pilot's configuration: all of it, masked, or none (docs/privacy.md)."""

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.capture.masking.bodies import mask_reply, mask_request, without_files
from app.capture.masking.masker import KEY_RULES, OWN_RULES, Masker
from app.capture.masking.own_patterns import own_rule
from app.capture.masking.presidio import EngineMissing, is_installed, load_analyzer, presidio_rule
from app.domain.configuration import ContentTable, PilotConfiguration
from app.domain.content import MASKED, METADATA, strictest
from app.domain.exchange import Failure, Json, Reply
from app.domain.findings import FINDINGS
from app.domain.payload import reply_body
from app.domain.toml_lines import Path
from app.domain.toml_table import ContentLevel
from app.graders.checks.catalogue import BUILT_IN, look_at
from app.graders.checks.catalogue import checks_of as rules_of
from app.graders.checks.check import Check
from app.graders.digests import DIGEST_CHARS, check_reply

__all__ = ["ContentPolicy", "checks_of", "content_problems", "hidden_name", "strictest", "strictest_level_of"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What of a pilot's texts may be kept, and what its candidates see.

    Attributes:
        default: The pilot's level.
        segments: The levels of segments that have one of their own.
        masks_candidate: Whether candidates are asked with the masked request.
        masker: Masks; `None` = what it needs is missing here, so that nothing is kept where it would mask.
        key: Keys digests and placeholders.
        rules: What every reply is looked at with (docs/graders.md).
    """

    default: ContentLevel
    segments: Mapping[str, ContentLevel]
    masks_candidate: bool
    masker: Masker | None
    key: bytes
    rules: tuple[Check, ...] = BUILT_IN

    @property
    def can_ask(self) -> bool:
        """Whether candidates can be asked: not where they should see masked requests and nothing masks."""
        return not self.masks_candidate or self.masker is not None

    @classmethod
    def of(cls, configuration: PilotConfiguration, key: bytes) -> "ContentPolicy":
        """The policy of a pilot.

        Args:
            configuration: The pilot's.
            key: The installation's key of digests (`app.capture.sealing.digest_key`).
        """
        content = configuration.content
        return cls(
            default=content.level,
            segments={table.name: table.content for table in configuration.segment if table.content is not None},
            masks_candidate=content.candidate_sees == MASKED,
            masker=masker_of(content, key),
            key=key,
            rules=rules_of(configuration.check),
        )

    def level(self, segment: str, hint: ContentLevel | None) -> ContentLevel:
        """The strictest of the pilot's, the segment's and the request's: a header can only make it stricter."""
        level = strictest(self.default, self.segments.get(segment, "full"), hint or "full")
        return "metadata" if level == MASKED and self.masker is None else level

    def kept_request(self, level: ContentLevel, request: Json) -> bytes | None:
        """A request as JSON as far as it may be kept."""
        if level == METADATA:
            return None
        return orjson.dumps(self._masked_request(request) if level == MASKED else request)

    def kept_reply(self, level: ContentLevel, reply: Reply | Failure) -> bytes | None:
        """A reply or failure as JSON as far as it may be kept."""
        kept = self.kept(level, reply)
        return None if kept is None else orjson.dumps(reply_body(kept))

    def kept(self, level: ContentLevel, reply: Reply | Failure) -> Reply | Failure | None:
        """A reply or failure as far as it may be kept; `None` = nothing of it. What a server says of a failure has no keys."""
        if level == METADATA:
            return None
        if level == MASKED:
            return self._masked_reply(reply)
        return mask_reply(Masker(self.key, KEY_RULES), reply) if isinstance(reply, Failure) else reply

    def seen_by_candidate(self, level: ContentLevel, request: Json) -> Json:  # noqa: ARG002 - told apart from what is kept
        """The request that candidates are asked."""
        return without_files(self._masked_request(request)) if self.masks_candidate else request

    def checks(self, request: Json, reply: Reply | Failure) -> Json:
        """What the deterministic graders find; where candidates see masked requests, of the masked replies."""
        found = checks_of(self.key, request, reply)
        if found and self.masks_candidate and self.masker is not None:
            found |= checks_of(self.key, request, mask_reply(self.masker, reply)) | {"violation": found["violation"]}
        if isinstance(reply, Reply):
            found[FINDINGS] = look_at(self.rules, request, reply).body
        return found

    def hidden(self, name: str) -> str:
        """Stands for a client's own name of something: equal for equal names, and nobody can try names out."""
        return hidden_name(self.key, name)

    def _masked_request(self, request: Json) -> Json:
        return mask_request(self._needed(), request)

    def _masked_reply(self, reply: Reply | Failure) -> Reply | Failure:
        return mask_reply(self._needed(), reply)

    def _needed(self) -> Masker:
        if self.masker is None:
            message = "the engine that masks is missing here"
            raise EngineMissing(message)
        return self.masker


def hidden_name(key: bytes, name: str) -> str:
    """What stands for a client's own name, of a conversation or a user, where the name itself is not kept."""
    return hmac.digest(key, name.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGEST_CHARS]


def checks_of(key: bytes, request: Json, reply: Reply | Failure) -> Json:
    """What deterministic graders find in a reply, without any of its text; nothing of a failure, whose kind is a column."""
    return {} if isinstance(reply, Failure) else check_reply(key, request, reply)


def masker_of(content: ContentTable, key: bytes) -> Masker | None:
    """The masker of a pilot: our rules, the operator's patterns, and Presidio if it is asked for."""
    rules = [*OWN_RULES, *(own_rule(table.name, table.pattern) for table in content.patterns)]
    if content.engine == "presidio":
        try:
            rules.append(presidio_rule(load_analyzer(), content.language))
        except EngineMissing as error:
            log.error("%s: what would be masked is not kept at all", error)  # noqa: TRY400 - the reason says it all
            return None
    return Masker(key, rules)


def strictest_level_of(configuration: PilotConfiguration) -> ContentLevel:
    """The strictest level that any of a pilot's exchanges has by its configuration."""
    return strictest(configuration.content.level, *(table.content or "full" for table in configuration.segment))


def content_problems(configuration: PilotConfiguration) -> list[tuple[Path, str, str]]:
    """What speaks against `[content]` where the service runs."""
    if configuration.content.engine != "presidio" or is_installed():
        return []
    message = "content.engine = 'presidio' needs the library presidio-analyzer, which is not installed beside the service"
    return [(("content", "engine"), message, "not_installed")]
