//! The command line: verbs, exit codes, output for people and for programs.

mod at;
mod ca;
mod failure;
mod notify;
mod query;
mod rules;
mod run;
mod schema;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use at::At;
use failure::{Ended, Failure};

/// A secure web gateway that finds Model Context Protocol traffic nobody approved.
#[derive(Debug, Parser)]
#[command(name = "daylight", version, about, disable_help_subcommand = true, after_help = failure::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the gateway; without a configuration file it makes a CA, loads ./rules and stores under ./data
    Run(At),
    /// Check configuration, rules and certificates; nothing is bound or written
    Check(run::Check),
    /// Work with rule files
    #[command(subcommand)]
    Rules(rules::Verb),
    /// Print events of the embedded store
    Events(query::Events),
    /// Run one read-only SQL statement over the embedded store
    Sql(query::Sql),
    /// Print the tables of a store, or the JSON Schema of configuration or rule files
    #[command(subcommand)]
    Schema(schema::Verb),
    /// Make, show, export or rotate the certificate authority
    #[command(subcommand)]
    Ca(ca::Verb),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Write the page of every verb into this folder instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Runs the program.
pub fn main() -> ExitCode {
    let ended = match Arguments::parse().verb {
        Verb::Run(at) => run::run(&at),
        Verb::Check(check) => check.main(),
        Verb::Rules(verb) => rules::main(verb),
        Verb::Events(verb) => verb.main(),
        Verb::Sql(verb) => verb.main(),
        Verb::Schema(verb) => schema::main(verb),
        Verb::Ca(verb) => ca::main(verb),
        Verb::Completions { shell } => completions(shell),
        Verb::Man { dir } => man(dir.as_deref()),
    };
    match ended {
        Ok(code) => code,
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => match writeln!(io::stderr(), "daylight: {failure}") {
            Ok(()) => failure.exit_code().into(),
            // Nobody can be told more than this.
            Err(_closed) => ExitCode::FAILURE,
        },
    }
}

fn completions(shell: clap_complete::Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "daylight", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

fn man(dir: Option<&Path>) -> Ended {
    let command = Arguments::command();
    if let Some(dir) = dir {
        let fail = |source| Failure::Pages { dir: dir.into(), source };
        std::fs::create_dir_all(dir).map_err(fail)?;
        clap_mangen::generate_to(command, dir).map_err(fail)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}
