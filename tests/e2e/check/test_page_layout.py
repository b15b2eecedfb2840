"""The page of `starttls-listtool check --html` at the widths of a phone, a tablet and a screen, light, dark and printed.

Screenshots are kept below the build directory, in pictures/check-page."""

import unittest

from lab.chromium import Chromium
from lab.page_layout import check_page
from page_domains import MIXED, add_hostile, add_mixed
from pages import Page


class Layout(Page):
    def test_of_a_few_domains_and_of_one_fits_every_width(self) -> None:
        add_mixed(self)
        self.start(signed=["sound.test"])
        browser = Chromium(self.lab)
        check_page(self, browser, self.page("--explain", *MIXED), "several", self.pictures())
        check_page(self, browser, self.page("--explain", "fault.test"), "one", self.pictures())
        check_page(self, browser, self.page("-v", "sound.test"), "sound")
        self.assert_quiet(browser)

    def test_of_long_and_hostile_texts_fits_every_width(self) -> None:
        add_hostile(self)
        self.start()
        browser = Chromium(self.lab)
        both = self.page("-v", "--explain", "hostile.test", "certificate.test")
        check_page(self, browser, both, "hostile", self.pictures())
        check_page(self, browser, self.page("-v", "--explain", "hostile.test"), "hostile-one")
        self.assert_quiet(browser)


if __name__ == "__main__":
    unittest.main()
