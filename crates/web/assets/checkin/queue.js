// Scans that were made without a network. They are kept on the phone, also when the page is closed, and sent with their times.

/** Number of scans in one request. */
const BATCH = 50;
/** Number of codes that the phone remembers as scanned. */
const REMEMBERED = 3000;

const randomKey = () => crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
  (Number(digit) ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (Number(digit) / 4)))).toString(16));

/** The end of a code, which is the end of its signature and that of no other code. */
const endOf = (code) => code.trim().toUpperCase().slice(-40);

/** The scans of one event that wait for the network, and the codes that this phone has scanned. */
class ScanQueue {
  #name;

  constructor(eventId) {
    this.#name = `rowlock-scans-${eventId}`;
  }

  #read() {
    try {
      return { waiting: [], sending: null, scanned: {}, ...JSON.parse(localStorage.getItem(this.#name)) };
    } catch {
      return { waiting: [], sending: null, scanned: {} };
    }
  }

  #write(state) {
    const codes = Object.keys(state.scanned);
    for (const code of codes.slice(0, Math.max(0, codes.length - REMEMBERED))) delete state.scanned[code];
    localStorage.setItem(this.#name, JSON.stringify(state));
  }

  /** The number of scans that wait. */
  get length() {
    const { waiting, sending } = this.#read();
    return waiting.length + (sending?.scans.length ?? 0);
  }

  /** When this phone has scanned a code, if it has. */
  scannedAt(code) {
    return this.#read().scanned[endOf(code)];
  }

  remember(code, at) {
    const state = this.#read();
    state.scanned[endOf(code)] ??= at;
    this.#write(state);
  }

  forget(code) {
    const state = this.#read();
    delete state.scanned[endOf(code)];
    this.#write(state);
  }

  add(scan) {
    const state = this.#read();
    state.waiting.push(scan);
    this.#write(state);
  }

  /** The next batch with its idempotency key. The same batch is returned until it is settled, so that it acts once. */
  next() {
    const state = this.#read();
    if (!state.sending && state.waiting.length > 0) {
      state.sending = { key: randomKey(), scans: state.waiting.splice(0, BATCH) };
      this.#write(state);
    }
    return state.sending;
  }

  /** Removes a batch that was answered or discarded. */
  settle(batch) {
    const state = this.#read();
    if (state.sending?.key === batch.key) state.sending = null;
    this.#write(state);
  }
}
