"""A load generator that is late with its queries on any machine: `with LockHeld():`."""

import ctypes
import threading


class LockHeld:
    """Meanwhile a thread holds the interpreter's lock, for 30 ms at a time."""

    def __enter__(self):
        self.done = threading.Event()
        usleep = ctypes.PyDLL(None).usleep  # Does not release the lock.

        def hold():
            while not self.done.is_set():
                usleep(30_000)

        self.thread = threading.Thread(target=hold)
        self.thread.start()

    def __exit__(self, *error):
        self.done.set()
        self.thread.join()
