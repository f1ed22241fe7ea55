//! `noren enrol`: a directory becomes a phone with a member card.

use std::path::PathBuf;

use noren_core::member::MemberState;
use noren_rules::ids::MemberNumber;
use noren_rules::wire::Link;

use super::membership::Member;
use crate::output::{self, Failure};
use crate::phone;

/// Make DIR a phone: enrol it as a member's card, with no account or with one from before. Run again, it goes on where it was, or links more.
///
/// Prints {"member":…,"device":…,"points":…,"assurance":…,"linked":[…]}. The key and the store are 0600 files in DIR: for desktop and tests only,
/// a real phone keeps them in its hardware.
#[derive(Debug, clap::Args)]
pub(crate) struct Enrol {
    /// Where the backend listens; remembered in DIR.
    #[arg(long, value_name = "URL")]
    backend: String,
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// A plastic card and its PIN (NUMBER:PIN), or a one-time code of the online shop (ec:CODE). Can be given more than once.
    #[arg(long, value_name = "NUMBER:PIN|ec:CODE", value_parser = link)]
    link: Vec<Link>,
}

fn link(text: &str) -> Result<Link, String> {
    match text.split_once(':') {
        Some(("ec", code)) if !code.is_empty() => Ok(Link::Ec { code: code.to_owned() }),
        Some((number, pin)) if !number.is_empty() && !pin.is_empty() => {
            Ok(Link::Number { number: MemberNumber(number.to_owned()), pin: pin.to_owned() })
        }
        _ => Err("NUMBER:PIN or ec:CODE".to_owned()),
    }
}

pub(crate) async fn run(args: &Enrol) -> Result<(), Failure> {
    phone::set_up(&args.home, &args.backend)?;
    let noren = phone::open(&args.home)?;
    let mut links = args.link.iter().cloned();
    if !matches!(noren.member().state(), MemberState::Enrolled { .. }) {
        noren.member().enrol(links.next()).await.map_err(Failure::failed)?;
    }
    for link in links {
        noren.member().link(link).await.map_err(Failure::failed)?;
    }
    output::json(&Member::of(&noren)?)
}
