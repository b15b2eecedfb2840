"""Local clients that ask and never read use a bounded amount of memory, and others are answered meanwhile."""

import resource
import socket
import unittest
from collections.abc import Iterator
from contextlib import contextmanager

from lab import Lab
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import Client, PolicyServer, netstring
from lab.program import memory_limit
from memory import resident

CLIENTS = 1000
# Of all connections together: ServerLimits::held_bytes.
HELD = 64 << 20
# With the overhead of the allocator, and what else a server needs.
MOST_GROWTH = HELD * 3 // 2
# The longest policy that an override can have.
HOSTS = [f"{'a' * 60}.{'b' * 60}.{'c' * 60}.mx{i}.large.test" for i in range(64)]
LARGE = f"OK secure match={':'.join(HOSTS)} servername=hostname"
OVERRIDES = f"large.test enforce {' '.join(HOSTS)}\nnone.test none\n"


@contextmanager
def serving(lab: Lab) -> Iterator[PolicyServer]:
    """A server that has overrides only: its name server does not answer in time."""
    configuration = Configuration(lab, Dns(lab, {}, port=0), HttpsServer(lab))
    configuration.tables["dns"]["servers"] = [lab.address()]
    overrides = configuration.folder / "overrides"
    overrides.write_text(OVERRIDES)
    configuration.tables["top"]["overrides"] = overrides
    server = PolicyServer(lab, configuration)
    assert server.ask("postfix", "large.test") == LARGE
    yield server


def fill(client: Client, requests: bytes) -> None:
    """Send as much as the server reads."""
    client.connection.setblocking(False)
    try:
        while True:
            client.connection.send(requests)
    except OSError:  # it reads no more, or has closed
        pass


class GreedyClients(unittest.TestCase):
    def setUp(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < CLIENTS * 2:
            self.skipTest("the limit of open files is too low")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def attack(self, server: PolicyServer, first: str) -> None:
        before = resident(server.process.pid)
        clients = []
        for at in range(CLIENTS):
            clients.append(server.client())
            clients[-1].connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            fill(clients[-1], netstring(f"postfix {first}") + netstring("postfix large.test") * 1000)
            if at % 100 == 0:
                self.assertEqual(server.ask("postfix", "none.test"), "NOTFOUND ")
        self.assertEqual(server.ask("postfix", "large.test"), LARGE)
        self.assertLess(resident(server.process.pid) - before, memory_limit(MOST_GROWTH, "starttls-listtool"))
        metrics = server.metrics()
        self.assertLessEqual(metrics["starttls_listtool_connections_bytes"], HELD)
        self.assertGreater(metrics["starttls_listtool_connections_clogged_total"], 0)
        for client in clients:
            client.connection.close()
        self.assertEqual(server.ask("postfix", "none.test"), "NOTFOUND ")

    def test_clients_that_never_read(self) -> None:
        with Lab() as lab, serving(lab) as server:
            self.attack(server, "large.test")

    def test_clients_whose_replies_wait_for_the_first_one(self) -> None:
        with Lab() as lab, serving(lab) as server:
            self.attack(server, "slow.test")

    def test_a_client_that_waits_meanwhile_gets_its_reply(self) -> None:
        with Lab() as lab, serving(lab) as server, server.client() as honest:
            honest.send(netstring("postfix none.test") + netstring("postfix honest.test"))
            self.assertEqual(honest.reply(), "NOTFOUND ")
            self.attack(server, "large.test")
            self.assertRegex(honest.reply(), "NOTFOUND|dane|TEMP")


if __name__ == "__main__":
    unittest.main()
