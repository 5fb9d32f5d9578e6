"""Moreau: a dual active-set method for small QPs ("auto" up to 500 variables) or an interior-point method ("ipm").

Accuracy: the active set is exact once found (primal_tol 1e-9); the interior point stops at 1e-10 where its default of 1e-8 would leave
gradients some percent off.
"""

import moreau
import torch
from moreau.torch import Solver
from scipy import sparse

from common import np
from with_torch import TorchLayer, tensor

PACKAGE = "moreau"


class Moreau(TorchLayer):
    def __init__(self, problem, threads, solver):
        super().__init__(problem, threads)
        qp = problem.layer
        P, A = sparse.csr_matrix(qp.P), sparse.csr_matrix(np.vstack([qp.A, qp.G]))
        tight = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
        settings = moreau.Settings(
            solver=solver,
            device="cpu",
            batch_size=len(problem.costs),
            enable_grad=True,
            ipm_settings=moreau.IPMSettings(**tight) if solver == "ipm" else None,
        )
        index = lambda values: torch.tensor(values, dtype=torch.int64)
        self.solver = Solver(
            n=P.shape[0],
            m=A.shape[0],
            P_row_offsets=index(P.indptr),
            P_col_indices=index(P.indices),
            A_row_offsets=index(A.indptr),
            A_col_indices=index(A.indices),
            cones=moreau.Cones(num_zero_cones=len(qp.b), num_nonneg_cones=len(qp.h)),
            settings=settings,
        )
        self.data = tensor(P.data), tensor(A.data)
        self.sides = tensor(np.concatenate([qp.b, qp.h])).expand(len(problem.costs), -1).contiguous()

    def solve(self, costs):
        return self.solver.solve(*self.data, costs, self.sides).x


def make(problem, threads, solver):
    return Moreau(problem, threads, solver)
