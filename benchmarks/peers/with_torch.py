"""Layers that are torch functions: the gradient in the cost comes from autograd."""

import numpy as np
import torch

from common import Layer


def tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float64)


class TorchLayer(Layer):
    """`solve(costs)` returns the solutions `[b, n]`, attached to the graph."""

    def __init__(self, problem, threads):
        super().__init__(problem)
        torch.set_num_threads(threads)
        self.costs = tensor(problem.costs).requires_grad_(True)
        self.cotangents = tensor(problem.cotangents)

    def forward(self):
        solved = self.solve(self.costs)
        self.x = solved.detach().numpy()
        return solved

    def backward(self, solved):
        self.costs.grad = None
        solved.backward(self.cotangents)
        self.gradient = self.costs.grad.numpy()
