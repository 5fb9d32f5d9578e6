"""Runs one peer: `driver.py NAME THREADS`. The conversation is described in common.py; complaints go to standard error.

Imports come after the number of threads is set, since numerical libraries read it when they are loaded.
"""

import importlib
import importlib.metadata
import os
import sys

# Id in the results, the module that runs it, and how it differs from the module's other entries.
PEERS = {
    "clarabel": ("with_clarabel", {}),
    "cvxpylayers": ("with_cvxpylayers", {"solver": "SCS"}),
    "cvxpylayers_clarabel": ("with_cvxpylayers", {"solver": "CLARABEL"}),
    "daqp": ("with_daqp", {}),
    "moreau": ("with_moreau", {"solver": "auto"}),
    "moreau_ipm": ("with_moreau", {"solver": "ipm"}),
    "osqp": ("with_osqp", {}),
    "piqp": ("with_piqp", {}),
    "proxsuite": ("with_proxsuite", {}),
    "pyepo_gurobi": ("with_pyepo", {"backend": "gurobi", "processes": 1}),
    "pyepo_gurobi_2": ("with_pyepo", {"backend": "gurobi", "processes": 2}),
    "pyepo_highs": ("with_pyepo", {"backend": "highs", "processes": 1}),
    "pyepo_highs_2": ("with_pyepo", {"backend": "highs", "processes": 2}),
    "pyepo_ortools": ("with_pyepo", {"backend": "ortools", "processes": 1}),
    "pyepo_ortools_2": ("with_pyepo", {"backend": "ortools", "processes": 2}),
    "qpax": ("with_qpax", {}),
    "qpth": ("with_qpth", {}),
    "qpth_sqp": ("with_qpth_sqp", {}),
}


def bound(threads):
    """Keeps this process to so many threads and cores."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def main(name, threads):
    # A library that prints must not break the conversation: it keeps the old standard output for itself.
    talk = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    bound(threads)
    module, options = PEERS[name]
    import common

    try:
        peer = importlib.import_module(module)
    except Exception as error:
        print(f'{{"error": "cannot be imported: {type(error).__name__}"}}', file=talk, flush=True)
        raise
    read = getattr(peer, "read", common.Problem)
    common.serve(
        lambda path: peer.make(read(path), threads=threads, **options),
        lambda: importlib.metadata.version(peer.PACKAGE),
        sys.stdin,
        lambda text: print(text, file=talk, flush=True),
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
