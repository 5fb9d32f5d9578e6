use dfl_core::{Batch, Decider, Error, Formulation, Instances, NoGradient, ParamMap, Request, Result, Source, Splits, Task, metrics};
use dfl_solvers::{Batched, Grid, ShortestPath};

use super::{Benchmark, Figure, TaskOptions, unknown};
use crate::data::shortest_path::ShortestPathData;
use crate::power::fit_least_squares;

/// Shortest path on a grid with predicted arc costs: PyEPO's synthetic benchmark. Minimises.
///
/// Training, validation and test rows come from one draw of [`ShortestPathData`], so they share the map from features to costs. Costs
/// are PyEPO's after its cast to `f32`.
pub struct ShortestPathTask {
    grid: Grid,
    /// Everything but the number of rows and the seed.
    data: ShortestPathData,
}

impl ShortestPathTask {
    /// A task on `data.grid`.
    ///
    /// # Errors
    /// [`Error::Domain`] for a grid without arcs.
    pub fn new(data: ShortestPathData) -> Result<Self> {
        Ok(Self { grid: Grid::new(data.grid[0], data.grid[1])?, data })
    }

    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        // Behind a dash a size says what else is particular, such as the number of rows.
        let (grid, rest) = options.size.split_once('-').unwrap_or((options.size, "-"));
        let grid = if rest.is_empty() { "" } else { grid };
        let sides: Vec<_> = grid.split('x').map(str::parse::<usize>).collect();
        let [Ok(height), Ok(width)] = sides[..] else {
            return Err(unknown("size of a shortest path", options.size, ["HEIGHTxWIDTH, e.g. 5x5"]));
        };
        let d = options.data;
        Self::new(ShortestPathData { grid: [height, width], features: d.features, degree: d.degree, noise: d.noise, ..Default::default() })
    }
}

impl Task for ShortestPathTask {
    fn name(&self) -> &'static str {
        "shortest_path"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        truth.iter().zip(decision).map(|(c, x)| c * x).sum()
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        Ok(Box::new(Batched::new(NoGradient(ShortestPath::new(self.grid)))))
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn formulation(&self) -> Option<Formulation> {
        Some(Formulation { program: self.grid.program(), params: ParamMap::costs(self.grid.arcs()), visible: self.grid.arcs() })
    }
}

impl Source for ShortestPathTask {
    fn load(&self, request: &Request) -> Result<Splits> {
        let seed =
            u32::try_from(request.seed).map_err(|_| Error::Domain { what: "seed", value: request.seed as f64, need: "below 2^32" })?;
        let samples = request.train + request.valid + request.test;
        let drawn = ShortestPathData { samples, seed, ..self.data.clone() }.generate()?;
        let all = Instances::new(drawn.x.clone(), drawn.rounded_costs())?;
        let part = |from: usize, len: usize| all.select(&(from..from + len).collect::<Vec<_>>());
        Ok(Splits {
            train: part(0, request.train),
            valid: part(request.train, request.valid),
            test: part(request.train + request.valid, request.test),
        })
    }
}

impl Benchmark for ShortestPathTask {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        let labels = part.labels.as_ref().ok_or(Error::Missing { loss: "regret", what: "labelled instances" })?;
        let regret: Vec<f64> = self.costs(&part.truth, decisions)?.iter().zip(&labels.cost).map(|(c, best)| c - best).collect();
        let ratios: Vec<f64> = regret.iter().zip(&labels.cost).map(|(r, z)| r / z.abs()).collect();
        let figure = |metric, value, se| Figure { metric, value, se };
        Ok(vec![
            figure("normalized_regret", metrics::normalized_regret(&regret, &labels.cost), None),
            figure("mean_ratio_regret", metrics::mean_ratio_regret(&regret, &labels.cost), metrics::standard_error(&ratios)),
        ])
    }

    fn needs_labels(&self) -> bool {
        true
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["oracle", "least_squares", "constant"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        let costs = match method {
            "oracle" => data.test.truth.clone(),
            "least_squares" => fit_least_squares(&data.train.features, &data.train.truth)?.predict(&data.test.features)?,
            "constant" => repeat(&column_means(&data.train.truth), data.test.len())?,
            _ => return Err(unknown("baseline of shortest_path", method, self.baselines().iter().copied())),
        };
        Ok(dfl_core::decide(&*self.oracle()?, &costs, &data.test.ids)?.0)
    }
}

fn column_means(table: &Batch) -> Vec<f64> {
    let mut means = vec![0.0; table.cols()];
    for row in table.iter() {
        means.iter_mut().zip(row).for_each(|(m, v)| *m += v / table.rows() as f64);
    }
    means
}

fn repeat(row: &[f64], rows: usize) -> Result<Batch> {
    Batch::from_vec(rows, row.len(), row.repeat(rows))
}
