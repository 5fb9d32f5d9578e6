"""What the peers share: the problem file, the clock, and the conversation with the benchmark.

One process serves one peer. It reads one JSON object a line on standard input and answers each with one line:

    {"do": "load", "path": FILE}   {"ready": true, "version": "1.2.3"}; compiles and warms up, which is not timed
    {"do": "run", "times": 3}      {"forward": [s, s, s], "backward": [s, s, s]} for the whole batch, or
                                   {"solve": [s, s, s]}, a mean over the instances by the solver's own timer, or
                                   {"epoch": [s, s, s]} for epochs of training
    {"do": "answer"}               {"x": [[...]], "gradient": [[...]]} of the last run; no gradient where only solves are timed;
                                   {"loss": v}, the mean over the last epoch's rows

What cannot be done is answered with {"error": "why"}.
"""

import json
import statistics
import time
import traceback

import numpy as np


class Qp:
    """min 1/2 x'Px + c'x subject to Ax = b and Gx <= h, with dense matrices."""

    def __init__(self, data):
        self.P, self.A, self.G = (_dense(data[name]) for name in ("P", "A", "G"))
        self.b, self.h = (np.array(data[name], dtype=np.float64) for name in ("b", "h"))


class Problem:
    """A batch: either one program under many costs, each with a cotangent on its solution, or one program for each cost."""

    def __init__(self, path):
        with open(path) as file:
            data = json.load(file)
        self.programs = [Qp(program) for program in data["programs"]]
        self.costs = np.array(data["costs"], dtype=np.float64)
        self.cotangents = np.array(data["cotangents"], dtype=np.float64)

    @property
    def layer(self):
        """The program that all rows share."""
        (program,) = self.programs
        return program


def _dense(matrix):
    dense = np.zeros(matrix["shape"])
    np.add.at(dense, (matrix["rows"], matrix["cols"]), matrix["values"])
    return dense


class Layer:
    """A differentiable layer: `forward()` returns what `backward(held)` needs; both fill `self.x` and `self.gradient` (numpy)."""

    def __init__(self, problem):
        self.problem = problem

    def run(self, times):
        forward, backward = [], []
        for _ in range(times):
            start = time.perf_counter()
            held = self.forward()
            middle = time.perf_counter()
            self.backward(held)
            forward.append(middle - start)
            backward.append(time.perf_counter() - middle)
        return {"forward": forward, "backward": backward}

    def answer(self):
        return {"x": np.asarray(self.x).tolist(), "gradient": np.asarray(self.gradient).tolist()}


class Solves:
    """Cold solves of separate programs. `one(program, cost)` returns the solution and the seconds by the solver's own timer.

    Each instance is solved several times in a row and counts with its median, as ours: both find their data in the cache.
    """

    REPEAT = 5

    def __init__(self, problem):
        self.problem = problem

    def run(self, times):
        return {"solve": [self._round() for _ in range(times)]}

    def _round(self):
        self.x, seconds = [], []
        for program, cost in zip(self.problem.programs, self.problem.costs):
            tries = [self.one(program, cost) for _ in range(self.REPEAT)]
            self.x.append(np.asarray(tries[-1][0]).tolist())
            seconds.append(statistics.median(second for _, second in tries))
        return statistics.mean(seconds)

    def answer(self):
        return {"x": self.x}


def serve(make, version, lines, say):
    """Answers requests until the input ends. `make(path)` gives a `Layer`, a `Solves` or whatever else has `run` and `answer`."""
    peer = None
    for line in lines:
        try:
            request = json.loads(line)
            if request["do"] == "load":
                peer = make(request["path"])
                peer.run(2)
                reply = {"ready": True, "version": version()}
            elif request["do"] == "run":
                reply = peer.run(request["times"])
            else:
                reply = peer.answer()
        except Exception as error:  # whatever a peer raises is a gap in the table, not the end of the run
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        say(json.dumps(reply))
