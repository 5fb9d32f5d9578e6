use std::fmt;
use std::str::FromStr;

use dfl_core::{Batch, Error, Result};
use tch::{Cuda, Kind};

use super::bridge::{backend, from_tensor, to_tensor};

/// Where a network runs, chosen at run time: `auto`, `cpu` or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The first GPU if libtorch sees one, else the CPU.
    #[default]
    Auto,
    /// The host.
    Cpu,
    /// One GPU, counted from 0.
    Cuda(usize),
}

impl Device {
    /// The device of libtorch it stands for, with cuDNN's search for the fastest (not always the same) algorithm off.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a GPU was asked for and libtorch sees none, [`Error::Domain`] if it sees fewer.
    pub fn resolve(self) -> Result<tch::Device> {
        match self {
            Self::Cpu => Ok(tch::Device::Cpu),
            Self::Auto if !Cuda::is_available() => Ok(tch::Device::Cpu),
            Self::Auto => Self::Cuda(0).resolve(),
            Self::Cuda(_) if !Cuda::is_available() => Err(Error::Unsupported {
                who: "this machine",
                what: "CUDA to libtorch; run `cargo xtask setup --cuda`, check that `nvidia-smi` lists a GPU, or use --device cpu",
            }),
            Self::Cuda(n) if n as i64 >= Cuda::device_count() => Err(Error::Domain {
                what: "CUDA device",
                value: n as f64,
                need: "below the number of GPUs that libtorch sees (counted from 0); `nvidia-smi -L` lists them",
            }),
            Self::Cuda(n) => {
                Cuda::cudnn_set_benchmark(false);
                Ok(tch::Device::Cuda(n))
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |n: &str| n.parse().ok().filter(|_| n.bytes().all(|b| b.is_ascii_digit())).map(Self::Cuda);
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(number),
        }
        .ok_or(Error::Unsupported { who: "--device", what: "this name; use auto, cpu or cuda:N (cuda:0 is the first GPU)" })
    }
}

/// Bounds the threads that libtorch uses inside one operation on the CPU. Call it before the first tensor is made: threads that
/// have already computed keep the number they had. Results are reproducible for the same number only.
///
/// # Errors
/// [`Error::Domain`] for 0 or more than `i32` holds.
pub fn set_threads(threads: usize) -> Result<()> {
    match i32::try_from(threads) {
        Ok(n) if n > 0 => {
            tch::set_num_threads(n);
            Ok(())
        }
        _ => Err(Error::Domain { what: "number of threads", value: threads as f64, need: "at least 1" }),
    }
}

/// The devices that libtorch sees, the host first, each with what came of a small computation on it.
pub fn try_devices() -> Vec<(Device, Result<()>)> {
    let gpus = (0..usize::try_from(Cuda::device_count()).unwrap_or_default()).map(Device::Cuda);
    [Device::Cpu].into_iter().chain(gpus).map(|device| (device, multiply(device))).collect()
}

/// `[1 2; 3 4]` squared is `[7 10; 15 22]`.
fn multiply(device: Device) -> Result<()> {
    let matrix = to_tensor("a small matrix", &Batch::from_rows(&[[1.0, 2.0], [3.0, 4.0]])?, (Kind::Double, device.resolve()?))?;
    let square = from_tensor("its square", &matrix.f_mm(&matrix).map_err(backend)?)?;
    let wrong = square.as_slice().iter().zip([7.0, 10.0, 15.0, 22.0]).find(|(got, expected)| *got != expected);
    match wrong {
        None => Ok(()),
        Some((&value, _)) => Err(Error::Domain { what: "an entry of a small product", value, need: "what arithmetic says" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_printed_alike() {
        for (text, device) in [("auto", Device::Auto), ("cpu", Device::Cpu), ("cuda:0", Device::Cuda(0)), ("cuda:12", Device::Cuda(12))] {
            assert_eq!(text.parse::<Device>().unwrap(), device);
            assert_eq!(device.to_string(), text);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
    }

    #[test]
    fn other_names_are_refused_with_the_choices() {
        for text in ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "cuda:0 "] {
            let error = text.parse::<Device>().unwrap_err().to_string();
            assert!(error.contains("auto, cpu or cuda:N"), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_gpu_that_is_not_there_names_the_remedy() {
        let error = Device::Cuda(4096).resolve().unwrap_err().to_string();
        assert!(error.contains("nvidia-smi"), "{error}");
        assert_eq!(Device::Cpu.resolve().unwrap(), tch::Device::Cpu);
        assert!(Device::Auto.resolve().is_ok());
    }

    #[test]
    fn the_host_computes() {
        let tried = try_devices();
        assert!(matches!(tried[0], (Device::Cpu, Ok(()))), "{:?}", tried[0]);
    }

    #[test]
    fn zero_threads_are_refused() {
        assert!(matches!(set_threads(0), Err(Error::Domain { what: "number of threads", .. })));
    }
}
