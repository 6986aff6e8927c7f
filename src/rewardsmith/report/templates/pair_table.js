// The table of pairs: sorts, filters, opens a pair, takes decisions by button and key. Rows are made in blocks.
(() => {
  const BLOCK = 100;
  const KEYS = {
    1: "keep", 2: "flip", 3: "tie", 4: "drop", a: "keep", x: "flip", t: "tie", d: "drop", 0: "clear", c: "clear",
    j: "next", ArrowDown: "next", " ": "next", k: "previous", ArrowUp: "previous", Enter: "toggle", o: "toggle",
    Backspace: "undo", u: "undo", "/": "filter", "?": "help", Escape: "close",
  };
  const root = document.getElementById("pair-table");
  const at = (selector) => root.querySelector(selector);
  const data = JSON.parse(document.getElementById("pair-table-data").textContent);
  const decisions = new Decisions(data.key, data.decided);
  const rowOf = new Map(data.rows.map((row) => [row.id, row.row]));
  const [body, form, help, more] = [at("tbody"), at("form"), at("dialog"), at(".more")];
  let shown = data.rows, limit = BLOCK, current = 0, open = new Set(), sort = null;
  let onScreen = null; // what stands open there while the page is printed

  const matches = {
    text: (row, value) => haystack(row).includes(value.toLowerCase()),
    category: (row, value) => row.category === value,
    class: (row, value) => row.class === value,
    length: (row, value) => ({
      chosen: row.length > 0, rejected: row.length < 0, short: row.longest <= data.short, long: row.longest > data.short,
    })[value],
    change: (row, value) => (row.change || "none") === value,
    decision: (row, value) => {
      const decision = decisions.of(row.id);
      return value === "undecided" ? !decision : value === "decided" ? Boolean(decision) : decision === value;
    },
  };

  function haystack(row) {
    const texts = [`row ${row.row}`, row.category, row.annotator, row.why, ...(row.prompt ?? []).map((turn) => turn[1])];
    row.haystack ??= [...texts, row.chosen?.join(""), row.rejected?.join("")].join("\n").toLowerCase();
    return row.haystack;
  }

  function compare(first, second) {
    const [a, b] = [first, second].map((row) => (sort.key === "decision" ? decisions.of(row.id) : row[sort.key]) ?? "");
    if (a === "" || b === "") return (a === "") - (b === "");
    return sort.sign * (typeof a === "number" ? a - b : a.localeCompare(b));
  }

  /** The pairs that pass the filters, from the first on. */
  function select() {
    const asked = [...new FormData(form)].filter(([, value]) => value);
    shown = data.rows.filter((row) => asked.every(([name, value]) => matches[name](row, value)));
    if (sort) shown.sort(compare);
    [current, limit] = [0, BLOCK];
    open.clear();
    render();
  }

  function render() {
    body.replaceChildren(...shown.slice(0, limit).flatMap(rowsOf));
    const left = shown.length - limit;
    more.hidden = left <= 0;
    more.textContent = `${Math.min(BLOCK, left)} more of ${left.toLocaleString("en")}`;
    tell();
  }

  function rowsOf(row, index) {
    const decision = decisions.of(row.id);
    const line = make("tr", {
      id: `pair-${index}`, className: `entry ${decision}`, tabIndex: index === current ? 0 : -1,
      ariaExpanded: `${open.has(index)}`, onclick: () => { move(index); toggle(); },
    }, make("td", { className: "decision" }, decision), ...data.columns.map((column) => cell(row, column)), excerpt(row));
    if (!open.has(index)) return [line];
    const view = pairView(row, decision, (word) => { current = index; decide(word); });
    return [line, make("tr", { className: "opened" }, make("td", { colSpan: data.columns.length + 2 }, view))];
  }

  /** Puts the rows of one pair in the place of those that stand there. */
  function redraw(index) {
    const line = document.getElementById(`pair-${index}`);
    if (!line) return;
    if (line.nextSibling?.className === "opened") line.nextSibling.remove();
    line.replaceWith(...rowsOf(shown[index], index));
    tell();
  }

  function tell() {
    const counts = DECISIONS.map((word) => [data.rows.filter((row) => decisions.of(row.id) === word).length, word]);
    const decided = counts.reduce((sum, [number]) => sum + number, 0);
    const parts = counts.filter(([number]) => number).map((count) => count.join(" "));
    const passed = shown.length < data.rows.length ? `, ${shown.length} pass the filters` : "";
    const printed = onScreen && limit < shown.length ? `, the first ${limit} of ${shown.length} printed` : "";
    at("progress").value = decided;
    at("[role=status]").textContent = `${decided} of ${data.rows.length} decided${parts.length ? ": " : ""}${parts.join(", ")}${passed}${printed}`;
    at(".undo").disabled = !decisions.events.length;
    at(".download").disabled = !decisions.now.size;
    at(".refused").hidden = decisions.isKept;
    at(".nothing").hidden = shown.length > 0;
  }

  function move(index) {
    if (index < 0 || index >= shown.length) return;
    const old = current;
    current = index;
    if (index >= limit) { limit = index + BLOCK; render(); }
    for (const [number, tab] of [[old, -1], [index, 0]]) {
      const line = document.getElementById(`pair-${number}`);
      if (line) line.tabIndex = tab;
    }
    const line = document.getElementById(`pair-${index}`);
    line.focus({ preventScroll: true });
    line.scrollIntoView({ block: open.has(index) ? "start" : "nearest", behavior: "instant" });
  }

  function toggle() {
    const wasOpen = open.has(current);
    const others = [...open];
    open.clear();
    if (!wasOpen) open.add(current);
    others.forEach(redraw);
    redraw(current);
    move(current);
  }

  /** To another pair; where one stood open, the other does now. */
  function go(step) {
    const index = current + step;
    if (index < 0 || index >= shown.length) return;
    const wasOpen = open.has(current);
    move(index);
    if (wasOpen) toggle();
  }

  function decide(word) {
    if (!shown.length) return;
    decisions.take(shown[current].id, word);
    redraw(current);
    move(current);
    if (word) go(1);
  }

  function undo() {
    const ids = decisions.undo();
    if (ids.length > 1) { render(); return move(current); }
    const index = shown.findIndex((row) => row.id === ids[0]);
    if (index < 0) return tell();
    if (index !== current) go(index - current);
    redraw(index);
    move(index);
  }

  function download() {
    const url = URL.createObjectURL(new Blob([decisions.file(rowOf)], { type: "application/x-ndjson" }));
    make("a", { href: url, download: "decisions.jsonl" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
    decisions.isSaved = true;
  }

  const actions = {
    next: () => go(1), previous: () => go(-1), toggle, undo, clear: () => decide(""), help: () => help.showModal(),
    filter: () => form.elements.text?.focus(), close: () => { if (open.has(current)) toggle(); else move(current); },
  };

  root.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const isUndo = key === "z" && (event.ctrlKey || event.metaKey);
    const action = isUndo ? "undo" : event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[key];
    const isTyping = target.closest("input, select") && key !== "Escape";
    const presses = target.closest("button, summary") && (key === " " || key === "Enter");
    if (!action || isTyping || presses || help.open) return;
    event.preventDefault();
    (actions[action] ?? (() => decide(action)))();
  });

  form.addEventListener("input", select);
  form.addEventListener("submit", (event) => event.preventDefault());
  at("thead").addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    const heading = button.closest("th"), key = button.dataset.key;
    const isText = key === "decision" || data.columns.find((column) => column.key === key)?.kind === "text";
    sort = { key, sign: sort?.key === key ? -sort.sign : isText || key === "row" ? 1 : -1 };
    root.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.ariaSort = sort.sign > 0 ? "ascending" : "descending";
    select();
  });
  at(".undo").addEventListener("click", undo);
  at(".download").addEventListener("click", download);
  at(".keys").addEventListener("click", actions.help);
  loadDecisions(root, decisions, rowOf, render);
  more.addEventListener("click", () => { limit += BLOCK; render(); });
  addEventListener("storage", ({ key }) => { if (key === decisions.key) { decisions.load(); render(); } });
  addEventListener("beforeunload", (event) => { if (!decisions.isKept && !decisions.isSaved) event.preventDefault(); });

  addEventListener("beforeprint", () => {
    onScreen = open;
    open = new Set([...open, ...shown.slice(0, data.num_printed).keys()]);
    render();
  });
  addEventListener("afterprint", () => { [open, onScreen] = [onScreen, null]; render(); });

  at("progress").max = data.rows.length;
  root.hidden = false;
  render();
})();
