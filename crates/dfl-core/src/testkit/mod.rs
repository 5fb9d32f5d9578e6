//! The contracts that every solver, decider, loss and task must pass, and the instruments to check a derivative with.
//!
//! Everything here panics with the place and the numbers, since its caller is a test.

mod contract;
mod dense_qp;
mod differences;
mod random_program;

pub use contract::{check_decider, check_decider_with_differences, check_loss, check_masking, check_task};
pub use dense_qp::dense_qp;
pub use differences::{gradient_error, jvp_error, vjp_error};
pub use random_program::{Parametric, random_qp};
