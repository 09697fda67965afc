"""What can go wrong, as sentences."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Trouble(Exception):
    """Something outside this program is not as needed; its text is what the user reads."""


class Misuse(Trouble):
    """The command line or a recipe is wrong: the user's to mend, exit code 2."""


def call(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    cwd: Path | None = None,
) -> str:
    """Standard output of a command that must succeed.

    Raises Trouble with the command's last lines when it fails or is not there.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, env=env, input=stdin, cwd=cwd, capture_output=True, check=False)
    except OSError as error:
        raise Trouble(f"{words[0]} cannot be run: {error.strerror}.") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-8:]
        shown = " ".join(words)
        raise Trouble(f"`{shown[:300]}` failed with code {done.returncode}:\n  " + "\n  ".join(said))
    return done.stdout.decode(errors="replace")
