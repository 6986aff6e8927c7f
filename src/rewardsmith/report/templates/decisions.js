// What a person decided of pairs: events [pair_id, decision] in their order. An empty decision takes one away, and undo
// the last event, so the list is all that a browser has to keep.
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

  take(id, decision) {
    if (this.of(id) === decision) return;
    this.events.push([id, decision]);
    this.changed();
  }

  /** The pair whose last decision was taken back, if any. */
  undo() {
    const event = this.events.pop();
    if (event) this.changed();
    return event?.[0];
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
}

function isEvent(event) {
  return Array.isArray(event) && typeof event[0] === "string" && ["", ...DECISIONS].includes(event[1]);
}
