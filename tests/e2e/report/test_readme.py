"""What README says of reports, as written there: only files are the lab's."""

import re
import unittest
from pathlib import Path

from lab import Lab, program
from reports import RecordedReader, mail, packed, report

README = Path(program.SOURCE_TREE, "README.md")
# How each command ends with what there is: one day is not enough for advice, and the sender was not seen.
EXPECTED = {"advise": 1, "reconcile": 1}


class Readme(unittest.TestCase):
    def test_every_command(self) -> None:
        part = README.read_text().partition("\n### Read what others report, and send your own\n")[2].partition("\n#")[0]
        lines = [line.strip().partition("#")[0].split() for line in part.splitlines() if line.startswith("    tlsrpt-report ")]
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

    def test_the_files_that_it_names(self) -> None:
        for name in re.findall(r"`examples/((?:cron|grafana)/[^`]+)`", README.read_text()):
            self.assertTrue((program.SOURCE_TREE / "packaging" / name).exists(), name)
        for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", README.read_text()):
            self.assertEqual((program.SOURCE_TREE / picture).read_bytes()[:4], b"\x89PNG")


if __name__ == "__main__":
    unittest.main()
