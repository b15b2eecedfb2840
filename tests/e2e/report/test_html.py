"""The page of tlsrpt-report html, as a browser shows it."""

import re
import unittest
from pathlib import Path

from lab import Lab
from lab.chromium import Chromium
from reports import Reader, RecordedReader, failure, report

HOSTILE = "\"'><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\x1b[31m\u202e&amp;"
DAYS = [f"2026-11-{day:02}" for day in range(1, 27)]

# The boxes of all texts of a chart, and of the chart.
TEXTS = """[...document.querySelectorAll('svg')].map(svg => {
  const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  return {title: svg.getAttribute('aria-label'), box: box(svg), axis: !!svg.querySelector('text.axis'),
          texts: [...svg.querySelectorAll('text')].map(t => ({text: t.textContent, kind: t.getAttribute('class'), box: box(t)}))};
})"""


class Page(unittest.TestCase):
    def fill(self, reader: Reader, hostile: bool = False) -> None:
        text = HOSTILE if hostile else ""
        with reader.recorded():
            for number, day in enumerate(DAYS):
                reader.session(day, "tls", 1200 + 31 * number, version="TLSv1.3")
                reader.session(day, "tls", 300, version="TLSv1.2", name="old.sender.test")
                reader.session(day, "plaintext", 20 + number, name="printer.sender.test" + text)
                reader.session(day, "failed", 5, name="", failed="unknown-ca")
            reader.session(DAYS[0], "plaintext", 3, name="a-host-with-a-long-name." * 8 + "sender.test" + text)
            if hostile:
                reader.session(DAYS[1], "tls", 3, version=HOSTILE, domain=HOSTILE)
            reader.downgrade("2026-11-20", "sender.test" + text, "TLSv1.3" + text)
        for number, day in enumerate(DAYS):
            reader.write(f"reports/{day}", report(failure("certificate-expired" + text, 3), day=day, report_id=day,
                                                  organization="Sender Inc." + text, successful=500 + number))
            reader.write(f"reports/b{day}", report(day=day, report_id="b" + day, organization="A GmbH"))
        self.assertEqual(reader.run("read", reader.folder / "reports").returncode, 0)

    def made(self, reader: Reader, *options: str) -> Path:
        page = reader.folder / "page.html"
        done = reader.run("html", "-o", page, *options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return page

    def check_charts(self, browser: Chromium) -> list[dict]:
        """Nothing is cut off, no texts lie on one another, and every chart says what its axis counts."""
        charts = browser.evaluate(TEXTS)
        for chart in charts:
            self.assertTrue(chart["axis"], chart["title"])
            left, top, right, bottom = chart["box"]
            for text in chart["texts"]:
                a = text["box"]
                self.assertTrue(left - 1 <= a[0] and top - 1 <= a[1] and a[2] <= right + 1 and a[3] <= bottom + 1,
                                f"{chart['title']}: '{text['text']}' is cut off: {a} in {chart['box']}")
            boxes = [(text["text"], text["box"]) for text in chart["texts"]]
            for index, (one, a) in enumerate(boxes):
                for other, b in boxes[index + 1:]:
                    apart = a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 2 or b[3] <= a[1] + 2
                    self.assertTrue(apart, f"{chart['title']}: '{one}' and '{other}' lie on one another")
        return charts

    def test_has_every_chart_with_its_table(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            self.fill(reader)
            browser = Chromium(lab)
            browser.open(self.made(reader))
            charts = self.check_charts(browser)
            self.assertEqual(len(charts), 7)
            sections = browser.evaluate("[...document.querySelectorAll('section')].map(s => [s.querySelector('h2').textContent, "
                                        "s.querySelectorAll('svg').length, s.querySelectorAll('table').length])")
            self.assertEqual([name for name, charted, _ in sections if charted],
                             ["Sessions over time", "TLS share over time", "TLS versions", "Failures by type",
                              "Senders without TLS", "Received reports", "Downgrades"])
            self.assertTrue(all(tables >= 1 for _, charted, tables in sections if charted))
            row = browser.evaluate("[...document.querySelector('table').querySelectorAll('tr')].map(r => r.textContent)"
                                   ".find(t => t.startsWith('2026-11-01'))")
            self.assertEqual(row, "2026-11-01" "1,528" "1,500" "23" "5" "0" "98.5%")

    def test_is_readable_light_and_dark_wide_and_narrow_and_on_paper(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            self.fill(reader)
            page = self.made(reader)
            browser = Chromium(lab)
            grounds = {}
            for width, scheme, medium in ((900, "light", "screen"), (900, "dark", "screen"), (400, "light", "screen"),
                                          (700, "dark", "print")):
                browser.open(page, width=width, scheme=scheme, medium=medium)
                self.check_charts(browser)
                self.assertLessEqual(browser.evaluate("document.documentElement.scrollWidth"), width)
                picture = browser.screenshot()
                self.assertEqual(picture.width, width)
                grounds[width, scheme, medium] = picture.pixel(2, 2)
                ink = sum(1 for pixel in picture.pixels() if pixel != picture.pixel(2, 2))
                self.assertGreater(ink / (picture.width * picture.height), 0.05, "there is something on it")
                bars = browser.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--tls').trim()")
                wanted = tuple(bytes.fromhex(bars[1:]))
                self.assertGreater(sum(1 for pixel in picture.pixels() if pixel == wanted), 5000, "and bars among it")
            self.assertGreater(min(grounds[900, "light", "screen"]), 240)
            self.assertLess(max(grounds[900, "dark", "screen"]), 40)
            self.assertEqual(grounds[700, "dark", "print"], (255, 255, 255))

    def test_hostile_texts_are_only_texts(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            self.fill(reader, hostile=True)
            page = self.made(reader)
            source = page.read_text(encoding="utf-8")
            self.assertFalse(re.findall(r"<(?:script|img|iframe|object|link|a)\b", source))
            self.assertFalse({c for c in source if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e"})
            self.assertFalse(re.search(r"url\(|@import", source))
            browser = Chromium(lab)
            browser.open(page)
            self.check_charts(browser)
            self.assertEqual(browser.evaluate("document.title"), "TLS of inbound mail, 2026-10-31 to 2026-11-27")
            self.assertEqual(browser.evaluate("document.querySelectorAll('script, img, [onerror], [src], [href]').length"), 0)
            self.assertEqual(browser.evaluate("document.body.textContent.includes('<script>')"), True)
            self.assertEqual(browser.evaluate("performance.getEntriesByType('resource').length"), 0)

    def test_of_one_policy_domain_has_only_its_sessions(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            self.fill(reader)
            with reader.recorded():
                reader.session(DAYS[3], "tls", 77, version="TLSv1.3", name="x.test", domain="other.test")
            source = self.made(reader, "--domain", "other.test").read_text(encoding="utf-8")
            self.assertIn("<b>77</b><span>inbound sessions</span>", source)
            self.assertIn("TLS of inbound mail of other.test", source)
            self.assertIn("<b>0</b><span>reports from others</span>", source)

    def test_of_nothing_says_so(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            browser = Chromium(lab)
            browser.open(self.made(reader, "--since", "2026-11-27"))
            self.check_charts(browser)
            empty = Reader(lab)
            done = empty.run("html", "-o", empty.folder / "page.html")
            self.assertEqual(done.returncode, 69)
            self.assertIn("nothing was recorded there", done.stderr)
            self.assertFalse((empty.folder / "page.html").exists())


if __name__ == "__main__":
    unittest.main()
