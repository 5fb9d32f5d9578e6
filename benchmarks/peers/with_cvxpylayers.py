"""cvxpylayers through diffcp, with SCS (its default) or Clarabel.

Accuracy: SCS at 1e-9 in place of its default, with which solutions are off by 1e-2; Clarabel at 1e-10 in place of 1e-8. The layer's own
solver MOREAU drops `x >= 0` in this version and is left out.
"""

import cvxpy as cp
from cvxpylayers.torch import CvxpyLayer

from with_torch import TorchLayer

PACKAGE = "cvxpylayers"
TIGHT = {
    "SCS": {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 100_000},
    "CLARABEL": {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10},
}


class Cvxpylayers(TorchLayer):
    def __init__(self, problem, threads, solver):
        super().__init__(problem, threads)
        qp = problem.layer
        x, c = cp.Variable(qp.P.shape[0]), cp.Parameter(qp.P.shape[0])
        rows = [qp.G @ x <= qp.h] + ([qp.A @ x == qp.b] if len(qp.b) else [])
        program = cp.Problem(cp.Minimize(0.5 * cp.quad_form(x, cp.psd_wrap(qp.P)) + c @ x), rows)
        self.layer = CvxpyLayer(program, parameters=[c], variables=[x])
        self.arguments = {"solve_method": solver, "n_jobs_forward": threads, "n_jobs_backward": threads}
        self.arguments |= TIGHT[solver]

    def solve(self, costs):
        (x,) = self.layer(costs, solver_args=self.arguments)
        return x


def make(problem, threads, solver):
    return Cvxpylayers(problem, threads, solver)
