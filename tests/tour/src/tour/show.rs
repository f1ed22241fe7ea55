//! What the tour looks like: colour and bars on a terminal, plain text anywhere else.

use std::cell::Cell;
use std::io::IsTerminal;

use noren_rules::receipt::{Receipt, ReceiptKind, ReceiptLine};
use noren_till::{Answer, Language, Scanned};
use noren_tour::sales_log::money;

use crate::commands::history::Total;
use crate::output::{self, Failure};

pub(super) struct Show {
    colour: bool,
    acts: Cell<u32>,
}

const INDIGO: &str = "38;5;67";
const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";
const WHITE_ON_BLACK: &str = "97;40";

impl Show {
    pub(super) fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour, acts: Cell::new(0) }
    }

    pub(super) fn title(&self, name: &str, what: &str) -> Result<(), Failure> {
        output::line("")?;
        output::line(&format!("  {}  {}", self.paint(&format!("暖簾 {name}"), BOLD), self.paint(what, DIM)))?;
        output::line(&self.paint(&format!("  {}", "▔".repeat(74)), INDIGO))
    }

    pub(super) fn act(&self, what: &str) -> Result<(), Failure> {
        self.acts.set(self.acts.get() + 1);
        output::line("")?;
        output::line(&format!("  {} {}", self.paint(&format!("{:>2}", self.acts.get()), INDIGO), self.paint(what, BOLD)))
    }

    pub(super) fn fact(&self, name: &str, value: &str) -> Result<(), Failure> {
        let padding = " ".repeat(22usize.saturating_sub(columns(name)));
        output::line(&format!("     {}{padding} {value}", self.paint(name, DIM)))
    }

    /// Text at the left margin, to be copied whole.
    pub(super) fn plain(&self, text: &str) -> Result<(), Failure> {
        output::line(text)
    }

    /// A code: its full blocks are the white modules, so on a terminal they are painted white on black whatever its theme.
    pub(super) fn code(&self, blocks: &str) -> Result<(), Failure> {
        blocks.lines().try_for_each(|line| output::line(&self.paint(line, WHITE_ON_BLACK)))
    }

    pub(super) fn till(&self, answer: &Answer, language: Language) -> Result<(), Failure> {
        let (mark, colour, reason) = match &answer.scanned {
            Scanned::Member(member) => ("●", GREEN, format!("member {} · step {}", member.member, member.step)),
            Scanned::Static(_) => ("●", GREEN, "a code without proof".to_owned()),
            Scanned::Refused(refusal) => ("●", RED, format!("{} · {refusal}", refusal.reason())),
        };
        for line in answer.lines(language) {
            output::line(&format!("     {} {line}", self.paint(mark, colour)))?;
        }
        output::line(&format!("       {}", self.paint(&reason, DIM)))
    }

    /// What the till says of the coupons.
    pub(super) fn coupons(&self, lines: &[String]) -> Result<(), Failure> {
        lines.iter().try_for_each(|line| output::line(&format!("     {} {line}", self.paint("●", GREEN))))
    }

    /// Receipts, each with the line that `shows` picks: what was searched for, or the first.
    pub(super) fn receipts(&self, what: &str, found: &Found, shows: impl Fn(&ReceiptLine) -> bool) -> Result<(), Failure> {
        let more = if found.more { ", and there are more" } else { "" };
        output::line(&format!("     {}", self.paint(&format!("{what}: the newest {}{more}", found.receipts.len()), DIM)))?;
        for receipt in &found.receipts {
            let kind = if receipt.kind == ReceiptKind::Return { "return" } else { "" };
            let line = receipt.lines.iter().find(|line| shows(line)).or(receipt.lines.first());
            let channel = format!("{:?}", receipt.channel).to_lowercase();
            output::line(&format!(
                "       {}  {:<8} {:<6} {:>12}  {:>3} lines  {}",
                receipt.business_date,
                channel,
                kind,
                money(receipt.total_minor, &receipt.currency),
                receipt.lines.len(),
                line.map_or("", |line| line.description.as_str()),
            ))?;
        }
        Ok(())
    }

    pub(super) fn totals(&self, totals: &[Total]) -> Result<(), Failure> {
        output::line(&format!("     {}", self.paint("totals per month", DIM)))?;
        let largest = totals.iter().map(|total| total.total_minor.max(0)).max().unwrap_or(0).max(1);
        for total in totals {
            let width = usize::try_from(total.total_minor.max(0) * 30 / largest).unwrap_or(0);
            let bar = self.paint(&"█".repeat(width), INDIGO);
            output::line(&format!("       {}  {:>12}  {bar}", total.month, money(total.total_minor, &total.currency)))?;
        }
        Ok(())
    }

    pub(super) fn end(&self, next: &[&str]) -> Result<(), Failure> {
        output::line("")?;
        output::line(&self.paint(&format!("  {}", "▁".repeat(74)), INDIGO))?;
        next.iter().try_for_each(|line| output::line(&format!("  {}", self.paint(line, DIM))))?;
        output::line("")
    }

    fn paint(&self, text: &str, style: &str) -> String {
        if self.colour { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// How wide a terminal shows a text: what is written in Japanese takes two columns a letter.
fn columns(text: &str) -> usize {
    let is_wide = |letter: char| ('\u{1100}'..='\u{ff60}').contains(&letter) && !('\u{2000}'..='\u{2e7f}').contains(&letter);
    text.chars().map(|letter| if is_wide(letter) { 2 } else { 1 }).sum()
}

/// Receipts to show, and whether there are more.
pub(super) struct Found {
    pub(super) receipts: Vec<Receipt>,
    pub(super) more: bool,
}
