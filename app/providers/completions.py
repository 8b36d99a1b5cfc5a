"""Replies of Completions (`choices[].text`), whole or in pieces."""

from dataclasses import dataclass

from typing_extensions import override

from app.domain.exchange import Json
from app.providers.draft import ChoicesDraft, name_of, text_of


@dataclass(slots=True)
class CompletionsDraft(ChoicesDraft):
    """A reply of Completions as far as it was read."""

    @override
    def _add_choice(self, choice: Json, key: str) -> None:
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = name_of(choice["finish_reason"])
        self._put(text_of(choice.get("text")))
