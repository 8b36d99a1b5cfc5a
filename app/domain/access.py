"""API keys and who holds them."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.words import Role

RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks: the name of a key and what it may do."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the role is this one or one below it."""
        return RANK[self.role] >= RANK[role]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key, without the key: only its digest is kept."""

    id: int
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None
