"""Whether a page of HTML fits a window, can be read, and has what a screen reader needs: measured in a browser.

    check_page(test, Chromium(lab), page, "busy", pictures=folder)      at all widths, light and dark, and printed
"""

import unittest
from collections.abc import Sequence
from pathlib import Path

from .chromium import Chromium

WIDTHS = (320, 360, 390, 768, 1280)
PICTURED = (390, 768, 1280)
MAX_HEIGHT = 8000  # of a picture

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

UNBREAKABLE = "[...document.querySelectorAll('figure, tr')].filter(e => getComputedStyle(e).breakInside !== 'avoid').length"


def check_layout(test: unittest.TestCase, browser: Chromium, where: str) -> None:
    """Of the page as it is shown."""
    for what in (OVERFLOWING, BROKEN, BAD_CHARTS):
        test.assertEqual(browser.evaluate(what), [], where)


def check_page(test: unittest.TestCase, browser: Chromium, page: Path, name: str, pictures: Path | None = None, *,
               widths: Sequence[int] = WIDTHS) -> None:
    """Pictures of the page are kept in that directory: NAME-WIDTH-SCHEME.png and NAME.pdf."""
    for width in widths:
        browser.open(page, width=width)
        check_layout(test, browser, f"{name} at {width}")
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            if pictures and width in PICTURED:
                (pictures / f"{name}-{width}-{scheme}.png").write_bytes(browser.png(MAX_HEIGHT))
            if width == 768:
                test.assertEqual(browser.evaluate(FAINT), [], f"{name}, {scheme}")
        browser.evaluate(UNFOLD)
        check_layout(test, browser, f"{name} at {width}, unfolded")
    test.assertEqual(browser.evaluate(UNNAMED), [], name)
    browser.open(page, width=700, scheme="dark", medium="print")
    check_layout(test, browser, f"{name} in print")
    test.assertEqual(browser.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
    test.assertEqual(browser.evaluate(UNBREAKABLE), 0)
    if pictures:
        (pictures / f"{name}.pdf").write_bytes(browser.pdf())
