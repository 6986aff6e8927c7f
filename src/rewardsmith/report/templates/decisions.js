// What a person decided of pairs: events [pair_id, decision] in their order. An empty decision takes one away. The last
// event of a step also says how many it has; undo takes a step away, so the list is all that a browser has to keep.
const DECISIONS = ["keep", "flip", "tie", "drop"];

class Decisions {
  constructor(key, before) {
    this.key = key && `rewardsmith decisions ${key}`;
    this.before = before;
    this.isKept = Boolean(this.key);
    this.isSaved = true; // downloaded, or nothing to lose
    this.load();
  }

  load() {
    let kept = null;
    try { kept = this.key && localStorage.getItem(this.key); } catch { this.isKept = false; }
    try { this.events = JSON.parse(kept || "[]").filter(isEvent); } catch { this.events = []; }
    this.replay();
  }

  replay() {
    this.now = new Map(Object.entries(this.before));
    for (const [id, decision] of this.events) decision ? this.now.set(id, decision) : this.now.delete(id);
  }

  of(id) { return this.now.get(id) ?? ""; }

  take(id, decision) { this.takeAll([[id, decision]]); }

  /** Takes decisions as one step. */
  takeAll(decided) {
    const step = decided.filter(([id, decision]) => this.of(id) !== decision).map(([id, decision]) => [id, decision]);
    if (!step.length) return;
    step.at(-1).push(step.length);
    this.events.push(...step);
    this.changed();
  }

  /** The pairs whose last decisions were taken back. */
  undo() {
    const [, , size = 1] = this.events.at(-1) ?? [];
    const step = this.events.splice(-size);
    if (step.length) this.changed();
    return step.map(([id]) => id);
  }

  changed() {
    this.replay();
    this.isSaved = false;
    try {
      if (this.key) localStorage.setItem(this.key, JSON.stringify(this.events));
    } catch { this.isKept = false; }
  }

  /** The file that `rewardsmith refine --decisions` takes. `rows`: positions in the input by pair_id. */
  file(rows) {
    const line = ([id, decision]) => JSON.stringify({ pair_id: id, row: rows.get(id), decision }) + "\n";
    return [...this.now].map(line).join("");
  }

  /** What stands in such a file: decisions that are new, stand here already or differ, of pairs that are not in `rows`,
   *  and numbers of lines that hold none. The last decision of a pair counts. */
  read(text, rows) {
    const last = new Map(), unreadable = [];
    for (const [index, line] of text.split("\n").entries()) {
      if (!line.trim()) continue;
      let event = null;
      try { const read = JSON.parse(line); event = [read.pair_id, read.decision]; } catch { /* said below */ }
      if (isEvent(event) && event[1]) last.set(...event); else unreadable.push(index + 1);
    }
    const kind = ([id, decision]) =>
      !rows.has(id) ? "unknown" : !this.of(id) ? "fresh" : this.of(id) === decision ? "same" : "other";
    const found = { fresh: [], same: [], other: [], unknown: [], unreadable };
    for (const event of last) found[kind(event)].push(event);
    return found;
  }
}

function isEvent(event) {
  if (!Array.isArray(event)) return false;
  const [id, decision, size = 1] = event;
  return typeof id === "string" && ["", ...DECISIONS].includes(decision) && Number.isInteger(size) && size > 0;
}
