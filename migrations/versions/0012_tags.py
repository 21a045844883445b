"""QR tags of addresses, other names of addresses; complaints and ratings of citizens, and what limits how often they come

Expand only: new tables, so the code before this one runs on it unchanged.

Revision: 0012
Before: 0013
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0012"
down_revision = "0013"
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
        "external_code",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("external", sa.String(length=80), nullable=False),
        sa.Column("address_code", sa.String(length=32), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_external_code_address_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_code")),
    )
    op.create_index(op.f("ix_external_code_external"), "external_code", ["external"])
    op.create_index(op.f("ix_external_code_address_code"), "external_code", ["address_code"])
    op.create_table(
        "complaint",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("receipt", sa.String(length=14), nullable=False),
        sa.Column("form_id", sa.String(length=36), nullable=True),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("source_no", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.Column("tag_code", sa.String(length=18), nullable=True),
        sa.Column("address_code", sa.String(length=32), nullable=True),
        sa.Column("address_text", sa.String(length=300), nullable=False),
        sa.Column("entity_id", sa.String(length=36), nullable=True),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("received_by", sa.String(length=36), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_by", sa.String(length=36), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("lead_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["tag_code"], ["tag.code"], name=op.f("fk_complaint_tag_code")),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_complaint_address_code")),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_complaint_entity_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_complaint_task_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_complaint_lead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint")),
        sa.UniqueConstraint("receipt", name=op.f("uq_complaint_receipt")),
        sa.UniqueConstraint("form_id", name=op.f("uq_complaint_form_id")),
    )
    op.create_index("ix_complaint_desk", "complaint", ["state", "area_path", "id"])
    op.create_index("uq_complaint_source", "complaint", ["source", "source_no"], unique=True)
    op.create_index(op.f("ix_complaint_entity_id"), "complaint", ["entity_id"])
    op.create_table(
        "complaint_contact",
        sa.Column("complaint_id", sa.String(length=36), nullable=False),
        sa.Column("contact", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_contact_complaint_id")),
        sa.PrimaryKeyConstraint("complaint_id", name=op.f("pk_complaint_contact")),
    )
    op.create_table(
        "rating",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("form_id", sa.String(length=36), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tag_code", sa.String(length=18), nullable=False),
        sa.Column("address_code", sa.String(length=32), nullable=False),
        sa.Column("entity_id", sa.String(length=36), nullable=True),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("rated_at", Instant(), nullable=False),
        sa.Column("complaint_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["tag_code"], ["tag.code"], name=op.f("fk_rating_tag_code")),
        sa.ForeignKeyConstraint(["address_code"], ["address.code"], name=op.f("fk_rating_address_code")),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_rating_entity_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_rating_complaint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint("form_id", name=op.f("uq_rating_form_id")),
    )
    op.create_index("ix_rating_area", "rating", ["area_path", "id"])
    op.create_table(
        "public_use",
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "since", name=op.f("pk_public_use")),
    )


def downgrade() -> None:
    for table in ("public_use", "rating", "complaint_contact", "complaint", "external_code", "tag"):
        op.drop_table(table)
