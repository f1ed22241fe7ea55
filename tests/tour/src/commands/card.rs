//! `noren card`: what the card shows now.

use std::path::{Path, PathBuf};

use noren_core::member::Symbology;

use crate::output::{self, Failure};
use crate::phone;

/// Print the text of the code that the card shows now, on one line, with no network.
///
/// A QR is good for this 20-second step and one more. Code 128 carries a one-time part of 30 s; EAN-13 and NW-7 are static: they earn and never spend.
#[derive(Debug, clap::Args)]
pub(crate) struct Card {
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// What to show.
    #[arg(long, value_enum, default_value_t = Kind::Qr)]
    symbology: Kind,
    /// Write the code as a PNG.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Write the code as an SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Qr,
    Code128,
    Ean13,
    Nw7,
}

/// Pixels a module: a QR of version 12 comes to some 500 pixels.
const PNG_SCALE: u32 = 8;

pub(crate) fn run(args: &Card) -> Result<(), Failure> {
    let noren = phone::open_offline(&args.home)?;
    let symbology = match args.symbology {
        Kind::Qr => Symbology::Qr,
        Kind::Code128 => Symbology::Code128,
        Kind::Ean13 => Symbology::Ean13,
        Kind::Nw7 => Symbology::Nw7,
    };
    let card = noren.member().card(symbology).map_err(Failure::failed)?;
    if let Some(file) = &args.png {
        write(file, &card.png(PNG_SCALE).map_err(Failure::failed)?)?;
    }
    if let Some(file) = &args.svg {
        write(file, card.svg().as_bytes())?;
    }
    output::line(&card.text)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(file, bytes).map_err(|e| Failure::failed(format!("{}: {e}", file.display())))
}
