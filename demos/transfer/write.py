"""Write with an immediate: results go into the memory of who waits for them, and a number says
which of them are there."""

import multiprocessing

import numpy as np

from mlperf_loadgen import transfer

ROWS, ROW_BYTES = 8, 4096


def worker(address: str, descriptor: bytes) -> None:
    """Writes each row when it is ready, with the row's number."""
    with transfer.Engine() as engine:
        results = engine.connect(address).open(descriptor)
        row = engine.register(np.zeros(ROW_BYTES, np.uint8))
        for number in range(ROWS):
            row.array()[:] = number
            results.write(row, [(0, number * ROW_BYTES, ROW_BYTES)], imm=number).wait(timeout_s=5)


def main() -> None:
    with transfer.Engine() as engine:
        results = engine.allocate(ROWS * ROW_BYTES, transfer.Access.WRITE)
        arguments = (engine.address, results.descriptor)
        process = multiprocessing.get_context("spawn").Process(target=worker, args=arguments)
        process.start()
        missing = set(range(ROWS))
        while missing:
            for number in engine.imms(timeout_s=30)["imm"].tolist():
                row = results.array()[number * ROW_BYTES : (number + 1) * ROW_BYTES]
                assert (row == number).all()  # The immediate comes after its bytes.
                missing.remove(number)
        print(f"{ROWS} rows of {ROW_BYTES} bytes were written and announced")
        process.join()


if __name__ == "__main__":
    main()
