use dfl_core::Rng;

use crate::security::Graph;

/// Widths of the layers that see a node alone, and of those that also see its neighbours, without the last.
const ALONE: [usize; 4] = [1, 10, 20, 10];
const AROUND: [usize; 3] = [20, 15, 12];

/// The fixed random network that turns attractiveness into features: affine layers of widths 10, 20, 10 on each node, then graph convolutions
/// $W_1 x_v + W_2\, \operatorname{mean}_{w \sim v} x_w + b$ of widths 20, 15, 12 and the number of features. After each but the last come a ReLU and a
/// standard normal vector that is drawn for the instance and shared by all nodes.
///
/// Weights are uniform on $\pm\sqrt{6/n}$ for $n$ inputs, which keeps the size of a signal through such layers (He et al. 2015, Eq. 10), constants
/// on $\pm 1/\sqrt n$. The code takes its framework's default of then, $\pm 1/\sqrt n$ for both: seven layers of that shrink what tells nodes apart to
/// 0.004 deviations of a feature, of which 0.2 of noise leave nothing (a linear regression on features and those of neighbours explains 0 % of $\phi$;
/// here 29 to 56 % on six graphs).
pub(super) struct FeatureNetwork {
    layers: Vec<Layer>,
}

struct Layer {
    inputs: usize,
    outputs: usize,
    /// $W_1$, then $W_2$ if it sees neighbours, `[outputs, inputs]` each.
    own: Vec<f64>,
    mean: Option<Vec<f64>>,
    bias: Vec<f64>,
}

impl Layer {
    fn new(inputs: usize, outputs: usize, around: bool, rng: &mut Rng) -> Self {
        let mut draw = |n: usize, bound: f64| -> Vec<f64> { (0..n).map(|_| bound * (2.0 * rng.uniform() - 1.0)).collect() };
        let (steep, flat) = ((6.0 / inputs as f64).sqrt(), 1.0 / (inputs as f64).sqrt());
        let (own, mean) = (draw(inputs * outputs, steep), around.then(|| draw(inputs * outputs, steep)));
        Self { inputs, outputs, own, mean, bias: draw(outputs, flat) }
    }

    /// `x` is `[nodes, inputs]`, the result `[nodes, outputs]`.
    fn forward(&self, graph: &Graph, x: &[f64]) -> Vec<f64> {
        let of = |v: usize| &x[v * self.inputs..][..self.inputs];
        let mut out = Vec::with_capacity(graph.nodes() * self.outputs);
        for v in 0..graph.nodes() {
            let around = graph.neighbours(v);
            let mean = |i: usize| around.iter().map(|&(w, _)| of(w)[i]).sum::<f64>() / around.len() as f64;
            let means: Vec<f64> = if self.mean.is_some() { (0..self.inputs).map(mean).collect() } else { Vec::new() };
            for j in 0..self.outputs {
                let row = |weights: &[f64], x: &[f64]| weights[j * self.inputs..].iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
                let neighbours = self.mean.as_ref().map_or(0.0, |weights| row(weights, &means));
                out.push(self.bias[j] + row(&self.own, of(v)) + neighbours);
            }
        }
        out
    }
}

impl FeatureNetwork {
    pub(super) fn new(features: usize, rng: &mut Rng) -> Self {
        let alone = ALONE.windows(2).map(|w| (w[0], w[1], false)).collect::<Vec<_>>();
        let widths = [&[ALONE[3]][..], &AROUND, &[features]].concat();
        let around = widths.windows(2).map(|w| (w[0], w[1], true));
        Self { layers: alone.into_iter().chain(around).map(|(inputs, outputs, around)| Layer::new(inputs, outputs, around, rng)).collect() }
    }

    /// Writes the features of each node, `[nodes, features]`.
    pub(super) fn features(&self, graph: &Graph, phi: &[f64], rng: &mut Rng, out: &mut [f64]) {
        let mut x = phi.to_vec();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(graph, &x);
            if i + 1 < self.layers.len() {
                let noise: Vec<f64> = (0..layer.outputs).map(|_| rng.normal()).collect();
                x.iter_mut().zip(noise.iter().cycle()).for_each(|(x, noise)| *x = x.max(0.0) + noise);
            }
        }
        out.copy_from_slice(&x);
    }
}
