"""Under which keys a process stores texts, by its settings."""

from app.capture.payload_keys import PayloadKeys
from app.settings import Settings
from app.store.texts import Texts


def payload_keys(settings: Settings) -> PayloadKeys:
    """The installation's keys."""
    return PayloadKeys(settings.home, settings.payload_keys.get_secret_value() if settings.payload_keys is not None else None)


def open_texts(settings: Settings) -> Texts:
    """What seals and opens stored texts in this process; its keys are read when the first text is touched."""
    return Texts(payload_keys(settings))
