// What the peers written for Node.js share.
import { fork } from "node:child_process";
import { once } from "node:events";

export const isWorker = process.argv[2] === "worker";
export const jobs = Number(process.argv[2]);

/** Awaits a call for each 5,000 of the values. */
export async function inBatches(values, call) {
  for (let first = 0; first < values.length; first += 5000) await call(values.slice(first, first + 5000));
}

/** Runs two worker processes to their end. */
export async function workers() {
  const ends = [1, 2].map(() => once(fork(process.argv[1], ["worker"]), "exit"));
  for (const [code] of await Promise.all(ends)) if (code !== 0) throw new Error(`a worker exited with ${code}`);
}

/** Prints the number of jobs for each second of a call. */
export async function measure(name, call) {
  const begun = performance.now();
  await call();
  const rate = Math.round((jobs * 1000) / (performance.now() - begun));
  console.log(`${name.padEnd(44)} ${String(rate).padStart(9)}/s`);
}
