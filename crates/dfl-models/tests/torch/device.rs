use std::io::{self, Write};

use dfl_core::{Parameters, Predictor, Stream, Trainable};
use dfl_models::torch::{Architecture, Device, Network, tch};

use crate::common::{assert_close, normals};

/// Predictions and gradients on the GPU equal those of the CPU to single precision, dropout masks included.
#[test]
fn a_gpu_gives_the_answers_of_the_cpu() {
    if !tch::Cuda::is_available() {
        // Past the capture of the test harness, which hides what passing tests print.
        let _ = writeln!(io::stderr(), "skipped: device::a_gpu_gives_the_answers_of_the_cpu: no CUDA device");
        return;
    }
    let run = |device| {
        let mut model = Network::new(Architecture::power(6, 3), 1, device).unwrap();
        let out = model.forward(&normals(64, 6, 2), Stream { seed: 1, step: 2 }).unwrap();
        model.backward(&out).unwrap();
        let gradient = model.gradient();
        model.step(1e-3).unwrap();
        (out, gradient, model.predict(&normals(64, 6, 3)).unwrap())
    };
    let (cpu, gpu) = (run(Device::Cpu), run(Device::Cuda(0)));
    assert_close(cpu.0.as_slice(), gpu.0.as_slice(), 1e-4, 1e-5);
    assert_close(&cpu.1, &gpu.1, 1e-3, 1e-4);
    assert_close(cpu.2.as_slice(), gpu.2.as_slice(), 1e-3, 1e-3);
}
