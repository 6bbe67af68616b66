//! `daylight ca`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use time::OffsetDateTime;

use super::at::At;
use super::failure::Ended;
use crate::wire::tls::Authority;
use crate::wire::tls::authority::OVERLAP_DAYS;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a CA
    Init(At),
    /// Show fingerprints and validity
    Show {
        #[command(flatten)]
        at: At,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write the certificate to standard output; the key never leaves its file
    Export {
        #[command(flatten)]
        at: At,
        /// Form of the certificate
        #[arg(long, default_value = "pem")]
        form: Form,
    },
    /// Replace the CA; the old certificate stays on offer for a while, so that machines can install both
    Rotate {
        #[command(flatten)]
        at: At,
        /// Days that the old certificate stays on offer
        #[arg(long, default_value_t = OVERLAP_DAYS, value_parser = clap::value_parser!(u32).range(0..=3_650))]
        overlap_days: u32,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Form {
    /// Text
    Pem,
    /// Binary
    Der,
}

pub(super) fn main(verb: Verb) -> Ended {
    let now = OffsetDateTime::now_utc();
    let dir = |at: &At| at.load().map(|config| config.ca_dir);
    let mut out = io::stdout().lock();
    match verb {
        Verb::Init(at) => show(&mut out, &Authority::init(&dir(&at)?, now)?)?,
        Verb::Show { at, json } => {
            let authority = Authority::open(&dir(&at)?, now)?;
            if json { show_json(&mut out, &authority)? } else { show(&mut out, &authority)? }
        }
        Verb::Rotate { at, overlap_days } => {
            show(&mut out, &Authority::rotate(&dir(&at)?, overlap_days, now)?)?;
            writeln!(out, "the old certificate is offered as /ca-previous.pem for {overlap_days} more days")?;
            writeln!(out, "restart the gateway to use the new one")?;
        }
        Verb::Export { at, form } => {
            let authority = Authority::open(&dir(&at)?, now)?;
            match form {
                Form::Pem => out.write_all(authority.pem.as_bytes())?,
                Form::Der => out.write_all(&authority.der)?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(out: &mut impl Write, authority: &Authority) -> io::Result<()> {
    writeln!(out, "SHA-256      {}", authority.sha256())?;
    writeln!(out, "SHA-1        {}", authority.sha1())?;
    writeln!(out, "valid until  {}", authority.not_after.date())
}

fn show_json(out: &mut impl Write, authority: &Authority) -> io::Result<()> {
    let shown = json!({
        "sha256": authority.sha256(), "sha1": authority.sha1(), "valid_until": authority.not_after.date().to_string(),
        "previous_offered": authority.previous_pem.is_some(),
    });
    writeln!(out, "{shown}")
}
