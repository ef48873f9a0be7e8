//! `oneself import`: takes users over from a file, one a line (`docs/import.md`).
//!
//! With a running server the server reads the file itself, as it writes backups itself: whoever
//! may give it orders can name it any file, and nothing has to be sent. What would surprise: the
//! command may go away; the server goes on, and the same command says how far it has got.

mod errors;
mod line;
mod lines;
mod work;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use self::work::{Summary, Work};
use super::orders::{self, Answer, Order};
use super::{Failure, Place, open, print, render};
use crate::app::App;

/// Take users over from a file, with all their identities
#[derive(Debug, Args)]
pub struct Import {
    /// Whose users they are
    #[arg(long, value_name = "NAME")]
    tenant: String,
    /// A JSON object a line; docs/import.md describes it
    file: PathBuf,
    /// Check every line, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Where to write a JSON object for each line that is refused
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Import {
    /// Has it done, and prints the summary. Lines that were refused are a failure.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.settings(&json!({}))?;
        // Whoever executes it may work in another folder.
        let whole = |path: &Path| {
            std::path::absolute(path)
                .map_err(|error| Failure::failed(format!("cannot find {}: {error}", path.display())))
        };
        let order = Order::ImportUsers {
            tenant: self.tenant,
            file: whole(&self.file)?,
            dry_run: self.dry_run,
            errors: self.errors.as_deref().map(whole).transpose()?,
        };
        let answer = orders::reach_or(&config, &order, |installation| {
            open::runtime(&config)?.block_on(async {
                let app = open::app(&config, installation, config.listen).await?;
                let bar = bar();
                let answer = obey(&app, order.clone(), |done, of| {
                    bar.set_length(of);
                    bar.set_position(done);
                })
                .await;
                bar.finish_and_clear();
                answer
            })
        })?;
        let refused = answer
            .data
            .get("refused")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        match self.json {
            true => print(&answer.data.to_string())?,
            false => print(&answer.text)?,
        }
        match refused {
            0 => Ok(()),
            1 => Err(Failure::failed("1 line was refused")),
            many => Err(Failure::failed(format!("{many} lines were refused"))),
        }
    }
}

/// How far it is, for whoever watches.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Executes the order.
///
/// # Errors
/// As [`work::run`].
pub async fn obey(app: &App, order: Order, progress: impl FnMut(u64, u64)) -> Result<Answer, Failure> {
    let Order::ImportUsers {
        tenant,
        file,
        dry_run,
        errors,
    } = order
    else {
        return Err(Failure::failed("this is no order to import"));
    };
    let work = Work {
        tenant,
        file,
        dry_run,
        errors,
    };
    let summary = work::run(app, &work, progress).await?;
    answer(&summary)
}

fn answer(summary: &Summary) -> Result<Answer, Failure> {
    let data = serde_json::to_value(summary).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(render::import(data))
}
