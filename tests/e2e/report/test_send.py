"""Self reports reach every destination that a policy domain names, each once."""

import email
import email.policy
import gzip
import json
import signal
import stat
import unittest

from lab import Lab
from lab.bad_dns import BadDns, servfail
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.mailbox import Mailbox
from lab.program import Program
from reports import RecordedReader

YESTERDAY = "2026-11-26"
NOW = "2026-11-27T06:00:00Z"


class Send(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.mailbox = Mailbox(self.lab)

    def reader(self, *tables: str, rua: str = '["mailto:tls@example.test"]', mail: str | None = None,
               now: str = NOW, contact: str = "postmaster@example.test") -> RecordedReader:
        mail = mail or self.mailbox.url
        reader = RecordedReader(self.lab, "\n".join([
            "[report]", 'organization = "Example Ltd."', f'contact = "{contact}"',
            f"rua = {rua}" if rua else "", f'mail = "{mail}"', *tables]), now)
        with reader.recorded():
            reader.session(YESTERDAY, "tls", 5, version="TLSv1.3")
            reader.session(YESTERDAY, "plaintext", 2)
        return reader

    def send(self, reader: RecordedReader, *arguments: str, expected: int = 0) -> str:
        done = reader.run("self", "--send", "--no-lookup", *arguments)
        self.assertEqual((done.returncode, done.stdout), (expected, ""), done.stderr)
        return done.stderr

    def deliver(self, reader: RecordedReader, now: str, expected: int = 0) -> str:
        reader.environment["STARTTLS_TOOLKIT_NOW"] = now
        done = reader.run("queue", "--send")
        self.assertEqual(done.returncode, expected, done.stderr)
        return done.stderr

    def queue(self, reader: RecordedReader) -> list[dict]:
        return json.loads(reader.run("--json", "queue").stdout)["deliveries"]

    def test_a_mail_has_the_form_of_rfc_8460(self) -> None:
        reader = self.reader()
        self.send(reader)
        (raw,) = self.mailbox.mails
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual((mail["from"], mail["to"]), ("postmaster@example.test", "tls@example.test"))
        self.assertEqual((mail["tls-report-domain"], mail["tls-required"]), ("example.test", "No"))
        report_id = mail["message-id"].strip("<>")
        self.assertEqual(mail["subject"], f"Report Domain: example.test Submitter: {mail['tls-report-submitter']} "
                                          f"Report-ID: <{report_id}>")
        self.assertEqual((mail.get_content_type(), mail.get_param("report-type")), ("multipart/report", "tlsrpt"))
        text, attachment = mail.iter_parts()
        self.assertEqual((text.get_content_type(), attachment.get_content_type()),
                         ("text/plain", "application/tlsrpt+gzip"))
        self.assertRegex(attachment.get_filename(), r"^[^!]+!example\.test!1795651200!1795737599\.json\.gz$")
        content = json.loads(gzip.decompress(attachment.get_content()))
        self.assertEqual((content["report-id"], content["organization-name"]), (report_id, "Example Ltd."))
        self.assertEqual(content["policies"][0]["summary"],
                         {"total-successful-session-count": 5, "total-failure-session-count": 2})
        self.assertTrue(all(len(line) <= 1000 for line in raw.splitlines()))
        self.assertEqual(reader.statuses(reader.write("mail", raw)), ["read"], "and we can read it ourselves")

    def test_the_submitter_is_the_domain_of_the_contact(self) -> None:
        cases = {"TLS@Reports.Example": ("reports.example", "TLS@reports.example"),
                 "mailto:tls@reports.example": ("reports.example", "tls@reports.example"),
                 "https://www.reports.example/contact": ("www.reports.example", None),
                 "tls@gräfe.example": ("xn--grfe-moa.example", "tls@xn--grfe-moa.example"),
                 "call us": (None, None), "": (None, None)}
        for contact, (domain, sender) in cases.items():
            with self.subTest(contact):
                self.mailbox.mails.clear()
                reader = self.reader(contact=contact)
                self.send(reader)
                (raw,) = self.mailbox.mails
                mail = email.message_from_bytes(raw, policy=email.policy.default)
                submitter = mail["tls-report-submitter"]
                file_name = list(mail.iter_parts())[1].get_filename()
                if domain is not None:
                    self.assertEqual(submitter, domain)
                if sender is not None:
                    self.assertEqual(mail["from"], sender)
                self.assertIn(f"Submitter: {submitter} Report-ID: <", mail["subject"])
                self.assertEqual(file_name.split("!")[0], submitter)
                content = json.loads(gzip.decompress(list(mail.iter_parts())[1].get_content()))
                if "@" in content["contact-info"] and "gräfe" not in contact:
                    self.assertEqual(content["contact-info"].rpartition("@")[2].lower(), submitter)
                folder = self.lab.new_folder("files")
                done = reader.run("self", "--day", YESTERDAY, "--no-lookup", "-o", folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual({file.name.split("!")[0] for file in folder.iterdir()}, {submitter})

    def test_each_destination_receives_it_once(self) -> None:
        reader = self.reader()
        for _ in range(3):
            self.send(reader)
        self.deliver(reader, "2026-11-27T12:00:00Z")
        self.assertEqual(len(self.mailbox.mails), 1)
        self.assertEqual([one["state"] for one in self.queue(reader)], ["sent"])
        told = reader.run("queue").stdout
        self.assertIn("example.test, mailto:tls@example.test", told)
        self.assertLessEqual(max(map(len, told.splitlines())), 80)

    def test_none_goes_to_an_address_from_which_mail_came_back(self) -> None:
        reader = self.reader(rua='["mailto:gone@example.test", "mailto:tls@example.test"]')
        reader.suppress("gone@example.test", YESTERDAY)
        self.send(reader)
        self.assertEqual([mail["to"] for mail in self.mailbox.messages()], ["tls@example.test"])
        reader = self.reader(rua='["mailto:gone@example.test"]')
        reader.suppress("gone@example.test", YESTERDAY)
        self.assertIn("no report is sent: mail to each destination came back; see tlsrpt-report queue", self.send(reader))
        self.assertEqual((len(self.mailbox.mails), self.queue(reader)), (1, []))

    def test_sendmail_accepts_it_too(self) -> None:
        folder = self.lab.new_folder("bin")
        sendmail = folder / "sendmail"
        sendmail.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{folder}/arguments\ncat >{folder}/mail\n')
        sendmail.chmod(sendmail.stat().st_mode | stat.S_IXUSR)
        self.send(self.reader(mail=str(sendmail)))
        self.assertEqual((folder / "arguments").read_text().split(), ["-t", "-i", "-f", "postmaster@example.test"])
        raw = (folder / "mail").read_bytes()
        self.assertNotIn(b"\r", raw)
        self.assertEqual(email.message_from_bytes(raw)["to"], "tls@example.test")

    def test_https_servers_are_posted_to(self) -> None:
        web = HttpsServer(self.lab, address="127.0.0.1", port=0)
        web.add_host("reports.localhost", self.lab.ca.issue("reports.localhost"))
        answers = {"/taken": Answer(201), "/failing": Answer(500), "/denying": Answer(403),
                   "/moved": Answer(302, headers={"Location": "/taken"})}
        for path, answer in answers.items():
            web.answer("reports.localhost", path, answer)
        uris = [f"https://reports.localhost:{web.port}{path}" for path in answers]
        trust = f'[mta-sts]\nca_file = "{self.lab.ca.certificate}"\nprivate_addresses = true\n'
        reader = self.reader(trust, rua=json.dumps(uris))
        said = self.send(reader, expected=1)
        states = {one["destination"].rpartition("/")[2]: one["state"] for one in self.queue(reader)}
        self.assertEqual(states, {"taken": "sent", "failing": "waiting", "denying": "given-up", "moved": "waiting"})
        self.assertIn("the server answers with status 500", said)
        (request,) = [one for one in web.requests if one.path == "/taken"]
        self.assertEqual((request.method, request.headers["Content-Type"]), ("POST", "application/tlsrpt+gzip"))
        self.assertEqual(json.loads(gzip.decompress(request.body))["organization-name"], "Example Ltd.")

        web.answer("reports.localhost", "/failing", Answer(200))
        self.deliver(reader, "2026-11-27T06:04:00Z")
        self.assertEqual([one.path for one in web.requests].count("/failing"), 1, "not before its time")
        self.deliver(reader, "2026-11-27T06:06:00Z", expected=75)  # the other still redirects
        self.assertEqual([one.path for one in web.requests].count("/failing"), 2)
        self.deliver(reader, "2026-11-28T07:00:00Z", expected=1)
        self.assertEqual({one["state"] for one in self.queue(reader)}, {"sent", "given-up"})

    def test_a_server_that_hangs_or_is_private_or_untrusted(self) -> None:
        web = HttpsServer(self.lab, address="127.0.0.1", port=0)
        web.add_host("reports.localhost", self.lab.ca.issue("reports.localhost"))
        uri = f"https://reports.localhost:{web.port}/x"
        private = self.reader(f'[mta-sts]\nca_file = "{self.lab.ca.certificate}"\n', rua=json.dumps([uri]))
        self.assertIn("is not on the public Internet", self.send(private, expected=1))
        untrusted = self.reader("[mta-sts]\nprivate_addresses = true\n", rua=json.dumps([uri]))
        self.send(untrusted, expected=1)
        self.assertEqual(web.requests, [])

    def test_a_mail_server_that_refuses_temporarily_is_tried_again(self) -> None:
        reader = self.reader()
        self.mailbox.refusal = "451 not now"
        self.assertIn("451", self.send(reader, expected=75))
        tries = []
        for now, expected in (("06:06", 75), ("06:20", 0), ("06:30", 75), ("07:30", 75), ("10:00", 75), ("15:00", 75)):
            self.deliver(reader, f"2026-11-27T{now}:00Z", expected)  # 0 if nothing is due
            tries.append(self.queue(reader)[0]["tries"])
        self.assertEqual(tries, [2, 2, 3, 4, 5, 6])
        self.mailbox.refusal = ""
        self.deliver(reader, "2026-11-27T22:00:00Z")
        self.assertEqual((len(self.mailbox.mails), self.queue(reader)[0]["state"]), (1, "sent"))

    def test_a_mail_server_that_never_accepts_it(self) -> None:
        reader = self.reader()
        self.mailbox.refusal = "550 no such user"
        self.send(reader, expected=1)
        self.assertEqual(self.queue(reader)[0]["state"], "given-up")
        closed = self.reader(mail="smtp://127.0.0.1:1")
        self.send(closed, expected=75)
        self.deliver(closed, "2026-11-28T06:00:00Z", expected=1)
        self.assertEqual(self.mailbox.mails, [])

    def test_a_killed_run_is_continued(self) -> None:
        reader = self.reader()
        self.mailbox.refusal = "hang"
        sending = Program(self.lab, "tlsrpt-report", "-c", reader.configuration, "self", "--send", "--no-lookup",
                          environment=reader.environment)
        self.assertTrue(self.mailbox.reached.wait(60))
        other = reader.run("queue", "--send")
        self.assertEqual(other.returncode, 75, "one at a time")
        self.assertIn("another process uses it", other.stderr)
        sending.signal(signal.SIGKILL)
        sending.wait()
        self.mailbox.refusal = ""
        self.mailbox.hold.set()
        self.deliver(reader, NOW)
        self.assertEqual(self.queue(reader)[0]["state"], "sent")
        first, last = (email.message_from_bytes(raw) for raw in self.mailbox.mails)
        self.assertEqual(first["message-id"], last["message-id"], "who took both can tell")

    def test_the_destinations_are_those_of_the_txt_record(self) -> None:
        dns = Dns(self.lab, {".": {}, "test": {}, "example.test": {
            "_smtp._tls": ['TXT "v=TLSRPTv1; rua=mailto:a@example.test,mailto:b@other.test"']}}, port=0)
        names = f'[dns]\nservers = ["{dns.address}@{dns.port}"]\ndnssec = false\n'
        reader = self.reader(names, rua="")
        with reader.recorded():
            reader.session(YESTERDAY, "tls", 1, version="TLSv1.3", domain="silent.test", name="other.test")
        said = self.send(reader)
        self.assertIn("silent.test: no report is sent: it publishes no TLSRPT record that can be used", said)
        self.assertEqual(sorted(email.message_from_bytes(raw)["to"] for raw in self.mailbox.mails),
                         ["a@example.test", "b@other.test"])

    def test_a_txt_record_with_an_address_from_which_mail_came_back(self) -> None:
        dns = Dns(self.lab, {".": {}, "test": {}, "example.test": {
            "_smtp._tls": ['TXT "v=TLSRPTv1; rua=mailto:A@example.test,mailto:b@other.test"']}}, port=0)
        reader = self.reader(f'[dns]\nservers = ["{dns.address}@{dns.port}"]\ndnssec = false\n', rua="")
        reader.suppress("a@example.test", YESTERDAY)
        self.send(reader, "--domain", "example.test")
        self.assertEqual([mail["to"] for mail in self.mailbox.messages()], ["b@other.test"])

    def test_a_record_with_a_temporary_lookup_error_is_asked_for_again(self) -> None:
        dns = Dns(self.lab, {".": {}, "test": {}, "example.test": {
            "_smtp._tls": ['TXT "v=TLSRPTv1; rua=mailto:a@example.test"']}}, port=0)
        bad_dns = BadDns(self.lab, dns)
        reader = self.reader(f'[dns]\nservers = ["{bad_dns.server}"]\ndnssec = false\ntimeout = 1\n', rua="")
        bad_dns.spoil("_smtp._tls.example.test", servfail)
        self.assertIn("its TLSRPT record cannot be looked up", self.send(reader, expected=75))
        (one,) = self.queue(reader)
        self.assertEqual((one["destination"], one["state"], one["tries"]), ("", "waiting", 1))
        self.assertIn("example.test, to be looked up", reader.run("queue").stdout)
        bad_dns.mend("_smtp._tls.example.test")
        self.deliver(reader, "2026-11-27T06:06:00Z")
        self.send(reader)
        self.assertEqual([email.message_from_bytes(raw)["to"] for raw in self.mailbox.mails], ["a@example.test"])
        self.assertEqual([(one["destination"], one["state"]) for one in self.queue(reader)],
                         [("mailto:a@example.test", "sent")])

    def test_within_a_window_each_waits_for_its_time(self) -> None:
        reader = self.reader("send_window = 14400")
        self.send(reader)
        (one,) = self.queue(reader)
        self.assertTrue("2026-11-27T06:00:00" <= one["next_try"] <= "2026-11-27T10:00:01", one["next_try"])
        self.deliver(reader, "2026-11-27T10:00:01Z")
        self.assertEqual(len(self.mailbox.mails), 1)

    def test_a_day_that_is_not_over_is_not_sent(self) -> None:
        done = self.reader().run("self", "--send", "--day", "today")
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn("is not over yet", done.stderr)

    def test_a_day_of_which_it_is_not_known_any_more_what_was_sent_is_not_sent(self) -> None:
        reader = self.reader()
        self.send(reader)
        for now, status in (("2026-12-27T00:00:00Z", 0), ("2026-12-27T00:00:01Z", 64)):
            reader.environment["STARTTLS_TOOLKIT_NOW"] = now
            told = self.send(reader, "--day", YESTERDAY, expected=status)
        self.assertIn(f"{YESTERDAY} ended more than 30 days ago", told)
        self.assertEqual(len(self.mailbox.mails), 1)
        self.assertEqual(reader.run("self", "--no-lookup", "--day", YESTERDAY).returncode, 0)


if __name__ == "__main__":
    unittest.main()
