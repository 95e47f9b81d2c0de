"""Adds jobs that do nothing to Procrastinate, and completes them with two processes.

Usage: procrastinate_jobs.py JOBS. The server is that of the variables of libpq (PGHOST …).
"""

import asyncio
import multiprocessing
import sys
import time

from procrastinate import App, PsycopgConnector


def application():
    app = App(connector=PsycopgConnector(kwargs={}))

    @app.task(name="nothing")
    async def nothing(file):
        pass

    return app, nothing


def work():
    async def complete_all():
        app, _ = application()
        async with app.open_async():
            await app.run_worker_async(concurrency=32, wait=False, install_signal_handlers=False)

    asyncio.run(complete_all())


async def add(jobs):
    app, nothing = application()
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        begun = time.monotonic()
        for first in range(0, jobs, 5000):
            batch = range(first, min(first + 5000, jobs))
            await nothing.batch_defer_async(*({"file": f"/archive/{job}.pdf"} for job in batch))
        report("procrastinate: add", jobs, begun)


def report(name, jobs, begun):
    print(f"{name:<44} {round(jobs / (time.monotonic() - begun)):>9}/s", flush=True)


def main():
    jobs = int(sys.argv[1])
    asyncio.run(add(jobs))
    begun = time.monotonic()
    workers = [multiprocessing.Process(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            sys.exit("a worker failed")
    report("procrastinate, 2 processes of 32: jobs", jobs, begun)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
