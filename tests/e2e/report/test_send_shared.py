"""Of hosts that share a store in PostgreSQL, any may send the reports about outbound mail: each report is sent once,
whichever host is killed, and whenever.

The days are of the last week, because the database asks its own clock which are over.
"""

import contextlib
import datetime
import json
import re
import socket
import threading
import unittest
from collections import Counter

from lab import Lab, wait
from lab.collector import QUICK, Collector
from lab.documents import Steps
from lab.mailbox import Mailbox
from lab.pgbouncer import PgBouncer
from lab.postgres import Postgres
from lab.program import Program
from outbound_results import OutboundReader, content_of, datagram, figures

TODAY = datetime.datetime.now(datetime.UTC).replace(hour=6, minute=0, second=0, microsecond=0)
DAY = str((TODAY - datetime.timedelta(days=3)).date())
DOMAINS = 600  # more than are queued in one transaction
LATER = "send_window = 3600"  # none of them is sent at once: so many mails take their time


def morning_after(days: int = 1) -> str:
    """The time at which reports about DAY are due, or days after that."""
    return (TODAY - datetime.timedelta(days=3 - days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Host(OutboundReader):
    """A host with a collector and a state directory of its own."""

    def __init__(self, lab: Lab, store: str, mail: str, *tables: str) -> None:
        super().__init__(lab, "\n".join([f'mail = "{mail}"', *tables]), morning_after())
        self._store = store
        self.configuration.write_text(f'store = "{store}"\n' + self.configuration.read_text())
        self.configuration.chmod(0o600)

    def collect_shared(self, *datagrams: bytes, day: str = DAY) -> None:
        collector = Collector(self.lab, state=self.state, settings={**QUICK, "store": self._store},
                              environment={"STARTTLS_TOOLKIT_NOW": f"{day}T12:00:00Z"})
        collector.send(*datagrams)
        assert collector.stop() == 0, collector.stderr.text()

    def start(self, *arguments: str) -> Program:
        return Program(self.lab, "tlsrpt-report", "-c", self.configuration, *arguments, environment=self.environment)

    def held(self) -> int:
        return Counter(one["state"] for one in self.queue())["held"]

    def destinations(self) -> Counter[str]:
        """To which reports are sent, or were."""
        return Counter(one["destination"] for one in self.queue() if one["state"] in ("waiting", "sent"))


class SilentDns:
    """A name server that does not answer: who asks it waits, until it fails all questions."""

    def __init__(self, lab: Lab) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        lab.at_end(self._socket.close)
        self._socket.bind((lab.address(), 0))
        self._socket.settimeout(wait.PATIENCE)
        address, port = self._socket.getsockname()
        self.table = f'[dns]\nservers = ["{address}@{port}"]\ndnssec = false\ntimeout = 60\n'

    def wait_for_question(self) -> None:
        self._socket.recv(4096)

    def fail_all(self) -> None:
        threading.Thread(target=self._fail_all, daemon=True).start()

    def _fail_all(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                question, to = self._socket.recvfrom(4096)
                self._socket.sendto(question[:2] + b"\x81\x82" + question[4:], to)  # an answer: SERVFAIL


class Hosts(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.mailbox = Mailbox(self.lab)
        self.server = Postgres(self.lab)

    def host(self, *tables: str, url: str = "") -> Host:
        return Host(self.lab, url or self.server.url, self.mailbox.url, *tables)

    def send(self, host: Host, *arguments: str, command: str = "send", expected: int = 0) -> str:
        done = host.run(command, *arguments)
        self.assertEqual(done.returncode, expected, done.stderr)
        return done.stdout + done.stderr

    def received(self) -> Counter[str]:
        return Counter(mail["to"] for mail in self.mailbox.messages())

    def let_claims_end(self) -> None:
        self.server.execute("UPDATE outbound_reports SET claimed_until = 0")

    def claims(self) -> list[list[str]]:
        return self.server.execute("SELECT day, queued FROM outbound_reports ORDER BY day")

    def killed_host(self) -> Host:
        """A host that has claimed the day, has put some reports into its queue, and is killed while it looks others up."""
        dns = SilentDns(self.lab)
        host = self.host(LATER, dns.table)
        host.collect_shared(*[datagram(f"d{number}.test", f"mailto:tls@d{number}.test") for number in range(DOMAINS)])
        host.log(DAY, datagram("unknown.test", "", {"policy-domain": "", "failure-details": [], "t": 0, "f": 0}))
        sending = host.start("send")
        dns.wait_for_question()
        sending.kill()
        # Not what the other hosts do; its questions stay without an answer.
        for segment in (host.state / "outbound-journal").glob("*.segment"):
            segment.unlink()
        self.assertGreater(host.held(), 0)
        self.assertLess(host.held(), DOMAINS)
        self.assertEqual([queued for _, queued in self.claims()], ["0"])
        return host

    def assert_queued_once(self, *hosts: Host) -> None:
        """Of all that the killed host has received."""
        self.assertEqual(sum((host.destinations() for host in hosts), Counter()),
                         Counter({f"mailto:tls@d{number}.test": 1 for number in range(DOMAINS)}))

    def test_the_first_sends_the_results_of_all_and_the_others_nothing(self) -> None:
        for url in (self.server.url, PgBouncer(self.lab, self.server).url):
            with self.subTest(url):
                self.server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                self.mailbox.mails.clear()
                hosts = [self.host(url=url) for _ in range(2)]
                for host in hosts:
                    host.collect_shared(*[datagram("a.test", "mailto:tls@a.test")] * 2)
                self.assertIn(f"1 report about {DAY} queued.", self.send(hosts[0]))
                self.assertIn(f"makes the reports about {DAY}.", self.send(hosts[1]))
                self.assertEqual(json.loads(self.send(hosts[0], "--json"))["other_host"], "")
                told = json.loads(self.send(hosts[1], "--json"))
                self.assertNotEqual(told["other_host"], "")
                self.assertEqual(told["queued"], 0)
                (mail,) = self.mailbox.messages()
                self.assertEqual(figures(content_of(mail)), {("sts", "a.test"): (4, 0, {})})

    def test_hosts_that_start_at_the_same_moment_send_each_report_once(self) -> None:
        hosts = [self.host() for _ in range(4)]
        names = [f"d{number}.test" for number in range(20)]
        hosts[0].collect_shared(*[datagram(name, f"mailto:tls@{name}") for name in names])
        for sending in [host.start("send") for host in hosts]:
            self.assertEqual(sending.wait(), 0)
        self.assertEqual(self.received(), Counter({f"tls@{name}": 1 for name in names}))

    def test_another_takes_over_from_one_that_was_killed_and_nothing_is_sent_twice(self) -> None:
        killed, other = self.killed_host(), self.host(LATER)
        self.server.execute("UPDATE outbound_reports SET report_host = 'first.sender.test'")
        # Neither of them, while the other may still be at work.
        self.assertIn(f"makes the reports about {DAY}.", self.send(other))
        self.send(killed, "--send", command="queue")
        self.assertEqual(killed.destinations() + other.destinations(), Counter())
        self.let_claims_end()
        self.assertIn(f"{DOMAINS} reports about {DAY} queued.", self.send(other))
        self.assert_queued_once(killed, other)
        self.assertEqual({one["report_id"].rpartition("@")[2] for one in other.queue()}, {"first.sender.test"})
        # The first one is back.
        self.send(killed, "--send", command="queue")
        self.assertEqual(killed.held(), 0)
        self.assertIn(f"makes the reports about {DAY}.", self.send(killed))
        self.assert_queued_once(killed, other)

    def test_one_that_was_killed_goes_on_at_once(self) -> None:
        killed = self.killed_host()
        self.assertIn(f"{DOMAINS} reports about {DAY} queued.", self.send(killed))
        self.assert_queued_once(killed)
        self.assertEqual([queued for _, queued in self.claims()], ["1"])

    def test_the_next_night_a_day_is_made_that_was_not_finished(self) -> None:
        killed, other = self.killed_host(), self.host(LATER)
        self.let_claims_end()
        next_day = morning_after()[:10]
        other.collect_shared(datagram("next.test", "mailto:tls@next.test"), day=next_day)
        other.at(morning_after(2))
        # Who asks for a day gets that day.
        self.send(other, "--day", next_day)
        self.assertEqual(other.destinations(), Counter(["mailto:tls@next.test"]))
        told = json.loads(self.send(other, "--json"))
        self.assertEqual((told["day"], told["late_days"], told["queued"]), (next_day, [DAY], 0))
        self.assertEqual(len(other.destinations()), DOMAINS + 1)
        self.assertEqual(killed.destinations(), Counter())
        self.assertEqual([queued for _, queued in self.claims()], ["1", "1"])

    def test_one_that_is_killed_when_all_are_queued_sends_them_when_it_is_back(self) -> None:
        killed, other = self.killed_host(), self.host()
        # As if it had been killed a moment later.
        self.server.execute("UPDATE outbound_reports SET queued = 1")
        self.let_claims_end()
        held = killed.held()
        self.assertIn(f"makes the reports about {DAY}.", self.send(other))
        with contextlib.ExitStack() as paused:
            paused.enter_context(self.server.paused())
            # What is held is not certain to be ours while the database does not answer.
            killed.configuration.write_text(killed.configuration.read_text().replace(
                "/tlsrpt\"", "/tlsrpt?connect_timeout=1\"", 1))
            self.assertIn("no answer in time", self.send(killed, "--send", command="queue"))
        self.assertEqual((killed.held(), killed.destinations()), (held, Counter()))
        self.send(killed, "--send", command="queue")
        self.assertEqual((killed.held(), len(killed.destinations())), (0, held))

    def test_the_reports_of_one_that_does_not_come_back_are_made_again_as_the_guide_says(self) -> None:
        lost, other = self.host(LATER), self.host(LATER)
        lost.collect_shared(datagram("a.test", "mailto:tls@a.test"))
        self.send(lost)
        self.server.execute("UPDATE outbound_reports SET report_host = 'first.sender.test'")
        self.assertIn("makes the reports", self.send(other, "--day", DAY))
        statement = Steps("docs/postgresql.md").take("UPDATE outbound_reports")
        self.server.execute(re.sub("date '2[0-9-]+'", f"date '{DAY}'", statement))
        self.assertIn("1 report about", self.send(other, "--day", DAY))
        (one,) = other.queue()
        self.assertTrue(one["report_id"].endswith(f".{DAY}.outbound@first.sender.test"), one)

    def test_one_that_took_too_long_sends_nothing(self) -> None:
        dns = SilentDns(self.lab)
        slow, other = self.host(dns.table), self.host()
        slow.collect_shared(datagram("a.test", "mailto:tls@a.test"))
        slow.log(DAY, datagram("unknown.test", "", {"policy-domain": "", "failure-details": [], "t": 0, "f": 0}))
        sending = slow.start("send")
        dns.wait_for_question()
        self.let_claims_end()
        self.server.execute("UPDATE outbound_reports SET writer = 'another', writer_host = 'another.test'")
        dns.fail_all()
        self.assertEqual(sending.wait(), 75)
        self.assertIn(f"the reports about {DAY} took too long: another host makes them now", sending.stderr.text())
        self.assertEqual((slow.held(), self.received()), (0, Counter()))
        self.let_claims_end()
        self.send(other)
        self.assertEqual(self.received(), Counter({"tls@a.test": 1}))

    def test_a_clock_that_is_ahead_does_not_make_reports_of_a_day_that_is_not_over(self) -> None:
        host = self.host()
        host.collect_shared(datagram("a.test", "mailto:tls@a.test"))
        host.at((TODAY + datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.assertIn("is not over by its clock", self.send(host, expected=75))
        # One that is behind looks at a day that was sent before.
        host.at(morning_after())
        self.send(host)
        self.assertIn(f"0 reports about {DAY} queued.", self.send(host))
        self.assertEqual(self.received(), Counter({"tls@a.test": 1}))

    def test_tests_and_files_claim_nothing(self) -> None:
        host, other = self.host(), self.host()
        host.collect_shared(datagram("a.test", "mailto:tls@a.test"), datagram("b.test", "mailto:tls@b.test"))
        self.send(host, "-n")
        self.send(host, "-o", str(self.lab.new_folder("files")))
        self.send(host, "--domain", "a.test", "--to", "mailto:me@sender.test")
        self.assertEqual((self.received(), self.claims()), (Counter({"me@sender.test": 1}), []))
        self.mailbox.mails.clear()
        # A report alone would be sent again by the host that claims the day.
        self.assertIn("are not sent yet", self.send(other, "--domain", "a.test", expected=69))
        self.send(other)
        self.assertIn("makes the reports", self.send(host, "--domain", "a.test", expected=69))
        self.assertIn("0 reports", self.send(other, "--domain", "a.test"))
        self.assertEqual(self.received(), Counter({"tls@a.test": 1, "tls@b.test": 1}))


if __name__ == "__main__":
    unittest.main()
