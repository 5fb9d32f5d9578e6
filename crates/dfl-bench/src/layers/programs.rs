use dfl_core::{Csc, Program, Result, Rng};
use dfl_solvers::Grid;

type Make = fn(&mut Rng) -> Result<Program>;
type Draw = fn(&mut Rng) -> f64;

/// Every layer: id, how its program is made, how an entry of a linear cost is drawn.
pub const LAYERS: &[(&str, Make, Draw)] = &[
    ("qp_power24", |_| power(), |rng| 1.4 * rng.normal() - 3.0),
    ("qp_portfolio50", portfolio, |rng| 0.5 * rng.normal()),
    ("qp_sp10x10", |_| shortest_path(10), |rng| 0.5 + rng.uniform()),
];

/// Hours of the power schedule.
const HOURS: usize = 24;
/// Largest step between consecutive hours.
const RAMP: f64 = 0.4;
/// Assets, and the factors that their returns share.
const ASSETS: usize = 50;
const FACTORS: usize = 5;
/// Weight of the quadratic smoothing of a shortest path, against arc costs around 1.
const SMOOTHING: f64 = 0.1;

/// `z'z + p'z` under 23 ramps between consecutive hours, both ways, and `z >= 0`.
fn power() -> Result<Program> {
    let rows: Vec<_> = (1..HOURS).flat_map(|i| [(i - 1, i - 1, -1.0), (i - 1, i, 1.0)]).collect();
    let ramps = Csc::from_triplets(HOURS - 1, HOURS, &rows)?;
    Ok(Program::linear(vec![0.0; HOURS])
        .with_quadratic(Csc::diagonal(&[2.0; HOURS]))
        .with_rows(ramps, vec![-RAMP; HOURS - 1], vec![RAMP; HOURS - 1])
        .with_bounds(vec![0.0; HOURS], vec![f64::INFINITY; HOURS]))
}

/// Half the variance under a factor model, `P = F F' / 5 + diag(0.1 .. 0.3)`, over the simplex.
fn portfolio(rng: &mut Rng) -> Result<Program> {
    let f: Vec<[f64; FACTORS]> = (0..ASSETS).map(|_| std::array::from_fn(|_| rng.normal())).collect();
    let own: Vec<f64> = (0..ASSETS).map(|_| 0.1 + 0.2 * rng.uniform()).collect();
    let shared = |i: usize, j: usize| f[i].iter().zip(&f[j]).map(|(a, b)| a * b).sum::<f64>() / FACTORS as f64;
    let entry = |i: usize, j: usize| shared(i, j) + if i == j { own[i] } else { 0.0 };
    let upper: Vec<_> = (0..ASSETS).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, entry(i, j))).collect();
    let budget: Vec<_> = (0..ASSETS).map(|j| (0, j, 1.0)).collect();
    Ok(Program::linear(vec![0.0; ASSETS])
        .with_quadratic(Csc::from_triplets(ASSETS, ASSETS, &upper)?)
        .with_rows(Csc::from_triplets(1, ASSETS, &budget)?, vec![1.0], vec![1.0])
        .with_bounds(vec![0.0; ASSETS], vec![f64::INFINITY; ASSETS]))
}

/// The flow program of a grid, smoothed by `mu/2 ||x||^2`. The balance of the last node follows from the others and is left out: some
/// peers need rows of full rank.
fn shortest_path(side: usize) -> Result<Program> {
    let grid = Grid::new(side, side)?;
    let program = grid.program();
    let last = program.m() - 1;
    let rows: Vec<_> = program.a.triplets().filter(|&(i, _, _)| i != last).collect();
    let (a, balance) = (Csc::from_triplets(last, grid.arcs(), &rows)?, program.row_lo[..last].to_vec());
    Ok(program.with_quadratic(Csc::diagonal(&vec![SMOOTHING; grid.arcs()])).with_rows(a, balance.clone(), balance))
}
