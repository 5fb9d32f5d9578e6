//! Capacity that is built before the demand is known, and shipments that are decided after.

use dfl_core::{Batch, Cost, CostGrad, Csc, Entry, Instances, Key, ParamMap, Program, Result, Rng, Solution, Solver, Stream};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Batched, value_gradient};

/// Where capacity can be built.
pub(crate) const SITES: usize = 2;
/// Who has a demand.
pub(crate) const CUSTOMERS: usize = 3;

/// Price of a unit of capacity at each site.
const BUILD: [f64; SITES] = [3.0, 4.0];
/// Price of a shipment from each site to each customer.
const SHIP: [[f64; CUSTOMERS]; SITES] = [[1.0, 2.0, 4.0], [4.0, 2.0, 1.0]];
/// Price of a unit of demand that is not met.
const SHORTAGE: f64 = 15.0;
/// By how much each price rises with each unit; it makes every answer unique.
const RISE: f64 = 0.05;

/// Shipments `t` and shortages `s` of one scenario.
const RECOURSE: usize = SITES * CUSTOMERS + CUSTOMERS;
/// Rows of one scenario: capacity of each site, demand of each customer.
const ROWS: usize = SITES + CUSTOMERS;

/// The cost of serving one demand, of a scenario that weighs `weight`.
///
/// $$\min_{t, s \ge 0} \sum_{ij} k_{ij} t_{ij} + p \sum_j s_j + \tfrac r2 (\|t\|^2 + \|s\|^2) \quad\text{s.t. } \sum_j t_{ij} \le x_i,\ \sum_i t_{ij} + s_j \ge y_j$$
struct Scenario {
    weight: f64,
    /// Where its variables and rows begin.
    first: usize,
    row: usize,
}

impl Scenario {
    fn ship(&self, site: usize, customer: usize) -> usize {
        self.first + site * CUSTOMERS + customer
    }

    fn shortage(&self, customer: usize) -> usize {
        self.first + SITES * CUSTOMERS + customer
    }

    fn add_costs(&self, c: &mut [f64], p: &mut [f64]) {
        for j in 0..CUSTOMERS {
            (0..SITES).for_each(|i| c[self.ship(i, j)] = self.weight * SHIP[i][j]);
            c[self.shortage(j)] = self.weight * SHORTAGE;
        }
        p[self.first..self.first + RECOURSE].fill(self.weight * RISE);
    }

    /// Entries of the rows: $\sum_j t_{ij}$ of each site, $\sum_i t_{ij} + s_j$ of each customer.
    fn add_rows(&self, entries: &mut Vec<(usize, usize, f64)>) {
        for j in 0..CUSTOMERS {
            entries.extend((0..SITES).flat_map(|i| [(self.row + i, self.ship(i, j), 1.0), (self.row + SITES + j, self.ship(i, j), 1.0)]));
            entries.push((self.row + SITES + j, self.shortage(j), 1.0));
        }
    }
}

/// Sides of the rows of one scenario: shipments of a site are at most `capacity`, what a customer gets is at least 0, to be predicted.
fn sides(scenarios: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut lower, mut upper) = (vec![f64::NEG_INFINITY; ROWS * scenarios], vec![0.0; ROWS * scenarios]);
    for m in 0..scenarios {
        lower[m * ROWS + SITES..(m + 1) * ROWS].fill(0.0);
        upper[m * ROWS + SITES..(m + 1) * ROWS].fill(f64::INFINITY);
    }
    (lower, upper)
}

/// The program of `scenarios` equally likely demands, its deterministic equivalent: capacities `x` first, then shipments and shortages of
/// each scenario. The demands are the parameters `theta`, `[M, customers]`, and enter as right-hand sides:
///
/// $$\min_{x \ge 0} b^\top x + \tfrac r2 \|x\|^2 + \tfrac1M \sum_m V(x, y_m)$$
pub(crate) fn capacity_program(scenarios: usize) -> Result<ActiveSet> {
    let n = SITES + RECOURSE * scenarios;
    let (mut c, mut p, mut entries) = (BUILD.to_vec(), vec![RISE; n], Vec::new());
    c.resize(n, 0.0);
    let mut params = ParamMap::new(CUSTOMERS * scenarios);
    for m in 0..scenarios {
        let scenario = Scenario { weight: 1.0 / scenarios as f64, first: SITES + m * RECOURSE, row: m * ROWS };
        scenario.add_costs(&mut c, &mut p);
        scenario.add_rows(&mut entries);
        entries.extend((0..SITES).map(|i| (scenario.row + i, i, -1.0)));
        params = (0..CUSTOMERS).fold(params, |map, j| map.link(Entry::RowLo(scenario.row + SITES + j), m * CUSTOMERS + j, 1.0));
    }
    let (lower, upper) = sides(scenarios);
    let program = Program::linear(c)
        .with_quadratic(Csc::diagonal(&p))
        .with_rows(Csc::from_triplets(ROWS * scenarios, n, &entries)?, lower, upper)
        .with_bounds(vec![0.0; n], vec![f64::INFINITY; n]);
    ActiveSet::new(program, params, ActiveSetOptions::default())
}

/// It as a decider, whose decision is the capacities.
pub(crate) fn capacity_decider(scenarios: usize) -> Result<Batched<ActiveSet>> {
    Batched::new(capacity_program(scenarios)?).visible(SITES)
}

/// What capacities cost once the demand is known, $b^\top x + \tfrac r2 \|x\|^2 + V(x, y)$, with its gradient in the capacities.
pub(crate) struct PlantCost {
    /// The shipments for given capacities and demand, `theta` = (x, y).
    recourse: ActiveSet,
    program: Program,
    params: ParamMap,
}

impl PlantCost {
    pub(crate) fn new() -> Result<Self> {
        let scenario = Scenario { weight: 1.0, first: 0, row: 0 };
        let (mut c, mut p, mut entries) = (vec![0.0; RECOURSE], vec![0.0; RECOURSE], Vec::new());
        scenario.add_costs(&mut c, &mut p);
        scenario.add_rows(&mut entries);
        let (lower, upper) = sides(1);
        let program = Program::linear(c)
            .with_quadratic(Csc::diagonal(&p))
            .with_rows(Csc::from_triplets(ROWS, RECOURSE, &entries)?, lower, upper)
            .with_bounds(vec![0.0; RECOURSE], vec![f64::INFINITY; RECOURSE]);
        let capacities = (0..SITES).fold(ParamMap::new(ROWS), |map, i| map.link(Entry::RowUp(i), i, 1.0));
        let params = (0..CUSTOMERS).fold(capacities, |map, j| map.link(Entry::RowLo(SITES + j), SITES + j, 1.0));
        Ok(Self { recourse: ActiveSet::new(program.clone(), params.clone(), ActiveSetOptions::default())?, program, params })
    }

    /// The best shipments. Every demand can be left unmet and every capacity at least 0 unused, so that there are some.
    fn ship(&self, demand: &[f64], capacity: &[f64]) -> Solution {
        // A capacity is at least 0 up to the rounding of the program that decided it.
        let theta: Vec<f64> = capacity.iter().map(|x| x.max(0.0)).chain(demand.iter().copied()).collect();
        let (mut out, mut ws) = (Solution::default(), self.recourse.workspace().expect("a workspace is plain memory"));
        let info = self.recourse.solve(&theta, None, &mut ws, &mut out).expect("finite demands and capacities");
        assert!(info.status.usable(), "shipments for {theta:?}: {}", info.status);
        out
    }
}

impl Cost for PlantCost {
    fn value(&self, demand: &[f64], capacity: &[f64]) -> f64 {
        let built: f64 = capacity.iter().zip(BUILD).map(|(x, price)| price * x + 0.5 * RISE * x * x).sum();
        built + self.ship(demand, capacity).objective
    }
}

impl CostGrad for PlantCost {
    /// A unit of capacity is worth the multiplier of its row.
    fn grad_z(&self, demand: &[f64], capacity: &[f64], out: &mut [f64]) {
        let mut worth = [0.0; ROWS];
        let shipped = self.ship(demand, capacity);
        value_gradient(&self.program, &self.params, &shipped, &mut worth).expect("the solution is one of this program");
        for (i, out) in out.iter_mut().enumerate() {
            *out = BUILD[i] + RISE * capacity[i] + worth[i];
        }
    }
}

/// Features of a day.
pub(crate) const FEATURES: usize = 4;

/// Days with three features of the customers and one of how uncertain the day is. The demand is $y_j = (6 + 2\phi_j)\, g$ with one
/// gamma-distributed factor $g$ of mean 1 for all customers, so that they are short together, of variance $1/k$ with $k = 2 + 6 |\phi_4|$.
pub(crate) fn days(count: usize, seed: u64) -> Result<Instances> {
    let (mut features, mut demands) = (Batch::zeros(count, FEATURES), Batch::zeros(count, CUSTOMERS));
    for i in 0..count {
        let mut rng: Rng = Stream { seed, step: 0 }.rng("days", Key { id: i as u64, slot: 0 });
        features.row_mut(i).fill_with(|| 2.0 * rng.uniform() - 1.0);
        let shape = 2.0 + 6.0 * features.row(i)[CUSTOMERS].abs();
        let factor = rng.gamma(shape) / shape;
        let mean = |phi: &f64| (6.0 + 2.0 * phi) * factor;
        demands.row_mut(i).iter_mut().zip(features.row(i)).for_each(|(y, phi)| *y = mean(phi));
    }
    Instances::new(features, demands)
}
