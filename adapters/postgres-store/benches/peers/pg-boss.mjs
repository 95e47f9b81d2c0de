// Adds jobs to pg-boss, and fetches and completes them with two processes, 32 at once.
//
// Usage: pg-boss.mjs JOBS. The server is that of the variables of libpq (PGHOST …).
import PgBoss from "pg-boss";
import { jobs, inBatches, isWorker, measure, workers } from "./measure.mjs";

const boss = new PgBoss({ supervise: false, schedule: false, migrate: !isWorker });
boss.on("error", console.error);
await boss.start();
if (isWorker) {
  for (;;) {
    const batch = await boss.fetch("nothing", { batchSize: 32 });
    if (batch.length === 0) break;
    await boss.complete("nothing", batch.map((job) => job.id));
  }
} else {
  await boss.createQueue("nothing");
  const specs = Array.from({ length: jobs }, (_, job) => ({ name: "nothing", data: { file: `/archive/${job}.pdf` } }));
  await measure("pg-boss: add", () => inBatches(specs, (batch) => boss.insert(batch)));
  await measure("pg-boss, batch 32, 2 processes: jobs", workers);
}
await boss.stop({ graceful: false });
