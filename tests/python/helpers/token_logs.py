"""Token logs as the load generator writes them, made by hand for systems with known token times."""

import numpy as np
from runs import answer, run_in

FOLDER = "loadgen_samples"


def write_tokens(outdir, events):
    """`events`: for each row of the sample log a list of (ns since due, tokens)."""
    offsets = np.cumsum([0, *map(len, events)])
    words = [at_ns << 16 | tokens for each in events for at_ns, tokens in each]
    log = np.array([len(events), *offsets, *words], np.uint64)
    np.save(outdir / FOLDER / "mlperf_log_tokens.npy", log)


def streamed_run(outdir, times_of, tokens_of, *, gap_ns=10_000_000, count=60):
    """A Server test in token mode whose logs are then given other times: a query each `gap_ns`.

    `times_of(i)`: when the events of query i came, in ns after it was due; `tokens_of(i)`: how many
    tokens each of them has, 0 where that is not known, and how many the sample has in all.
    """
    run = run_in(
        outdir,
        scenario="Server",
        min_query_count=count,
        use_token_latencies=True,
        server_target_qps=2e4,
        issue=lambda samples: answer(samples, n_tokens=2),
    )
    path = outdir / FOLDER / "mlperf_log_samples.npy"
    rows = np.load(path)
    events = []
    for i, row in enumerate(rows):
        times, (tokens, total) = times_of(i), tokens_of(i)
        row["scheduled_ns"] = row["issued_ns"] = i * gap_ns
        row["first_token_ns"] = i * gap_ns + times[0]
        row["completed_ns"] = i * gap_ns + times[-1]
        row["tokens"] = total
        events.append(list(zip(times, tokens, strict=True)))
    np.save(path, rows)
    write_tokens(outdir, events)
    return run, rows, events
