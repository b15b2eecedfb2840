"""The page of `starttls-listtool check --html` about five hundred domains."""

import unittest

from lab.chromium import Chromium
from lab.page_layout import check_page
from lab.policy_domains import mta_sts_records, policy, publish
from page_domains import MIXED, add_mixed
from pages import ROWS, Page


class Many(Page):
    def test_of_five_hundred_domains(self) -> None:
        """They share the servers of a few."""
        add_mixed(self)
        servers = [name for name in MIXED if name != "nothing.test"]
        names = [f"customer-{number:03}.example.test" for number in range(500)]
        zone = {name.split(".")[0]: [f"MX 10 mx.{servers[number % len(servers)]}."]
                for number, name in enumerate(names)}
        for name in names[::25]:
            label = name.split(".")[0]
            zone |= {f"{owner}.{label}": records for owner, records in mta_sts_records(self.web).items()}
            publish(self.lab, self.web, name, policy("enforce", "mx.example.test"))
        self.zones["example.test"] = zone
        self.start()
        page = self.page("-", status=1, text_in="\n".join(names))
        root = self.read(page)
        self.assertEqual(root.all("h1")[0].text, "TLS of mail to 500 domains")
        self.assertEqual(len(root.all("tbody")[0].all("tr")), 500)
        self.assertEqual(len(root.all("details", class_="domain")), 500)
        self.assertLess(page.stat().st_size, 500 * 8_000)
        browser = Chromium(self.lab)
        check_page(self, browser, page, "many", self.pictures(), widths=(390, 1280))
        browser.open(page, width=1280)
        browser.click("th:nth-child(1) button")
        self.assertEqual(browser.evaluate(ROWS), names)
        self.assert_quiet(browser)


if __name__ == "__main__":
    unittest.main()
