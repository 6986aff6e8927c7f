// Elements of the table. Text of the data only ever becomes text nodes.
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name in element) element[name] = value; else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const FORMATS = {
  number: (value) => `${value}`,
  probability: (value) => (value > 0.995 ? ">99%" : value < 0.005 ? "<1%" : `${Math.round(100 * value)}%`),
  signed: (value) => (Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(2)).replace("-", "\u2212"),
  text: (value) => value,
};

/** The cell of one column; its heading stands beside it where the page is narrow. */
function cell(row, column) {
  const value = row[column.key];
  const isKnown = value !== null && value !== undefined && value !== "";
  const properties = { className: `${column.key}${column.kind === "text" ? "" : " n"}`, dir: "auto", "data-label": column.label };
  return make("td", properties, isKnown ? FORMATS[column.kind](value) : "");
}

function excerpt(row) {
  const last = row.prompt?.at(-1);
  return make("td", { className: "excerpt", dir: "auto" }, last ? last[1].slice(0, 160) : "");
}

/** All of a pair: why it stands here, its texts with the differences marked, and the buttons that decide. */
function pairView(row, decision, decide) {
  const turns = (row.prompt ?? []).map(turn);
  const earlier = turns.slice(0, -1);
  return make("article", { className: "pair" },
    make("p", { className: "facts" }, ...facts(row)),
    make("p", { className: "small muted", dir: "auto" }, row.why),
    earlier.length ? make("details", {}, make("summary", {}, `${earlier.length} earlier turn${earlier.length > 1 ? "s" : ""}`), ...earlier) : null,
    ...turns.slice(-1),
    row.chosen ? make("div", { className: "sides" }, side(row, "chosen", 0), side(row, "rejected", 1)) : null,
    buttons(decision, decide));
}

function facts(row) {
  const found = [["row", row.row], ["", row.category], ["by", row.annotator], ["refine:", row.change]];
  return found.filter(([, value]) => value !== undefined && value !== "").map(([label, value]) =>
    make("span", { dir: "auto" }, `${label} `, make("strong", {}, `${value}`)));
}

function turn([role, text, omitted]) {
  return make("div", { className: "turn" }, make("span", { className: "role" }, role), textOf([text], omitted));
}

function side(row, name, index) {
  const swatch = make("i", { className: "swatch", style: `--c: var(--${index ? "orange" : "blue"})` });
  return make("div", { className: `side ${name}` },
    make("span", { className: "role" }, swatch, make("b", {}, name)), textOf(row[name], row.left_out[index]));
}

/** Pieces that both texts have and that only this one has, in turn. */
function textOf(pieces, omitted) {
  const nodes = pieces.map((piece, index) => (index % 2 ? make("mark", {}, piece) : piece));
  const rest = omitted ? make("span", { className: "muted" }, ` [${omitted.toLocaleString("en")} more characters]`) : null;
  return make("div", { className: "text", dir: "auto" }, ...nodes, rest);
}

function buttons(decision, decide) {
  const button = (word, index) => make("button", {
    type: "button", ariaPressed: `${word === decision}`, onclick: () => decide(word === decision ? "" : word),
  }, make("kbd", {}, `${index + 1}`), ` ${word}`);
  return make("p", { className: "decide", role: "group", ariaLabel: "Decide" }, ...DECISIONS.map(button));
}
