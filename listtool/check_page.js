"use strict";
// Sorts the table of all domains by any of its columns, and unfolds the domain that a link leads to. Without it the page
// has the same content, the worst first.
(() => {
  const table = document.querySelector(".all table");
  if (table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map(head => head.textContent);
    const choice = document.createElement("select");
    // A cell with a rank has a word; the others have names or numbers.
    const value = (row, at) => {
      const ranked = row.cells[at].querySelector("[data-rank]");
      if (ranked) return Number(ranked.dataset.rank);
      const text = row.cells[at].textContent;
      return at === 0 ? text : Number(text.replaceAll(",", ""));
    };
    const mark = (at, order) => {
      heads.forEach(head => head.removeAttribute("aria-sort"));
      heads[at].setAttribute("aria-sort", order);
      choice.value = String(at);
    };
    // Names from A on, all else from the worst on; the other way round the second time.
    const sort = at => {
      const first = at === 0 ? "ascending" : "descending";
      const second = at === 0 ? "descending" : "ascending";
      const order = heads[at].getAttribute("aria-sort") === first ? second : first;
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].map(row => [value(row, at), row]);
      rows.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
      body.append(...rows.map(([, row]) => row));
      mark(at, order);
    };
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = names[at];
      button.addEventListener("click", () => sort(at));
      head.replaceChildren(button);
      choice.append(new Option(names[at], at));
    });
    // A narrow screen shows no heads.
    const label = document.createElement("label");
    label.className = "sort";
    label.append("Sort by", choice);
    choice.addEventListener("change", () => sort(Number(choice.value)));
    table.before(label);
    mark(1, "descending");
  }
  const unfold = hash => {
    const target = hash.length > 1 ? document.getElementById(hash.slice(1)) : null;
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  document.addEventListener("click", event => {
    const link = event.target.closest('a[href^="#"]');
    if (link) unfold(link.getAttribute("href"));
  });
  addEventListener("hashchange", () => unfold(location.hash));
  unfold(location.hash);
})();
