//! `dfl completions`: what a shell needs to complete the program's arguments.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use dfl_core::Result;

/// Arguments of `dfl completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples, one for each shell; open a new one afterwards:
  dfl completions bash > ~/.local/share/bash-completion/completions/dfl
  dfl completions zsh > ~/.zfunc/_dfl         with `fpath+=~/.zfunc; autoload -Uz compinit; compinit`
                                              in ~/.zshrc
  dfl completions fish > ~/.config/fish/completions/dfl.fish
  dfl completions powershell >> $PROFILE
  dfl completions elvish >> ~/.config/elvish/rc.elv")]
pub(super) struct Completions {
    /// Shell to write for
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let mut script = Vec::new();
        generate(self.shell, &mut super::Cli::command(), "dfl", &mut script);
        // A closed standard output, as behind `head`, is no reason to fail.
        let _ = io::stdout().write_all(&script);
        Ok(ExitCode::SUCCESS)
    }
}
