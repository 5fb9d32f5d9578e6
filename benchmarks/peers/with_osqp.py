"""OSQP: ADMM in C.

Accuracy: residuals of 1e-6, then polished, which makes most answers exact. Its timers of the solve and of polishing are added; the
set-up, which holds the first factorisation, is left out.
"""

import numpy as np
import osqp
from scipy import sparse

from common import Solves

PACKAGE = "osqp"


class Osqp(Solves):
    def one(self, program, cost):
        solver = osqp.OSQP()
        lower = np.full(len(program.h), -np.inf)
        solver.setup(
            sparse.csc_matrix(np.triu(program.P)),
            cost,
            sparse.csc_matrix(program.G),
            lower,
            program.h,
            eps_abs=1e-6,
            eps_rel=1e-6,
            max_iter=100_000,
            polishing=True,
            verbose=False,
        )
        result = solver.solve(raise_error=True)
        return result.x, result.info.solve_time + result.info.polish_time


def make(problem, threads):
    return Osqp(problem)
