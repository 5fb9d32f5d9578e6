"""DAQP: a dual active-set method in C.

Accuracy: exact for the active set it ends with; feasible to 1e-9. Its timer `solve_time` leaves out the factor of P, as ours does.
"""

import daqp
import numpy as np

from common import Solves

PACKAGE = "daqp"


class Daqp(Solves):
    def one(self, program, cost):
        lower = np.full(len(program.h), -1e30)
        x, _, flag, info = daqp.solve(program.P, cost, program.G, program.h, lower, primal_tol=1e-9)
        if flag != 1:
            raise RuntimeError(f"exit flag {flag}")
        return x, info["solve_time"]


def make(problem, threads):
    return Daqp(problem)
