"""API keys and who holds them."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.words import Role

RANK = {role: rank for rank, role in enumerate(Role)}
MAY_INGEST = frozenset({Role.INGEST, Role.OPERATOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks: the name of a key and what it may do; `key_id` is the key's number in the store."""

    name: str
    role: Role
    key_id: int | None = None

    @property
    def may_read_payloads(self) -> bool:
        """Whether texts of production may be shown with the arms' names: labellers see them blind, viewers never."""
        return self.may(Role.OPERATOR)

    def may(self, role: Role) -> bool:
        """Whether the role is this one or one below it. Handing in is below operators, not below those who only read."""
        return RANK[self.role] >= RANK[role] and (role is not Role.INGEST or self.role in MAY_INGEST)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key, without the key: only its digest is kept."""

    id: int
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None
