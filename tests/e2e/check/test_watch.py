"""`starttls-listtool check --watch`: what cron mails, night after night, about domains with real servers."""

import datetime
import signal
import subprocess
import unittest

from checking import NOWHERE, Case
from lab import program, wait
from lab.ca import Certificate
from lab.postfix import Receiver
from lab.program import Program
from lab.smtp_server import Peer, SmtpServer

DAY = datetime.timedelta(days=1)


def without_tls(peer: Peer) -> None:
    peer.welcome()
    peer.read_to_the_end()


class Watching(Case):
    def watch(self, *domains: str, **settings: object) -> None:
        """Start DNS and policy hosts, with these domains in [check]."""
        self.start(signed=[name for name in domains if name in self.zones and "_25._tcp.mx" in self.zones[name]],
                   check={"domains": list(domains), **settings})
        self.state = self.configuration.state / "check" / "check.state"
        self.time = datetime.datetime.now(datetime.UTC)

    def night(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What the next night's run prints. Nothing may be on standard error."""
        self.configuration.now = self.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        done = self.check("--watch", *self.connect, *arguments)
        self.time += DAY
        self.assertEqual(done.stderr, "")
        self.assertLessEqual(max(map(len, done.stdout.splitlines()), default=0), 80)
        return done

    def silent(self, nights: int = 1, status: int = 0) -> None:
        for _ in range(nights):
            done = self.night()
            self.assertEqual((done.returncode, done.stdout), (status, ""))

    def sound(self, domain: str) -> Certificate:
        """A domain with MTA-STS, DANE and TLS reports, whose MX host is a Postfix."""
        certificate = self.lab.ca.issue(f"mx.{domain}")
        self.postfix(domain, certificate)
        self.zones[domain]["_25._tcp.mx"] = [f"TLSA 3 1 1 {certificate.key_digest()}", "TLSA 3 1 1 " + "ab" * 32]
        self.mta_sts(domain)
        self.reports(domain, f"mailto:tls@{domain}")
        return certificate


class Nights(Watching):
    def test_a_domain_that_breaks_and_is_mended(self) -> None:
        self.sound("good.test")
        self.sound("breaking.test")
        self.watch("good.test", "breaking.test", "good.test")
        first = self.night()
        self.assertEqual(first.returncode, 0)
        self.assertTrue(first.stdout.startswith("2 domains watched from now on\n\nbreaking.test: 0 faults, 0 warnings, "),
                        first.stdout)
        self.assertIn("\ngood.test: 0 faults", first.stdout)
        self.silent(nights=2)

        # The new server's certificate is for another name, and its TLSA record is not published.
        broken = Receiver(self.lab, "mx.breaking.test", ["breaking.test"], self.lab.ca.issue("other.breaking.test"))
        working = self.connect
        self.connect = [*working, "--connect", f"mx.breaking.test={broken.address}:{self.lab.smtp_port}"]
        worse = self.night()
        self.assertEqual(worse.returncode, 1)
        self.assertRegex(worse.stdout, r"^1 domain worse\n\nbreaking\.test: 2 worse, 0 better\n\nmx\.breaking\.test\[[\d.]+\]\n"
                                       r"  fault        ")
        for part in ("(certificate-name)", "(dane-match)", " why ", " do "):
            self.assertIn(part, worse.stdout)
        self.assertNotIn("good.test:", worse.stdout)
        self.silent(nights=2)

        self.connect = working
        self.silent()  # it may break again
        better = self.night()
        self.assertEqual(better.returncode, 0)
        self.assertRegex(better.stdout, r"^1 domain better\n\nbreaking\.test: 0 worse, 2 better\n")
        self.assertIn("no longer a fault (certificate-name)", better.stdout)
        self.silent()

    def test_a_certificate_that_runs_out_is_named_once(self) -> None:
        """The lab's certificates are valid for 60 days, and 30 of these are left."""
        self.postfix("later.test", self.lab.ca.issue("mx.later.test"))
        self.mta_sts("later.test")
        self.reports("later.test", "mailto:tls@later.test")
        self.watch("later.test", days=10)
        self.assertEqual(self.night().returncode, 0)
        self.time += 16 * DAY
        self.silent(nights=2)
        self.time += 4 * DAY
        named = self.night()
        self.assertEqual(named.returncode, 1)
        self.assertTrue(named.stdout.startswith("1 domain worse\n\nlater.test: 2 worse, 0 better\n"), named.stdout)
        self.assertIn("(certificate-expiry)", named.stdout)
        self.assertIn("(mta-sts-policy-certificate)", named.stdout)
        self.silent(nights=3)

    def test_a_server_that_is_broken_every_other_night_is_named_once(self) -> None:
        self.postfix("flapping.test", self.lab.ca.issue("mx.flapping.test"))
        plain = SmtpServer(self.lab, without_tls)
        self.watch("flapping.test")
        working, broken = self.connect, ["--connect", f"mx.flapping.test={plain.address}:{self.lab.smtp_port}"]
        self.night()
        self.connect = broken
        self.assertTrue(self.night().stdout.startswith("1 domain worse\n"))
        for connect in [working, broken] * 3:
            self.connect = connect
            self.silent()

    def test_without_the_dns_nothing_is_worse_or_better(self) -> None:
        self.sound("sound.test")
        self.postfix("plain.test", None)
        self.watch("sound.test", "plain.test")
        self.night()
        self.dns.process.signal(signal.SIGSTOP)
        try:
            for _ in range(2):
                self.silent(status=75)
            self.time += 7 * DAY
            unknown = self.night()
            self.assertEqual(unknown.returncode, 75)
            self.assertTrue(unknown.stdout.startswith("2 domains not found out\n\nplain.test: something cannot be found out"
                                                      " since 20"), unknown.stdout)
            self.assertIn("(mx-records)", unknown.stdout)
            self.silent(status=75)
        finally:
            self.dns.process.signal(signal.SIGCONT)
        self.silent()

    def test_a_network_that_blocks_port_25_is_named_once(self) -> None:
        names = [f"d{number}.test" for number in range(3)]
        for name in names:
            self.zones[name] = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"]}
            self.connect += ["--connect", f"mx.{name}={NOWHERE}"]
        self.watch(*names)
        first = self.night()
        self.assertEqual(first.returncode, 75)
        self.assertTrue(first.stdout.startswith("3 domains watched from now on\n\nd0.test: 0 faults"), first.stdout)
        self.assertEqual(first.stdout.count("(smtp-own-network)"), 1)
        self.assertIn("\n\n3 domains\n  cannot tell  this host cannot connect to port 25 of any MX host", first.stdout)
        self.silent(nights=6, status=75)
        week = self.night()
        self.assertTrue(week.stdout.startswith("3 domains not found out\n\n3 domains\n  cannot tell  "), week.stdout)
        self.silent(status=75)

    def test_a_server_that_limits_connections_has_not_changed(self) -> None:
        talks = [without_tls]
        self.scripted("limited.test", lambda peer: talks[-1](peer))
        self.watch("limited.test")
        self.night()
        talks.append(lambda peer: (peer.say("421 4.7.0 Too many connections\r\n"), peer.read_to_the_end()))
        self.silent(nights=2, status=75)
        talks.append(without_tls)
        self.silent()


class Files(Watching):
    def names(self) -> list[str]:
        return [line.split("\t")[0] for line in self.state.read_text().splitlines()]

    def test_the_page_of_tlsrpt_report_shows_what_was_found_last(self) -> None:
        self.scripted("plain.test", without_tls)
        self.watch("plain.test")
        report = self.configuration.folder / "tlsrpt.toml"
        report.write_text(f'state_dir = "{self.lab.new_folder("tlsrpt")}"\n[report]\ncheck_state = "{self.state}"\n')
        milter = Program(self.lab, "tlsrpt-milter", "-f", "-c", report, "-s", f"unix:{self.lab.new_folder('socket')}/milter")
        milter.stderr.wait_for("listens on")  # it has made the store
        milter.stop()
        pages = []
        for _ in range(2):
            done = program.run("tlsrpt-report", "-c", report, "html", "-o", "-")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            pages.append(done.stdout)
            self.night()
        self.assertNotIn("Watched domains", pages[0])
        for part in ("<h2>Watched domains</h2>", "<li>Any other delivers in plaintext</li>", "warning: starttls"):
            self.assertIn(part, pages[1])

    def test_a_domain_that_is_no_longer_watched_is_forgotten(self) -> None:
        for name in ("a.test", "b.test"):
            self.zones[name] = {"@": ["MX 0 ."]}
        self.watch("a.test", "b.test")
        self.night()
        self.assertEqual(self.names(), ["a.test", "b.test"])
        self.configuration.tables["check"]["domains"] = ["b.test"]
        self.configuration.write()
        self.silent()
        self.assertEqual(self.names(), ["b.test"])

    def test_what_could_not_be_printed_is_printed_next_time(self) -> None:
        self.zones["a.test"] = {"@": ["MX 0 ."]}
        self.watch("a.test")
        with open("/dev/full", "w", encoding="utf-8") as full:
            argv = [program.path_of("starttls-listtool"), "-c", self.configuration.path, "check", "--watch"]
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(done.returncode, 74)
        self.assertTrue(self.night().stdout.startswith("1 domain watched from now on\n"))
        self.silent()

    def test_two_runs_at_the_same_time(self) -> None:
        talks = [Peer.read_to_the_end]
        server = self.scripted("slow.test", lambda peer: talks[-1](peer))
        self.watch("slow.test")
        argv = [program.path_of("starttls-listtool"), "-c", self.configuration.path, "check", "--watch", *self.connect]
        first = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait.until(lambda: server.heard != [])  # it examines, and waits for the greeting
            second = self.check("--watch", *self.connect)
            self.assertEqual((second.returncode, second.stdout), (75, ""))
            self.assertIn("another check", second.stderr)
        finally:
            first.kill()
            first.wait()
        talks.append(without_tls)
        self.assertTrue(self.night().stdout.startswith("1 domain watched from now on\n"))

    def test_a_state_that_is_damaged_or_cannot_be_read(self) -> None:
        self.zones["a.test"] = {"@": ["MX 0 ."]}
        self.watch("a.test")
        self.night()
        good = self.state.read_text()
        self.state.write_text(good + "hello\n")
        done = self.check("--watch")
        self.assertEqual((done.returncode, done.stdout), (65, ""))
        self.assertIn(f"{self.state}:2: ", done.stderr)
        self.assertEqual(self.state.read_text(), good + "hello\n")
        self.state.unlink()
        self.state.mkdir()
        done = self.check("--watch")
        self.assertEqual((done.returncode, done.stdout), (73, ""))
        self.assertIn(str(self.state), done.stderr)
        self.state.rmdir()
        # What a run that was killed has written of a line.
        self.state.write_text(good + "a.test\t20")
        self.silent()

    def test_the_configuration_may_be_wrong(self) -> None:
        self.watch("a.test")
        for settings, message in (({}, "'check.domains' is missing"), ({"domains": []}, "'check.domains' is missing"),
                                  ({"domains": ["a_test."]}, "domains"), ({"domains": ["a.test"], "days": 3651}, "days"),
                                  ({"domains": ["a.test"], "ehlo": "my host"}, "ehlo"),
                                  ({"domain": ["a.test"]}, "'check.domain'")):
            with self.subTest(settings=settings):
                self.configuration.tables["check"] = settings
                self.configuration.write()
                done = self.check("--watch")
                self.assertEqual((done.returncode, done.stdout), (78, ""))
                self.assertRegex(done.stderr, rf"{self.configuration.path}:\d+:\d+: ")
                self.assertIn(message, done.stderr)

    def test_wrong_command_lines(self) -> None:
        self.watch("a.test")
        for arguments in (["a.test"], ["--state", "x"], ["--no-smtp"], ["--mx", "mx.a.test"], ["--explain"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.check("--watch", *arguments).returncode, 64)
        self.assertEqual(self.configuration.tool("--json", "check", "--watch").returncode, 64)

    def test_what_is_configured_counts_without_watch_too(self) -> None:
        server = self.scripted("a.test", without_tls)
        self.watch("a.test", ehlo="checker.example.net")
        self.check(*self.connect, "a.test")
        self.check("--ehlo", "other.example.net", *self.connect, "a.test")
        self.assertEqual(["EHLO checker.example.net" in heard for heard in server.heard], [True, False])


if __name__ == "__main__":
    unittest.main()
