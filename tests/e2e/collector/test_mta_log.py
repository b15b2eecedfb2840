"""tlsrpt-collector reads the logs of a real Postfix and a real Sendmail, without datagrams, and counts each outbound
handshake once, whatever happens to it and to the log."""

import random
import signal
import subprocess
import unittest
from collections.abc import Mapping
from pathlib import Path

from lab import Lab, program, wait
from lab.ca import CA
from lab.collector import QUICK, Collector, configuration, datagram, rows
from lab.mx_hosts import MxHosts
from lab.postfix import Sender, settle
from lab.sendmail import SendmailSender, makemap

TREE = Path(__file__).resolve().parents[3]
WILDCARD = TREE / "packaging/sendmail/sts-wildcard.m4"

MISMATCH, NOT_TRUSTED, EXPIRED, NO_STARTTLS = (
    "certificate-host-mismatch", "certificate-not-trusted", "certificate-expired", "starttls-not-supported")
UNKNOWN, NO_POLICY = "", "no-policy-found"  # policy types

# Of one session each: the policy type, successful and failed sessions, the result type. A host stands for two domains:
# with a policy that demands its name, and ("may-...") with none.
Counts = Mapping[str, tuple[str, int, int, str]]
POSTFIX: Counts = {
    "good.test": (UNKNOWN, 1, 0, ""), "may-good.test": (UNKNOWN, 1, 0, ""),
    "wrong.test": (UNKNOWN, 0, 1, MISMATCH), "may-wrong.test": (UNKNOWN, 1, 0, ""),
    "stranger.test": (UNKNOWN, 0, 1, NOT_TRUSTED), "may-stranger.test": (NO_POLICY, 1, 0, ""),
    "expired.test": (UNKNOWN, 0, 1, EXPIRED), "may-expired.test": (NO_POLICY, 1, 0, ""),
    "plain.test": (UNKNOWN, 0, 1, NO_STARTTLS), "may-plain.test": (NO_POLICY, 0, 1, NO_STARTTLS)}
SENDMAIL: Counts = POSTFIX


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_root()
        self.hosts = MxHosts(self.lab)

    def start_hosts(self) -> None:
        issue = self.lab.ca.issue
        certificates = {
            "good": issue("mx.good.test"), "wrong": issue("mx.elsewhere.test"),
            "stranger": CA(self.lab.new_folder("ca"), "Stranger").issue("mx.stranger.test"),
            "expired": issue("mx.expired.test", expired=True), "plain": None}
        for name, certificate in certificates.items():
            self.hosts.receiver([f"{name}.test", f"may-{name}.test"], certificate)
        self.policies = "".join(f"{name}.test\tsecure match=mx.{name}.test servername=hostname\n" for name in certificates)

    def postfix(self, **parameters: object) -> Sender:
        policies = self.lab.new_folder("policies") / "map"
        policies.write_text(self.policies)
        settle(policies)
        return Sender(self.lab, self.hosts.dns(), {
            "smtp_tls_policy_maps": f"texthash:{policies}", "smtp_connection_cache_on_demand": "no", **parameters})

    def sendmail(self, more: str = "") -> SendmailSender:
        policies = self.lab.new_folder("policies") / "map"
        policies.write_text(self.policies)
        makemap(policies, policies)
        return SendmailSender(self.lab, self.hosts.dns(), macros=f"FEATURE(`sts', `hash -T<TMPF> {policies}')dnl\n"
                                                                 f"include(`{WILDCARD}')dnl\n{more}")

    def collector(self, log: Path | str, *, state: Path | None = None,
                  environment: Mapping[str, str] | None = None) -> Collector:
        return Collector(self.lab, state=state, metrics=True, settings=QUICK | {"mta_log": log}, environment=environment)

    def deliver_to_all(self, mta: Sender | SendmailSender) -> None:
        for domain in POSTFIX:
            mta.deliver("alice@sender.test", f"bob@{domain}")

    def counted(self, collector: Collector) -> Counts:
        found = rows(collector.state, """
            SELECT c.domain, c.policy_type, c.successful, c.failed, coalesce(f.result_type, '')
            FROM outbound_counts AS c LEFT JOIN outbound_failures AS f USING (day, policy) WHERE c.source = 'log'""")
        self.assertEqual(len({domain for domain, *_ in found}), len(found), found)
        return {domain: tuple(rest) for domain, *rest in found}

    def reasons(self, collector: Collector) -> dict[str, tuple[str, str, str]]:
        """Of each domain with failures: the MX host, its address and the reason."""
        return {domain: tuple(rest) for domain, *rest in rows(collector.state, """
            SELECT c.domain, f.receiving_mx_hostname, f.receiving_ip, f.failure_reason_code
            FROM outbound_counts AS c JOIN outbound_failures AS f USING (day, policy)""")}


class Results(Case):
    def test_of_postfix(self) -> None:
        self.start_hosts()
        mta = self.postfix()
        collector = self.collector(mta.log.path)
        self.deliver_to_all(mta)
        collector.wait_for_metric("log_handshakes_total", len(POSTFIX))
        figures = collector.metrics()
        self.assertEqual(figures["log_unclear_lines_total"], 0)
        self.assertEqual(figures["log_delivery_lines_total"], len(POSTFIX))
        self.assertEqual(collector.stop(), 0)
        self.assertEqual(self.counted(collector), POSTFIX)
        reasons = self.reasons(collector)
        self.assertEqual(reasons["may-plain.test"][2], "plaintext: the mail was sent without TLS")
        for domain, (host, address, reason) in reasons.items():
            self.assertEqual(host, f"mx.{domain.removeprefix('may-')}")
            self.assertRegex(address, r"^127\.")
            self.assertNotEqual(reason, "")
        self.assertRegex(collector.stderr.text(), rf"stopped: 0 datagrams received, {len(POSTFIX)} handshakes in the log, "
                                                  rf"{len(POSTFIX)} folded, 0 malformed, 0 lost")

    def test_of_sendmail(self) -> None:
        self.start_hosts()
        mta = self.sendmail()
        collector = self.collector(mta.log.path)
        self.deliver_to_all(mta)
        collector.wait_for_metric("log_handshakes_total", len(SENDMAIL))
        self.assertEqual(collector.stop(), 0)
        self.assertEqual(self.counted(collector), SENDMAIL)

    def test_of_a_sendmail_that_logs_less_have_other_reasons(self) -> None:
        self.start_hosts()
        mta = self.sendmail("define(`confLOG_LEVEL', `9')dnl\n")
        collector = self.collector(mta.log.path)
        self.deliver_to_all(mta)
        collector.wait_for_metric("log_handshakes_total", len(SENDMAIL))
        self.assertEqual(collector.stop(), 0)
        self.assertEqual(self.counted(collector), {**SENDMAIL, "expired.test": (UNKNOWN, 0, 1, NOT_TRUSTED)})

    def test_are_missing_while_postfix_does_not_log_tls_and_that_is_logged(self) -> None:
        self.start_hosts()
        mta = self.postfix(smtp_tls_loglevel="0")
        clock = self.lab.folder / "now"
        clock.write_text("2026-11-22T12:00:00Z\n")
        collector = self.collector(mta.log.path, environment={"STARTTLS_TOOLKIT_NOW": str(clock)})
        mta.deliver("alice@sender.test", "bob@may-good.test")
        collector.wait_for_metric("log_unclear_lines_total", 1)
        self.assertEqual(collector.metrics()["log_handshakes_total"], 0)
        clock.write_text("2026-11-22T12:02:00Z\n")
        mta.deliver("alice@sender.test", "bob@may-good.test")
        collector.stderr.wait_for(r"warning: 'mta_log' \(\S+mail\.log\) has deliveries, but nothing about TLS, .*"
                                  r"smtp_tls_loglevel = 1, Sendmail a LogLevel of 9")
        self.assertEqual((collector.stop(), collector.day().results), (0, 0))


class Kills(Case):
    ROUNDS = 8

    def test_cost_and_double_no_handshake(self) -> None:
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        chance = random.Random(seed)
        self.start_hosts()
        # Each mail has a handshake, also while others to its domain fail: Postfix suspends no domain.
        mta = self.postfix(default_destination_concurrency_failed_cohort_limit=0)
        mta.deliver("alice@sender.test", "bob@good.test")  # before the collector starts for the first time
        collector = self.collector(mta.log.path)
        # So that it knows that TLS is logged.
        mta.deliver("alice@sender.test", "bob@good.test")
        collector.wait_for_metric("log_handshakes_total", 1)
        expected = {"good.test": 1}
        queued = []
        for _ in range(self.ROUNDS):
            killed_after = chance.randrange(4)
            for number in range(4):
                if number == killed_after:
                    collector.kill()
                domain = chance.choice([name for name in POSTFIX if name != "may-plain.test"])
                queued.append(mta.submit("alice@sender.test", f"bob@{domain}"))
                expected[domain] = expected.get(domain, 0) + 1
            collector = self.collector(mta.log.path, state=collector.state)
        for queue_id in queued:
            mta.outcome(queue_id)
        mta.end()
        wait.until_read(collector.pid, mta.log.path)
        self.assertEqual(collector.stop(), 0)
        self.assertEqual({domain: sum(counts) for domain, counts in collector.policies().items()}, expected)
        self.assertEqual(list((collector.state / "outbound-journal").glob("*.segment")), [])


class Logs(Case):
    """What a real Postfix has logged, in other forms and places."""

    def setUp(self) -> None:
        super().setUp()
        self.start_hosts()
        mta = self.postfix()
        self.deliver_to_all(mta)
        mta.end()
        # Each process of smtp(8) has a line about TLS, and one about the delivery.
        self.lines = mta.log.lines()
        self.log = self.lab.new_folder("log") / "mail.log"

    def append(self, lines: list[str]) -> None:
        with self.log.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def rotate(self, number: int) -> None:
        """As logrotate(8) names files: of two that were last written in the same tick of the clock, the older has the
        higher number."""
        self.log.rename(self.log.with_name(f"mail.log.{number}"))

    def test_are_rotated_while_the_collector_runs(self) -> None:
        self.append([])
        collector = self.collector(self.log)
        for number, line in enumerate(self.lines):
            if number % 7 == 0:
                wait.until_read(collector.pid, self.log)
                self.rotate(len(self.lines) - number)
            self.append([line])
        collector.wait_for_metric("log_handshakes_total", len(POSTFIX))
        self.assertEqual((collector.stop(), self.counted(collector)), (0, POSTFIX))

    def test_are_rotated_while_it_does_not_run(self) -> None:
        self.append(["Nov 22 12:00:00 mx cron[1]: begin"])
        collector = self.collector(self.log)
        collector.wait_for_metric("journal_records_total", 1)  # where it began
        collector.kill()
        # None of the files is empty: the collector opens the log when it has its first line.
        places = [len(self.lines) * number // 10 for number in range(11)]
        for begin, middle, end in zip(places[::2], places[1::2], places[2::2], strict=False):
            self.append(self.lines[begin:middle])
            self.rotate(len(self.lines) - begin)
            self.append(self.lines[middle:end])
            collector = self.collector(self.log, state=collector.state)
            wait.until_read(collector.pid, self.log)
            collector.kill()
        collector = self.collector(self.log, state=collector.state)
        wait.until_read(collector.pid, self.log)
        self.assertEqual((collector.stop(), self.counted(collector)), (0, POSTFIX))

    def test_are_in_systemds_journal(self) -> None:
        remote = next((path for path in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
                        if Path(path).exists()), None)
        if remote is None:
            self.skipTest("needs systemd-journal-remote")
        folder = self.lab.new_folder("journal")

        def write(lines: list[str], first: int) -> None:
            """Append entries, as journald(8) would."""
            entries = folder / "entries"
            entries.write_text("".join(
                f"__REALTIME_TIMESTAMP={1_795_348_800_000_000 + number}\n__MONOTONIC_TIMESTAMP={number + 1}\n"
                f"_BOOT_ID=0123456789abcdef0123456789abcdef\nSYSLOG_FACILITY=2\n"
                f"SYSLOG_IDENTIFIER={name}\nSYSLOG_PID={process}\nMESSAGE={message}\n\n"
                for number, (name, process, message) in enumerate(map(parts, lines), first)))
            subprocess.run([remote, f"--output={folder}/system.journal", str(entries)], check=True, capture_output=True)

        def parts(line: str) -> tuple[str, str, str]:
            head, _, message = line.partition("]: ")
            name, _, process = head.rsplit(maxsplit=1)[-1].partition("[")
            return name, process, message

        other = "Nov 22 12:00:00 mx cron[1]: something else"
        write([other], 0)
        collector = self.collector(f"journal:{folder}")
        half = len(self.lines) // 2
        # libsystemd may see that there is one more entry before it can find it by its facility; then it looks again when the
        # next one comes.
        write([*self.lines[:half], other], 1)
        wait.until(lambda: collector.metrics()["log_lines_total"] >= half)
        collector.kill()
        write([*self.lines[half:], other], half + 2)
        collector = self.collector(f"journal:{folder}", state=collector.state)
        wait.until(lambda: sum(map(sum, collector.policies().values())) == len(POSTFIX))
        self.assertEqual((collector.stop(), self.counted(collector)), (0, POSTFIX))

    def test_that_cannot_be_read_cost_no_datagram(self) -> None:
        done = program.run("tlsrpt-collector", "--check-config", "-c", self.configuration_with(self.log))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"warning: 'collector\.mta_log': \S+mail\.log: No such file or directory; "
                                      r"the results in it would be missing")
        self.append([])
        self.assertEqual(program.run("tlsrpt-collector", "--check-config", "-c", self.configuration_with(self.log)).stderr, "")
        self.log.unlink()
        collector = self.collector(self.log)
        collector.send(datagram("sent.test"))
        collector.wait_for_metric("folded_results_total", 1)
        self.append(self.lines)
        collector.wait_for_metric("log_handshakes_total", len(POSTFIX))
        collector.send(datagram("sent.test"), datagram("good.test"))
        self.assertEqual(collector.stop(), 0)
        self.assertEqual(self.counted(collector), POSTFIX)
        self.assertEqual(collector.policies(), {"sent.test": (2, 0)} | {
            domain: (successful + (domain == "good.test"), failed) for domain, (_, successful, failed, _) in POSTFIX.items()})

    def test_are_no_business_of_the_collector_unless_it_is_configured(self) -> None:
        collector = Collector(self.lab, metrics=True)
        self.assertNotIn("tlsrpt_collector_log_", collector.metrics_page())
        self.append([])
        text = collector.configuration.read_text()
        collector.configuration.write_text(f'{text}mta_log = "{self.log}"\n')
        collector.signal(signal.SIGHUP)
        collector.stderr.wait_for("a restart is needed for what changed in: mta_log")
        self.assertEqual(collector.stop(), 0)

    def configuration_with(self, log: Path) -> Path:
        return configuration(self.lab.new_folder("configuration"), {
            "state_dir": self.lab.folder / "state", "socket": f"unix:{self.lab.folder}/s", "mta_log": log})


if __name__ == "__main__":
    unittest.main()
