"""Anybody can send a TLS report: forged ones do not decide what tlsrpt-report prints."""

import contextlib
import json
import os
import sqlite3
import sys
import unittest
from pathlib import Path

from lab import Lab
from lab.postfix import Receiver

sys.path.append(str(Path(__file__).resolve().parents[1] / "report"))
from reports import Reader, RecordedReader, failure, mail, packed, report  # noqa: E402
from test_alias import Store, send  # noqa: E402

DAYS = [f"2026-11-{day:02}" for day in range(1, 27)]
YESTERDAY = DAYS[-1]
TRUSTED = '[report]\ntrusted_authserv_ids = ["mx.example.test"]\n'
EVERYTHING = 10**12  # sessions
OURS = "Authentication-Results: mx.example.test; dkim={}\n"
RECEIVED = "Received: from out by mx.example.test; Fri, 27 Nov 2026 00:00:00 +0000\n"


def results(signer: str, result: str = "pass", host: str = "mx.example.test") -> str:
    return f"Authentication-Results: {host};\n\tdkim={result} (2048-bit key) header.d={signer}\n"


def signed(content: dict, header: str) -> bytes:
    return (header + RECEIVED).encode() + mail(packed(content))


def failing(day: str, organization: str = "Honest Ltd.", domain: str = "honest.test") -> dict:
    content = report(failure("certificate-host-mismatch", 5), day=day, organization=organization, report_id=day,
                     successful=95)
    return content | {"contact-info": f"tls@{domain}"}


def forged(number: int, organization: str = "Evil Inc.", domain: str = "evil.test", day: str = YESTERDAY,
           successful: int = EVERYTHING) -> dict:
    content = report(day=day, organization=organization, report_id=f"forged{number}", successful=successful)
    return content | {"contact-info": f"tls@{domain}"}


class ForgedReports(unittest.TestCase):
    def read(self, reader: Reader, *contents: dict | bytes) -> None:
        folder = reader.folder / f"inputs{len(list(reader.folder.glob('inputs*')))}"
        for number, content in enumerate(contents):
            reader.write(f"{folder.name}/{number:05}", content)
        done = reader.run("read", "--no-lookup", folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def enforce(self, reader: Reader, expected: str, *options: str) -> dict:
        done = reader.run("--json", "advise", "example.test", "--for", "enforce", *options)
        self.assertEqual(done.returncode, 0 if expected == "ready" else 1, done.stdout + done.stderr)
        enforce = json.loads(done.stdout)["enforce"]
        self.assertEqual(enforce["readiness"], expected, enforce)
        return enforce

    def alerts(self, reader: Reader) -> list[str]:
        return [one["kind"] for one in json.loads(reader.run("--json", "alert").stdout)["alerts"]]

    def test_forged_successes_do_not_make_a_domain_ready(self) -> None:
        for organization, domain in (("Evil Inc.", "evil.test"), ("Honest Ltd.", "honest.test")):
            with self.subTest(organization), Lab() as lab:
                reader = Reader(lab)
                self.read(reader, *map(failing, DAYS))
                self.enforce(reader, "not ready")
                self.assertEqual(self.alerts(reader), ["failure-share"])
                self.read(reader, signed(forged(0, organization, domain), ""))
                self.enforce(reader, "not ready")
                self.assertEqual(self.alerts(reader), ["failure-share"])
                self.read(reader, *(signed(forged(number, organization, domain, DAYS[number % 26]), "")
                                    for number in range(1, 40)))
                self.enforce(reader, "not ready")
                self.assertEqual(self.alerts(reader), ["failure-share"])

    def test_sums_and_counts_are_limited(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            for number in range(3):
                content = forged(number, successful=2**64 - 1)
                content["policies"] *= 50
                content["policies"][0] = content["policies"][0] | {
                    "summary": {"total-successful-session-count": 5, "total-failure-session-count": 2**63}}
                self.read(reader, content)
            for command in (["summary"], ["summary", "--by", "reporter"], ["advise", "example.test"], ["reconcile"],
                            ["alert"], ["html", "-o", reader.folder / "page.html"]):
                done = reader.run(*command)
                self.assertIn(done.returncode, (0, 1), done.stderr)
            [reporter] = json.loads(reader.run("--json", "summary", "--by", "reporter").stdout)["reporters"]
            self.assertEqual((reporter["sessions"], reporter["failed"]),
                             (3 * (49 * EVERYTHING + 5) + 3 * EVERYTHING, 3 * EVERYTHING))
            # An older store may have larger ones.
            with contextlib.closing(sqlite3.connect(reader.state / "reports.sqlite")) as database, database:
                database.execute("UPDATE policies SET successful = 9223372036854775807, failed = -1")
            for command in ("summary", "reconcile", "alert"):
                done = reader.run(command)
                self.assertIn(done.returncode, (0, 1), done.stderr)
            enforce = self.enforce(reader, "not ready")
            self.assertEqual(enforce["sessions"], 2**63 - 1)

    def test_implausible_figures_are_reported(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for day in DAYS:
                    reader.session(day, "tls", 120, version="TLSv1.3")
            self.read(reader, *(report(day=day, report_id=day) for day in DAYS))
            self.enforce(reader, "ready")
            self.read(reader, forged(0))
            enforce = self.enforce(reader, "ready")
            self.assertLess(enforce["sessions"], EVERYTHING)
            said = "Evil Inc. reports 1000000000000 sessions with example.test on 2026-11-26, where all our MX hosts saw 120"
            self.assertIn(said, enforce["remarks"][0])
            self.assertIn(said, " ".join(reader.run("advise", "example.test").stdout.split()))
            self.assertEqual(self.alerts(reader), ["implausible-report"])
            findings = json.loads(reader.run("--json", "reconcile").stdout)["comparisons"]
            self.assertEqual({one["result"] for one in findings if one["reporter"] == "Evil Inc."}, {"implausible"})
            # Invented failures do not decide either.
            content = forged(1, day=DAYS[3])
            content["policies"][0]["summary"] = {"total-successful-session-count": 0,
                                                 "total-failure-session-count": EVERYTHING}
            self.read(reader, content)
            self.assertIn("check whether this report is forged", self.enforce(reader, "unknown")["reason"])

    def test_only_what_its_reporter_signed_counts_once_a_server_is_trusted(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, TRUSTED)
            honest = [signed(failing(day), results("honest.test")) for day in DAYS]
            evil = [
                signed(forged(0), ""),
                signed(forged(1), results("evil.test", "fail")),
                signed(forged(2), results("other.test")),
                signed(forged(3), results("evil.test", host="mx.evil.test")),
                signed(forged(4), OURS.format("none") + results("evil.test")),
                signed(forged(5), results("evil.test") + "DKIM-Signature: v=1; d=evil.test; l=10; b=x\n"),
                # With another reporter's name and report-id: it is not even kept.
                signed(failing(YESTERDAY) | {"policies": forged(0)["policies"]}, results("evil.test")),
                forged(6),
            ]
            self.read(reader, *honest, *evil)
            enforce = self.enforce(reader, "not ready")
            self.assertEqual((enforce["sessions"], enforce["failed"], enforce["reporters"]), (2600, 130, 1))
            self.assertEqual([one["sender"] for one in enforce["senders"]], ["honest.test"])
            uncounted = "7 reports of 1 reporter are not authenticated and do not count"
            self.assertEqual(enforce["remarks"], [uncounted + "."])
            self.assertIn(uncounted, reader.run("advise", "example.test").stdout)
            self.assertEqual(self.alerts(reader), ["failure-share"])
            self.assertIn(uncounted, reader.run("alert").stdout)
            self.assertEqual({one["reporter"] for one in json.loads(reader.run("--json", "reconcile").stdout)["comparisons"]},
                             {"honest.test"})
            self.assertIn(uncounted, reader.run("reconcile").stdout)
            # Signed, but by another domain: judged by itself.
            self.read(reader, *(signed(forged(50 + number, "Honest Ltd.", day=day), results("evil.test"))
                                for number, day in enumerate(DAYS)))
            self.enforce(reader, "not ready")

    def test_a_forged_report_does_not_replace_the_signed_one(self) -> None:
        with Lab() as lab:
            reader = Reader(lab, TRUSTED)
            # An attacker who has the report-ids of a reporter sends them first, unsigned or signed with the attacker's
            # domain.
            good = {day: failing(day) | {"policies": report(day=day)["policies"]} for day in DAYS}
            self.read(reader, *(signed(content, "") for content in good.values()))
            self.read(reader, *(signed(content | {"contact-info": "tls@evil.test"}, results("evil.test"))
                                for content in good.values()))
            self.read(reader, *(signed(failing(day), results("honest.test")) for day in DAYS))
            enforce = self.enforce(reader, "not ready")
            self.assertEqual([one["sender"] for one in enforce["senders"]], ["honest.test"])
            self.assertEqual(enforce["failed"], 5 * len(DAYS))
            # Not afterwards either; the same mail again is a duplicate.
            self.assertEqual(reader.statuses("--no-lookup", reader.folder / "inputs0"), ["duplicate"] * len(DAYS))
            self.assertEqual(reader.statuses("--no-lookup", reader.folder / "inputs2"), ["duplicate"] * len(DAYS))
            self.assertEqual(self.enforce(reader, "not ready"), enforce)

    def test_what_was_read_before_servers_were_trusted_counts_when_it_is_read_again(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            mails = [signed(report(day=day, report_id=day), results("sender.test")) for day in DAYS]
            self.read(reader, *mails)
            self.enforce(reader, "ready")
            reader.configuration.write_text(f'state_dir = "{reader.state}"\n{TRUSTED}')
            self.assertIn("26 reports of 1 reporter are not authenticated", self.enforce(reader, "unknown")["remarks"][0])
            self.read(reader, *mails)
            enforce = self.enforce(reader, "ready")
            self.assertEqual((enforce["sessions"], enforce["remarks"]), (2600, []))
            [reporter] = json.loads(reader.run("--json", "summary", "--by", "reporter", "--since", DAYS[0]).stdout)["reporters"]
            self.assertEqual((reporter["reports"], reporter["authenticated_reports"], reporter["sessions"]), (26, 26, 2600))

    def test_a_store_of_an_older_version_keeps_its_reports_as_not_authenticated(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            mails = [signed(report(day=day, report_id=day), results("sender.test")) for day in DAYS]
            self.read(reader, *mails)
            # The tables of version 1.
            with contextlib.closing(sqlite3.connect(reader.state / "reports.sqlite")) as database, database:
                for kind, name in database.execute("SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL AND "
                                                   "type IN ('index', 'trigger')").fetchall():
                    database.execute(f"DROP {kind} {name}")
                for table in ("reporters", "mx_hosts", "publications", "suppressions"):
                    database.execute(f"DROP TABLE {table}")
                for column in ("reporter", "authenticated", "size", "unsigned_identity", "report_domain"):
                    database.execute(f"ALTER TABLE reports DROP COLUMN {column}")
                for column in ("sent", "held_for"):
                    database.execute(f"ALTER TABLE deliveries DROP COLUMN {column}")
                database.execute("PRAGMA user_version = 1")
            self.enforce(reader, "ready")
            reader.configuration.write_text(f'state_dir = "{reader.state}"\n{TRUSTED}')
            self.assertIn("26 reports of 1 reporter are not authenticated", self.enforce(reader, "unknown")["remarks"][0])
            self.read(reader, *mails)
            self.assertEqual(self.enforce(reader, "ready")["sessions"], 2600)

    def test_the_caller_may_declare_a_file_authentic(self) -> None:
        with Lab() as lab:
            reader = Reader(lab, TRUSTED)
            for day in DAYS:
                reader.write(f"files/{day}", report(day=day, report_id=day))
            answer = reader.read("--no-lookup", reader.folder / "files")
            self.assertFalse(any(one["authenticated"] for one in answer["inputs"]))
            self.assertIn("not authenticated", answer["inputs"][0]["warnings"][0])
            self.enforce(reader, "unknown")
            answer = reader.read("--no-lookup", "--authenticated", reader.folder / "files")
            self.assertTrue(all(one["authenticated"] for one in answer["inputs"]))
            self.enforce(reader, "ready")

    def test_a_wrong_authserv_id_is_an_error(self) -> None:
        with Lab() as lab:
            for wrong in ("", "a b", "mx.example.test;"):
                done = Reader(lab, f'[report]\ntrusted_authserv_ids = ["{wrong}"]\n').run("alert")
                self.assertEqual(done.returncode, 78)
                self.assertIn("which is not an authserv-id", done.stderr)


class ForgedReportsBySmtp(unittest.TestCase):
    def test_a_field_that_the_sender_wrote_is_below_that_of_our_server(self) -> None:
        with Lab() as lab:
            store = Store(lab, TRUSTED)
            aliases = store.write("aliases", f'tlsrpt "|{store.program} -q read -"\n'.encode())
            os.chown(aliases, store.owner.pw_uid, store.owner.pw_gid)
            found = ", ".join(f"{{ {sender}@sender.test = PREPEND {OURS.format(result).strip()} }}"
                              for sender, result in (("evil", "none"), ("honest", "pass header.d=sender.test")))
            receiver = Receiver(lab, "mx.example.test", [], None, {
                "mydestination": "mx.example.test", "alias_maps": f"texthash:{aliases}",
                "smtpd_sender_restrictions": f"check_sender_access inline:{{ {found} }}"})
            for sender in ("evil", "honest"):
                content = report(report_id=sender, organization=f"{sender} Inc.")
                queue_id = send(receiver, "tlsrpt@mx.example.test", signed(content, results("sender.test")),
                                f"{sender}@sender.test")
                receiver.log.wait_for(rf"{queue_id}: to=.*status=sent")
            done = store.run("--json", "summary", "--by", "reporter", "--since", "2026-11-01", "--until", "2026-11-30")
            self.assertEqual({one["reporter"]: one["authenticated_reports"] for one in json.loads(done.stdout)["reporters"]},
                             {"evil Inc.": 0, "honest Inc.": 1})


if __name__ == "__main__":
    unittest.main()
