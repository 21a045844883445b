"""${message}

Expand, backfill, contract: the code before this one must run on the schema after it. No batch mode on a table that holds
geometry: rebuilding it loses the SpatiaLite registration and the spatial index. SQLite goes forward only.

Revision: ${up_revision}
Before: ${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
