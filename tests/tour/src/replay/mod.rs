//! A recorded track and the places around it, read from files, and played to the rules.

pub(crate) mod gpx;
pub(crate) mod phone;
pub(crate) mod places;
pub(crate) mod track;

/// A text from a file: UTF-8, with or without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A column of a CSV file by its name, whatever its case.
fn column(headers: &csv::StringRecord, name: &str) -> Option<usize> {
    headers.iter().position(|header| header.trim().eq_ignore_ascii_case(name))
}

/// What stands in a column, if anything does.
fn field(record: &csv::StringRecord, column: Option<usize>) -> Option<&str> {
    record.get(column?).map(str::trim).filter(|text| !text.is_empty())
}

/// A number in a column; `None` where it is empty.
fn number(record: &csv::StringRecord, column: Option<usize>, name: &str) -> Result<Option<f64>, String> {
    let Some(text) = field(record, column) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("{}: {name} is not a number", line(record)))
}

fn line(record: &csv::StringRecord) -> String {
    record.position().map_or_else(|| "a line".to_owned(), |position| format!("line {}", position.line()))
}
