
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  const body = table.tBodies[0];
  const written = Array.from(body.rows);
  heads.forEach((head, at) => {
    const column = heads.slice(0, at).reduce((sum, other) => sum + other.colSpan, 0);
    const numeric = head.classList.contains("number");
    const value = (row) => {
      const cell = row.cells[column];
      if (cell === undefined) return "";
      const text = cell.textContent.trim();
      if (!numeric) return text;
      return cell.dataset.v === undefined ? parseFloat(text) : Number(cell.dataset.v);
    };
    const missing = (v) => v === "" || Number.isNaN(v);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const order = (a, b) => {
        const [v, w] = [value(a), value(b)];
        if (missing(v) || missing(w)) return missing(v) - missing(w);
        return sign * (numeric ? v - w : v.localeCompare(w, undefined, { numeric: true }));
      };
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      body.append(...written.slice().sort(order));
    });
  });
}
