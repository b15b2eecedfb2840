"""The content of the page of tlsrpt-report html. Its layout is tested in test_page_layout.py."""

import re
import unittest
from pathlib import Path

from lab import Lab
from lab.chromium import Chromium
from page_data import DAYS, LONG_NAME, fill_busy, fill_day, fill_hostile, fill_watched
from reports import Reader, RecordedReader, failure, report

CONFIGURATION = '[report]\norganization = "Example Mail Ltd"\ndomains = ["example.org", "example.net"]\ncheck_state = "check.state"\n'


def text_of(html: str) -> str:
    """The visible text, with one blank between words."""
    for mark, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        html = re.sub(r"<style>.*?</style>|<(?!wbr)[^>]*>", " ", html, flags=re.DOTALL) if mark == "&lt;" else html
        html = html.replace("<wbr>", "").replace(mark, character)
    return " ".join(html.split())


class Page(unittest.TestCase):
    def made(self, reader: Reader, *options: str) -> Path:
        page = reader.folder / "page.html"
        done = reader.run("html", "-o", page, *options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return page

    def section(self, source: str, title: str) -> str:
        found = re.search(rf"<section[^>]*><h2>{re.escape(title)}</h2>.*?</section>", source, flags=re.DOTALL)
        self.assertIsNotNone(found, f"no section '{title}'")
        return found.group(0)

    def test_of_a_busy_mx_has_all_sections(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, CONFIGURATION)
            fill_busy(reader)
            source = self.made(reader).read_text(encoding="utf-8")
            titles = re.findall("<h2>(.*?)</h2>", source)
            self.assertEqual(titles, ["3 things need attention", "Watched domains", "Downgraded senders", "Day by day", "TLS versions", "Failures",
                                      "Senders without TLS", "Reports of others", "Policy domains and MX hosts",
                                      "What the words mean"])
            self.assertEqual(re.findall("<figcaption><b>(.*?)</b>", source),
                             ["Encrypted sessions a day", "Share that was encrypted", "Sessions in plaintext a day",
                              "Failed TLS handshakes a day"])
            self.assertIn("The axis starts at 95%, not at 0%.", source)
            self.assertIn("<title>TLS of mail to example.org and example.net, 2026-10-31 to 2026-11-27</title>", source)
            text = text_of(source)
            self.assertIn("Example Mail Ltd TLS of mail to example.org and example.net", text)
            self.assertIn("2026-11-27 is not over: its figures are those until 06:00 UTC", text)

    def test_begins_with_the_sentences_of_alert(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, CONFIGURATION)
            fill_busy(reader)
            source = self.made(reader).read_text(encoding="utf-8")
            top = text_of(source.split("</section>")[0])
            alerts = re.sub(r"\n(?!\n|\*)", " ", reader.run("alert", "--no-lookup").stdout).split("\n* ")[1:]
            self.assertEqual(len(alerts), 3)
            for alert in alerts:
                self.assertIn(" ".join(alert.split()), top)
            downgraded = text_of(self.section(source, "Downgraded senders"))
            self.assertIn("newsletter-service.example 1 address [203.0.113.77]".replace("[", "").replace("]", ""), downgraded)
            self.assertIn("2026-11-26 2 8 90 TLSv1.3", downgraded)
            self.assertIn("example-hosting.co.uk", downgraded)

    def test_has_one_row_for_a_failure_of_the_log_and_of_reports(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for kind, sessions in (("bad-certificate", 7), ("unknown-ca", 3), ("certificate-expired", 2), ("unsupported-protocol", 5)):
                    reader.session("2026-11-25", "failed", sessions, failed=kind)
            reader.write("r", report(failure("certificate-host-mismatch", 11), failure("Certificate-Not-Trusted", 4),
                                     failure("validation-failure", 9), failure("unsupported-protocol", 1)))
            reader.run("read", reader.folder / "r")
            failures = self.section(self.made(reader).read_text(encoding="utf-8"), "Failures")
            kinds = {head: text_of(rest) for head, rest in re.findall("<h3>(.*?)</h3>(.*?)</div>", failures, flags=re.DOTALL)
                     if "our MX hosts" in rest}
            self.assertEqual(set(kinds), {"certificate-host-mismatch", "certificate-not-trusted", "certificate-expired",
                                          "unsupported-protocol"})
            self.assertIn("7 failed handshakes at our MX hosts, by the mail server's log; 11 sessions, by 1 reporter",
                          kinds["certificate-host-mismatch"])
            self.assertIn("3 failed handshakes at our MX hosts, by the mail server's log; 4 sessions",
                          kinds["certificate-not-trusted"])
            self.assertIn("no TLS version in common", kinds["unsupported-protocol"])
            self.assertIn("Senders report this as validation-failure", kinds["unsupported-protocol"])
            self.assertNotIn("bad-certificate", failures)
            self.assertNotIn("unknown-ca", failures)
            self.assertEqual(failures.count("<b>What to do:</b>"), failures.count("<h3>"))
            # A word of the log in a report has not the meaning that it has in the log.
            self.assertEqual(failures.count("<h3>unsupported-protocol</h3>"), 2)

    def test_has_the_last_verdicts_of_watched_domains(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, CONFIGURATION)
            fill_day(reader)
            self.assertNotIn("Watched domains", self.made(reader).read_text(encoding="utf-8"))
            fill_watched(reader)
            text = text_of(self.section(self.made(reader).read_text(encoding="utf-8"), "Watched domains"))
            self.assertRegex(text, r"example\.net A sender with MTA-STS defers the mail One with DANE delivers, and its TLS could be "
                                   r"stripped Any other delivers in plaintext 2 1 2026-11-27 .*example\.org A sender .* 0 0 2026")
            self.assertRegex(text, "2026-11-27 ?, not in full since 2026-11-20")
            self.assertRegex(text, r"fault: certificate-name example\.net mx1\.example\.net\[192\.0\.2\.25\] Whether .*"
                                   r"warning: certificate-expiry partner\.example mx\.partner\.example\[2001:db8:")
            one = text_of(self.made(reader, "--domain", "example.org").read_text(encoding="utf-8"))
            self.assertIn("example.org A sender with MTA-STS delivers over authenticated TLS", one)
            self.assertNotIn("partner.example", one)
            # A damaged file costs its section, and nothing else.
            (reader.folder / "check.state").write_text("hello\n", encoding="utf-8")
            done = reader.run("html", "-o", "-")
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stderr, r"^tlsrpt-report: warning: .*check\.state:1: ")
            self.assertRegex(text_of(self.section(done.stdout, "Watched domains")), r"cannot be read: .*check\.state:1: ")

    def test_groups_senders_by_domain_with_addresses_on_demand(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, CONFIGURATION)
            fill_busy(reader)
            senders = self.section(self.made(reader).read_text(encoding="utf-8"), "Senders without TLS")
            text = text_of(senders)
            self.assertIn("newsletter-service.example 4 hosts", text)
            self.assertIn("mta1.newsletter-service.example [198.51.100.11]", text)
            self.assertNotIn("mta1", text_of(re.sub("<details>.*?</details>", "", senders, flags=re.DOTALL)))
            self.assertEqual(len(re.findall("<th scope=\"row\"", senders)), 5)

    def test_has_every_figure_of_a_day(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for outcome, sessions in (("tls", 1500), ("plaintext", 23), ("failed", 5), ("no-mail", 2)):
                    reader.session("2026-11-01", outcome, sessions, version="TLSv1.3" if outcome == "tls" else "",
                                   failed="disconnected" if outcome == "failed" else "none")
            days = text_of(self.section(self.made(reader).read_text(encoding="utf-8"), "Day by day"))
            self.assertIn("2026-11-01 1,530 1,500 23 5 2 98.5%", days)
            self.assertIn("2026-11-02 0 0 0 0 0 -", days)

    def test_hostile_texts_are_only_texts(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, '[report]\ncheck_state = "check.state"\n')
            fill_hostile(reader)
            page = self.made(reader)
            source = page.read_text(encoding="utf-8")
            self.assertFalse(re.findall(r"<(?:script|img|iframe|object|link|a)\b", source))
            self.assertFalse({c for c in source if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e"})
            self.assertFalse(re.search(r"url\(|@import", source))
            browser = Chromium(lab)
            browser.open(page)
            self.assertRegex(browser.evaluate("document.title"), r"^TLS of mail to a-host.*, 2026-10-31 to 2026-11-27$")
            self.assertEqual(browser.evaluate("document.querySelectorAll('script, img, [onerror], [src], [href]').length"), 0)
            self.assertEqual(browser.evaluate("document.body.textContent.includes('<script>')"), True)
            self.assertEqual(browser.evaluate("performance.getEntriesByType('resource').length"), 0)
            self.assertIn(LONG_NAME.replace(".", ".<wbr>"), source)

    def test_of_one_policy_domain_has_only_its_sessions(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, CONFIGURATION)
            fill_busy(reader)
            with reader.recorded():
                reader.session(DAYS[3], "tls", 77, version="TLSv1.3", name="x.test", domain="other.test")
            source = self.made(reader, "--domain", "other.test").read_text(encoding="utf-8")
            self.assertIn("<b>77</b><span>sessions with a recipient there</span>", source)
            self.assertIn("<h1>TLS of mail to other.test</h1>", source)
            self.assertIn("<span>no reports of others</span>", source)
            self.assertNotIn("Downgraded sender", source)
            self.assertNotIn("Failed TLS handshakes a day", source)

    def test_of_an_empty_store_says_why_it_is_empty(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            never = self.made(reader).read_text(encoding="utf-8")
            self.assertIn("No sessions were ever recorded", never)
            self.assertIn("No report of others was ever read", never)
            self.assertNotIn("<svg", never)
            with reader.recorded():
                reader.session("2026-09-01", "tls", 3, version="TLSv1.3")
            past = self.made(reader).read_text(encoding="utf-8")
            self.assertIn("No sessions were recorded from 2026-10-31 to 2026-11-27. The last one is of 2026-09-01.", past)
            elsewhere = self.made(reader, "--since", "2026-09-01", "--until", "2026-09-01", "--domain", "typo.test")
            self.assertIn("None of the 3 sessions on 2026-09-01 had an accepted recipient in typo.test. There were recipients in "
                          "example.test.", elsewhere.read_text(encoding="utf-8"))
            empty = Reader(lab)
            done = empty.run("html", "-o", empty.folder / "page.html")
            self.assertEqual(done.returncode, 69)
            self.assertIn("nothing was recorded there", done.stderr)
            self.assertFalse((empty.folder / "page.html").exists())

    def test_of_one_day_has_no_charts_of_days(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            fill_day(reader)
            source = self.made(reader, "--since", "2026-11-26", "--until", "2026-11-26").read_text(encoding="utf-8")
            self.assertIn("Nothing needs attention", source)
            self.assertIn("<title>TLS of mail to example.test, 2026-11-26</title>", source)
            self.assertNotIn("Day by day", source)


if __name__ == "__main__":
    unittest.main()
