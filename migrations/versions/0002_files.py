"""Evidence files: uploads, and which hash is named by what

Expand only: two new tables, nothing of the first schema is touched, so the code before this one runs on it unchanged.

Revision: 0002
Before: 0001
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OPEN = sa.text("finished_at IS NULL")
_PASSING = sa.text("expires_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=True),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=True),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index("ix_upload_sha256", "upload", ["sha256"], unique=False)
    op.create_index("ix_upload_item", "upload", ["item_id"], unique=False)
    op.create_index("ix_upload_open", "upload", ["user_id"], unique=False, postgresql_where=_OPEN, sqlite_where=_OPEN)
    op.create_index(
        "ix_upload_passing",
        "upload",
        ["expires_at", "id"],
        unique=False,
        postgresql_where=_PASSING,
        sqlite_where=_PASSING,
    )
    op.create_table(
        "evidence",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("named_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "sha256", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_sha256", "evidence", ["sha256"], unique=False)


def downgrade() -> None:
    op.drop_table("evidence")
    op.drop_table("upload")
