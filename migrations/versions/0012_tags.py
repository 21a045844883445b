"""QR tags of addresses, other names of addresses; complaints and ratings of citizens, and what limits how often they come

Expand only: new tables, so the code before this one runs on it unchanged.

Revision: 0012
Before: 0008
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0012"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tag",
        sa.Column("code", sa.String(length=18), nullable=False),
        sa.Column("address_code", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("issued_at", Instant(), nullable=False),
        sa.Column("issued_by", sa.String(length=36), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.String(length=36), nullable=True),
        sa.Column("replaced_by", sa.String(length=18), nullable=True),
        sa.Column("void_reason", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_tag_address_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_tag")),
    )
    op.create_index("ix_tag_address", "tag", ["address_code", "status"])
    op.create_table(
        "address_code_alias",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("external", sa.String(length=80), nullable=False),
        sa.Column("address_code", sa.String(length=32), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_address_code_alias_address_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_code_alias")),
    )
    op.create_index("ix_address_code_alias_external", "address_code_alias", ["kind", "external"])
    op.create_index(op.f("ix_address_code_alias_address_code"), "address_code_alias", ["address_code"])


def downgrade() -> None:
    op.drop_table("address_code_alias")
    op.drop_table("tag")
