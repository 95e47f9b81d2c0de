# Arguments: the database, the list of paths, the number of threads, and the command.
import os
import subprocess
import sys
import threading
import time

from huey import SqliteHuey

database, listed, threads, *command = sys.argv[1:]
ended = threading.Semaphore(0)
queue = SqliteHuey(filename=database)


@queue.task()
def process(path):
    subprocess.run([*command, path], check=True)
    ended.release()


with open(listed) as paths:
    jobs = [process(path.rstrip("\n")) for path in paths]

consumer = queue.create_consumer(workers=int(threads), worker_type="thread", periodic=False)
# Nobody pays for what was written before.
os.sync()
started = time.monotonic()
consumer.start()
for _ in jobs:
    ended.acquire()
print(time.monotonic() - started, flush=True)
# Its threads would go on waiting for more.
os._exit(0)
