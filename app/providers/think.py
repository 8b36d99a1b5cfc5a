"""`<think>…</think>` inside content, separated as the text streams in."""

from dataclasses import dataclass, field

OPEN, CLOSE = "<think>", "</think>"


@dataclass(slots=True)
class ThinkSplitter:
    """Splits content into what the user reads and what the model thought.

    A closing tag without an opening one means that the chat template had opened it: all text before it was thought.
    White space that follows a thought is not content.
    """

    visible: str = ""
    thought: str = ""
    _held: str = field(default="", repr=False)
    _is_thinking: bool = field(default=False, repr=False)
    _had_thought: bool = field(default=False, repr=False)

    def feed(self, text: str) -> None:
        """Takes more text; a tag may be cut anywhere."""
        text, self._held = self._held + text, ""
        while text:
            text = self._step(text)

    def finish(self) -> None:
        """What looked like the beginning of a tag was text."""
        self._put(self._held)
        self._held = ""

    def _step(self, text: str) -> str:
        """Consumes up to the next tag and returns the rest."""
        found = {tag: at for tag in (OPEN, CLOSE) if (at := text.find(tag)) >= 0}
        if not found:
            kept = _tail_that_may_be_a_tag(text)
            self._put(text[: len(text) - kept])
            self._held = text[len(text) - kept :]
            return ""
        tag = min(found, key=lambda each: found[each])
        self._put(text[: found[tag]])
        self._turn(tag)
        return text[found[tag] + len(tag) :]

    def _turn(self, tag: str) -> None:
        if tag == CLOSE and not self._is_thinking and not self._had_thought:
            self.thought, self.visible = self.thought + self.visible, ""
        self._is_thinking, self._had_thought = tag == OPEN, True

    def _put(self, text: str) -> None:
        if self._is_thinking:
            self.thought += text
        else:
            self.visible += text if self.visible or not self._had_thought else text.lstrip()


def _tail_that_may_be_a_tag(text: str) -> int:
    """How many characters at the end may be the beginning of a tag."""
    longest = min(len(text), len(CLOSE) - 1)
    return next((n for n in range(longest, 0, -1) if OPEN.startswith(text[-n:]) or CLOSE.startswith(text[-n:])), 0)
