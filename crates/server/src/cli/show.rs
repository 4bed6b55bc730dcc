//! What commands print: aligned tables, and how far they are.

use std::fmt::Write;
use std::io::{IsTerminal, Write as _};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tallylight_store::copy::{Progress, Stage};

/// What somebody wrote, as it is safe on a terminal: characters that command it are shown by their names.
pub fn safe(text: &str) -> String {
    let escaped = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if escaped(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

/// Lines of text on standard output, in columns; columns of numbers are aligned at the right.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> anyhow::Result<()> {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| safe(cell))).collect();
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

/// How far a copy is: a bar a stage on a terminal, otherwise a line a table.
#[derive(Default)]
pub struct CopyBar {
    bar: Option<(Stage, ProgressBar)>,
}

impl CopyBar {
    /// Shows this.
    pub fn show(&mut self, progress: Progress) {
        let verb = match progress.stage {
            Stage::Copying => "copying ",
            Stage::Checking => "checking",
        };
        let (done, total) = progress.of_table;
        if std::io::stderr().is_terminal() {
            let bar = self.of_stage(progress.stage, progress.of_all.1);
            bar.set_message(format!("{verb} {}", progress.table));
            bar.set_position(progress.of_all.0);
        } else if done == total {
            eprintln!("  {verb} {}: {total} row{}", progress.table, if total == 1 { "" } else { "s" });
        }
    }

    /// Each stage goes through all rows, at a rate of its own.
    fn of_stage(&mut self, stage: Stage, rows: u64) -> &ProgressBar {
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != stage) {
            self.end();
        }
        let (_, bar) = self.bar.get_or_insert_with(|| (stage, ProgressBar::new(rows).with_style(style())));
        bar
    }

    /// Removes the bar.
    pub fn end(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        let _ = write!(out, "{:.0} rows/s", state.per_sec());
    };
    let style = "  {msg:27} {bar:24} {human_pos} of {human_len}, {rate}, {eta} left";
    ProgressStyle::with_template(style)
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.with_key("rate", rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_commands_the_terminal_by_a_name() {
        assert_eq!(safe("Größe 🚀"), "Größe 🚀");
        assert_eq!(safe("a\u{1b}[31m\r\n\u{7}\u{202e}\u{9b}2J"), r"a\u{1b}[31m\r\n\u{7}\u{202e}\u{9b}2J");
    }
}
