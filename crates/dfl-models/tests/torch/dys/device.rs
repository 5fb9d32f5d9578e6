use std::io::{self, Write};

use dfl_core::Rng;
use dfl_models::torch::{Device, DysDecider, Precision, tch};
use dfl_solvers::{DysDerivative, DysOptions};

use super::{cases, tell};
use crate::common::{assert_close, normals};

/// Decisions and gradients on the GPU equal those of the solver on the host, in either precision.
#[test]
fn a_gpu_gives_the_answers_of_the_solver() {
    if !tch::Cuda::is_available() {
        // Past the capture of the test harness, which hides what passing tests print.
        let _ = writeln!(io::stderr(), "skipped: dys::device::a_gpu_gives_the_answers_of_the_solver: no CUDA device");
        return;
    }
    for case in cases(&mut Rng::seeded(61)) {
        for derivative in [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled] {
            let options = DysOptions::fixed(0.5, 0.7, 100, derivative);
            let cotangent = normals(12, case.formulation.visible, 5);
            let expected = tell(&case.host(&options), &case.thetas, &cotangent);
            for (precision, tolerance) in [(Precision::Double, 1e-10), (Precision::Single, 1e-4)] {
                let layer = DysDecider::new(case.layer(&options, precision, Device::Cuda(0)));
                let found = tell(&layer, &case.thetas, &cotangent);
                assert_close(found.x.as_slice(), expected.x.as_slice(), tolerance, tolerance);
                assert_close(found.gradient.as_slice(), expected.gradient.as_slice(), tolerance, tolerance);
            }
        }
    }
}
