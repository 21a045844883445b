"""The `gridwatch` command: one group, the verbs of every feature."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from gridwatch.config import Settings, Unready

# Where each verb lives: looked up when it is used, so that `gridwatch doctor` runs even where a package is missing.
COMMANDS = {
    "demo": "gridwatch.jobs.demo:demo",
    "serve": "gridwatch.jobs.serving:serve",
    "scheduler": "gridwatch.jobs.serving:scheduler",
    "tick": "gridwatch.jobs.commands:tick",
    "migrate": "gridwatch.jobs.commands:migrate",
    "load": "gridwatch.exchange.commands:load",
    "calendar": "gridwatch.planning.commands:calendar",
    "policy": "gridwatch.planning.commands:policy",
    "items": "gridwatch.items.commands:items",
    "tags": "gridwatch.tags.commands:tags",
    "password": "gridwatch.people.commands:password",
    "doctor": "gridwatch.jobs.doctor:doctor",
    "verify": "gridwatch.leads.commands:verify",
    "backup": "gridwatch.sync.commands:backup",
    "restore": "gridwatch.sync.commands:restore",
    "rerender": "gridwatch.sync.commands:rerender",
    "openapi": "gridwatch.jobs.commands:openapi",
    "document-leads": "gridwatch.leads.commands:document_leads",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        return getattr(importlib.import_module(module), attribute)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def gridwatch(ctx: click.Context) -> None:
    """Gridwatch 网格巡查: tasks to phones, leads to departments, dates that hold.

    Settings come from GRIDWATCH_* variables; docs/operations.md lists them.
    """
    ctx.obj = make_app


def make_app(settings: Settings | None = None) -> Any:
    """The application, for commands: `@click.pass_obj` hands them this function, since they live below it."""
    from gridwatch.app import create_app  # here, so that `gridwatch doctor` runs where a package is missing

    return create_app(settings)


def main() -> None:
    """Entry point: refusals become one sentence and exit code 2, never a traceback."""
    try:
        gridwatch.main(standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except click.exceptions.Abort:
        sys.exit(130)
    except Unready as problem:
        click.echo(str(problem), err=True)
        sys.exit(2)
    except Exception as problem:
        if not _is_of_the_database(problem):
            raise
        click.echo(
            f"数据库无法使用，gridwatch doctor 会说明缺什么 / the database cannot be used, ask doctor: {problem}",
            err=True,
        )
        sys.exit(2)


def _is_of_the_database(problem: Exception) -> bool:
    drivers = sys.modules.get("sqlalchemy.exc")
    return drivers is not None and isinstance(problem, drivers.OperationalError | drivers.ProgrammingError)


def settings() -> Settings:
    """The settings of this process, for commands."""
    return Settings.from_environment()


if __name__ == "__main__":
    main()
