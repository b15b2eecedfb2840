"""Reports about outbound mail have the figures of the results that tlsrpt-collector received, and reach each
destination once."""

import gzip
import json
import unittest
from unittest import mock

from lab import Lab, unpacked, wait
from lab.collector import Collector
from lab.dns import Dns
from lab.documents import Steps
from lab.https import Answer, HttpsServer
from lab.mailbox import Mailbox
from lab.postfix import Receiver, Sender
from outbound_results import OutboundReader, content_of, datagram, failure, figures, policy, sts

DAY, NEXT_DAY = "2026-11-26", "2026-11-27"
NOW = "2026-11-27T06:00:00Z"
RUA_A = "mailto:tls@reports-a.test"


class Send(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.mailbox = Mailbox(self.lab)

    def reader(self, *tables: str, settings: str = "", now: str = NOW) -> OutboundReader:
        return OutboundReader(self.lab, "\n".join([f'mail = "{self.mailbox.url}"', settings, *tables]), now)

    def send(self, reader: OutboundReader, *arguments: str, expected: int = 0) -> str:
        done = reader.run("send", *arguments)
        self.assertEqual(done.returncode, expected, done.stderr)
        return done.stdout

    def by_address(self) -> dict[str, dict]:
        """The reports that came by mail, by the address."""
        found = {mail["to"]: content_of(mail) for mail in self.mailbox.messages()}
        self.assertEqual(len(found), len(self.mailbox.mails))
        return found

    def web(self) -> tuple[HttpsServer, str]:
        """A server that takes reports, and the tables that make it trusted."""
        web = HttpsServer(self.lab, address="127.0.0.1", port=0)
        web.add_host("reports.localhost", self.lab.ca.issue("reports.localhost"))
        web.answer("reports.localhost", "/tls", Answer(201))
        return web, f'[mta-sts]\nca_file = "{self.lab.ca.certificate}"\nprivate_addresses = true\n'

    def test_each_report_has_the_figures_of_its_domain(self) -> None:
        web, trust = self.web()
        uri = f"https://reports.localhost:{web.port}/tls"
        reader = self.reader(trust, '[[destination]]\ndomain = "moved.test"\nrua = ["mailto:ours@sender.test"]',
                             '[[destination]]\ndomain = "silent.test"\nrua = []')
        reader.suppress("gone@refusing.test", f"{DAY}T00:00:00Z")
        mismatch = failure("certificate-host-mismatch", "mx.a.test")
        expired = failure("certificate-expired", "mx2.a.test", "192.0.2.26", "expired on 2026-11-01")
        reader.collect(
            DAY,
            *[datagram("a.test", RUA_A)] * 5,
            *[datagram("a.test", RUA_A, sts("a.test", mismatch))] * 2,
            datagram("a.test", RUA_A, sts("a.test", expired)),
            datagram("a.test", RUA_A,
                     policy("no-policy-found", "a.test", failure("starttls-not-supported", "mx.a.test"))),
            *[datagram("dane.test", "mailto:d@dane.test", policy("tlsa", "mx.dane.test", strings=["3 1 1 ab"]))] * 3,
            datagram("dane.test", "mailto:d@dane.test",
                     policy("tlsa", "mx2.dane.test", failure("tlsa-invalid", "mx2.dane.test"), strings=["3 1 1 cd"])),
            *[datagram("changed.test", "mailto:old@changed.test")] * 2,
            *[datagram("changed.test", "mailto:new@changed.test")] * 3,
            *[datagram("web.test", uri)] * 7,
            *[datagram("both.test", f"mailto:tls@both.test,{uri}")] * 4,
            datagram("bare.test", "ftp://bare.test/"),
            *[datagram("moved.test", "mailto:nobody@moved.test")] * 6,
            datagram("silent.test", "mailto:tls@silent.test"),
            datagram("refusing.test", "mailto:gone@refusing.test"),
            datagram("[192.0.2.1]", "mailto:tls@a.test"),
            b"no datagram",
            recorded=[datagram("a.test", RUA_A), datagram("recorded.test", "mailto:tls@recorded.test")])
        reader.collect(NEXT_DAY, *[datagram("a.test", RUA_A)] * 100)

        said = self.send(reader)

        reports = self.by_address()
        self.assertEqual({address: figures(report) for address, report in reports.items()}, {
            "tls@reports-a.test": {
                ("sts", "a.test"): (6, 3, {("certificate-host-mismatch", "mx.a.test"): 2,
                                           ("certificate-expired", "mx2.a.test"): 1}),
                ("no-policy-found", "a.test"): (0, 1, {("starttls-not-supported", "mx.a.test"): 1})},
            "d@dane.test": {("tlsa", "mx.dane.test"): (3, 0, {}),
                            ("tlsa", "mx2.dane.test"): (0, 1, {("tlsa-invalid", "mx2.dane.test"): 1})},
            "old@changed.test": {("sts", "changed.test"): (2, 0, {})},
            "new@changed.test": {("sts", "changed.test"): (3, 0, {})},
            "tls@both.test": {("sts", "both.test"): (4, 0, {})},
            "ours@sender.test": {("sts", "moved.test"): (6, 0, {})},
            "tls@recorded.test": {("sts", "recorded.test"): (1, 0, {})}})
        posted = [json.loads(gzip.decompress(request.body)) for request in web.requests]
        self.assertEqual(sorted(str(figures(report)) for report in posted),
                         [str({("sts", "both.test"): (4, 0, {})}), str({("sts", "web.test"): (7, 0, {})})])
        self.assertEqual({(request.method, request.headers["Content-Type"]) for request in web.requests},
                         {("POST", "application/tlsrpt+gzip")})

        whole = reports["tls@reports-a.test"]
        unique_id, _, named = whole["report-id"].partition(".")
        self.assertRegex(unique_id, "^[0-9a-z]+$")
        self.assertEqual(whole | {"policies": []}, {
            "organization-name": "Sender Ltd.", "contact-info": "tls@sender.test",
            "date-range": {"start-datetime": f"{DAY}T00:00:00Z", "end-datetime": f"{DAY}T23:59:59Z"},
            "report-id": f"{unique_id}.{named}", "policies": []})
        self.assertRegex(named, rf"^a\.test\.{DAY}\.outbound@.")
        (of_sts,) = [one for one in whole["policies"] if one["policy"]["policy-type"] == "sts"]
        self.assertEqual(of_sts["policy"], {
            "policy-type": "sts", "policy-domain": "a.test", "mx-host": ["mx.a.test"],
            "policy-string": ["version: STSv1", "mode: enforce", "mx: mx.a.test"]})
        (detail,) = [one for one in of_sts["failure-details"] if one["result-type"] == "certificate-expired"]
        self.assertEqual(detail, {
            "result-type": "certificate-expired", "sending-mta-ip": "198.51.100.1", "receiving-ip": "192.0.2.26",
            "receiving-mx-hostname": "mx2.a.test", "failed-session-count": 1,
            "failure-reason-code": "expired on 2026-11-01"})
        old, new = reports["old@changed.test"], reports["new@changed.test"]
        self.assertNotEqual(old["report-id"], new["report-id"])

        self.assertIn(f"9 reports about {DAY} queued.\n", said)
        for line in ("1 domain without a report: no TLSRPT record that names a destination.",
                     "1 domain without a report: the configuration says so ([[destination]]).",
                     "1 domain without a report: mail to each destination came back (tlsrpt-report queue).",
                     "1 domain without a report: the name is no domain name.",
                     "Not counted: 1 datagram that could not be read."):
            self.assertIn(f"{line}\n", said)

    def test_a_mail_has_the_form_of_rfc_8460(self) -> None:
        reader = self.reader()
        reader.collect(DAY, datagram("a.test", RUA_A), datagram("b.test", "mailto:c@b.test"),
                       datagram("b.test", "mailto:d@b.test"))
        self.send(reader)
        mail, *of_b = sorted(self.mailbox.messages(), key=lambda one: one["to"] != "tls@reports-a.test")
        self.assertEqual((mail["from"], mail["tls-report-submitter"], mail["tls-report-domain"], mail["tls-required"]),
                         ("tls@sender.test", "sender.test", "a.test", "No"))
        report_id = content_of(mail)["report-id"]
        self.assertEqual(mail["message-id"], f"<{report_id}>")
        self.assertEqual(mail["subject"], f"Report Domain: a.test Submitter: sender.test Report-ID: <{report_id}>")
        self.assertEqual((mail.get_content_type(), mail.get_param("report-type")), ("multipart/report", "tlsrpt"))
        text, attachment = mail.iter_parts()
        self.assertEqual((text.get_content_type(), attachment.get_content_type()),
                         ("text/plain", "application/tlsrpt+gzip"))
        self.assertEqual(attachment.get_filename(), "sender.test!a.test!1795651200!1795737599.json.gz")
        names = [list(one.iter_parts())[1].get_filename() for one in of_b]
        self.assertEqual(len(set(names)), 2)
        for name in names:
            self.assertRegex(name, r"^sender\.test!b\.test!1795651200!1795737599![0-9a-z]+\.json\.gz$")

    def test_it_is_sent_once(self) -> None:
        reader = self.reader()
        reader.collect(DAY, datagram("a.test", RUA_A))
        self.assertIn(f"1 report about {DAY} queued.", self.send(reader))
        for arguments in ([], ["--domain", "a.test"], ["--day", DAY]):
            self.assertIn(f"0 reports about {DAY} queued.", self.send(reader, *arguments))
        self.assertEqual(reader.run("queue", "--send").returncode, 0)
        self.assertEqual(len(self.mailbox.mails), 1)

    def test_a_mail_server_that_refuses_temporarily_is_tried_again(self) -> None:
        reader = self.reader()
        reader.collect(DAY, datagram("a.test", RUA_A), datagram("b.test", "mailto:tls@b.test"))
        self.mailbox.refusal = "451 not now"
        self.send(reader, expected=75)
        self.assertEqual({(one["state"], one["tries"]) for one in reader.queue()}, {("waiting", 1)})
        self.mailbox.refusal = ""
        reader.at("2026-11-27T06:06:00Z")
        self.assertEqual(reader.run("queue", "--send").returncode, 0)
        self.assertEqual(sorted(self.by_address()), ["tls@b.test", "tls@reports-a.test"])
        self.send(reader)
        self.assertEqual(len(self.mailbox.mails), 2)

    def test_dry_run(self) -> None:
        reader = self.reader('[[destination]]\ndomain = "silent.test"\nrua = []')
        reader.collect(DAY, *[datagram("a.test", RUA_A)] * 2,
                       datagram("a.test", RUA_A, sts("a.test", failure("certificate-expired", "mx.a.test"))),
                       datagram("silent.test", RUA_A))
        shown = [line.split() for line in self.send(reader, "--dry-run").splitlines()]
        self.assertIn(["a.test", "3", "1", RUA_A], shown)
        self.assertIn(["silent.test", "1", "0", "none:", "no-destination"], shown)
        (one,) = json.loads(self.send(reader, "--json", "-n", "--domain", "a.test"))["reports"]
        self.assertEqual(one, {"domain": "a.test", "successful_sessions": 2, "failed_sessions": 1, "status": "reported",
                               "destinations": [RUA_A]})
        answer = json.loads(self.send(reader, "--json", "--dry-run"))
        expected = {"day": DAY, "results": 4, "malformed_datagrams": 0, "left_out_sessions": 0}
        self.assertEqual({name: answer[name] for name in expected}, expected)
        self.assertEqual({status: domains for status, domains in answer["domains"].items() if domains},
                         {"reported": 1, "no-destination": 1})
        self.assertEqual((self.mailbox.mails, reader.queue()), ([], []))
        self.assertEqual(json.loads(self.send(reader, "--json"))["queued"], 1)
        self.assertEqual(len(self.mailbox.mails), 1)

    def test_files_can_be_read(self) -> None:
        reader = self.reader()
        reader.collect(DAY, *[datagram("a.test", RUA_A)] * 2, datagram("bare.test", ""),
                       *[datagram("c.test", f"mailto:{who}@c.test") for who in ("x", "y")],
                       datagram("../../escape", RUA_A))
        folder = self.lab.new_folder("files")
        printed = self.send(reader, "-o", str(folder)).splitlines()
        files = sorted(folder.iterdir())
        self.assertEqual(sorted(printed), [str(file) for file in files])
        self.assertEqual(sorted(file.name.split("!")[1] for file in files), ["a.test", "bare.test", "c.test", "c.test"])
        answer = reader.read("--no-store", *files)
        self.assertEqual([one["status"] for one in answer["inputs"]], ["read"] * 4, answer["stderr"])
        (of_a,) = [one["report"] for one in answer["inputs"] if "!a.test!" in one["input"]]
        self.assertEqual(figures(of_a), {("sts", "a.test"): (2, 0, {})})
        self.assertEqual(self.mailbox.mails, [])

    def test_a_test_goes_to_one_destination_at_once_and_changes_nothing(self) -> None:
        reader = self.reader(settings="send_window = 3600")
        reader.collect(DAY, datagram("a.test", RUA_A), datagram("b.test", RUA_A))
        reader.suppress("me@sender.test", f"{DAY}T00:00:00Z")
        test = ("--domain", "a.test", "--to", "mailto:me@sender.test")
        self.send(reader, *test)
        self.send(reader.at("2026-11-27T06:00:01Z"), *test)
        self.assertEqual([mail["to"] for mail in self.mailbox.messages()], ["me@sender.test"] * 2)
        for mail in self.mailbox.messages():
            self.assertRegex(content_of(mail)["report-id"], rf"^test-\d+\.[0-9a-z]+\.a\.test\.{DAY}\.outbound@")
        self.send(reader, "--day", "today", *test, expected=69)
        self.assertIn(f"2 reports about {DAY} queued.", self.send(reader))
        done = reader.at("2026-11-27T07:00:02Z").run("queue", "--send")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([mail["to"] for mail in self.mailbox.messages()][2:], ["tls@reports-a.test"] * 2)
        for wrong in (["--to", "mailto:me@sender.test"], ["--domain", "a.test", "--to", "me@sender.test"],
                      ["--domain", "a.test", "--to", "http://a.test/"]):
            self.send(reader, *wrong, expected=64)

    def test_a_day_that_is_not_over_is_not_sent(self) -> None:
        reader = self.reader()
        reader.collect(NEXT_DAY, datagram("a.test", RUA_A))
        done = reader.run("send", "--day", "today")
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn(f"{NEXT_DAY} is not over yet", done.stderr)
        self.send(reader, "--day", "tomorrow", expected=64)
        self.assertIn("a.test", self.send(reader, "--day", "today", "--dry-run"))
        self.assertEqual(self.mailbox.mails, [])

    def test_a_day_of_which_it_is_not_known_any_more_what_was_sent_is_not_sent(self) -> None:
        reader = self.reader()
        reader.collect(DAY, datagram("a.test", RUA_A))
        self.send(reader)
        # 30 days after the end of the day, and a second later; each run forgets what is older.
        for now, status in (("2026-12-27T00:00:00Z", 0), ("2026-12-27T00:00:01Z", 64)):
            done = reader.at(now).run("send", "--day", DAY)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(reader.run("queue", "--send").returncode, 0)
        self.assertIn(f"{DAY} ended more than 30 days ago", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(self.mailbox.mails), 1)
        self.assertIn("a.test", self.send(reader, "--day", DAY, "--dry-run"))
        self.assertEqual(len(self.send(reader, "--day", DAY, "-o", str(self.lab.new_folder("reports"))).splitlines()), 1)
        self.send(reader, "--day", DAY, "--domain", "a.test", "--to", "mailto:me@sender.test")
        self.assertEqual([mail["to"] for mail in self.mailbox.messages()][1:], ["me@sender.test"])

    def test_there_are_no_reports_about_reports(self) -> None:
        reader = self.reader()
        reader.collect(DAY, datagram("a.test", "mailto:tls@a.test"), datagram("b.test", "mailto:tls@b.test"))
        self.send(reader)
        self.assertEqual(sorted(self.by_address()), ["tls@a.test", "tls@b.test"])
        # The day on which they were sent: to a.test nothing else, to b.test one more mail.
        reader.collect(NEXT_DAY, datagram("a.test", "mailto:tls@a.test"),
                       *[datagram("b.test", "mailto:tls@b.test")] * 2)
        said = self.send(reader.at("2026-11-28T06:00:00Z"))
        self.assertIn("1 domain without a report: our reports were the only mail.", said)
        (mail,) = self.mailbox.messages()[2:]
        self.assertEqual((mail["to"], figures(content_of(mail))), ("tls@b.test", {("sts", "b.test"): (2, 0, {})}))

    def test_without_results(self) -> None:
        reader = self.reader()
        done = reader.run("send")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn("no result was received there; does tlsrpt-collector run with this state directory?", done.stderr)
        reader.collect(NEXT_DAY, datagram("a.test", RUA_A))
        self.assertIn(f"0 reports about {DAY} queued.", self.send(reader))
        self.assertEqual(self.send(reader, "--dry-run"), f"No result of outbound mail was received on {DAY}.\n")

    def test_one_domain(self) -> None:
        reader = self.reader()
        reader.collect(DAY, datagram("a.test", RUA_A), datagram("b.test", "mailto:tls@b.test"))
        self.send(reader, "--domain", "B.test.")
        self.assertEqual(list(self.by_address()), ["tls@b.test"])
        self.send(reader, "--domain", "c.test")
        self.send(reader, "--domain", "c..test", expected=64)
        self.assertEqual(len(self.mailbox.mails), 1)

    def test_results_of_a_log_get_policy_and_destination_from_the_dns(self) -> None:
        dns = Dns(self.lab, {".": {}, "test": {}, "logged.test": {
            "@": ["MX 10 mx"], "mx": ["A 192.0.2.25"],
            "_smtp._tls": ['TXT "v=TLSRPTv1; rua=mailto:tls@logged.test"']}}, port=0)
        reader = self.reader(f'[dns]\nservers = ["{dns.address}@{dns.port}"]\ndnssec = false\n')
        unknown = {"policy-domain": "", "failure-details": [], "t": 0, "f": 0}
        failed = unknown | {"failure-details": [failure("certificate-not-trusted", "mx.logged.test")], "f": 1}
        reader.collect(DAY, datagram("a.test", RUA_A))
        reader.log(DAY, *[datagram("logged.test", "", unknown)] * 3, datagram("logged.test", "", failed),
                   datagram("unasked.test", "", unknown))
        done = reader.run("send")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("1 domain without a report: no TLSRPT record that names a destination.\n", done.stdout)
        reports = self.by_address()
        self.assertEqual(sorted(reports), ["tls@logged.test", "tls@reports-a.test"])
        self.assertEqual(figures(reports["tls@logged.test"]), {
            ("no-policy-found", "logged.test"): (3, 1, {("certificate-not-trusted", "mx.logged.test"): 1})})


class Recipe(unittest.TestCase):
    def test_the_transport_of_the_guide_records_nothing_about_reports(self) -> None:
        steps = Steps("docs/postfix.md", "Report to the domains that you send mail to")
        main_cf, master_cf = steps.take("sender_dependent_default_transport_maps"), steps.take("tlsrpt-smtp unix")
        parameter, _, value = main_cf.partition(" =")
        self.enterContext(mock.patch.dict("os.environ"))
        unpacked.choose_release("13")  # the first whose Postfix reports results
        with Lab() as lab:
            receiver = Receiver(lab, "mx.a.test", ["a.test"], lab.ca.issue("mx.a.test"))
            dns = Dns(lab, {"a.test": {"@": ["MX 10 mx"], "mx": [f"A {receiver.address}"],
                                       "_smtp._tls": ['TXT "v=TLSRPTv1; rua=mailto:tls@a.test"']}})
            collector = Collector(lab)
            sender = Sender(lab, dns, {"smtp_tlsrpt_enable": "yes", "smtp_tlsrpt_socket_name": collector.socket,
                                       parameter: " ".join(value.split())})
            with (sender.config / "master.cf").open("a") as file:
                # Chrooted processes would need files in the queue directory that Debian's start script copies there.
                file.write(master_cf.replace("unix - - y", "unix - - n"))
            sender.reload()

            # In this order: what the report caused would be received before the result of the other mail.
            report = sender.deliver("tls-reports@example.org", "tls@a.test")
            self.assertEqual(report.status, "sent", report.line)
            self.assertEqual(sender.deliver("user@example.org", "bob@a.test").status, "sent")

            wait.until(lambda: "a.test" in collector.policies())
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(collector.policies(), {"a.test": (1, 0)})


if __name__ == "__main__":
    unittest.main()
