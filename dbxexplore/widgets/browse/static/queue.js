// The queue of intents: what a person did and the kernel has not acknowledged yet.

/**
 * @typedef {{ seq: number, type: string, [field: string]: unknown }} Intent
 * @typedef {{ intent: Intent, owner: object }} Queued
 */

/** The most intents that wait for the kernel; further ones are refused until it answers. */
export const MAX_QUEUE = 50;

/**
 * Return the queue with an intent added, or null when it is full.
 *
 * A later window of the same owner replaces a waiting one, and a search replaces one that it follows directly: nobody
 * needs the earlier rows any more.
 *
 * @param {readonly Queued[]} queue
 * @param {Queued} added
 * @returns {Queued[] | null}
 */
export function enqueue(queue, added) {
  const { type } = added.intent;
  let kept = [...queue];
  if (type === "window") {
    kept = kept.filter((q) => q.intent.type !== "window" || q.owner !== added.owner);
  } else if (type === "search") {
    const isFetch = (/** @type {Queued | undefined} */ q) => q?.intent.type === "search" || q?.intent.type === "window";
    while (isFetch(kept.at(-1))) kept.pop();
  }
  if (kept.length >= MAX_QUEUE) return null;
  return [...kept, added];
}

/**
 * Return the intents that the kernel has not handled yet.
 *
 * @param {readonly Queued[]} queue
 * @param {number} ack
 * @returns {Queued[]}
 */
export function acknowledge(queue, ack) {
  return queue.filter((q) => q.intent.seq > ack);
}
