"""Send and receive: messages with tags, for those who do not know each other's memory."""

import threading

import numpy as np

from mlperf_loadgen import transfer

QUESTION, ANSWER = 1, 2


def answer(engine: transfer.Engine) -> None:
    """Squares what it is asked."""
    peer = engine.accept(timeout_s=10)
    numbers = engine.register(np.zeros(4, np.int64))
    peer.recv(numbers, tag=QUESTION).wait(timeout_s=10)
    numbers.array(np.int64)[:] **= 2
    peer.send(numbers, tag=ANSWER).wait(timeout_s=10)


def main() -> None:
    with transfer.Engine() as node, transfer.Engine() as client:
        thread = threading.Thread(target=answer, args=(node,))
        thread.start()
        peer = client.connect(node.address)
        numbers = client.register(np.arange(1, 5))
        squares = client.register(np.zeros(4, np.int64))
        receive = peer.recv(squares, tag=ANSWER)  # It may be posted before the message comes.
        peer.send(numbers, tag=QUESTION).wait(timeout_s=10)
        receive.wait(timeout_s=10)
        print("received", squares.array(np.int64).tolist())
        thread.join()


if __name__ == "__main__":
    main()
