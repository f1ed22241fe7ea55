//! A track from a file: GPX, or CSV with a header.

use noren_rules::check_in::Fix;
use noren_rules::geo::Position;

use super::{column, field, gpx, line, number, text};

/// Seconds beyond this are no time of this or any near century.
const MAX_SECONDS: f64 = 1e11;

/// Reads the fixes of a track, in the order of the file. Fixes without a time are left out.
///
/// # Errors
/// What is wrong with it, in one line: not a track, a coordinate out of range, no times at all.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Fix>, String> {
    let text = text(bytes)?;
    let (fixes, points) = if text.trim_start().starts_with('<') { gpx::read(text)? } else { read_csv(text)? };
    if fixes.is_empty() && points > 0 {
        return Err("no fix of this track has a time: a stay cannot be told from a line on a map".to_owned());
    }
    Ok(fixes)
}

/// Milliseconds from seconds, whatever they count from.
pub(super) fn milliseconds(seconds: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "at most 1e14")]
    (seconds.is_finite() && seconds.abs() <= MAX_SECONDS).then_some((seconds * 1_000.0).round() as i64)
}

fn read_csv(text: &str) -> Result<(Vec<Fix>, usize), String> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|e| e.to_string())?.clone();
    let needed =
        |name: &str| column(&headers, name).ok_or(format!("no column {name}: a track is GPX, or CSV with lat, lon and ts_unix or t_s"));
    let (lat, lon) = (needed("lat")?, needed("lon")?);
    let time = column(&headers, "ts_unix").map_or_else(|| needed("t_s"), Ok)?;
    let [accuracy, speed, mock] = ["accuracy_m", "speed_mps", "mock"].map(|name| column(&headers, name));
    let (mut fixes, mut rows) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        rows += 1;
        let coordinate = |at, name| number(&record, Some(at), name)?.ok_or(format!("{}: no {name}", line(&record)));
        let position = Position::new(coordinate(lat, "lat")?, coordinate(lon, "lon")?).map_err(|e| format!("{}: {e}", line(&record)))?;
        let accuracy_m = number(&record, accuracy, "accuracy_m")?;
        let speed_mps = number(&record, speed, "speed_mps")?;
        let mock = is_true(field(&record, mock)).ok_or(format!("{}: mock is neither true nor false", line(&record)))?;
        let Some(seconds) = number(&record, Some(time), "the time")? else { continue };
        let at_ms = milliseconds(seconds).ok_or(format!("{}: this is no time", line(&record)))?;
        fixes.push(Fix { accuracy_m, speed_mps, mock, ..Fix::new(position, at_ms) });
    }
    Ok((fixes, rows))
}

fn is_true(text: Option<&str>) -> Option<bool> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("0" | "0.0" | "false" | "no" | "f" | "n") => Some(false),
        Some("1" | "1.0" | "true" | "yes" | "t" | "y") => Some(true),
        Some(_) => None,
    }
}
