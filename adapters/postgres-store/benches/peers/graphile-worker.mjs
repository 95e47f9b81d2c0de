// Adds jobs that do nothing to graphile-worker, and completes them with two processes.
//
// Usage: graphile-worker.mjs JOBS. The server is that of the variables of libpq (PGHOST …).
import { Logger, makeWorkerUtils, runMigrations, runOnce } from "graphile-worker";
import { jobs, inBatches, isWorker, measure, workers } from "./measure.mjs";

const preset = {
  worker: {
    concurrentJobs: 32,
    maxPoolSize: 33,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger: new Logger(() => () => {}),
  },
};
const options = { preset, connectionString: "", noHandleSignals: true };

if (isWorker) {
  await runOnce({ ...options, taskList: { nothing() {} } });
} else {
  await runMigrations(options);
  const utils = await makeWorkerUtils(options);
  const specs = Array.from({ length: jobs }, (_, job) => ({ identifier: "nothing", payload: { file: `/archive/${job}.pdf` } }));
  await measure("graphile-worker: add", () => inBatches(specs, (batch) => utils.addJobs(batch)));
  await measure("graphile-worker, 2 processes of 32: jobs", workers);
  await utils.release();
}
