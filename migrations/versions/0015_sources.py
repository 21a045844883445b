"""Sources of tasks: doors, cycles, and in which role a visit was made

Expand only: new tables, and columns with a default, so the code before this one runs on it unchanged.

Revision: 0015
Before: 0011
"""

import sqlalchemy as sa
from alembic import op

from gridwatch.db.base import Instant

revision = "0015"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task", sa.Column("door", sa.String(length=48), nullable=True))
    op.execute("UPDATE task SET door = 'a:' || address_code WHERE address_code IS NOT NULL AND address_code <> ''")
    op.execute("UPDATE task SET door = 'e:' || entity_id WHERE door IS NULL AND entity_id IS NOT NULL")
    op.create_index("ix_task_door", "task", ["door"])
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


def downgrade() -> None:
    op.drop_table("cycle_order")
    op.drop_table("cycle_plan")
    op.drop_column("visit", "visit_kind")
    op.drop_column("visit", "by_role")
    op.drop_index("ix_task_door", table_name="task")
    op.drop_column("task", "door")
