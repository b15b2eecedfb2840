"""The rows of the bench about MTA-STS and the socketmap server: servers are compared in alternating rounds."""

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lab import Lab
from lab.program import path_of

from inputs import Inputs
from make_list import NOW, first_domains
from policy_hosts import PolicyHosts
from programs import Command, Failed, run
from services import MICROSECONDS, Floor, OurService, Peer, Service, Told, our_configuration

MIB = 1024 * 1024
CONNECTIONS = 50
HELD_WITHIN = 15  # seconds, less than what servers wait for a policy host

OURS = "serve"
PEER = "postfix-mta-sts-resolver"
PEER_SQLITE = "postfix-mta-sts-resolver, sqlite"
EPOLL = "epoll loop"
LIBCURL = "libcurl alone"
WITH_LIST = "serve, with the list"
LISTED = "serve, domains of the list"


@dataclass(frozen=True)
class Amount:
    """How much is measured, and how often."""
    domains: int = 2000
    silent: int = 500  # domains whose policy hosts do not answer
    rounds: int = 5
    cold_rounds: int = 3
    seconds: float = 3  # for one server, in each round


QUICK = Amount(domains=100, silent=40, rounds=1, cold_rounds=1, seconds=0.2)


@dataclass(frozen=True)
class Figures:
    """Figures of one program: the medians of all rounds. A figure that was not measured is None."""
    per_second: float | None = None
    cpu_us: float | None = None  # of the program, an answer or fetch
    p99_us: float | None = None
    resident: float | None = None  # bytes, after the requests
    peak: float | None = None  # bytes
    load_us: float | None = None  # CPU time of the load program, for each answer


@dataclass(frozen=True)
class Target:
    """`measured` is computed from the figures by program; it may be at most `limit` or, with `at_least`, at least."""
    what: str
    limit: float
    unit: str
    measured: Callable[[Mapping[str, Figures]], float]
    at_least: bool = False

    def met(self, figures: Mapping[str, Figures]) -> bool:
        value = self.measured(figures)
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Comparison:
    """A measured row, or a part of one: `ours` and the others. Without ours in it, no target is checked."""
    row: str
    ours: str
    figures: Mapping[str, Figures]
    targets: Sequence[Target] = ()


class Circumstances:
    """The inputs of the rows. `peers_only` leaves out all that is ours."""

    def __init__(self, lab: Lab, inputs: Inputs, amount: Amount, *, peers_only: bool) -> None:
        self.lab = lab
        self.inputs = inputs
        self.amount = amount
        self.peers_only = peers_only

    @cached_property
    def hosts(self) -> PolicyHosts:
        self.lab.require_root()
        return PolicyHosts(self.lab, self.amount.domains, self.amount.silent)

    def new_service(self, name: str) -> Service:
        begin: Mapping[str, Callable[[], Service]] = {
            OURS: lambda: OurService(self.lab, self.hosts, name),
            PEER: lambda: Peer(self.lab, self.hosts, name, "internal"),
            PEER_SQLITE: lambda: Peer(self.lab, self.hosts, name, "sqlite"),
            EPOLL: lambda: Floor(self.lab, name),
        }
        return begin[name]()

    def of(self, *names: str) -> list[str]:
        return [name for name in names if not (self.peers_only and name == OURS)]


def rate_of(ours: str, peer: str, times: float) -> Target:
    return Target(f"answers/s of {peer}", times, "x",
                  lambda figures: figures[ours].per_second / figures[peer].per_second, at_least=True)


def cpu_of(ours: str, peer: str, times: float) -> Target:
    return Target(f"CPU of {peer}", times, "x", lambda figures: figures[ours].cpu_us / figures[peer].cpu_us)


def cached(on: Circumstances) -> list[Comparison]:
    """Every answer is in the server's memory. One connection shares the processor with its server: otherwise waking
    another processor would be most of the cost, mainly on a virtual machine."""
    processor = min(os.sched_getaffinity(0))
    services = [on.new_service(name) for name in on.of(OURS, PEER, PEER_SQLITE, EPOLL)]
    for service in services:
        _ask(service, on.hosts.domains, connections=CONNECTIONS)
    one = _in_turns(services, on, lambda service: _ask(service, on.hosts.domains, connections=1,
                                                       seconds=on.amount.seconds,
                                                       processor=processor))
    many = _in_turns(services, on, lambda service: _ask(service, on.hosts.domains, connections=CONNECTIONS,
                                                        seconds=on.amount.seconds))
    _stop(services)
    return [
        Comparison("socketmap-cached, 1 connection", OURS, one, [rate_of(OURS, PEER, 3)]),
        Comparison(f"socketmap-cached, {CONNECTIONS} connections", OURS, many,
                   [rate_of(OURS, PEER, 3.8), cpu_of(OURS, PEER, 1 / 4.5), rate_of(OURS, EPOLL, 0.97),
                    cpu_of(OURS, EPOLL, 1.05),
                    Target("p99", 1, "ms", lambda figures: figures[OURS].p99_us / 1000)]),
    ]


def cold(on: Circumstances) -> list[Comparison]:
    """One request for each domain, to a server that was just started and has an empty cache."""
    told: dict[str, list[Figures]] = {}
    names = on.of(OURS, PEER, PEER_SQLITE)
    for number in range(on.amount.cold_rounds):
        for name in names if number % 2 else reversed(names):
            service = on.new_service(name)
            asked = _ask(service, on.hosts.domains, connections=CONNECTIONS)
            told.setdefault(name, []).append(_figures(service, asked))
            service.stop()
        told.setdefault(LIBCURL, []).append(_fetches(_libcurl(on), len(on.hosts.domains)))
    return [Comparison("socketmap-cold", OURS, {name: _median(told[name]) for name in (*names, LIBCURL)},
                       [rate_of(OURS, PEER, 1.5), cpu_of(OURS, PEER, 0.65), cpu_of(OURS, LIBCURL, 1.08)])]


def preload_list(on: Circumstances) -> list[Comparison]:
    """The cost of an installed list if it is not needed, and if it is."""
    if on.peers_only:
        return []
    inputs = on.inputs
    key = inputs.key.read_text(encoding="ascii").splitlines()[1]
    lists = f'[[list]]\nname = "big"\nfile = "{inputs.big_list}"\nkeys = ["{key}"]\n'
    without = OurService(on.lab, on.hosts, OURS, now=NOW)
    with_list = OurService(on.lab, on.hosts, WITH_LIST, lists=lists, now=NOW)
    domains, listed = on.hosts.domains, first_domains(inputs.shape, min(len(on.hosts.domains), inputs.shape.domains))

    def asked(service: Service, of: Sequence[str]) -> Told:
        return _ask(service, of, connections=CONNECTIONS, seconds=on.amount.seconds)

    for service in (without, with_list):
        _ask(service, domains, connections=CONNECTIONS)
    figures = dict(_in_turns([without, with_list], on, lambda service: asked(service, domains)))
    _ask(with_list, listed, connections=CONNECTIONS)
    figures[LISTED] = _in_turns([with_list], on, lambda service: asked(service, listed))[WITH_LIST]
    _stop([without, with_list])
    return [Comparison("socketmap-list", WITH_LIST, figures, [
        Target(f"memory beyond {OURS}", 20, "MiB", lambda of: (of[LISTED].resident - of[OURS].resident) / MIB),
        cpu_of(WITH_LIST, OURS, 1.05)])]


def in_flight(on: Circumstances) -> list[Comparison]:
    """One request at the same time for each domain whose policy host accepts connections and does not answer."""
    figures, held = {}, {}
    for name in on.of(OURS, PEER):
        service = on.new_service(name)
        with service.asking(on.hosts.silent, connections=len(on.hosts.silent)) as asking:
            held[name] = on.hosts.holder.wait_for(len(on.hosts.silent), HELD_WITHIN)
            resident, peak = service.resident(), service.peak()
            on.hosts.holder.release()
            told = asking.told()
        service.stop()
        figures[name] = Figures(cpu_us=told.cpu_us, resident=resident, peak=peak)
    return [Comparison("socketmap-in-flight", OURS, figures, [
        Target("held at once", len(on.hosts.silent), "", lambda _: held[OURS], at_least=True),
        Target("peak", 100, "MiB", lambda of: of[OURS].peak / MIB)])]


def sts_fetch(on: Circumstances) -> list[Comparison]:
    """Fetching the policies of many domains at the same time, without a server."""
    if on.peers_only:
        return []
    name, domains = "sts fetch", on.hosts.domains
    config = our_configuration(on.lab.new_folder("sts-fetch"), on.hosts)
    ours = Command(name, [path_of("starttls-listtool"), "-c", config, "sts", "fetch", *domains])
    told: dict[str, list[Figures]] = {name: [], LIBCURL: []}
    for _ in range(on.amount.cold_rounds):
        told[name].append(_fetches(ours, len(domains)))
        told[LIBCURL].append(_fetches(_libcurl(on), len(domains)))
    return [Comparison("sts-fetch", name, {program: _median(figures) for program, figures in told.items()})]


SOCKETMAP_ROWS: Mapping[str, Callable[[Circumstances], list[Comparison]]] = {
    "socketmap-cached": cached,
    "socketmap-cold": cold,
    "socketmap-list": preload_list,
    "socketmap-in-flight": in_flight,
    "sts-fetch": sts_fetch,
}


def _ask(service: Service, domains: Sequence[str], **how: float | None) -> Told:
    """Send requests for domains that all have a policy; raises Failed if one has another answer."""
    told = service.ask(domains, **how)
    if told.replies["ok"] != told.answers:
        raise Failed(f"{service.name}: not each of {told.answers} answers is a policy: {dict(told.replies)}")
    return told


def _in_turns(services: Sequence[Service], on: Circumstances, ask: Callable[[Service], Told]) -> Mapping[str, Figures]:
    """The medians of several rounds, every other round in the opposite order."""
    told: dict[str, list[Figures]] = {service.name: [] for service in services}
    for number in range(on.amount.rounds):
        for service in services if number % 2 else reversed(services):
            told[service.name].append(_figures(service, ask(service)))
    return {name: _median(figures) for name, figures in told.items()}


def _figures(service: Service, told: Told) -> Figures:
    return Figures(told.per_second, told.cpu_us, told.p99_us, service.resident(), service.peak(), told.load_us)


def _median(of_rounds: Sequence[Figures]) -> Figures:
    columns = zip(*(vars(figures).values() for figures in of_rounds))
    return Figures(*(None if None in column else statistics.median(column) for column in columns))


def _libcurl(on: Circumstances) -> Command:
    addresses = on.lab.new_folder("libcurl") / "addresses"
    addresses.write_text("".join(f"{domain} {on.hosts.address_of(domain)}\n" for domain in on.hosts.domains))
    return Command(LIBCURL, [path_of("fetch-floor"), on.hosts.ca_file, addresses])


def _fetches(command: Command, number: int) -> Figures:
    """A program that fetches this many policies and exits."""
    taken = run(command)
    return Figures(per_second=number / taken.seconds, cpu_us=taken.processor_seconds * MICROSECONDS / number,
                   peak=taken.peak)


def _stop(services: Sequence[Service]) -> None:
    for service in services:
        service.stop()
