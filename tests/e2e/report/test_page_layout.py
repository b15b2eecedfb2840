"""The page of tlsrpt-report html at the widths of a phone, a tablet and a screen, measured in a browser. Screenshots of
each are kept below the build directory, in pictures/report-page."""

import os
import unittest
from pathlib import Path

from lab import Lab
from lab.chromium import Chromium
from lab.page_layout import check_page
from lab.program import SOURCE_TREE
from page_data import fill_busy, fill_day, fill_hostile
from reports import RecordedReader

NAMES = ("busy", "empty", "day", "hostile")  # the pages of which screenshots are kept
CONFIGURATION = '[report]\norganization = "Example Mail Ltd"\ndomains = ["example.org", "example.net"]\ncheck_state = "check.state"\n'

class Layout(unittest.TestCase):
    def pictures(self) -> Path:
        folder = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")) / "pictures" / "report-page"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def look(self, lab: Lab, browser: Chromium, name: str, fill, configuration: str = "", *options: str) -> None:
        reader = RecordedReader(lab, configuration)
        fill(reader)
        page = reader.folder / "page.html"
        done = reader.run("html", "-o", page, *options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        check_page(self, browser, page, name, self.pictures() if name in NAMES else None)

    def test_of_a_busy_mx_fits_every_width(self) -> None:
        with Lab() as lab:
            browser = Chromium(lab)
            self.look(lab, browser, "busy", fill_busy, CONFIGURATION)
            self.assertEqual(len(list(self.pictures().glob("busy-*.png"))), 6)

    def test_of_one_policy_domain_fits_every_width(self) -> None:
        with Lab() as lab:
            self.look(lab, Chromium(lab), "domain", fill_busy, CONFIGURATION, "--domain", "example.org")

    def test_of_an_empty_store_and_of_one_day_fit_every_width(self) -> None:
        with Lab() as lab:
            browser = Chromium(lab)
            self.look(lab, browser, "empty", lambda reader: None)
            self.look(lab, browser, "day", fill_day, "", "--since", "2026-11-26", "--until", "2026-11-26")

    def test_of_long_and_hostile_texts_fits_every_width(self) -> None:
        with Lab() as lab:
            self.look(lab, Chromium(lab), "hostile", fill_hostile, '[report]\ncheck_state = "check.state"\n')

    def test_of_two_years_fits_every_width(self) -> None:
        with Lab() as lab:
            self.look(lab, Chromium(lab), "long", fill_day, "", "--since", "2024-10-01")


if __name__ == "__main__":
    unittest.main()
