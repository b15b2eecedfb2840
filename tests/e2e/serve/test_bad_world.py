"""Whatever the state of the DNS, the policy hosts and the cache file, every reply is valid and in time, and no request
delays another."""

import contextlib
import itertools
import os
import pwd
import random
import re
import shutil
import socket
import sqlite3
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import Lab, wait
from lab import bad_dns as bad
from lab.acceptor import Acceptor
from lab.bad_dns import BadDns, Fault, record, wire_name
from lab.ca import CA
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.policy_domains import PATH, Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.program import memory_limit

MAPS = ("postfix", "QUERYwithTLSRPT", "sts")
NOTHING = dict.fromkeys(MAPS, "NOTFOUND ")
NOISE = random.Random(1).randbytes
PROMPT = 2.5  # seconds; far more than an answer takes on a busy machine, and less than any fault's time limit


def secure(domain: str) -> str:
    return f"OK secure match=mx.{domain} servername=hostname"


def listed(domain: str) -> dict[str, str]:
    """The reply of each map for a domain that only a list names."""
    return dict.fromkeys(MAPS, secure(domain)) | {"QUERYwithTLSRPT": f"{secure(domain)} protocols=>=TLSv1.2"}


def cname_loop(question: bad.Question) -> list[bytes]:
    other = f"other.{question.name}" if not question.name.startswith("other.") else question.name[6:]
    return [question.answer(answers=[record(question.name, "CNAME", wire_name(other)),
                                     record(other, "CNAME", wire_name(question.name))])]


class World(unittest.TestCase):
    """A domain whose policy was fetched before, known.test, and others that the tests add to the zones."""

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}, "test": {}}
        self.add("known.test", mta_sts=True)

    def add(self, domain: str, *, mta_sts: bool = False, **more: list[str]) -> None:
        zone = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"], **more}
        if mta_sts:
            zone |= mta_sts_records(self.web)
            publish(self.lab, self.web, domain, policy("enforce", f"mx.{domain}"))
        self.zones[domain] = zone

    def serve(self, *, signed: tuple[str, ...] = (), lists: dict[str, object] | None = None, dns_timeout: float = 3,
              https_timeout: float = 3, **settings: object) -> None:
        self.dns = Dns(self.lab, self.zones, signed=signed, port=0)
        self.bad_dns = BadDns(self.lab, self.dns)
        self.configuration = Configuration(self.lab, self.dns, self.web, mta_sts={"timeout": https_timeout})
        self.configuration.tables["dns"] |= {"servers": [self.bad_dns.server], "timeout": dns_timeout}
        if lists:
            self.configuration.install(lists)
        self.server = PolicyServer(self.lab, self.configuration, settings={"answer_timeout": 20, **settings})
        self.assertEqual(self.server.ask("postfix", "known.test"), secure("known.test"))

    @property
    def log(self) -> str:
        return self.server.process.stderr.text()

    def replies(self, domain: str) -> dict[str, str]:
        """The reply of each map, all asked at the same time."""
        with ThreadPoolExecutor(len(MAPS)) as threads:
            return dict(zip(MAPS, threads.map(lambda name: self.server.ask(name, domain), MAPS), strict=True))

    @contextlib.contextmanager
    def others_do_not_wait(self) -> Iterator[None]:
        """Asks about known.test all the time, and demands that each reply is right and prompt."""
        ended = threading.Event()
        replies: list[tuple[str, float]] = []

        def ask() -> None:
            with self.server.client() as client:
                while True:  # at least once, however soon the others are done
                    begun = time.monotonic()
                    replies.append((client.ask("postfix known.test"), time.monotonic() - begun))
                    if ended.wait(0.01):
                        return

        with ThreadPoolExecutor(1) as threads:
            asking = threads.submit(ask)
            try:
                yield
            finally:
                ended.set()
                asking.result()
        self.assertEqual({reply for reply, _ in replies}, {secure("known.test")})
        self.assertLess(max(taken for _, taken in replies), PROMPT)

    def assert_replies(self, expected: dict[str, dict[str, str]]) -> None:
        """Ask about all of the domains at once."""
        with self.others_do_not_wait(), ThreadPoolExecutor(len(expected)) as threads:
            found = dict(zip(expected, threads.map(self.replies, expected), strict=True))
        for domain, replies in expected.items():
            with self.subTest(domain):
                self.assertEqual(found[domain], replies)
        wait.until(lambda: self.server.metrics()["starttls_listtool_under_way"] == 0)


class NameServers(World):
    FAULTS: dict[str, Fault] = {
        "silent": bad.silent, "servfail": bad.servfail, "refused": bad.refused, "formerr": bad.formerr,
        "notimp": bad.notimp, "garbage": bad.garbage, "cut-short": bad.cut_short, "wrong-id": bad.wrong_id,
        "other-question": bad.other_question, "lame": bad.lame, "truncated": bad.truncated,
        "no-tcp": bad.truncated_without_tcp, "loop": cname_loop}

    def spoil(self, domain: str, fault: Fault) -> None:
        for name in (domain, f"mx.{domain}", f"_25._tcp.mx.{domain}", f"_mta-sts.{domain}", f"mta-sts.{domain}"):
            self.bad_dns.spoil(name, fault)

    def test_a_domain_whose_dns_fails_gets_its_mail_unless_a_list_names_it(self) -> None:
        for name in self.FAULTS:
            self.add(f"{name}.test")
            self.add(f"{name}.listed.test")
        lists = {f"{name}.listed.test": {"mode": "enforce", "mxs": [f"mx.{name}.listed.test"]} for name in self.FAULTS}
        self.serve(lists=lists)
        expected = {}
        for name, fault in self.FAULTS.items():
            for domain in (f"{name}.test", f"{name}.listed.test"):
                self.spoil(domain, fault)
            expected[f"{name}.test"] = NOTHING
            expected[f"{name}.listed.test"] = listed(f"{name}.listed.test")
        self.assert_replies(expected)

    def test_only_the_question_about_mta_sts_fails(self) -> None:
        """For example behind firewalls that do not support names with underscores."""
        for name in self.FAULTS:
            self.add(f"{name}.test")
        self.serve()
        for name, fault in self.FAULTS.items():
            self.bad_dns.spoil(f"_mta-sts.{name}.test", fault)
        self.assert_replies({f"{name}.test": NOTHING for name in self.FAULTS})

    def test_a_policy_that_was_seen_stays_in_force(self) -> None:
        for name in self.FAULTS:
            self.add(f"{name}.test", mta_sts=True)
        self.serve()
        domains = [f"{name}.test" for name in self.FAULTS]
        for domain in domains:
            self.assertEqual(self.server.ask("sts", domain), secure(domain))
        self.server.stop()
        for name, fault in self.FAULTS.items():
            self.spoil(f"{name}.test", fault)
        self.server.start()
        with self.others_do_not_wait():
            for domain in domains:
                self.assertEqual(self.server.ask("sts", domain), secure(domain))
                self.assertEqual(self.server.ask("postfix", domain), secure(domain))

    def test_signatures_that_are_missing_or_wrong_prove_nothing(self) -> None:
        tlsa = "TLSA 3 1 1 " + "ab" * 32
        names = ("good", "stripped", "forged")
        for name in names:
            self.add(f"{name}.signed.test", **{"_25._tcp.mx": [tlsa]})
        self.serve(signed=(".", "test", *(f"{name}.signed.test" for name in names)))
        for name in ("stripped.signed.test", "mx.stripped.signed.test", "_25._tcp.mx.stripped.signed.test",
                     "_mta-sts.stripped.signed.test"):
            self.bad_dns.spoil(name, bad.without_signatures)
        forged = record("forged.signed.test", "MX", b"\0\x0a" + wire_name("mx.attacker.test"))
        self.bad_dns.spoil("forged.signed.test", bad.records(forged))
        def for_postfix(reply: str) -> dict[str, str]:
            return NOTHING | {"postfix": reply, "QUERYwithTLSRPT": reply}

        # If nothing is proven, Postfix looks itself.
        self.assert_replies({"good.signed.test": for_postfix("OK dane-only"),
                             "stripped.signed.test": for_postfix("OK dane"),
                             "forged.signed.test": for_postfix("OK dane")})

    def test_one_bad_mx_host_of_many_delays_nothing(self) -> None:
        for name in self.FAULTS:
            self.zones[f"{name}.test"] = {"@": [f"MX {i} mx{i}" for i in range(10)],
                                          **{f"mx{i}": ["A 192.0.2.1"] for i in range(10)}}
        self.serve()
        for name, fault in self.FAULTS.items():
            for host in (f"mx0.{name}.test", f"_25._tcp.mx0.{name}.test"):
                self.bad_dns.spoil(host, fault)
        self.assert_replies({f"{name}.test": NOTHING for name in self.FAULTS})

    def test_a_resolver_that_is_down_does_not_affect_clients_that_need_no_policy(self) -> None:
        for name in ("a", "b", "c"):
            self.add(f"{name}.test")
        self.serve()
        self.bad_dns.spoil("*", bad.silent)
        self.assert_replies({f"{name}.test": NOTHING for name in "abc"})
        self.bad_dns.mend("*")
        self.assertEqual(self.server.ask("postfix", "known.test"), secure("known.test"))

    def test_what_takes_longer_than_the_limit_is_temp_in_time(self) -> None:
        self.add("silent.test")
        self.serve(dns_timeout=30, answer_timeout=0.5)
        self.spoil("silent.test", bad.silent)
        begun = time.monotonic()
        with self.others_do_not_wait():
            replies = self.replies("silent.test")
        self.assertLess(time.monotonic() - begun, 20)
        for reply in replies.values():
            self.assertRegex(reply, r"\ATEMP \S[ -~]+\Z")


class PolicyHosts(World):
    def listener(self, serve: Callable[[socket.socket], object]) -> str:
        """The address of a server that does this with each connection, in place of an HTTPS server."""
        address = self.lab.address()
        held = []  # open until the test ends

        def talk(connection: socket.socket) -> None:
            held.append(connection)
            with contextlib.suppress(OSError):
                serve(connection)

        acceptor = Acceptor(socket.create_server((address, self.web.port)), talk)

        def end() -> None:
            acceptor.end()
            for connection in held:
                connection.close()

        self.lab.at_end(end)
        return address

    def setUp(self) -> None:
        super().setUp()
        issue = self.lab.ca.issue
        stranger = CA(self.lab.new_folder("ca"), "Stranger")
        text = {"Content-Type": "text/plain"}
        self.gone = threading.Event()
        self.lab.at_end(self.gone.set)

        def late(_: object) -> Answer:
            self.gone.wait(60)
            return Answer()

        answers: dict[str, Answer | Callable[[object], Answer]] = {
            "after-handshake": late,
            "after-head": Answer(headers=text, hold=True),
            "after-half": Answer(body=b"version: STSv1\nmode: enf", hold=True),
            "trickle": Answer(headers=text, chunks=itertools.repeat(b"x"), pause=0.1),
            "trickle-chunked": Answer(headers=text, chunks=itertools.repeat(b"x"), chunked=True, pause=0.1),
            "endless": Answer(headers=text, chunks=itertools.repeat(b"x" * 1_000_000)),
            "endless-chunked": Answer(headers=text, chunks=itertools.repeat(b"x" * 1_000_000), chunked=True),
            "announced": Answer(headers={**text, "Content-Length": str(1 << 30)}, chunks=[b"x" * 1000]),
            "head": Answer(headers={f"X-{i}": "x" * 1000 for i in range(1000)}),
            "redirect": Answer(302, headers={"Location": f"https://mta-sts.known.test:{self.web.port}{PATH}"}),
            "redirect-loop": Answer(301, headers={"Location": PATH}),
            "error": Answer(503), "missing": Answer(404),
            "html": Answer(headers={"Content-Type": "text/html"}, body=b"<html>welcome</html>"),
            "binary": Answer(body=bytes(range(256)) * 200), "empty": Answer(body=b"")}
        self.bad = [*answers]
        for name, answer in answers.items():
            self.add(f"{name}.test", mta_sts=True)
            self.web.answer(f"mta-sts.{name}.test", PATH, answer)
        for name, certificate in (("wrong-name", issue("mta-sts.elsewhere.test")),
                                  ("stranger", stranger.issue("mta-sts.stranger.test"))):
            self.bad.append(name)
            self.add(f"{name}.test")
            self.zones[f"{name}.test"] |= mta_sts_records(self.web)
            publish(self.lab, self.web, f"{name}.test", policy("enforce", f"mx.{name}.test"), certificate=certificate)
        self.bad.append("no-certificate")
        self.add("no-certificate.test")
        self.zones["no-certificate.test"] |= mta_sts_records(self.web)
        for name, serve in {"before-handshake": lambda _: None, "closes": lambda peer: peer.close(),
                            "no-tls": lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\n\r\nversion: STSv1\n"),
                            "half-a-record": lambda peer: peer.sendall(b"\x16\x03\x03\x40\0")}.items():
            self.bad.append(name)
            self.add(f"{name}.test")
            self.zones[f"{name}.test"] |= {"_mta-sts": ['TXT "v=STSv1; id=1;"'],
                                           "mta-sts": [f"A {self.listener(serve)}"]}
        self.bad.append("nobody")
        self.add("nobody.test")
        self.zones["nobody.test"] |= {"_mta-sts": ['TXT "v=STSv1; id=1;"'], "mta-sts": [f"A {self.lab.address()}"]}

    def memory_kib(self) -> int:
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    def test_a_domain_whose_policy_host_fails_gets_its_mail_as_if_it_had_none(self) -> None:
        self.serve()
        before = self.memory_kib()
        self.assert_replies({f"{name}.test": NOTHING for name in self.bad})
        self.assertLess(self.memory_kib() - before, memory_limit(50 * 1024, "starttls-listtool"))

    def test_a_policy_that_was_seen_is_valid_longer_than_its_host(self) -> None:
        publish(self.lab, self.web, "gone.test", policy("enforce", "mx.gone.test"))
        self.add("gone.test", mta_sts=True)
        self.serve()
        self.assertEqual(self.server.ask("sts", "gone.test"), secure("gone.test"))
        self.server.stop()
        self.web.answer("mta-sts.gone.test", PATH, Answer(hold=True))
        self.dns.update("gone.test", self.zones["gone.test"] | mta_sts_records(self.web, "2"))
        self.server.start()
        with self.others_do_not_wait():
            self.assertEqual(self.replies("gone.test")["postfix"], secure("gone.test"))
            self.assertEqual(self.server.ask("sts", "gone.test"), secure("gone.test"))

    def test_an_answer_comes_in_time_if_a_host_takes_longer(self) -> None:
        self.serve(https_timeout=30, answer_timeout=1)
        slow = ("before-handshake", "after-handshake", "after-half", "trickle")
        begun = time.monotonic()
        with self.others_do_not_wait(), ThreadPoolExecutor(len(slow)) as threads:
            found = list(threads.map(lambda name: self.replies(f"{name}.test"), slow))
        self.assertLess(time.monotonic() - begun, 20)
        for replies in found:
            for reply in replies.values():
                self.assertRegex(reply, r"\A(NOTFOUND |TEMP \S[ -~]+)\Z")


class CacheFiles(World):
    """The name servers stop answering between two runs, so that only what was kept is known."""

    def setUp(self) -> None:
        super().setUp()
        self.add("fresh.test", mta_sts=True)
        self.add("bare.test")
        self.serve()
        self.cache = self.configuration.cache
        self.assertGreater(self.cache.stat().st_size, 4096)

    def restart_with(self, spoil: Callable[[], object], user: str = "") -> None:
        self.server.stop()
        spoil()
        if user:
            self.configuration.tables["serve"]["user"] = user
            self.configuration.write()
        self.server.start()

    def assert_goes_on(self, warning: str) -> None:
        """It has logged one warning, and answers."""
        for _ in range(3):
            self.assertEqual(self.replies("bare.test"), NOTHING)
            for domain in ("known.test", "fresh.test"):
                self.assertEqual(self.server.ask("postfix", domain), secure(domain))
                self.assertEqual(self.server.ask("sts", domain), secure(domain))
        warnings = [line for line in self.log.splitlines() if str(self.cache) in line]
        self.assertEqual(len(warnings), 1, warnings)
        self.assertRegex(warnings[0], warning)

    def assert_known_offline(self) -> None:
        """What was known is in force although no server answers."""
        self.bad_dns.spoil("*", bad.silent)
        self.assertEqual(self.server.ask("sts", "known.test"), secure("known.test"))

    def in_cache(self, folder_file: Path) -> list[str]:
        with contextlib.closing(sqlite3.connect(folder_file)) as database:
            tables = [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [row[0] for row in database.execute(f"SELECT domain FROM {tables[0]} ORDER BY domain")]

    def aside(self) -> list[Path]:
        return [file for file in self.cache.parent.glob("*.damaged-*") if not file.name.endswith(("-wal", "-shm"))]

    def test_truncated(self) -> None:
        for size in (0, 100, 2000, 4096, 5000):
            with self.subTest(size):
                for file in self.aside():
                    file.unlink()
                self.restart_with(lambda size=size: os.truncate(self.cache, size))
                self.assert_goes_on("renamed to .* and created again")
                self.assertEqual(len(self.aside()), 1)
                self.assertEqual(self.in_cache(self.cache), ["fresh.test", "known.test"])

    def test_corrupt(self) -> None:
        for name, at, data in (("head", 0, b"x" * 100), ("schema", 100, b"\xff" * 2000), ("all", 0, NOISE(20_000))):
            with self.subTest(name):
                def spoil(at: int = at, data: bytes = data) -> None:
                    with self.cache.open("r+b") as file:
                        file.seek(at)
                        file.write(data)

                self.restart_with(spoil)
                self.assert_goes_on("renamed to .* and created again")

    def test_corrupted_while_in_use(self) -> None:
        self.restart_with(lambda: None)
        for end in ("", "-wal", "-shm"):
            file = Path(f"{self.cache}{end}")
            with contextlib.suppress(FileNotFoundError), file.open("r+b") as stream:
                stream.write(NOISE(file.stat().st_size))
        with self.others_do_not_wait():
            self.assertEqual(self.server.ask("sts", "fresh.test"), secure("fresh.test"))
            self.server.process.stderr.wait_for("created again")
        self.assert_goes_on("renamed to .* and created again")

    def test_truncated_while_in_use(self) -> None:
        self.restart_with(lambda: None)
        os.truncate(self.cache, 1000)
        with self.others_do_not_wait():
            self.assertEqual(self.server.ask("sts", "fresh.test"), secure("fresh.test"))
        self.assertLessEqual(sum(str(self.cache) in line for line in self.log.splitlines()), 1)

    def test_of_a_newer_version(self) -> None:
        def spoil() -> None:
            with contextlib.closing(sqlite3.connect(self.cache)) as database:
                version, = database.execute("PRAGMA user_version").fetchone()
                database.execute(f"PRAGMA user_version = {version + 1}")
                database.commit()

        self.restart_with(spoil)
        before = self.cache.read_bytes()
        self.assert_goes_on("newer.* memory only")
        self.assertEqual(self.cache.read_bytes(), before)

    def test_a_directory_in_its_place(self) -> None:
        def spoil() -> None:
            self.cache.unlink()
            self.cache.mkdir()

        self.restart_with(spoil)
        self.assert_goes_on("memory only")
        self.assertTrue(self.cache.is_dir())

    def test_another_kind_of_file_in_its_place(self) -> None:
        def spoil() -> None:
            self.cache.unlink()
            with contextlib.closing(sqlite3.connect(self.cache)) as database:
                database.execute("CREATE TABLE photos (name TEXT)")
                database.commit()

        self.restart_with(spoil)
        before = self.cache.read_bytes()
        self.assert_goes_on("memory only")
        self.assertEqual(self.cache.read_bytes(), before)

    def test_of_another_user_and_read_only(self) -> None:
        """What can be read counts; new results are kept in memory."""
        self.lab.require_root()

        def spoil() -> None:
            for folder in (self.cache.parent, self.cache.parent.parent):
                folder.chmod(0o755)
            owner = pwd.getpwnam("nobody").pw_uid  # root's file is given to the user, which is not tested here
            for file in (self.cache.parent, *self.cache.parent.iterdir()):
                os.chown(file, owner, -1)
            self.cache.chmod(0o444)

        self.restart_with(spoil, user="daemon")
        before = self.cache.read_bytes()
        self.assert_goes_on("memory only")
        self.assertEqual(self.cache.read_bytes(), before)
        self.assert_known_offline()

    def test_replaced_while_in_use(self) -> None:
        self.restart_with(lambda: None)
        with self.others_do_not_wait():
            other = self.cache.with_name("other")
            with contextlib.closing(sqlite3.connect(self.cache)) as database, \
                    contextlib.closing(sqlite3.connect(other)) as copy:
                database.backup(copy)
            other.rename(self.cache)
            self.assertEqual(self.server.ask("sts", "fresh.test"), secure("fresh.test"))
        wait.until(lambda: self.in_cache(self.cache) == ["fresh.test", "known.test"])
        self.assert_known_offline()

    def test_removed_while_in_use(self) -> None:
        self.restart_with(lambda: None)
        # Renamed first, since the server may create files in there at any time.
        shutil.rmtree(self.cache.parent.rename(self.cache.parent.with_name("removed")))
        with self.others_do_not_wait():
            self.assertEqual(self.server.ask("sts", "fresh.test"), secure("fresh.test"))
        self.assert_known_offline()
        self.assertLessEqual(len([line for line in self.log.splitlines() if str(self.cache) in line]), 1)


if __name__ == "__main__":
    unittest.main()
