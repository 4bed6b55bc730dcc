//! What commands print: aligned tables, and how far they are.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tallylight_store::copy::{Progress, Stage};

/// Lines of text on standard output, in columns; columns of numbers are aligned at the right.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> anyhow::Result<()> {
    let mut text = String::new();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let is_number = |column: usize| {
        !rows.is_empty() && rows.iter().all(|row| row[column].bytes().all(|byte| byte.is_ascii_digit()))
    };
    let numbers: [bool; N] = std::array::from_fn(is_number);
    for row in std::iter::once(head).chain(rows.iter().map(|row| row.each_ref().map(String::as_str))) {
        let cells = row.iter().zip(widths).zip(numbers).map(|((cell, width), is_number)| {
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    print(&text)
}

/// Writes to standard output.
pub fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("the output could not be written")
}

/// How far a copy is: a bar on a terminal, otherwise a line a table.
pub struct CopyBar {
    bar: Option<ProgressBar>,
    stage: Option<Stage>,
}

impl CopyBar {
    /// Nothing is shown yet.
    pub fn new() -> Self {
        let style = ProgressStyle::with_template(
            "  {prefix} {msg:18} {bar:24} {pos}/{len} rows, {per_sec}, {eta} left",
        );
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            style.map(|style| bar.set_style(style)).unwrap_or_default();
            bar
        });
        Self { bar, stage: None }
    }

    /// Shows this.
    pub fn show(&mut self, progress: Progress) {
        let verb = match progress.stage {
            Stage::Copying => "copying ",
            Stage::Checking => "checking",
        };
        let (done, total) = progress.of_table;
        match &self.bar {
            None if done == total => {
                eprintln!("  {verb} {}: {total} row{}", progress.table, if total == 1 { "" } else { "s" });
            }
            None => {}
            Some(bar) => {
                // Each stage goes through all rows, at a rate of its own.
                if self.stage.replace(progress.stage) != Some(progress.stage) {
                    bar.reset();
                    bar.set_length(progress.of_all.1);
                    bar.set_prefix(verb);
                }
                bar.set_message(progress.table);
                bar.set_position(progress.of_all.0);
            }
        }
    }

    /// Removes the bar.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
