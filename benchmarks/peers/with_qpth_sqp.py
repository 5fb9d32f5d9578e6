"""qpth inside sequential quadratic programming: one epoch of decision-focused learning on the power task, as Donti et al. (2017) train it.

For every day a Gaussian forecast is decided for by at most 20 quadratic programs, each batched over all days, until no decision moves by
more than 1e-10; the gradient is that of one more program at the point reached, whose coefficients are functions of the forecast. What is timed
is forward pass, cost and gradient in the forecast. The network in front of it is left out, which is in the peer's favour.

Accuracy: as in with_qpth.py. The mean cost of the decisions must be ours to 1e-4.
"""

import json
import time

import torch
from qpth.qp import QPFunction

PACKAGE = "qpth"

STEPS = 20
TOLERANCE = 1e-10
WARM_UP = 32


class Days:
    """Forecasts, realised demand and the constants of the cost."""

    def __init__(self, path):
        with open(path) as file:
            data = json.load(file)
        self.mean, self.deviation, self.truth = (torch.tensor(data[name], dtype=torch.float64) for name in ("mean", "deviation", "truth"))
        self.under, self.over, self.ramp = data["under"], data["over"], data["ramp"]


read = Days


class Epoch:
    """Epochs over all days; `loss` is the mean cost of the last one."""

    def __init__(self, days, threads):
        torch.set_num_threads(threads)
        self.days, hours = days, days.truth.shape[1]
        steps = torch.eye(hours, dtype=torch.float64).diff(dim=0)
        self.rows = torch.cat([steps, -steps])
        self.sides = torch.full((len(self.rows),), days.ramp, dtype=torch.float64)
        self.none = torch.empty(0, dtype=torch.float64)
        self.warm = False

    def run(self, times):
        if not self.warm:
            # One epoch takes minutes: a few days find what has to be loaded first.
            self.epoch(WARM_UP)
            self.warm = True
            return {}
        return {"epoch": [self.epoch(len(self.days.truth)) for _ in range(times)]}

    def epoch(self, count):
        truth = self.days.truth[:count]
        mean, deviation = (forecast[:count].clone().requires_grad_() for forecast in (self.days.mean, self.days.deviation))
        start = time.perf_counter()
        decided = self.decide(mean, deviation)
        short, excess = (truth - decided).clamp(min=0), (decided - truth).clamp(min=0)
        loss = (self.days.under * short + self.days.over * excess + 0.5 * (decided - truth) ** 2).sum(dim=1).mean()
        loss.backward()
        seconds = time.perf_counter() - start
        self.loss = loss.item()
        return seconds

    def decide(self, mean, deviation):
        with torch.no_grad():
            at = mean.clone()
            for _ in range(STEPS):
                last, at = at, self.program(mean, deviation, at)
                if (at - last).norm() < TOLERANCE:
                    break
        return self.program(mean, deviation, at)

    def program(self, mean, deviation, at):
        """The minimiser of the second-order model of the expected cost at a point, under the ramps."""
        forecast = torch.distributions.Normal(mean, deviation)
        both = self.days.under + self.days.over
        slope, bend = both * forecast.cdf(at) - self.days.under, both * forecast.log_prob(at).exp()
        linear = slope - bend * at - mean
        return QPFunction(verbose=-1, check_Q_spd=False)(torch.diag_embed(bend + 1), linear, self.rows, self.sides, self.none, self.none)

    def answer(self):
        return {"loss": self.loss}


def make(days, threads):
    return Epoch(days, threads)
