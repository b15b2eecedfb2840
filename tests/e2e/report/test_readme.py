"""The commands in docs/reports.md and the tables in README work as written there: only files are the lab's."""

import re
import unittest

from lab import Lab, documents, program
from reports import RecordedReader, failure, mail, packed, report

# The exit status of each command with this data: one day is not enough for advice, and the sender was not seen.
EXPECTED = {"advise": 1, "reconcile": 1}


class Guide(unittest.TestCase):
    def test_every_command(self) -> None:
        lines = [line.partition("#")[0].split() for line in documents.lines("docs/reports.md")
                 if line.startswith("tlsrpt-report ")]
        self.assertEqual([line[1] for line in lines], ["read", "summary", "advise", "reconcile", "alert", "html", "queue"])
        with Lab() as lab:
            reader = RecordedReader(lab)
            reader.write("Maildir/new/1", mail(packed(report(domain="example.org"))))
            reader.write("Maildir/cur/nothing", b"").unlink()
            for _, command, *arguments in lines:
                with self.subTest(command):
                    words = [word.replace("~", str(reader.folder)).replace("tls.html", str(reader.folder / "tls.html"))
                             for word in arguments]
                    done = reader.run(command, *words)
                    self.assertEqual(done.returncode, EXPECTED.get(command, 0), done.stdout + done.stderr)
            self.assertTrue((reader.folder / "tls.html").exists())


class Readme(unittest.TestCase):
    def test_its_summary_is_what_the_program_prints(self) -> None:
        (sample,) = [text for text in documents.samples("README.md") if text.startswith("Inbound sessions")]
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for name, version, sessions in (("mail.example.com", "TLSv1.3", 8412), ("out.example.net", "TLSv1.2", 1093),
                                                ("old.example.net", "TLSv1", 7)):
                    reader.session("2026-11-26", "tls", sessions, name=name, version=version, domain="example.org")
                reader.session("2026-11-26", "plaintext", 31, name="printer.example.net", domain="example.org")
                reader.session("2026-11-26", "failed", 4, failed="unknown-ca")
                reader.session("2026-11-26", "no-mail", 212)
            expired = report(failure("certificate-expired", 40), domain="example.org", organization="Bigmail Inc.",
                             successful=2204, day="2026-11-26")
            self.assertEqual(reader.read(reader.write("report.json", expired))["exit"], 0)
            self.assertEqual(reader.run("summary").stdout, sample)

    def test_the_picture_exists(self) -> None:
        pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", documents.section("README.md"))
        self.assertEqual(len(pictures), 1)
        for picture in pictures:
            self.assertEqual((program.SOURCE_TREE / picture).read_bytes()[:4], b"\x89PNG")


if __name__ == "__main__":
    unittest.main()
