#include "report/page_style.h"

namespace starttls::report {

std::string_view page_style() {
  return R"css(
:root { color-scheme: light; --page: #f5f6f8; --card: #ffffff; --ink: #1b1f24; --soft: #57606a; --rule: #d5dae0;
  --tls: #1f6feb; --deprecated: #b3590a; --plaintext: #c2410c; --failed: #8b2f8f; --neither: #6e7781; --reported: #0b7285;
  --good: #1a7f37; --bad: #b3261e; --bad-card: #fff6f4; --good-card: #f3fbf5; }
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; --page: #101317; --card: #191d23; --ink: #e6e9ed; --soft: #a2adb9; --rule: #353d47;
    --tls: #58a6ff; --deprecated: #e3893a; --plaintext: #f0883e; --failed: #d07cd4; --neither: #8b949e; --reported: #39b5c8;
    --good: #4cc38a; --bad: #ff8f85; --bad-card: #2a1c1c; --good-card: #17241c; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 28px 20px 48px; max-width: 1000px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.01em; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 19px; line-height: 1.3; margin: 0 0 2px; }
h3 { font-size: 15px; line-height: 1.4; margin: 20px 0 4px; overflow-wrap: anywhere; }
p { margin: 0 0 10px; overflow-wrap: anywhere; }
time, .nobr { white-space: nowrap; }
.soft, figcaption span, caption, footer { color: var(--soft); }
.over { color: var(--soft); font-size: 13px; font-weight: 600; letter-spacing: .02em; margin: 0 0 4px; }
header { margin: 0 0 20px; }
header p { margin: 0; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 18px 20px 20px; margin: 0 0 16px; }
.alerts { margin: 8px 0 0; padding: 0; list-style: none; }
.alerts li { padding: 10px 0; border-top: 1px solid var(--rule); overflow-wrap: anywhere; }
.alerts li:last-child { padding-bottom: 0; }
.attention { border-left: 5px solid var(--bad); background: var(--bad-card); }
.attention h2 { color: var(--bad); }
.calm { border-left: 5px solid var(--good); background: var(--good-card); }
.calm h2 { color: var(--good); }
.tiles { display: grid; grid-template-columns: repeat(6, 1fr); gap: 12px; margin: 0 0 16px; padding: 0; list-style: none; }
.tiles.four { grid-template-columns: repeat(4, 1fr); }
.tiles li { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px 14px; min-width: 0; }
.tiles b { display: block; font-size: 25px; line-height: 1.25; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.tiles b.long { font-size: 19px; line-height: 31px; overflow-wrap: anywhere; }
.tiles span { display: block; overflow-wrap: anywhere; color: var(--soft); font-size: 13px; line-height: 1.35; }
figure { margin: 16px 0 0; }
figcaption { font-size: 14px; margin: 0 0 4px; }
figcaption span { font-size: 13px; }
.plot { display: grid; grid-template-columns: var(--gutter) minmax(0, 1fr); grid-template-rows: 180px 22px; padding-top: 10px;
  font-size: 12px; line-height: 16px; color: var(--soft); font-variant-numeric: tabular-nums; container-type: inline-size; }
.plot svg { grid-area: 1 / 2; display: block; width: 100%; height: 100%; overflow: visible; }
.values { grid-area: 1 / 1; position: relative; }
.values span { position: absolute; right: 8px; transform: translateY(50%); white-space: nowrap; }
.days { grid-area: 2 / 2; position: relative; }
.days span { position: absolute; top: 5px; white-space: nowrap; }
@container (max-width: 480px) { .days .minor { display: none; } }
@container (max-width: 290px) { .days .middle { display: none; } }
.grid { stroke: var(--rule); stroke-width: 1; vector-effect: non-scaling-stroke; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.dot { fill: none; stroke-width: 6; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.pointer { fill: transparent; }
.pointer:hover { fill: var(--ink); fill-opacity: .08; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 28px; }
.bar { display: block; width: 100%; height: 11px; border-radius: 2px; overflow: hidden; }
.failure { border-top: 1px solid var(--rule); margin-top: 16px; padding-top: 14px; }
.failure h3 { margin-top: 0; }
.failure p { margin: 0 0 6px; }
.failure .bar { margin: 2px 0 8px; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 0; padding: 0; font-size: 13px; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 7px; }
section > :last-child { margin-bottom: 0; }
details { margin-top: 12px; }
summary { cursor: pointer; color: var(--soft); font-size: 13px; width: fit-content; }
summary:hover { color: var(--ink); }
:focus-visible { outline: 2px solid var(--tls); outline-offset: 2px; }
th details { margin: 2px 0 0; font-weight: 400; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin-top: 10px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 13px; padding: 0 0 4px; }
th, td { text-align: right; padding: 6px 0 6px 14px; border-bottom: 1px solid var(--rule); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; }
th:first-child { text-align: left; padding-left: 0; }
tbody th { min-width: 11em; overflow-wrap: anywhere; }
tbody th.day, td { white-space: nowrap; }
tbody th.day { min-width: 0; font-weight: 400; }
th.text, td.text { text-align: left; }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: 8em; }
th.chart, td.chart { width: 26%; min-width: 90px; }
td.chart .bar { margin-top: 5px; }
.hosts { margin: 4px 0 0; padding: 0; list-style: none; font-weight: 400; font-size: 13px; }
.hosts li { padding: 2px 0; overflow-wrap: anywhere; }
dl { margin: 8px 0 0; } dt { font-weight: 600; margin-top: 8px; } dd { margin: 0; color: var(--soft); }
footer { font-size: 13px; padding: 0 4px; }
.paper { display: none; }
@media (max-width: 900px) { .tiles { grid-template-columns: repeat(3, 1fr); } }
@media (max-width: 700px) {
  body { padding: 20px 14px 36px; }
  h1 { font-size: 24px; }
  section { padding: 15px 15px 17px; }
  .tiles, .tiles.four { grid-template-columns: repeat(2, 1fr); gap: 10px; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  .plot { grid-template-rows: 150px 22px; }
  table, caption, tbody { display: block; }
  thead { display: none; }
  tbody tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 4px 10px; padding: 9px 0;
    border-top: 1px solid var(--rule); }
  tbody tr > * { display: block; border: 0; padding: 0; text-align: left; min-width: 0; white-space: normal; overflow-wrap: anywhere; }
  tbody th, tbody td.chart, tbody td.text { grid-column: 1 / -1; width: auto; }
  tbody th.day { font-weight: 600; }
  tbody td[data-label]::before { content: attr(data-label); display: block; color: var(--soft); font-size: 12px; line-height: 1.3; }
  td.chart .bar { margin: 1px 0 3px; } }
@page { margin: 16mm 14mm; }
@media print {
  :root { --page: #ffffff; --bad-card: #ffffff; --good-card: #ffffff; }
  body { padding: 0; max-width: none; font-size: 12px; }
  h1 { font-size: 22px; } h2 { font-size: 16px; } h3 { font-size: 12.5px; } table, caption, .legend, figcaption, figcaption span { font-size: 11.5px; }
  section { border-width: 1px 0 0; border-radius: 0; padding: 12px 0 6px; margin: 0 0 8px; }
  .attention, .calm { border-left-width: 5px; padding-left: 12px; }
  .tiles { grid-template-columns: repeat(6, 1fr); gap: 8px; } .tiles li { padding: 8px 10px; border-radius: 0; }
  .tiles.four { grid-template-columns: repeat(4, 1fr); }
  .tiles b { font-size: 18px; } .tiles b.long { font-size: 14px; line-height: 22px; } .tiles span { font-size: 11px; }
  .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .plot { grid-template-rows: 130px 22px; font-size: 11px; }
  figure, tr, .failure, .tiles, .alerts li, dl > div { break-inside: avoid; }
  h2, h3, figcaption, caption, thead { break-after: avoid; }
  rect, .bar, .legend i, .attention, .calm { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details:not([open]) { display: none; }
  .paper { display: inline; } }
)css";
}

}  // namespace starttls::report
