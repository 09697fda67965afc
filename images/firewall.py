"""Rules that keep nodes and Pods on this host, and the removal of everything an engine leaves in the firewall."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BRIDGE = "labgrade0"
NOWHERE = "198.51.100.53"  # of a documentation range: the name server that Docker is told to ask
FAMILIES = ("iptables", "ip6tables")
TABLES = ("raw", "mangle", "nat", "filter")


@dataclass(frozen=True)
class Rule:
    """One rule of the filter table, in one address family."""

    family: str
    chain: str
    match: tuple[str, ...]

    @property
    def insert(self) -> list[str]:
        """The command that puts the rule first in its chain."""
        return [self.family, "-w", "-I", self.chain, *self.match]

    @property
    def delete(self) -> list[str]:
        """The command that takes the rule out again."""
        return [self.family, "-w", "-D", self.chain, *self.match]

    @property
    def check(self) -> list[str]:
        """The command that succeeds when the rule is there."""
        return [self.family, "-w", "-C", self.chain, *self.match]


def rules(bridge: str = BRIDGE) -> list[Rule]:
    """What must hold while nodes run: nothing leaves by another interface, nothing opens a connection to this host.

    Answers to connections that the host opened are let through: kind and kubectl need them. The resolver of
    some Docker versions asks in the host's name, past the first two rules: what goes to NOWHERE is stopped there.
    """
    away = ("-i", bridge, "!", "-o", bridge, "-m", "conntrack", "--ctstate", "NEW,INVALID,UNTRACKED", "-j", "REJECT")
    here = ("-i", bridge, "-m", "conntrack", "--ctstate", "NEW", "-j", "REJECT")
    kept = [Rule(family, *pair) for family in FAMILIES for pair in (("DOCKER-USER", away), ("INPUT", here))]
    return [*kept, Rule("iptables", "OUTPUT", ("-d", f"{NOWHERE}/32", "-j", "REJECT"))]


def listing(family: str, table: str) -> list[str]:
    """The command that prints a table as rules."""
    return [family, "-w", "-t", table, "-S"]


def leftovers(
    family: str, table: str, before: Iterable[str], now: Sequence[str], bridge: str = BRIDGE
) -> list[list[str]]:
    """Commands that bring a table back to what it was before our engine ran.

    `before` and `now` are the table's listings. Only what Docker or we made goes away: chains named DOCKER…, rules
    that lead there, rules that name our bridge, and Docker's guards for ports published on the loopback address.
    """
    old = set(before)
    command = [family, "-w", "-t", table]
    added = [line for line in now if line not in old]
    gone = [line for line in added if line.startswith("-A ") and _made_here(line, bridge)]
    deletions = [[*command, "-D", *shlex.split(line)[1:]] for line in gone]
    chains = [line.split()[1] for line in added if re.match(r"-N DOCKER", line)]
    policies = [line.split()[1:3] for line in before if line.startswith("-P ") and line not in now]
    return [
        *deletions,
        *[[*command, "-F", chain] for chain in chains],
        *[[*command, "-X", chain] for chain in chains],
        *[[*command, "-P", *policy] for policy in policies],
    ]


def _made_here(line: str, bridge: str) -> bool:
    words = shlex.split(line)
    if words[1].startswith("DOCKER"):
        return False  # goes with its chain
    target = words[words.index("-j") + 1] if "-j" in words else ""
    guard = "-d 127.0.0.1/32 ! -i lo" in line or "-d ::1/128 ! -i lo" in line
    return target.startswith("DOCKER") or bridge in words or f"{NOWHERE}/32" in words or (target == "DROP" and guard)
