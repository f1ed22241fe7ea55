//! Files that the tour leaves behind.

use std::path::PathBuf;

use crate::output::Failure;

/// Writes a file where cargo builds (`cargo run` at the root leaves it in target/tour); answers where.
pub(crate) fn write(name: &str, bytes: &[u8]) -> Result<String, Failure> {
    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("tour");
    let file = folder.join(name);
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, bytes)).map_err(Failure::failed)?;
    Ok(file.display().to_string())
}
