"""Clarabel: an interior-point method in Rust.

Accuracy: a gap and residuals of 1e-10; its defaults of 1e-8 leave solutions off by 2e-5.
"""

import clarabel
from scipy import sparse

from common import Solves

PACKAGE = "clarabel"


class Clarabel(Solves):
    def one(self, program, cost):
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
        cones = [clarabel.NonnegativeConeT(len(program.h))]
        P, G = sparse.triu(program.P).tocsc(), sparse.csc_matrix(program.G)
        solution = clarabel.DefaultSolver(P, cost, G, program.h, cones, settings).solve()
        if str(solution.status) != "Solved":
            raise RuntimeError(str(solution.status))
        return solution.x, solution.solve_time


def make(problem, threads):
    return Clarabel(problem)
