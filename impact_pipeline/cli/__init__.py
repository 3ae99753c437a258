"""
The command line: `impact-pipeline COMMAND --help` teaches each command.

One module per command, imported when it is used, so that --help is quick.
"""

import importlib
from pathlib import Path
from typing import Any

import click
from dotenv import load_dotenv

COMMANDS = {
    "demo": "Both simulators, several days of edits, the whole pipeline after each. Needs no account.",
    "preflight": "Whether accounts, rights, fields, program and this machine are ready. Writes nothing.",
    "run": "One cycle: capture, changes, conversions, send, confirm, reconcile.",
    "submit": "Send what is due, by request or as one file.",
    "plan": "What the next submission would send, correct and hold; accept what is held.",
    "dev": "The Dagster UI on this machine, with or without the simulators.",
    "explain": "One record's or one order's whole story.",
    "reconcile": "The three-way totals and every open difference.",
    "hold": "Keep back one conversion that is to be sent.",
    "release": "Let one go that is held, although its hold doubts it.",
    "dismiss": "Drop one that is held, for good.",
    "reverse": "Take one back that was reported.",
    "resend": "Send once more what impact.com does not have.",
    "recover": "Go on after an old copy of the warehouse was put back.",
    "reread": "Read an object of Salesforce, or a stretch of time, once more.",
    "publish": "Write the readers' copy anew.",
    "backup": "A proven copy of the warehouse.",
    "restore": "Put a backup in the warehouse's place.",
    "forget": "Erase a record's values in every file of ours.",
    "test-mapping": "The user's own cases of the mapping: records in, parameters out.",
    "permission-set": "What Salesforce's integration user has to be granted, to deploy.",
    "simulate": "Serve a local Salesforce and a local impact.com, with fault switches.",
}


class Commands(click.Group):
    """Finds a command by the name of its module, and ends every failure as one sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"impact_pipeline.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from impact_pipeline.cli.failures import failure_of

            if ctx.params["debug"]:
                raise
            raise failure_of(error) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        "Exit codes: 0 done; 1 failed; 2 wrong use, environment or configuration; 3 stopped by Salesforce or "
        "impact.com (credential, permission, unreachable); 4 another process holds the warehouse; 5 stopped by "
        "quota: nothing is lost, run again later."
    ),
)
@click.option(
    "--env",
    "env_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the variables of one environment, such as staging.env. Default: .env in this folder.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.version_option(package_name="impact-pipeline", prog_name="impact-pipeline")
def cli(debug: bool, env_file: Path | None) -> None:
    """
    Takes changes of Salesforce records to impact.com as conversions: each sent once, corrected, held or skipped,
    and each explained.

    Start with: impact-pipeline demo
    """
    # Dagster reads the same file; what is exported wins.
    load_dotenv(env_file or Path(".env"))


def main() -> None:
    """The console script."""
    cli(prog_name="impact-pipeline")
