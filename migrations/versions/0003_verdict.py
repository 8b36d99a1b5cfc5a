"""verdict: epochs

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("daily_sums", sa.Column("epoch", sa.SmallInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("daily_sums", "epoch")
