"""Whatever a peer sends or does not read, others are answered, and no reply is one that a mail server misreads."""

import resource
import socket
import unittest

from lab import Lab
from lab.policy_server import netstring
from lab.program import memory_limit
from serving import KNOWN, Server


class Requests(unittest.TestCase):
    def test_every_map_name_is_answered_over_unix_and_inet(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            for client in (server.connect(), server.connect_inet()):
                with client:
                    for name in ("postfix", "QUERY", "sts", "any-zone"):
                        self.assertEqual(client.ask(f"{name} known.test"), KNOWN, name)
                    self.assertEqual(client.ask("QUERYwithTLSRPT known.test"), f"{KNOWN} protocols=>=TLSv1.2")
                    self.assertEqual(client.ask("postfix KNOWN.Test."), KNOWN)
                    for key in (".known.test", ".test", "[192.0.2.1]:25", "known.test:none", "192.0.2.1", "",
                                "none.test", "sub..test", "*.test", "a b"):
                        self.assertEqual(client.ask(f"postfix {key}"), "NOTFOUND ", key)

    def test_a_domain_with_broken_dns_is_no_error_and_postfix_looks_for_dane_itself(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            self.assertEqual(server.ask("postfix unknown.test"), "OK dane")
            self.assertEqual(server.ask("sts unknown.test"), "NOTFOUND ")
            self.assertGreaterEqual(server.metrics()["dns_failures_total"], 1)

    def test_garbage_closes_the_connection_after_the_replies_that_are_due(self) -> None:
        garbage = [b"x", b"GET / HTTP/1.1\r\n\r\n", b"007:map a.b,", b"00:,", b"3:abc,", b"3:a b;", b"1001:", b":,",
                   b"99999999999999999999:a", b"-1:a,", b"\0\0\0\0", b"\x16\x03\x01\x02\x00\x01"]
        with Lab() as lab:
            server = Server(lab)
            for bad in garbage:
                with self.subTest(bad), server.connect() as client:
                    client.send(netstring("postfix known.test") + bad + netstring("postfix known.test"))
                    self.assertEqual(client.reply(), KNOWN)
                    self.assertTrue(client.is_closed())
            self.assertEqual(server.metrics()["malformed_total"], len(garbage))
            self.assertEqual(server.ask("postfix known.test"), KNOWN)

    def test_a_request_in_single_bytes_is_one(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            with server.connect_inet() as client:
                client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in netstring("postfix known.test"):
                    client.send(bytes([byte]))
                self.assertEqual(client.reply(), KNOWN)

    def test_ten_thousand_requests_at_once_get_their_replies_in_order(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            asked = ["known.test" if i % 3 else ".test" for i in range(10_000)]
            with server.connect() as client:
                client.connection.setblocking(False)
                rest = b"".join(netstring(f"postfix {key}") for key in asked)
                expected = b"".join(netstring(KNOWN if i % 3 else "NOTFOUND ") for i in range(10_000))
                received = b""
                while len(received) < len(expected):
                    if rest:
                        try:
                            rest = rest[client.connection.send(rest):]
                        except BlockingIOError:
                            pass
                    try:
                        received += client.connection.recv(1 << 20)
                    except BlockingIOError:
                        pass
                self.assertEqual(received, expected)

    def test_requests_that_wait_delay_only_their_own_connection_and_keep_their_order(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            with server.connect() as slow, server.connect() as quick:
                slow.send(netstring("postfix unknown.test") + netstring("postfix known.test"))
                self.assertEqual(quick.ask("postfix known.test"), KNOWN)
                self.assertEqual(slow.reply(), "OK dane")
                self.assertEqual(slow.reply(), KNOWN)

    def test_a_half_closed_peer_gets_its_replies(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            with server.connect() as client:
                client.send(netstring("postfix unknown.test") + netstring("postfix known.test"))
                client.connection.shutdown(socket.SHUT_WR)
                self.assertEqual(client.reply(), "OK dane")
                self.assertEqual(client.reply(), KNOWN)
                self.assertTrue(client.is_closed())


class Peers(unittest.TestCase):
    def test_a_peer_that_does_not_read_uses_no_memory_and_delays_nobody(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            before = server.memory_kib()
            peers = [server.connect() for _ in range(20)]
            for peer in peers:
                peer.connection.setblocking(False)
                try:
                    while True:
                        peer.connection.send(netstring("postfix known.test") * 1000)
                except BlockingIOError:
                    pass
            self.assertEqual(server.ask("postfix known.test"), KNOWN)
            self.assertLess(server.memory_kib() - before, memory_limit(20 * 1024, "starttls-listtool"))
            spent = server.cpu_seconds()
            for _ in range(20):
                self.assertEqual(server.ask("postfix known.test"), KNOWN)
            self.assertLess(server.cpu_seconds() - spent, 0.5)
            for peer in peers:
                peer.connection.close()

    def test_ten_thousand_idle_connections_cost_little_and_the_longest_idle_one_is_closed_for_a_new_one(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        most = 10_000
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < most + 1_100:
            self.skipTest("the limit of open files is too low")
        with Lab() as lab:
            server = Server(lab, f"max_connections = {most}")
            before = server.memory_kib()
            idle = [server.connect() for _ in range(most)]
            self.assertEqual(idle[-1].ask("postfix known.test"), KNOWN)
            self.assertLess(server.memory_kib() - before, memory_limit(40 * 1024, "starttls-listtool"))
            with server.connect() as late:
                self.assertEqual(late.ask("postfix known.test"), KNOWN)
                self.assertTrue(idle[0].is_closed())
                self.assertEqual(idle[1].ask("postfix known.test"), KNOWN)
            for client in idle:
                client.connection.close()

    def test_a_lack_of_descriptors_closes_idle_connections_and_does_not_spin(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            resource.prlimit(server.program.pid, resource.RLIMIT_NOFILE, (64, 64))
            peers = [server.connect() for _ in range(100)]
            self.assertEqual(peers[-1].ask("postfix known.test"), KNOWN)
            spent = server.cpu_seconds()
            self.assertEqual(peers[-1].ask("postfix unknown.test"), "OK dane")
            self.assertLess(server.cpu_seconds() - spent, 1)
            for peer in peers:
                peer.connection.close()

    def test_idle_connections_are_closed(self) -> None:
        with Lab() as lab:
            server = Server(lab, "idle_timeout = 1")
            with server.connect() as client:
                self.assertTrue(client.is_closed())


if __name__ == "__main__":
    unittest.main()
