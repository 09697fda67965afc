"""Nodes stay inside, and the host's own rules survive the engine."""

from images import firewall

BEFORE = ["-P INPUT ACCEPT", "-P FORWARD ACCEPT", "-N OWN", "-A INPUT -i br-lan -j ACCEPT", "-A FORWARD -j OWN"]
NOW = [
    "-P INPUT ACCEPT",
    "-P FORWARD DROP",
    "-N OWN",
    "-N DOCKER",
    "-N DOCKER-USER",
    "-A INPUT -i labgrade0 -m conntrack --ctstate NEW -j REJECT --reject-with icmp-port-unreachable",
    "-A INPUT -i br-lan -j ACCEPT",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -j OWN",
    "-A DOCKER ! -i labgrade0 -o labgrade0 -j DROP",
    "-A OUTPUT -d 198.51.100.53/32 -j REJECT --reject-with icmp-port-unreachable",
    "-A OUTPUT -d 203.0.113.7/32 -j DROP",
]


def test_every_rule_is_inserted_and_deleted_by_the_same_words() -> None:
    """Insertion, check and deletion of a rule differ in their verb only."""
    for rule in firewall.rules():
        words = [rule.insert, rule.check, rule.delete]
        assert [command.pop(2) for command in words] == ["-I", "-C", "-D"]
        assert words[0] == words[1] == words[2]


def test_both_families_are_guarded_on_both_ways_out() -> None:
    """Nothing leaves by another interface and nothing new reaches the host, in IPv4 and in IPv6."""
    guarded = {(rule.family, rule.chain) for rule in firewall.rules() if firewall.BRIDGE in rule.match}
    assert guarded == {(family, chain) for family in firewall.FAMILIES for chain in ("DOCKER-USER", "INPUT")}


def test_what_the_engine_added_goes_and_nothing_else() -> None:
    """Rules of ours and of Docker's go, chains are emptied before they are deleted, the policy comes back."""
    commands = [" ".join(words) for words in firewall.leftovers("iptables", "filter", BEFORE, NOW)]
    assert commands == [
        "iptables -w -t filter -D INPUT -i labgrade0 -m conntrack --ctstate NEW -j REJECT "
        "--reject-with icmp-port-unreachable",
        "iptables -w -t filter -D FORWARD -j DOCKER-USER",
        "iptables -w -t filter -D OUTPUT -d 198.51.100.53/32 -j REJECT --reject-with icmp-port-unreachable",
        "iptables -w -t filter -F DOCKER",
        "iptables -w -t filter -F DOCKER-USER",
        "iptables -w -t filter -X DOCKER",
        "iptables -w -t filter -X DOCKER-USER",
        "iptables -w -t filter -P FORWARD ACCEPT",
    ]


def test_a_clean_table_asks_for_nothing() -> None:
    """Where nothing was added there is nothing to do, so removal can be repeated."""
    assert firewall.leftovers("iptables", "filter", BEFORE, BEFORE) == []


def test_guards_of_published_ports_go() -> None:
    """Docker's guard of a port on the loopback address goes with a killed engine; another drop stays."""
    now = [
        "-P PREROUTING ACCEPT",
        "-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 36161 -j DROP",
        "-A PREROUTING -d 172.17.0.2/32 ! -i labgrade0 -j DROP",
        "-A PREROUTING -s 203.0.113.9/32 -j DROP",
    ]
    commands = firewall.leftovers("iptables", "raw", now[:1], now)
    assert [command[7] for command in commands] == ["127.0.0.1/32", "172.17.0.2/32"]
