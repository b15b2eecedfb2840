"""The page of tlsrpt-report html at the widths of a phone, a tablet and a screen, measured in a browser. Screenshots of
each are kept below the build directory, in pictures/report-page."""

import os
import unittest
from pathlib import Path

from lab import Lab
from lab.chromium import Chromium
from lab.program import SOURCE_TREE
from page_data import fill_busy, fill_day, fill_hostile
from reports import RecordedReader

WIDTHS = (320, 390, 768, 1280)
PICTURED = (390, 768, 1280)
NAMES = ("busy", "empty", "day", "hostile")  # the pages of which screenshots are kept
CONFIGURATION = '[report]\norganization = "Example Mail Ltd"\ndomains = ["example.org", "example.net"]\n'

# Elements whose content is wider than they are, or that are beyond the edge of the window.
OVERFLOWING = """(() => {
  const found = [];
  for (const e of document.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (!box.width || e.closest('svg') && e.tagName !== 'svg') continue;
    const name = e.tagName + '.' + (e.getAttribute('class') || '') + ': ' + e.textContent.trim().slice(0, 60);
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) found.push(`${name}: ${e.scrollWidth} > ${e.clientWidth}`);
    if (box.right > innerWidth + 0.5 || box.left < -0.5) found.push(`${name}: ${box.left} to ${box.right}`);
  }
  return found;
})()"""

# Texts with fewer than four characters a line that have several lines, and dates that are broken.
BROKEN = """(() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  const lines = () => new Set([...range.getClientRects()].map(r => Math.round(r.bottom))).size;
  while (walker.nextNode()) {
    const node = walker.currentNode, text = node.data.trim();
    if (!text || node.parentElement.closest('style, title, desc')) continue;
    range.selectNodeContents(node);
    const all = lines();
    if (all > 1 && text.length / all < 4) found.push(`${all} lines: ${text}`);
    for (const day of node.data.matchAll(/\\d{4}-\\d\\d-\\d\\d/g)) {
      range.setStart(node, day.index); range.setEnd(node, day.index + 10);
      if (lines() > 1) found.push('broken day: ' + text);
    }
  }
  return found;
})()"""

# Labels of a chart that overlap or are beyond the card, and texts in SVG beyond its box.
BAD_CHARTS = """(() => {
  const found = [], box = e => e.getBoundingClientRect();
  for (const svg of document.querySelectorAll('svg')) {
    if (!svg.getAttribute('viewBox')) found.push('no viewBox');
    const whole = box(svg);
    for (const e of svg.querySelectorAll('text, rect, line')) {
      const b = box(e);
      if (b.left < whole.left - 1 || b.right > whole.right + 1 || b.top < whole.top - 1 || b.bottom > whole.bottom + 1)
        found.push(`${e.tagName} beyond its chart: ${e.textContent}`);
    }
  }
  for (const plot of document.querySelectorAll('.plot')) {
    const card = box(plot.closest('section')), labels = [...plot.querySelectorAll('span')].filter(e => box(e).width);
    if (plot.querySelectorAll('.days span').length && !labels.some(e => e.closest('.days'))) found.push('no days');
    labels.forEach((e, at) => {
      const a = box(e);
      if (a.left < card.left || a.right > card.right) found.push('beyond the card: ' + e.textContent);
      if (parseFloat(getComputedStyle(e).fontSize) < 11) found.push('too small: ' + e.textContent);
      for (const other of labels.slice(at + 1)) {
        const b = box(other);
        if (a.left < b.right && b.left < a.right && a.top < b.bottom - 3 && b.top < a.bottom - 3)
          found.push(`${e.textContent} lies on ${other.textContent}`);
      }
    });
  }
  return found;
})()"""

# Texts whose contrast is below 4.5 (WCAG 2.1, 1.4.3), and bars below 3 (1.4.11).
FAINT = """(() => {
  const found = new Set(), numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const ground = e => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg') && !['rect', 'path'].includes(e.tagName)) continue;
    if (e.matches('rect:not(.pointer), path')) {
      const style = getComputedStyle(e), colour = style.fill !== 'none' ? style.fill : style.stroke;
      if (contrast(numbers(colour), ground(e.closest('svg').parentElement)) < 3) found.add('bar ' + colour);
    } else if ([...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) {
      const c = contrast(numbers(getComputedStyle(e).color), ground(e));
      if (c < 4.5) found.add(`${c.toFixed(1)}: ${e.textContent.trim().slice(0, 40)}`);
    }
  }
  return [...found];
})()"""

# What a screen reader needs.
UNNAMED = """(() => {
  const found = [], all = selector => [...document.querySelectorAll(selector)];
  if (document.documentElement.lang !== 'en') found.push('lang');
  const levels = all('h1, h2, h3, h4').map(h => Number(h.tagName[1]));
  if (levels[0] !== 1 || levels.filter(l => l === 1).length !== 1) found.push('h1');
  levels.forEach((level, at) => { if (at && level > levels[at - 1] + 1) found.push(`h${level} after h${levels[at - 1]}`); });
  for (const table of all('table')) {
    if (!table.caption || !table.caption.textContent) found.push('no caption');
    if ([...table.querySelectorAll('th')].some(th => !th.scope || !(th.textContent || th.ariaLabel))) found.push('th without scope or name');
    if ([...table.tBodies[0].rows].some(row => row.cells[0].scope !== 'row')) found.push('row without a head');
  }
  for (const svg of all('svg:not([aria-hidden])')) {
    const ids = (svg.getAttribute('aria-labelledby') || '').split(' ');
    if (ids.length !== 2 || ids.some(id => all(`#${id}`).length !== 1 || !document.getElementById(id).textContent)) found.push('chart without title or description');
  }
  return found;
})()"""

UNFOLD = "document.querySelectorAll('details').forEach(d => d.open = true)"


class Layout(unittest.TestCase):
    def pictures(self) -> Path:
        folder = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")) / "pictures" / "report-page"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def check(self, browser: Chromium, where: str) -> None:
        for what in (OVERFLOWING, BROKEN, BAD_CHARTS):
            self.assertEqual(browser.evaluate(what), [], where)

    def look(self, lab: Lab, browser: Chromium, name: str, fill, configuration: str = "", *options: str) -> None:
        reader = RecordedReader(lab, configuration)
        fill(reader)
        page = reader.folder / "page.html"
        done = reader.run("html", "-o", page, *options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        for width in WIDTHS:
            browser.open(page, width=width)
            self.check(browser, f"{name} at {width}")
            for scheme in ("light", "dark"):
                browser.scheme(scheme)
                if width in PICTURED and name in NAMES:
                    (self.pictures() / f"{name}-{width}-{scheme}.png").write_bytes(browser.png())
                if width == 768:
                    self.assertEqual(browser.evaluate(FAINT), [], f"{name}, {scheme}")
            browser.evaluate(UNFOLD)
            self.check(browser, f"{name} at {width}, unfolded")
        self.assertEqual(browser.evaluate(UNNAMED), [], name)
        browser.open(page, width=700, scheme="dark", medium="print")
        self.check(browser, f"{name} in print")
        self.assertEqual(browser.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertEqual(browser.evaluate("[...document.querySelectorAll('figure, tr')].filter("
                                          "e => getComputedStyle(e).breakInside !== 'avoid').length"), 0)
        if name in NAMES:
            (self.pictures() / f"{name}.pdf").write_bytes(browser.pdf())

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
            self.look(lab, Chromium(lab), "hostile", fill_hostile)

    def test_of_two_years_fits_every_width(self) -> None:
        with Lab() as lab:
            self.look(lab, Chromium(lab), "long", fill_day, "", "--since", "2024-10-01")


if __name__ == "__main__":
    unittest.main()
