"""The command line: one parser, one table of commands, one place where trouble becomes an exit code."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, cast

from labgrade.course.yamlfile import nearest
from labgrade.errors import HarnessError, UsageError
from labgrade.text import harmless

COMMANDS = {
    "up": "make the practice cluster: kind, one control plane and two workers",
    "down": "remove the practice cluster",
    "list": "show the labs, what each is worth and needs, and what you have earned",
    "start": "put a lab's starting state in place and show its handout",
    "check": "grade a lab on the cluster as it is, with hints on failures",
    "grade": "grade a cohort: many students, one or several labs, at once",
    "report": "make reports again from stored results, without a cluster",
    "prove": "show that a lab grades right: starter 0, solution everything, each mistake what it should",
    "lint": "say what is wrong, missing or still blank in labs",
    "new": "make a lab's folder, with blanks to fill in",
    "doctor": "say why labgrade does not run here, and what to type",
}
"""Each is a module of labgrade.commands."""

FINE, FINDINGS, USAGE, HARNESS, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = (
    "exit codes: 0 fine, everything earned, every student graded · 1 points missing, a lab unproven, or findings · "
    "2 wrong usage or invalid input · 3 the harness could not do its work · 130 interrupted"
)


class Command(Protocol):
    """What a module of labgrade.commands offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares its arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Does it; the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code as in EXIT_CODES. Never a traceback on the screen."""
    words = list(sys.argv[1:] if argv is None else argv)
    # A polite kill clears away as Ctrl-C does; in a thread, whoever started it looks after signals.
    with suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        args = _parser(words).parse_args(words)
        command: Command = args.command_module
        return command.run(args)
    except UsageError as error:
        return _say(error, USAGE)
    except HarnessError as error:
        return _say(error, HARNESS)
    except KeyboardInterrupt:
        print("\nlabgrade: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return HARNESS
    except Exception:
        with tempfile.NamedTemporaryFile("w", prefix="labgrade-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        return _say(HarnessError(f"labgrade itself went wrong; what to report is in {log.name}"), HARNESS)


def _say(error: Exception, code: int) -> int:
    print(f"labgrade: {harmless(str(error))}", file=sys.stderr)
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is called is imported, so that the others cost no time."""
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        raise UsageError(f"there is no command {words[0]!r}{nearest(words[0], COMMANDS)}")
    parser = argparse.ArgumentParser(
        prog="labgrade", description="Grades Kubernetes lab work on kind clusters.", epilog=EXIT_CODES
    )
    parser.add_argument("--version", action="version", version=f"labgrade {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((word for word in words if word in COMMANDS), None)
    for name, words_for_it in COMMANDS.items():
        sub = commands.add_parser(name, help=words_for_it, description=f"{words_for_it[0].upper()}{words_for_it[1:]}.")
        sub.epilog = EXIT_CODES
        if name == called:
            module = cast("Command", importlib.import_module(f"labgrade.commands.{name}"))
            sub.set_defaults(command_module=module)
            module.add_arguments(sub)
    return parser


def _version() -> str:
    from importlib.metadata import version

    return version("labgrade")


if __name__ == "__main__":
    sys.exit(main())
