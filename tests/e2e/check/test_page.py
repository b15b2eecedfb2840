"""The page of `starttls-listtool check --html`, of domains whose mail servers are real: what is on it, and what its
script does in a browser. How it looks is tested in test_page_layout.py."""

import unittest

from lab.chromium import Chromium
from page_domains import MARKUP, MIXED, add_hostile, add_mixed
from pages import ROWS, Page

BY_LEVEL = ["fault.test", "limited.test", "warning.test"]


class Several(Page):
    def setUp(self) -> None:
        super().setUp()
        add_mixed(self)
        self.start(signed=["sound.test"])

    def test_has_a_row_and_the_findings_of_each_domain_the_worst_first(self) -> None:
        root = self.read(self.page(*MIXED, status=1))
        self.assertEqual(root.all("h1")[0].text, "TLS of mail to 6 domains")
        self.assertEqual([head.text for head in root.all("th", scope="col")],
                         ["Domain", "Worst", "Faults", "Warnings", "MTA-STS", "DANE", "Others"])
        [body] = root.all("tbody")
        rows = {row.all("th")[0].text: [cell.text for cell in row.all("td")] for row in body.all("tr")}
        self.assertEqual(list(rows)[:3], BY_LEVEL)
        self.assertEqual(rows["fault.test"], ["fault", "1", "1", "defers", "TLS, strippable", "TLS, strippable"])
        self.assertEqual(rows["sound.test"][3:], ["verified TLS", "verified TLS", "TLS, strippable"])
        self.assertEqual(rows["nothing.test"][3:], ["returns"] * 3)
        self.assertEqual(rows["limited.test"][0], "cannot tell")

        details = root.all("details", class_="domain")
        self.assertEqual([one.attributes["id"] for one in details], [f"d-{name}" for name in rows])
        self.assertEqual({one.attributes["id"] for one in details if "open" in one.attributes},
                         {"d-fault.test", "d-limited.test"})
        [fault] = [one for one in details if one.attributes["id"] == "d-fault.test"]
        subjects = [subject.text for subject in fault.all("h4")]
        self.assertRegex(subjects[0], r"^mx\.fault\.test\[[\d.]+\]$")
        self.assertEqual(subjects[1:], ["fault.test", "mx.fault.test"])
        worst = fault.all("ul", class_="findings")[0].all("li")[0]
        self.assertRegex(worst.text, r"^fault ?.+ Why: .+ What to do: .+ certificate-chain: RFC 5246 section 7\.4\.2; ")
        links = [link.attributes["href"] for link in worst.all("a")]
        self.assertEqual(links, ["#code-certificate-chain", "https://www.rfc-editor.org/rfc/rfc5246#section-7.4.2",
                                 "https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2"])
        # Every link within the page leads to something, and nothing is there twice.
        names = [one.attributes["id"] for tag in ("details", "div") for one in root.all(tag) if "id" in one.attributes]
        self.assertEqual(len(names), len(set(names)))
        inside = {link.attributes["href"][1:] for link in root.all("a") if link.attributes["href"].startswith("#")}
        self.assertLessEqual(inside, set(names))
        [tiles] = root.all("ul", class_="tiles four")
        tiles = {tile.all("span")[0].text: tile.all("b")[0].text for tile in tiles.all("li")}
        self.assertEqual(tiles, {"domain has a fault": "1", "domain has a warning, and no fault": "1",
                                 "domain has something unknown, and no fault": "1",
                                 "domains have no warning and no fault": "3"})

    def test_is_the_same_without_scripts_and_can_be_sorted_with_them(self) -> None:
        page = self.page(*MIXED)
        browser = Chromium(self.lab)
        browser.scripts(False)
        browser.open(page, width=1280)
        order = browser.evaluate(ROWS)
        self.assertEqual(order[:3], BY_LEVEL)
        self.assertEqual(browser.evaluate("document.querySelectorAll('button, select').length"), 0)

        browser.scripts(True)
        browser.open(page, width=1280)
        self.assertEqual(browser.evaluate(ROWS), order)
        self.assertEqual(browser.evaluate("document.querySelector('[aria-sort]').textContent"), "Worst")
        browser.click("th:nth-child(1) button")
        self.assertEqual(browser.evaluate(ROWS), sorted(MIXED))
        self.assertEqual(browser.evaluate("document.querySelector('th').ariaSort"), "ascending")
        browser.click("th:nth-child(1) button")
        self.assertEqual(browser.evaluate(ROWS), sorted(MIXED, reverse=True))
        browser.click("th:nth-child(5) button")
        self.assertEqual(browser.evaluate(ROWS)[0], "fault.test")
        browser.open(page, width=360)
        self.assertEqual(browser.evaluate("getComputedStyle(document.querySelector('.sort')).display"), "block")
        browser.evaluate("(e => { e.value = 0; e.dispatchEvent(new Event('change')) })"
                         "(document.querySelector('.sort select'))")
        self.assertEqual(browser.evaluate(ROWS), sorted(MIXED))

        browser.open(page, width=1280)
        self.assertFalse(browser.evaluate("document.getElementById('d-sound.test').open"))
        browser.click("a[href='#d-sound.test']")
        self.assertTrue(browser.evaluate("document.getElementById('d-sound.test').open"))
        self.assert_quiet(browser)
        # The policy really forbids what is not the page's own.
        self.assertEqual(browser.evaluate("(s => (s.textContent = 'window.foreign = 1', document.body.append(s), "
                                          "window.foreign ?? 0))(document.createElement('script'))"), 0)

    def test_shows_the_path_of_a_delivery(self) -> None:
        root = self.read(self.page("--explain", "sound.test", status=0))
        self.assertEqual(root.all("h1")[0].text, "TLS of mail to sound.test")
        self.assertEqual(root.all("table"), [])
        path = root.all("ol", class_="path")[0].text
        for part in ("MX records signed", "greeting 220 mx.sound.test ESMTP", "handshake TLSv1.3", "CN=mx.sound.test"):
            self.assertIn(part, path)
        self.assertEqual(self.read(self.page("sound.test")).all("ol"), [])

    def test_is_about_what_has_changed(self) -> None:
        state = ["--state", str(self.configuration.folder / "state.checks"), "--changed"]
        names = ("fault.test", "warning.test", "sound.test")
        first = self.read(self.page(*state, *names))
        self.assertIn("is worse or better than last time are shown: 2 of 3.", first.all("header")[0].text)
        self.assertIn("Worse: a warning (starttls): mx.warning.test[", first.text)
        same = self.read(self.page(*state, *names))
        self.assertEqual(same.all("h2")[0].text, "Nothing has changed")
        self.assertEqual(same.all("table"), [])
        self.dns.update("warning.test", {"@": ["MX 0 ."]})
        better = self.read(self.page(*state, *names))
        self.assertIn("Better: no longer a warning (starttls): mx.warning.test[", better.text)
        self.assertEqual([one.attributes["id"] for one in better.all("details")], ["d-warning.test"])
        fresh = self.read(self.page(*state, "--since", "1", *names, status=1))
        self.assertIn("3 domains were not examined again (--since), and are not shown.", fresh.all("header")[0].text)

    def test_excludes_json(self) -> None:
        done = self.configuration.tool("--json", "check", "--html", "sound.test")
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn("--html excludes --json", done.stderr)


class Hostile(Page):
    def test_texts_of_others_are_only_texts(self) -> None:
        add_hostile(self)
        self.start()
        for names in (["hostile.test", "certificate.test"], ["hostile.test"], ["certificate.test"]):
            page = self.page("-v", "--explain", *names)
            source = page.read_text(encoding="utf-8")
            self.assertFalse({c for c in source if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e"})
            root = self.read(page)
            self.assertEqual(len(root.all("script")), 1)
            for tag in ("img", "i", "iframe", "object", "link"):
                self.assertEqual(root.all(tag), [])
            if names[0] == "hostile.test":
                self.assertIn("220 mx.example.test " + MARKUP, root.text)
            else:
                self.assertIn(r"O=Lab,CN=\<b\>mx", root.text)  # RFC 4514
            browser = Chromium(self.lab)
            browser.open(page)
            self.assertEqual(browser.evaluate("document.querySelectorAll('script, img, [onerror], [src]').length"), 1)
            self.assert_quiet(browser)


if __name__ == "__main__":
    unittest.main()
