"""The installation's keys of stored texts: they wrap each pilot's data keys, and lie outside the database."""

from pathlib import Path

from cryptography.fernet import Fernet

from app.capture.key_files import made_once, replace

FILE_NAME = "payload.keys"
SETTING = "PILOT_PAYLOAD_KEYS"


class PayloadKeys:
    """Fernet keys, newest first: of the setting, by commas, else of the file in `PILOT_HOME`, a line each.

    Read anew at each use, so that every process follows a rotation.
    """

    def __init__(self, home: Path, given: str | None) -> None:
        self._file = home / FILE_NAME
        self._given = given

    @property
    def is_given(self) -> bool:
        """Whether they come from the setting: who set it changes it, not we."""
        return self._given is not None

    @property
    def place(self) -> str:
        """Where they come from, for messages."""
        return SETTING if self._given is not None else str(self._file)

    def read(self) -> list[Fernet]:
        """All of them, newest first; none = there is no file.

        Raises:
            ValueError: One of them is not a key.
        """
        return [self._key(text) for text in self.texts()]

    def make(self) -> None:
        """Makes the file with a first key, if there is none; of several processes one wins."""
        if self._given is None:
            made_once(self._file, lambda: Fernet.generate_key().decode() + "\n")

    def put_first(self) -> None:
        """Puts a new key before those of the file, which stay; one caller at a time."""
        replace(self._file, "\n".join([Fernet.generate_key().decode(), *self.texts()]) + "\n")

    def texts(self) -> list[str]:
        """As they are written, newest first."""
        if self._given is not None:
            text = self._given.replace(",", "\n")
        else:
            text = self._file.read_text() if self._file.exists() else ""
        return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]

    def _key(self, text: str) -> Fernet:
        try:
            return Fernet(text)
        except ValueError as error:
            message = (
                f"{self.place} holds something that is not a key of 32 bytes in base64, e.g. from `pilot encryption new-key`"
            )
            raise ValueError(message) from error
