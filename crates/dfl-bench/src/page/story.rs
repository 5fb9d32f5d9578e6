use serde::{Deserialize, Serialize};

/// What a page tells of one trained run; what is empty is left out.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The page's title.
    pub title: String,
    /// What stands at its head, name and value: date, version, problem, rows.
    pub facts: Vec<(String, String)>,
    /// The command that makes this page again.
    pub command: String,
    /// One line that says what came out, in words.
    pub verdict: String,
    /// Tables, in their order.
    pub sheets: Vec<Sheet>,
    /// What training did, a figure over epochs.
    pub curves: Vec<Curve>,
    /// Each row that was judged, in their order.
    pub rows: Vec<RowOutcome>,
    /// What the baseline of the rows is called, e.g. `least_squares`.
    pub baseline: String,
    /// Unit of costs and regrets, for axes; may be empty.
    pub unit: String,
    /// Some decisions, drawn as what they are.
    pub examples: Vec<Example>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// Heading.
    pub title: String,
    /// How to read it; may be empty.
    pub note: String,
    /// Titles of the columns.
    pub columns: Vec<String>,
    /// As many cells in each as there are columns.
    pub rows: Vec<Vec<SheetCell>>,
}

/// A cell: what stands in it and, if it is a number, what it is sorted by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SheetCell {
    /// What stands in it.
    pub text: String,
    /// What it is sorted by; text sorts by itself.
    pub number: Option<f64>,
}

/// A figure over the epochs of a training.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// What the figure is, e.g. `normalized_regret on the validation rows`.
    pub name: String,
    /// Epoch and value.
    pub points: Vec<[f64; 2]>,
}

/// What one row came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowOutcome {
    /// Name of the row.
    pub id: String,
    /// Cost of the model's decision under the truth, less being better.
    pub cost: f64,
    /// Cost of the baseline's decision.
    pub baseline: f64,
    /// Cost of the best decision.
    pub best: f64,
}

/// A decision beside the best one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Name of the row, and why it is shown, e.g. `row 17, the largest regret`.
    pub title: String,
    /// The model's decision.
    pub decided: Drawing,
    /// The best decision.
    pub best: Drawing,
}

impl Example {
    /// Whether it shows what a model expected.
    pub(crate) fn has_band(&self) -> bool {
        matches!(&self.decided, Drawing::Schedule { band: Some(_), .. })
    }
}

/// A decision as what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drawing {
    /// A path on a grid of `height` by `width` nodes, from arc to arc of [`dfl_solvers::Grid`]; `weights` is the share of each arc, 0 to 1,
    /// `[arcs]`, `costs` what each arc costs in truth, `[arcs]`.
    #[allow(missing_docs, reason = "described above")]
    Path { height: usize, width: usize, weights: Vec<f64>, costs: Vec<f64> },
    /// A round trip over points of the plane, in order.
    #[allow(missing_docs, reason = "described above")]
    Tour { points: Vec<[f64; 2]>, order: Vec<usize> },
    /// Amounts over time beside the demand that turned out and, where a model says one, the band (low, high) that it expected.
    #[allow(missing_docs, reason = "described above")]
    Schedule { amounts: Vec<f64>, demand: Vec<f64>, band: Option<[Vec<f64>; 2]> },
    /// Shares of a whole by name.
    #[allow(missing_docs, reason = "described above")]
    Portfolio { names: Vec<String>, shares: Vec<f64> },
    /// Any other decision: the values of the variables by name.
    #[allow(missing_docs, reason = "described above")]
    Values { names: Vec<String>, values: Vec<f64> },
}
