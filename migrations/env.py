"""Alembic's entry: the engine comes from gridwatch.db.migrate, the tables from the models."""

from alembic import context
from geoalchemy2 import alembic_helpers

from gridwatch.app import import_models
from gridwatch.db.base import Base
from gridwatch.db.migrate import include_object

import_models()
KNOWN = set(Base.metadata.tables)


def _ours(item, name, type_, reflected, compare_to):
    return include_object(item, name, type_, reflected, compare_to, KNOWN) and alembic_helpers.include_object(
        item, name, type_, reflected, compare_to
    )


engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=_ours,
        process_revision_directives=alembic_helpers.writer,
        render_item=alembic_helpers.render_item,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
