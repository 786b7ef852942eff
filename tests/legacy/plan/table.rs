//! Tables as Markdown that can be read as it is, and figures as text.

use std::fmt;
use std::time::Duration;

/// A table with its caption.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, as long as the head.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.columns.len(), "a row is as long as the head");
        self.rows.push(cells.into());
    }

    fn width(&self, column: usize) -> usize {
        let rows = self.rows.iter().chain([&self.columns]);
        let cells = rows.filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    /// The first column begins at the left, figures end at the right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| self.width(column).max(3))
            .collect();
        let rule = widths.iter().enumerate().map(|(column, &width)| {
            let dashes = "-".repeat(width - 1);
            match column {
                0 => format!("{dashes}-"),
                _ => format!("{dashes}:"),
            }
        });
        let rows = [self.columns.clone(), rule.collect()];
        for row in rows.iter().chain(&self.rows) {
            write!(f, "|")?;
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(f, " {cell:width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A duration in ms, or in s from 1 s.
pub(crate) fn time(duration: Duration) -> String {
    seconds(duration.as_secs_f64())
}

/// As [`time`].
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 9.995 => format!("{s:.1} s"),
        s if s >= 0.9995 => format!("{s:.2} s"),
        s if s >= 0.00995 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.1} ms", s * 1e3),
    }
}

/// A ratio.
pub(crate) fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}

/// A number of things.
pub(crate) fn number(number: f64) -> String {
    format!("{number:.0}")
}

#[test]
fn a_table_is_markdown_with_straight_columns() {
    let mut table = Table::new("", &["at once", "bare"]);
    table.row(["1".to_owned(), "9.61 s".to_owned()]);
    let expected = "\
| at once |   bare |
| ------- | -----: |
| 1       | 9.61 s |
";
    assert_eq!(table.to_string(), expected);
}

#[test]
fn durations_have_three_digits_or_so() {
    let shown = [0.0021, 0.012, 0.9994, 0.9996, 9.6, 12.04].map(seconds);
    let expected = ["2.1 ms", "12 ms", "999 ms", "1.00 s", "9.60 s", "12.0 s"];
    assert_eq!(shown, expected);
}
