// Decisions from a file: what is new is taken, what differs from a decision here only when that is asked for.
/** `redraw` shows the table anew. */
function loadDecisions(root, decisions, rows, redraw) {
  const [input, told] = [root.querySelector("input[type=file]"), root.querySelector(".loaded")];

  function tell(...parts) {
    told.replaceChildren(...parts.filter(Boolean).flatMap((part) => [part, " "]));
    told.hidden = false;
  }

  function take(name, text) {
    const { fresh, same, other, unknown, unreadable } = decisions.read(text, rows);
    decisions.takeAll(fresh);
    redraw();
    tell(
      `${name}: ${count(fresh.length, "decision")} taken.`,
      fresh.length ? "Undo takes them back together." : "",
      same.length ? `Here already: ${same.length}.` : "",
      other.length ? `Decided otherwise here, and left so: ${other.length}.` : "",
      other.length ? make("button", { type: "button", onclick: () => replace(name, other) }, `Take the file's ${other.length}`) : "",
      unknown.length ? `Of pairs that are not in this table: ${unknown.length}.` : "",
      unreadable.length ? `No pair_id with keep, flip, tie or drop: ${few(unreadable)}.` : "",
    );
  }

  function replace(name, other) {
    decisions.takeAll(other);
    redraw();
    tell(`${name}: ${count(other.length, "decision")} replaced. Undo takes them back together.`);
  }

  root.querySelector(".load").addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try { take(file.name, await file.text()); } catch (error) { tell(`${file.name} cannot be read: ${error.message}.`); }
    input.value = ""; // so that the same file may be chosen again
  });
}

function count(number, word) { return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`; }

function few(lines) {
  const [named, left] = [lines.slice(0, 3).join(", "), lines.length - 3];
  return `line${lines.length === 1 ? "" : "s"} ${named}${left > 0 ? ` and ${left} more` : ""}`;
}
