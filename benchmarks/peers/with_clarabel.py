"""Clarabel: an interior-point method in Rust.

Accuracy: its defaults, a gap and residuals of 1e-8.
"""

import clarabel
from scipy import sparse

from common import Solves

PACKAGE = "clarabel"


class Clarabel(Solves):
    def one(self, program, cost):
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        cones = [clarabel.NonnegativeConeT(len(program.h))]
        P, G = sparse.triu(program.P).tocsc(), sparse.csc_matrix(program.G)
        solution = clarabel.DefaultSolver(P, cost, G, program.h, cones, settings).solve()
        if str(solution.status) != "Solved":
            raise RuntimeError(str(solution.status))
        return solution.x, solution.solve_time


def make(problem, threads):
    return Clarabel(problem)
