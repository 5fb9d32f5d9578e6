"""PyEPO: one epoch of SPO+ with a linear model in torch, through PyEPO's own problem classes, data set and loss.

Accuracy: torch's float32 for predictions, losses and Adam, as PyEPO's data set stores them; solvers to their own tolerances. The mean
loss of the epoch must be ours to 1e-4, which takes the same data, batches and steps.

The solver of each problem is the fastest that PyEPO offers of its library: Gurobi with its size-limited licence, OR-Tools with GLOP for
linear programs and SCIP for integer ones, HiGHS through Pyomo's persistent interface. The tour is DFJ with lazy cuts
where the solver has them and GG, the faster of the two others, elsewhere.
"""

import importlib
import json
import sys
import time

import numpy as np
import torch

PACKAGE = "pyepo"


class Training:
    """One task's training rows with their best decisions, and how they are gone through, from which weights."""

    def __init__(self, path):
        with open(path) as file:
            data = json.load(file)
        self.task, self.size = data["task"], data["size"].split("-")[0]
        names = ("x", "c", "w", "start", "weights")
        self.x, self.c, self.w, self.start, self.weights = (np.array(data[name], dtype=np.float64) for name in names)
        self.capacity = np.array(data["capacity"], dtype=np.float64)
        self.order, self.batch, self.learning_rate = data["order"], data["batch"], data["learning_rate"]


read = Training


def problem(training, backend):
    """PyEPO's class for the task, made with a solver of `backend`."""
    module = importlib.import_module(f"pyepo.model.{backend['module']}")
    solver = {"solver": backend["solver"]} if "solver" in backend else {}
    if training.task == "shortest_path":
        height, width = (int(side) for side in training.size.split("x"))
        return module.shortestPathModel((height, width), **(solver or backend.get("linear", {})))
    if training.task == "knapsack":
        return module.knapsackModel(training.weights, training.capacity, **solver)
    if training.task == "tsp" and "tour" in backend:
        return getattr(module, backend["tour"])(int(training.size), **solver)
    raise NotImplementedError(f"PyEPO has no {training.task} with {backend['module']}")


BACKENDS = {
    "gurobi": {"module": "grb", "tour": "tspDFJModel"},
    "ortools": {"module": "ort", "linear": {"solver": "glop"}},
    "highs": {"module": "omo", "solver": "appsi_highs", "tour": "tspGGModel"},
}


class Epoch:
    """Epochs that all start from the same weights; `loss` is the mean over the rows of the last one, each at the weights of its step."""

    def __init__(self, training, backend, processes, threads):
        if backend == "highs":
            # highspy and ortools cannot share a process, and PyEPO loads what it finds.
            sys.modules["ortools"] = None
            # Imported after gurobipy, which PyEPO loads, pyomo fails.
            importlib.import_module("pyomo.environ")
        import pyepo
        from pyepo.data.dataset import optDataset

        torch.set_num_threads(threads)
        self.training, self.model = training, problem(training, BACKENDS[backend])
        sign = 1.0 if self.model.modelSense == pyepo.EPO.MINIMIZE else -1.0
        rows = optDataset(self.model, training.x, sign * training.c)
        # Costs are integers for some tasks: of several best decisions both sides learn from the same one.
        rows.sols = torch.as_tensor(training.w, dtype=torch.float32)
        self.start = torch.as_tensor(sign * training.start, dtype=torch.float32)
        self.loader = torch.utils.data.DataLoader(rows, batch_size=training.batch, sampler=training.order)
        self.spo_plus = pyepo.func.SPOPlus(self.model, processes=processes)

    def run(self, times):
        return {"epoch": [self.epoch() for _ in range(times)]}

    def epoch(self):
        inputs, outputs = self.training.x.shape[1], self.training.c.shape[1]
        predictor = torch.nn.Linear(inputs, outputs)
        with torch.no_grad():
            predictor.weight.copy_(self.start[:, :-1])
            predictor.bias.copy_(self.start[:, -1])
        adam = torch.optim.Adam(predictor.parameters(), lr=self.training.learning_rate)
        losses = []
        start = time.perf_counter()
        for x, c, w, z in self.loader:
            loss = self.spo_plus(predictor(x), c, w, z)
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.item() * len(x))
        seconds = time.perf_counter() - start
        self.loss = sum(losses) / len(self.training.x)
        return seconds

    def answer(self):
        return {"loss": self.loss}


def make(training, threads, backend, processes):
    return Epoch(training, backend, processes, threads)
