"""ProxQP's layer: a proximal augmented Lagrangian method in C++.

Accuracy: 1e-9 forward and, in place of the defaults of 1e-4 and 1e-6, 1e-9 for the system of the backward pass.
"""

import numpy as np
from proxsuite.torch.qplayer import QPFunction

from with_torch import TorchLayer, tensor

PACKAGE = "proxsuite"


class Proxsuite(TorchLayer):
    def __init__(self, problem, threads):
        super().__init__(problem, threads)
        qp = problem.layer
        self.P, self.A, self.b = tensor(qp.P), tensor(qp.A), tensor(qp.b)
        self.G, self.h = tensor(qp.G), tensor(qp.h)
        self.lower = tensor(np.full(len(qp.h), -1e20))
        backward = {"eps_backward": 1e-9, "rho_backward": 1e-9, "mu_backward": 1e-9}
        self.function = QPFunction(eps=1e-9, maxIter=1000, omp_parallel=threads > 1, **backward)

    def solve(self, costs):
        x, _, _ = self.function(self.P, costs, self.A, self.b, self.G, self.lower, self.h)
        return x


def make(problem, threads):
    return Proxsuite(problem, threads)
