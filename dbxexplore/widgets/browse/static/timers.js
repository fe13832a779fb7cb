/** Timers by name: one of a name runs at a time, none after the signal. */
export class Timers {
  /** @param {AbortSignal} [signal] */
  constructor(signal) {
    /** @type {Map<string, ReturnType<typeof setTimeout>>} */
    this._timers = new Map();
    signal?.addEventListener("abort", () => this.stopAll());
  }

  /** @param {string} name @param {() => void} act @param {number} ms */
  start(name, act, ms) {
    this.stop(name);
    this._timers.set(name, setTimeout(() => { this._timers.delete(name); act(); }, ms));
  }

  /** @param {string} name */
  stop(name) {
    clearTimeout(this._timers.get(name));
    this._timers.delete(name);
  }

  /** @param {string} name */
  isRunning = (name) => this._timers.has(name);

  stopAll() {
    for (const name of [...this._timers.keys()]) this.stop(name);
  }
}
