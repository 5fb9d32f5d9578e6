//! `cargo xtask examples`: builds every example of the workspace and runs it to its end.

use crate::test::EVERY_BACKEND;
use crate::{checkout, process, setup};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Options of `examples`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask examples                          all of them, as CI does
  cargo xtask examples uncertain_constraints    one, with what it prints

With no name, what an example prints is shown only if it fails. Exit code 1 if one fails.")]
pub(crate) struct Options {
    /// Which to run; without any, all
    names: Vec<String>,
}

/// Examples that ask for arguments; the others must run without any.
const ARGUMENTS: &[(&str, &[&str])] = &[("kernels", &["shortest_path_10x10", "1"])];

/// Builds all, since that is the build that tests share, and runs those that were asked for.
pub(crate) fn run(options: &Options) -> Result<i32> {
    setup::ensure()?;
    let examples = chosen(build()?, &options.names)?;
    let aloud = !options.names.is_empty();
    let mut failed = Vec::new();
    for example in &examples {
        let (code, taken) = run_one(example, aloud)?;
        println!("example {} ... {} ({:.1} s)", example.name, if code == 0 { "ok" } else { "FAILED" }, taken.as_secs_f64());
        if code != 0 {
            failed.push(example.name.as_str());
        }
    }
    println!("{} of {} examples ran to their end", examples.len() - failed.len(), examples.len());
    Ok(i32::from(!failed.is_empty()))
}

/// One line of what cargo prints with `--message-format=json`, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Example {
    name: String,
    program: PathBuf,
}

fn build() -> Result<Vec<Example>> {
    let mut command = process::cargo();
    command.arg("build").args(EVERY_BACKEND).args(["--examples", "--message-format", "json-render-diagnostics"]);
    let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the examples do not compile, as said above");
    }
    built(&String::from_utf8_lossy(&output.stdout))
}

/// The examples among what cargo says that it built, by name.
fn built(messages: &str) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line).context("cannot read what cargo printed")?;
        let Some((target, program)) = message.target.zip(message.executable) else { continue };
        if target.kind.iter().any(|kind| kind == "example") {
            examples.push(Example { name: target.name, program });
        }
    }
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(examples)
}

fn chosen(all: Vec<Example>, names: &[String]) -> Result<Vec<Example>> {
    if let Some(wrong) = names.iter().find(|name| all.iter().all(|example| example.name != **name)) {
        let known: Vec<&str> = all.iter().map(|example| example.name.as_str()).collect();
        bail!("there is no example `{wrong}`; there are: {}", known.join(", "));
    }
    if all.is_empty() {
        bail!("the workspace has no example");
    }
    Ok(all.into_iter().filter(|example| names.is_empty() || names.contains(&example.name)).collect())
}

/// The exit code and the time; what it printed is shown if asked, or if it failed.
fn run_one(example: &Example, aloud: bool) -> Result<(i32, Duration)> {
    let arguments = ARGUMENTS.iter().find(|(name, _)| *name == example.name).map_or(&[][..], |(_, arguments)| arguments);
    let mut command = Command::new(&example.program);
    command.args(arguments).current_dir(checkout::root()).stdin(Stdio::null());
    let start = Instant::now();
    if aloud {
        return Ok((process::run(&mut command)?, start.elapsed()));
    }
    let output = command.output().with_context(|| format!("cannot start {}", example.program.display()))?;
    let code = process::code(output.status);
    if code != 0 {
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok((code, start.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(name: &str, program: &str) -> Example {
        Example { name: name.into(), program: program.into() }
    }

    #[test]
    fn examples_are_found_among_what_cargo_built() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"b","kind":["example"]},"executable":"/t/b"}
{"reason":"compiler-artifact","target":{"name":"lib","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"dfl","kind":["bin"]},"executable":"/t/dfl"}
{"reason":"compiler-artifact","target":{"name":"a","kind":["example"]},"executable":"/t/a"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(built(messages).unwrap(), [example("a", "/t/a"), example("b", "/t/b")]);
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let all = vec![example("a", ""), example("b", "")];
        assert_eq!(chosen(all.clone(), &["b".into()]).unwrap(), [example("b", "")]);
        let text = chosen(all, &["c".into()]).unwrap_err().to_string();
        assert!(text.contains("`c`") && text.contains("a, b"), "{text}");
        assert!(chosen(Vec::new(), &[]).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn an_example_that_fails_has_its_code() {
        assert_eq!(run_one(&example("x", "/bin/false"), false).unwrap().0, 1);
        assert_eq!(run_one(&example("x", "/bin/true"), true).unwrap().0, 0);
    }
}
