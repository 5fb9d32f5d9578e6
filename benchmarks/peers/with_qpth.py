"""qpth: a batched interior-point method on torch.

Accuracy: its default eps of 1e-12 on the residuals, which it does not always reach; gradients are exact to about 1e-5.
"""

import torch
from qpth.qp import QPFunction

from with_torch import TorchLayer, tensor

PACKAGE = "qpth"


class Qpth(TorchLayer):
    def __init__(self, problem, threads):
        super().__init__(problem, threads)
        qp = problem.layer
        equalities = (tensor(qp.A), tensor(qp.b)) if len(qp.b) else (torch.Tensor().double(), torch.Tensor().double())
        self.data = (tensor(qp.G), tensor(qp.h), *equalities)
        self.P = tensor(qp.P)
        self.function = QPFunction(verbose=-1, check_Q_spd=False)

    def solve(self, costs):
        return self.function(self.P, costs, *self.data)


def make(problem, threads):
    return Qpth(problem, threads)
