"""Reports of consumers about deliveries to listed domains: evidence that is shown, and makes a watched domain wait."""

import contextlib
import http.client
import json
import os
import pwd
import shutil
import smtplib
import socket
import sqlite3
import subprocess
import unittest
from pathlib import Path

from e2e.report.reports import failure, mail, packed, report
from lab import documents, program
from lab.postfix import Receiver
from lab.program import Program
from publisher import DAY, PublisherCase

GUIDE = "docs/publishing-a-list.md"
OWNER = "games"  # in place of the user starttls-publish


class Reports(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        self.sound("good.test")
        self.sound("other.test")
        self.publish(watch_days=2)
        self.good("add", "good.test", "other.test")
        self.number = 0

    def report(self, domain: str, *failures: dict, organization: str = "Sender Inc.", **more: object) -> dict:
        """One about yesterday."""
        self.number += 1
        day = (self.time - DAY).strftime("%Y-%m-%d")
        return report(*failures, domain=domain, day=day, organization=organization, report_id=f"r{self.number}", **more)

    def write(self, content: bytes | dict) -> Path:
        path = self.lab.new_folder("report") / "report"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def read(self, *contents: bytes | dict) -> dict:
        return json.loads(self.good("--json", "read", *(str(self.write(content)) for content in contents)))

    def why(self, domain: str) -> list[dict]:
        return json.loads(self.good("--json", "why", domain)).get("reports", [])


class Read(Reports):
    def test_reports_are_shown_and_counted_once(self) -> None:
        failing = self.report("good.test", failure("certificate-expired", 3), successful=97)
        both = self.report("good.test", successful=5)
        both["policies"].append(self.report("OTHER.test.", successful=7)["policies"][0])
        both["policies"].append(self.report("strange.test", successful=1000)["policies"][0])
        counts = self.read(failing, mail(packed(both)), packed(failing))
        self.assertEqual(counts, {"read": 2, "duplicates": 1, "rejected": 0, "sessions": 112, "failed": 3})
        day = (self.time - DAY).strftime("%Y-%m-%d")
        self.assertEqual(self.why("good.test"), [
            {"day": day, "reporter": "sender inc.", "successful": 102, "failed": 3, "failures": {"certificate-expired": 3}}])
        shown = self.good("why", "good.test")
        self.assertIn("reported in the last 7 days: 1 reporter: 105 sessions, 3 failed (certificate-expired 3)\n", shown)
        self.assertIn(f"{day}  reported by sender inc.: 105 sessions, 3 failed (certificate-expired 3)\n", shown)
        self.assertEqual(self.why("other.test")[0]["successful"], 7)
        self.assertNotIn(b"strange.test", (self.folder / "reports.sqlite").read_bytes())
        self.assertNotIn(b"192.0.2.1", (self.folder / "reports.sqlite").read_bytes())

    def test_a_watched_domain_waits_while_two_organizations_report_failures(self) -> None:
        self.days(2)
        self.read(*(self.report("good.test", failure("certificate-host-mismatch", 5), organization=one) for one in "AB"),
                  *(self.report("other.test", failure("sts-policy-fetch-error", 50), organization=one) for one in "AB"))
        self.days()
        self.assertEqual((self.state("good.test"), self.state("other.test")), ("watched", "listed"))
        self.days()
        self.assertEqual(self.state("good.test"), "watched")
        self.days()  # as long again
        self.assertEqual(self.state("good.test"), "listed")
        evidence = json.loads(self.good("--json", "why", "good.test"))["history"][-1]["evidence"]
        self.assertEqual(evidence, "5 sound days; 2 reporters: 210 sessions, 10 failed (certificate-host-mismatch 10)")

        # On the list, reports change nothing; the publisher sees them.
        self.read(*(self.report("other.test", failure("certificate-expired", 900), organization=one) for one in "ABCDE"))
        self.days(2)
        self.assertEqual(set(self.entries()), {"good.test", "other.test"})
        self.assertIn("reports say that deliveries fail to 2 domains on the list: good.test other.test\n",
                      self.good("status"))
        self.assertEqual(json.loads(self.good("--json", "status"))["doubted"], ["good.test", "other.test"])
        self.assertNotIn("certificate-expired", (self.public() / "domains/other.test.json").read_text())

    def test_reports_are_kept_for_ninety_days(self) -> None:
        self.read(self.report("good.test"))
        rows = "SELECT (SELECT count(*) FROM reports), (SELECT count(*) FROM deliveries)"
        for days, left in ((88, (1, 1)), (2, (0, 0))):
            self.time += days * DAY
            self.good("run", "--no-checks", "--dry-run")  # which removes nothing
            self.good("run", "--no-checks")
            with contextlib.closing(sqlite3.connect(self.folder / "reports.sqlite")) as database:
                self.assertEqual(database.execute(rows).fetchone(), left)

    def test_what_is_no_report_is_refused_with_its_reason_and_the_others_are_read(self) -> None:
        old = self.report("good.test") | {"date-range": {"start-datetime": "2020-01-01T00:00:00Z",
                                                         "end-datetime": "2020-01-01T23:59:59Z"}}
        future = self.report("good.test") | {"date-range": {"start-datetime": "2090-01-01T00:00:00Z",
                                                            "end-datetime": "2090-01-01T23:59:59Z"}}
        files = [self.write(content) for content in (b"no report", old, future, packed(self.report("good.test"))[:-9],
                                                     self.report("good.test"))]
        done = self.tool("read", *map(str, files))
        self.assertEqual(done.returncode, 65)
        lines = done.stderr.splitlines()
        for line, file, reason in zip(lines, files, ("", "2020-01-01", "in the future", ""), strict=False):
            self.assertIn(str(file), line)
            self.assertIn(reason, line)
        self.assertEqual(len(lines), 4)
        self.assertIn("sender inc.", done.stdout)
        self.assertEqual(len(self.why("good.test")), 1)

    def test_a_directory_and_a_mailbox_are_read(self) -> None:
        folder = self.lab.new_folder("Maildir")
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir()
            (folder / name / "1").write_bytes(mail(packed(self.report("good.test", organization=name))))
        box = self.write(b"".join(b"From a@b.test Thu Jan  1 00:00:00 2026\n" +
                                  mail(packed(self.report("good.test", organization=name))) + b"\n" for name in "xy"))
        self.good("read", str(folder), str(box))
        self.assertEqual([one["reporter"] for one in self.why("good.test")], ["cur", "new", "x", "y"])

    def test_the_page_says_where_reports_go(self) -> None:
        self.configuration.tables["publish"]["report_to"] = ["mailto:reports@lists.test", "https://lists.test/reports"]
        self.configuration.write()
        self.days(3)
        page = (self.public() / "index.html").read_text()
        self.assertIn('href="mailto:reports@lists.test"', page)
        self.assertIn('href="https://lists.test/reports"', page)


@unittest.skipUnless(os.geteuid() == 0, "an alias file of another user needs root")
class Alias(Reports):
    """The mail server passes a mail to `publish read -`, as the guide says."""

    def test_mail_to_the_lists_address_is_evidence(self) -> None:
        owner = pwd.getpwnam(OWNER)
        tool = self.lab.new_folder("bin") / "starttls-listtool"
        shutil.copy(program.path_of("starttls-listtool"), tool.parent / "real")
        tool.write_text(f'#!/bin/sh\nSTARTTLS_TOOLKIT_NOW={self.now()}\nexport STARTTLS_TOOLKIT_NOW\n'
                        f'exec {tool.parent}/real -c {self.configuration.path} "$@"\n')
        tool.chmod(0o755)
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid)
        aliases = self.lab.new_folder("aliases") / "aliases-publish"
        steps = next(block for block in documents.blocks(GUIDE) if block.startswith("install -o starttls-publish"))
        make = "\n".join(steps.splitlines()[:3]).replace("/etc/postfix/aliases-publish", str(aliases))
        make = make.replace("starttls-publish", OWNER).replace("/usr/bin/starttls-listtool", str(tool))
        subprocess.run(["bash", "-e"], input=make, text=True, check=True, timeout=60)
        server = Receiver(self.lab, "mx.publisher.test", [], parameters={
            "mydestination": "mx.publisher.test", "alias_maps": f"texthash:{aliases}", "local_recipient_maps": "$alias_maps"})
        content = mail(packed(self.report("good.test", failure("starttls-not-supported", 2))))
        for body in (content, b"From: a@evil.test\nSubject: buy\n\nnothing\n"):
            with smtplib.SMTP(server.address, server.port, timeout=60) as connection:
                connection.sendmail("bounces@sender.test", ["reports@mx.publisher.test"], body)
            outcome = server.log.wait_for(r"status=(\w+) .*delivered to command")
            self.assertEqual(outcome[1], "sent")
        tested = self.configuration.tool("--json", "publish", "why", "good.test")
        self.assertEqual(json.loads(tested.stdout)["reports"][0]["failures"], {"starttls-not-supported": 2})

    def test_without_the_state_the_mail_is_tried_again(self) -> None:
        (self.folder / "publish.sqlite").rename(self.folder / "elsewhere")
        done = self.configuration.tool("-q", "publish", "read", "-", text_in=mail(packed(self.report("good.test"))).decode())
        self.assertEqual((done.returncode, done.stdout, done.stderr), (75, "", ""))


class Receive(Reports):
    """`publish receive`, as a web server passes reports to it."""

    def setUp(self) -> None:
        super().setUp()
        self.address = self.lab.address()
        self.port = self.lab.free_port(self.address)
        self.configuration.tables["publish"]["receive"] = f"inet:{self.address}:{self.port}"
        self.configuration.write()
        self.server = Program(self.lab, "starttls-listtool", "-c", self.configuration.path, "publish", "receive",
                              environment=self.configuration.environment)
        self.server.stderr.wait_for("receives reports on")

    def request(self, method: str, body: bytes | None, kind: str = "application/tlsrpt+gzip") -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=60)
        try:
            connection.request(method, "/reports", body, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def test_a_report_is_kept_before_it_is_answered(self) -> None:
        content = self.report("good.test", failure("certificate-expired", 3))
        self.assertEqual(self.request("POST", packed(content)), (201, "received\n"))
        self.server.kill()
        self.assertEqual(self.why("good.test")[0]["failed"], 3)

    def test_both_types_are_taken_and_a_report_counts_once(self) -> None:
        content = self.report("good.test")
        plain = json.dumps(content).encode()
        self.assertEqual(self.request("POST", plain, "Application/TLSRPT+json; charset=utf-8")[0], 201)
        self.assertEqual(self.request("POST", packed(content))[0], 201)
        self.assertEqual(self.why("good.test")[0]["successful"], 100)

    def test_what_cannot_be_taken_is_answered_with_its_reason(self) -> None:
        self.assertEqual(self.request("POST", b"no report")[0], 400)
        self.assertEqual(self.request("POST", b"")[0], 400)
        self.assertEqual(self.request("POST", packed(self.report("good.test")), "text/plain")[0], 415)
        self.assertEqual(self.request("POST", packed(self.report("good.test")), "")[0], 415)
        self.assertEqual(self.request("GET", None)[0], 405)
        self.assertEqual(self.request("PUT", b"x")[0], 405)
        self.assertEqual(self.why("good.test"), [])

    def test_a_report_that_is_too_large_is_refused_before_it_is_sent(self) -> None:
        with socket.create_connection((self.address, self.port), timeout=60) as connection:
            connection.sendall(b"POST /reports HTTP/1.1\r\nHost: a\r\nContent-Type: application/tlsrpt+gzip\r\n"
                               b"Content-Length: 2000000000\r\n\r\n")
            self.assertIn(b" 413 ", connection.recv(4096))
        self.assertEqual(self.request("POST", packed(self.report("good.test")))[0], 201)

    def test_more_connections_than_files_wait_and_are_answered(self) -> None:
        content = packed(self.report("good.test"))
        idle = [socket.create_connection((self.address, self.port), timeout=60) for _ in range(400)]
        waiting = http.client.HTTPConnection(self.address, self.port, timeout=60)
        waiting.request("POST", "/reports", content, {"Content-Type": "application/tlsrpt+gzip"})
        for connection in idle:
            connection.close()
        self.assertEqual(waiting.getresponse().status, 201)
        waiting.close()

    def test_it_receives_while_the_list_is_published_and_ends_when_it_is_told_to(self) -> None:
        self.days(2)  # which the receiver's clock does not follow
        self.assertEqual(self.request("POST", packed(self.report("good.test")))[0], 201)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(len(self.why("good.test")), 1)


if __name__ == "__main__":
    unittest.main()
