"""Sources of tasks: doors, cycles, campaigns, and whose visit it was: a worker's or an officer's inspection

Expand only: new tables, and columns with a default, so the code before this one runs on it unchanged.

Revision: 0015
Before: 0011
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant, Json

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task", sa.Column("door", sa.String(length=48), nullable=True))
    op.execute("UPDATE task SET door = 'a:' || address_code WHERE address_code IS NOT NULL AND address_code <> ''")
    op.execute("UPDATE task SET door = 'e:' || entity_id WHERE door IS NULL AND entity_id IS NOT NULL")
    op.create_index("ix_task_door", "task", ["door"])
    op.add_column("task", sa.Column("campaign_id", sa.String(length=36), nullable=True))
    op.create_index("ix_task_campaign_id", "task", ["campaign_id"])
    op.drop_index("ix_task_calendar", table_name="task")
    _index_of_calendar("closed_at IS NULL AND kind IN ('first_check', 'follow_up', 'cycle')")
    op.add_column("visit", sa.Column("by_role", sa.String(length=24), server_default="grid_worker", nullable=False))
    op.add_column("visit", sa.Column("visit_kind", sa.String(length=12), server_default="worker", nullable=False))
    op.create_table(
        "cycle_plan",
        sa.Column("grid_code", sa.String(length=20), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["grid_code"], ["grid.code"], name=op.f("fk_cycle_plan_grid_code")),
        sa.PrimaryKeyConstraint("grid_code", "day", name=op.f("pk_cycle_plan")),
    )
    op.create_table(
        "cycle_order",
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("ordered_by", sa.String(length=36), nullable=False),
        sa.Column("ordered_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("fk_cycle_order_area_code")),
        sa.PrimaryKeyConstraint("area_code", name=op.f("pk_cycle_order")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.Column("items", Json(), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("sector", sa.String(length=40), nullable=False),
        sa.Column("entity_type", sa.String(length=40), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("ordered_by", sa.String(length=36), nullable=False),
        sa.Column("ordered_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("fk_campaign_area_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )
    op.create_index("uq_campaign_name", "campaign", ["area_code", "name"], unique=True)
    op.create_table(
        "campaign_grid",
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("grid_code", sa.String(length=20), nullable=False),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("made_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_grid_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "grid_code", name=op.f("pk_campaign_grid")),
    )
    op.create_table(
        "inspection",
        sa.Column("visit_id", sa.String(length=36), nullable=False),
        sa.Column("entity_id", sa.String(length=36), nullable=False),
        sa.Column("department_code", sa.String(length=32), nullable=False),
        sa.Column("licences", Json(), nullable=False),
        sa.Column("inspected_on", sa.Date(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("paper", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["department_code"], ["department.code"], name=op.f("fk_inspection_department_code")),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_inspection_entity_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_inspection_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_inspection")),
    )
    op.create_index("ix_inspection_entity", "inspection", ["entity_id", "inspected_on"])
    op.create_table(
        "inspection_cap",
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("area_path", sa.String(length=64), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("added_by", sa.String(length=36), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("fk_inspection_cap_area_code")),
        sa.PrimaryKeyConstraint("area_code", "effective_on", name=op.f("pk_inspection_cap")),
    )


def downgrade() -> None:
    for table in ("inspection_cap", "inspection", "campaign_grid", "campaign"):
        op.drop_table(table)
    op.drop_index("ix_task_calendar", table_name="task")
    _index_of_calendar("closed_at IS NULL AND kind = 'first_check'")
    op.drop_index("ix_task_campaign_id", table_name="task")
    op.drop_column("task", "campaign_id")
    op.drop_table("cycle_order")
    op.drop_table("cycle_plan")
    op.drop_column("visit", "visit_kind")
    op.drop_column("visit", "by_role")
    op.drop_index("ix_task_door", table_name="task")
    op.drop_column("task", "door")


def _index_of_calendar(counted: str) -> None:
    """The tasks whose day is held against a new calendar."""
    where = sa.text(counted)
    op.create_index("ix_task_calendar", "task", ["calendar_version", "id"], postgresql_where=where, sqlite_where=where)
