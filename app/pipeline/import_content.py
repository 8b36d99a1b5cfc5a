"""What of recorded exchanges an import keeps: as live traffic, what the content level allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.capture.document import Document
from app.capture.lines import UnusableRecord
from app.capture.masking.documents import mask_document, mask_name
from app.capture.masking.masker import Masker
from app.domain.configuration import PilotConfiguration
from app.domain.content import FULL, METADATA
from app.domain.pilot import Pilot
from app.errors import Conflict, Problem
from app.pipeline.content import ContentPolicy, strictest_level_of


@dataclass(frozen=True, slots=True)
class KeptContent:
    """Masks lines where their segment's level says so."""

    policy: ContentPolicy
    masker: Masker

    def document(self, document: Document, segment: str) -> Document:
        """A line's content as far as it may be kept.

        Raises:
            UnusableRecord: Its segment keeps no text.
        """
        level = self.policy.level(segment, None)
        if level == METADATA:
            message = f"the segment {segment!r} keeps no text (content level metadata): its exchanges cannot be imported"
            raise UnusableRecord(message, field="segment", code="no_text")
        return document if level == FULL else mask_document(self.masker, document, self.policy.hidden)

    def name(self, name: str) -> str:
        """The id that a line was given."""
        return mask_name(self.masker, name, self.policy.hidden)

    def problems(self, bad: Sequence[Sequence[Problem]]) -> list[list[Problem]]:
        """What is wrong with lines, without what the messages quote of them."""
        return [[replace(each, message=self.masker.text(each.message)) for each in line] for line in bad]


def keep_of(configuration: PilotConfiguration, digest_key: Callable[[], bytes]) -> KeptContent | None:
    """What an import keeps; `None` = everything."""
    if strictest_level_of(configuration) == FULL:
        return None
    policy = ContentPolicy.of(configuration, digest_key())
    if policy.masker is None:
        message = "content.engine = 'presidio' cannot be used here: nothing can be masked, so nothing is imported"
        raise Conflict(message)
    return KeptContent(policy, policy.masker)


def check_text_is_kept(pilot: Pilot) -> None:
    """A pilot that keeps no text at all imports none: what would be left of a recorded exchange decides little."""
    if pilot.configuration.content.level == METADATA:
        message = (
            f"the pilot {pilot.name!r} keeps no text (content.level = 'metadata'): recorded exchanges cannot be imported. "
            "Give it the level 'masked' before the import, or let it see live traffic"
        )
        raise Conflict(message, pilot=pilot.name)
