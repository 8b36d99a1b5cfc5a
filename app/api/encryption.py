"""Keys of stored texts: how they stand, rotation, sealing what earlier versions stored plain, shredding; for admins."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import Admin, Services, ServicesDep
from app.capture.payload_keys import PayloadKeys
from app.capture.sealing import load_digest_key
from app.pipeline.encryption import EncryptionState, encryption_state, rotate, seal_old
from app.pipeline.shredding import shred_pilot
from app.pipeline.text_keys import payload_keys

router = APIRouter(tags=["encryption"])
LARGEST_ID = 2**63 - 1


class WrappingKeyBody(BaseModel):
    """One of the installation's keys."""

    fingerprint: str = Field(description="The beginning of the key's SHA-256: tells keys apart, and opens nothing.")
    data_keys: int = Field(description="How many data keys it wraps.")


class PilotTextsBody(BaseModel):
    """How the texts of one pilot's requests and replies are stored."""

    pilot: str
    newest_key: int = Field(description="The number of the data key that seals; 0 = none yet, or shredded.")
    plain: int = Field(description="Texts as an earlier version stored them.")
    sealed: dict[int, int] = Field(description="Sealed texts by the number of their data key.")
    is_shredded: bool


class EncryptionBody(BaseModel):
    """How the installation's texts are kept."""

    place: str = Field(description="Where its keys lie: the setting, or a file in PILOT_HOME.")
    is_given: bool = Field(description="The keys come from the setting PILOT_PAYLOAD_KEYS.")
    keys: list[WrappingKeyBody] = Field(description="Newest first; the first one wraps.")
    lost: int = Field(description="Data keys that none of them unwraps.")
    pilots: list[PilotTextsBody]
    is_all: bool = Field(description="Whether all texts were counted; else the first ones alone.")


class Rotation(BaseModel):
    """What is to be made anew."""

    model_config = ConfigDict(extra="forbid")

    data_keys: bool = Field(default=False, description="Also a new data key for every pilot; older ones stay to read.")


class RotatedBody(BaseModel):
    """What a rotation did."""

    wrapped: int = Field(description="Data keys that are wrapped under the first key now: all there are.")
    made: int = Field(description="New data keys.")
    is_new_key: bool = Field(description="Whether a new first key was made.")
    fingerprint: str = Field(description="Of the first key.")


class Turn(BaseModel):
    """Where the last turn ended."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(default=0, ge=0, le=LARGEST_ID, description="`next` of the last turn; 0 = from the beginning.")


class SealedBody(BaseModel):
    """One turn."""

    texts: int = Field(description="Texts that were sealed.")
    next: int | None = Field(description="Where the next turn begins; null = that was all.")


class Shredding(BaseModel):
    """Says that it is meant."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="The pilot's name once more.")


class ShreddedBody(BaseModel):
    """What is true of the pilot's texts now."""

    shredded_at: datetime = Field(description="Since then nobody can read them.")
    data_keys: int = Field(description="Data keys that were removed now; 0 = they were removed before.")
    cleared: int = Field(description="Exchanges whose unreadable texts were removed in this turn.")
    is_cleared: bool = Field(description="Whether that was all; the rest goes on in the background, and when asked again.")


@router.get("/encryption")
def read_encryption(services: ServicesDep, _: Admin) -> EncryptionBody:
    """How keys and texts stand. Counting looks at a million texts at most."""
    return _body(encryption_state(services.session_factory, _keys(services)))


@router.post("/encryption/rotate")
def rotate_keys(services: ServicesDep, who: Admin, rotation: Rotation | None = None) -> RotatedBody:
    """Puts a new key first and wraps all data keys under it; old keys stay, to read copies of before."""
    asked = rotation or Rotation()
    done = rotate(services.session_factory, _keys(services), who.name, data_keys=asked.data_keys)
    return RotatedBody(wrapped=done.wrapped, made=done.made, is_new_key=done.is_new_key, fingerprint=done.fingerprint)


@router.post("/encryption/encrypt-old")
def encrypt_old_texts(services: ServicesDep, who: Admin, turn: Turn | None = None) -> SealedBody:
    """One turn of some seconds at sealing what earlier versions stored plain; ask again with `after` = `next`."""
    done = seal_old(services.session_factory, who.name, (turn or Turn()).after)
    return SealedBody(texts=done.texts, next=done.next)


@router.post("/pilots/{name}/shred")
def shred(services: ServicesDep, who: Admin, name: str, shredding: Shredding) -> ShreddedBody:
    """Removes the keys of a stopped pilot's texts: nobody can read them again. Figures, reports and signatures stay."""
    given = services.settings.stream_key
    key = load_digest_key(services.settings.home, given.get_secret_value() if given is not None else None)
    done = shred_pilot(services.session_factory, name, who.name, confirmed=shredding.name, key=key)
    return ShreddedBody(shredded_at=done.at, data_keys=done.data_keys, cleared=done.cleared, is_cleared=done.is_cleared)


def _keys(services: Services) -> PayloadKeys:
    return payload_keys(services.settings)


def _body(state: EncryptionState) -> EncryptionBody:
    pilots = [
        PilotTextsBody(
            pilot=each.pilot,
            newest_key=each.newest,
            plain=each.plain,
            sealed=dict(sorted(each.sealed.items())),
            is_shredded=each.is_shredded,
        )
        for each in state.pilots
    ]
    keys = [WrappingKeyBody(fingerprint=each.fingerprint, data_keys=each.data_keys) for each in state.keys]
    return EncryptionBody(
        place=state.place, is_given=state.is_given, keys=keys, lost=state.lost, pilots=pilots, is_all=state.is_all
    )
