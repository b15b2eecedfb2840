"""An authoritative name server: Knot DNS on an address of the lab.

    dns = Dns(lab, {"example.test": {"@": ["MX 10 mx"], "mx": [f"A {mx_address}"]}}, signed=["example.test"])
    dns.update("example.test", {...})           replaces the records of the zone
    nsupdate with "server ADDRESS PORT"         changes records (RFC 2136), from loopback addresses
    dns.resolv_conf                             a resolv.conf(5) that names this server
    dns.servers                                 all of its addresses, for a program that asks many questions at once
    dns.trust_anchor                            the DS records of all signed zones, in zone file format
    dns.anchor_of(".")                          those of one zone

If a zone and one above it are both served, the upper one delegates to the lower one, with DS records if both are
signed: so `Dns(lab, {".": {}, "test": {}, "example.test": {...}}, signed=[".", "test", "example.test"])` is a whole
tree under one trust anchor. The server does not resolve, but with the whole tree it can also be used as a forwarder.

A zone maps each owner name ("@" is the zone itself, names are relative unless they end with a dot) to its records,
each "TYPE DATA". SOA and NS are added. Names outside the zones are answered REFUSED; add the zone "." for NXDOMAIN.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from . import command
from .lab import Lab
from .log import Log
from .process import Process

Zone = Mapping[str, Sequence[str]]

CONFIG = """\
server:
    rundir: {folder}
    listen: [{listen}]
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
log:
  - target: {folder}/knot.log
    any: info
database:
    storage: {folder}
acl:
  - id: update
    address: 127.0.0.0/8
    action: update
policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
    cds-cdnskey-publish: none
template:
  - id: default
    storage: {folder}
    file: "zone-%s"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    dnssec-policy: lab
    acl: update
zone:
"""

ZONE_HEAD = """\
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A {address}
"""


class Dns:
    def __init__(self, lab: Lab, zones: Mapping[str, Zone], *, signed: Collection[str] = (), port: int = 53,
                 addresses: int = 1) -> None:
        """Serve the zones from now on; those named in `signed` are signed with DNSSEC, each with a key of its own.

        Port 53, which a resolv.conf needs, needs root; 0 means any free port, which does not need root. With more
        addresses, a burst of questions has more sockets' buffers, and a resolver tries more often before it gives up.
        """
        lab.require_program("/usr/sbin/knotd", "knot")
        if port == 53:
            lab.require_root()
        self.address = lab.address()
        self.port = port or lab.free_port(self.address)
        others = [lab.address() for _ in range(addresses - 1)]
        self.servers = [f"{address}@{self.port}" for address in (self.address, *others)]
        self._folder = lab.new_folder("dns")
        self.log = Log(self._folder / "knot.log")
        lab.watch(self.log)
        self._delegations: dict[str, list[str]] = {}
        for name, records in zones.items():
            self._write_zone(name, records)
        self._config = self._folder / "knot.conf"
        self._config.write_text(self._configuration(zones, signed))
        self.process = Process(["/usr/sbin/knotd", "--config", self._config], folder=self._folder, lab_folder=lab.folder)
        lab.at_end(self.process.kill)
        self.log.wait_for("control, binding", process=self.process.popen)
        self.resolv_conf = self._folder / "resolv.conf"
        self.resolv_conf.write_text(f"nameserver {self.address}\n")
        self.trust_anchor = self._folder / "trust-anchor"
        self.trust_anchor.write_text("".join(self._keymgr(zone, "ds") for zone in signed))
        self._delegate(zones, signed)

    @property
    def server(self) -> str:
        """The address in libunbound's form: "127.93.41.1@5353"."""
        return f"{self.address}@{self.port}"

    def anchor_of(self, zone: str) -> Path:
        """A file with the DS records of this signed zone only."""
        path = self._folder / f"anchor-{zone.rstrip('.')}"
        path.write_text(self._keymgr(zone, "ds"))
        return path

    def update(self, name: str, records: Zone) -> None:
        """Replace the records of a zone. Returns when the new records are served, and signed if the zone is."""
        self._write_zone(name, records)
        command.run("/usr/sbin/knotc", "--config", self._config, "--blocking", "zone-reload", name)

    def _delegate(self, zones: Mapping[str, Zone], signed: Collection[str]) -> None:
        """Add NS records, and DS records of signed zones, to the zones above."""
        for child in zones:
            parent = max((name for name in zones if _is_below(child, name)), key=len, default=None)
            if parent is None:
                continue
            lines = self._delegations.setdefault(parent, [])
            lines += [f"{_absolute(child)} NS ns.{_absolute(child)}", f"ns.{_absolute(child)} A {self.address}"]
            if child in signed and parent in signed:
                lines += self._keymgr(child, "ds").splitlines()
        for parent in self._delegations:
            self.update(parent, zones[parent])

    def _configuration(self, zones: Mapping[str, Zone], signed: Collection[str]) -> str:
        head = CONFIG.format(folder=self._folder, listen=", ".join(self.servers))
        return head + "".join(f"  - domain: {name}\n    dnssec-signing: {'on' if name in signed else 'off'}\n"
                              for name in zones)

    def _write_zone(self, name: str, records: Zone) -> None:
        lines = [f"{owner} {record}\n" for owner, of_owner in records.items() for record in of_owner]
        lines += [f"{line}\n" for line in self._delegations.get(name, [])]
        path = self._folder / f"zone-{name.rstrip('.')}"
        path.write_text(ZONE_HEAD.format(address=self.address) + "".join(lines))

    def _keymgr(self, zone: str, what: str) -> str:
        return command.run("/usr/sbin/keymgr", "--config", self._config, zone, what)


def _absolute(zone: str) -> str:
    return zone.rstrip(".") + "."


def _is_below(child: str, parent: str) -> bool:
    return child != parent and (parent == "." or child.endswith(f".{parent}"))
