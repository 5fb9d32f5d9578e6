"""PIQP, dense: an interior-point method with proximal terms in C++.

Accuracy: residuals and gap of 1e-9. Its timer `solve_time` leaves out the set-up.
"""

import numpy as np
import piqp

from common import Solves

PACKAGE = "piqp"


class Piqp(Solves):
    def one(self, program, cost):
        solver = piqp.DenseSolver()
        settings = solver.settings
        settings.compute_timings = True
        settings.eps_abs = settings.eps_rel = settings.eps_duality_gap_abs = settings.eps_duality_gap_rel = 1e-9
        solver.setup(np.asfortranarray(program.P), cost, G=np.asfortranarray(program.G), h_u=program.h)
        status = solver.solve()
        if status != piqp.PIQP_SOLVED:
            raise RuntimeError(str(status))
        return solver.result.x, solver.result.info.solve_time


def make(problem, threads):
    return Piqp(problem)
