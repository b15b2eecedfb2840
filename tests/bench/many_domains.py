"""Many domains that share mail servers, one in so many at a bad one; DNS in Knot, and MTA-STS policies if they are wanted.

    many = ManyDomains(lab, domains=10000, addresses=1000, bad=500)
    many.names                           their names, in order
    many.is_good("d0.bench.test")        whether its mail server lets itself be examined
    many.zone                            their MX records, and the addresses of the MX hosts
    many.connect                         the options with which starttls-listtool examines them
    many.servers                         see mail_servers.py; they are not started yet
    many.check_answers(answer)           raises Failed if `check --json` of them all has answered otherwise
"""

import argparse
import resource
from collections.abc import Iterator

from lab import Lab
from lab.dns import Zone

from mail_servers import MailServers
from programs import Failed

ZONE = "bench.test"
DOMAINS = 10_000
OPEN_FILES = 8192
MAX_RATE = 1_000  # of starttls-listtool: so that the servers and not the limit of connections a second decide
# exec "$@" keeps the process, so that its figures are those of the program.
WITH_INPUT = ["/bin/sh", "-c", 'input=$1; shift; exec "$@" < "$input"', "sh"]


class ManyDomains:
    def __init__(self, lab: Lab, *, domains: int, addresses: int, bad: int) -> None:
        bad_addresses = max(1, addresses * bad // domains) if bad else 0
        self.servers = MailServers(lab, good=addresses - bad_addresses, bad=bad_addresses)
        self._addresses = ({f"good{number}": address for number, address in enumerate(self.servers.good)}
                           | {f"bad{number}": address for number, address in enumerate(self.servers.bad)})
        self._labels = dict(_hosts(domains, bad, addresses - bad_addresses, bad_addresses))
        self.names = list(self._labels)

    def is_good(self, name: str) -> bool:
        return self._labels[name].startswith("good")

    @property
    def zone(self) -> Zone:
        return ({label: [f"A {address}"] for label, address in self._addresses.items()}
                | {name.removesuffix(f".{ZONE}"): [f"MX 10 {label}"] for name, label in self._labels.items()})

    @property
    def connect(self) -> list[str]:
        return [word for label, address in self._addresses.items()
                for word in ("--connect", f"{label}.{ZONE}={address}:{self.servers.port}")]


    def check_answers(self, answer: dict) -> None:
        """Every domain, in order; the good ones were examined to the end, and of the bad ones nothing is claimed."""
        if [one["domain"] for one in answer["domains"]] != self.names:
            raise Failed("not the domains that were asked for")
        for one in answer["domains"]:
            is_good = self.is_good(one["domain"])
            was_examined = [server["stop"] for server in one["servers"]] == ["none"]
            if was_examined != is_good or (one["level"] == "cannot-tell") == is_good:
                raise Failed(f"{one['domain']}: {one['level']}, {one['servers']}, {one['findings']}")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domains", type=int, metavar="N", help=f"{DOMAINS} by default")
    parser.add_argument("--addresses", type=int, metavar="N", help="of mail servers; one for ten domains by default")
    parser.add_argument("--bad", type=int, metavar="N",
                        help="domains whose server says 421, is silent or a tarpit; one in twenty by default")
    parser.add_argument("--rate", type=int, default=MAX_RATE, metavar="N", help=f"of connections; {MAX_RATE} by default")


def complete(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.domains is None:
        options.domains = DOMAINS
    if options.addresses is None:
        options.addresses = max(2, options.domains // 10)
    if options.bad is None:
        options.bad = options.domains // 20
    if not 0 <= options.bad < options.domains or not 1 < options.addresses <= options.domains:
        parser.error("too few domains")


def allow_open_files() -> None:
    """Raise the limit of descriptors for all programs: 1024 is not enough for hundreds of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))


def _hosts(domains: int, bad: int, good_hosts: int, bad_hosts: int) -> Iterator[tuple[str, str]]:
    """Each domain and the label of its MX host, the bad ones evenly among the good ones."""
    for number in range(domains):
        before, after = (count * bad // domains for count in (number, number + 1))
        label = f"good{number % good_hosts}" if before == after else f"bad{before % bad_hosts}"
        yield f"d{number}.{ZONE}", label
