//! The tour: from an empty phone to a searchable purchase history, past real service areas, to the last bottle on a shelf, and to a coffee at the station; on real sales data,
//! with the network cut in the middle of each.

mod chance;
mod diners;
mod network;
mod shop;
mod shopper;
mod show;
mod stores;
pub(crate) mod target;
mod traveller;

use std::path::PathBuf;
use std::sync::Arc;

use noren_backend::{PaymentProvider, PaymentSandbox, Settings};
use noren_rules::fold::fold;
use noren_till::Language;
use noren_tour::travel::StoryClock;

use crate::output::Failure;
use crate::till_client::Backend;
use network::Network;
use shop::Shop;
use shopper::Shopper;
use show::Show;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Sell this sales log in the tour (UCI Online Retail, CSV, plain or gzipped) instead of the slice that comes with it.
    #[arg(long, value_name = "FILE")]
    sales: Option<PathBuf>,
    /// Language of the till's lines: ja or en.
    #[arg(long, value_name = "LANGUAGE", default_value = "ja", value_parser = language)]
    till_language: Language,
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "ja" => Ok(Language::Ja),
        "en" => Ok(Language::En),
        _ => Err("ja or en".to_owned()),
    }
}

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let show = Show::new();
    let folder = tempfile::tempdir().map_err(Failure::failed)?;
    show.title("Noren", "one card, one history, online and in the store")?;

    show.act("The backend starts on loopback")?;
    let clock = StoryClock::default();
    let payments = folder.path().join(noren_backend::SANDBOX_FILE);
    let sandbox = Arc::new(
        PaymentSandbox::open(
            &payments,
            Arc::new({
                let clock = clock.clone();
                move || clock.now_ms()
            }),
        )
        .map_err(Failure::failed)?,
    );
    let settings = Settings {
        payments: Some(Arc::<PaymentSandbox>::clone(&sandbox) as Arc<dyn PaymentProvider>),
        chance: noren_tour::year::FITTED,
        clock: Arc::new({
            let clock = clock.clone();
            move || clock.now_ms()
        }),
        ..Settings::default()
    };
    let backend = noren_backend::start(settings).await.map_err(Failure::failed)?;
    let network = Network::on()?;
    let address = Backend { backend: backend.url(), token: noren_backend::DEMO_TILL_TOKEN.to_owned() };
    let mut shop = Shop::open(folder.path(), &address, &network, options.sales.as_deref()).await?;
    show.fact("backend", &backend.url())?;
    show.fact("sales log", &shop.about())?;

    show.act("A shopper enrols: no account, no phone number")?;
    let shopper = Shopper::enrol(folder.path(), &address, &network).await?;
    show.fact("member", &shopper.member()?)?;

    show.act("The old plastic card and the online account join in")?;
    shopper.link(&shop).await?;
    show.fact("linked", &shopper.linked()?)?;

    show.act("The network is cut. The card is there all the same")?;
    network.cut();
    let (card, waited) = shopper.card_from_a_cold_start(&network)?;
    show.code(&card.terminal_text())?;
    show.plain(&card.text)?;
    show.fact("from a cold start", &format!("{:.1} ms, no tap", waited.as_secs_f64() * 1_000.0))?;
    for file in shopper.write_card(&card)? {
        show.fact("written", &file)?;
    }

    show.act("The till reads it without asking any server")?;
    let taken = shop.scan(&card.text, "sale 1", 0);
    show.till(&taken, options.till_language)?;
    show.act("A screenshot of it, a minute later, at the same till")?;
    let screenshot = shop.scan(&card.text, "sale 2", 60);
    show.till(&screenshot, options.till_language)?;

    show.act("The shop sells on, with no network: every sale is kept before it is sent")?;
    let sold = shop.sell(&card.text)?;
    show.fact("receipts printed", &sold.receipts.to_string())?;
    show.fact("lines", &sold.lines.to_string())?;
    show.fact("left out of the log", &sold.skipped)?;
    show.fact("waiting in the till", &shop.waiting()?.to_string())?;

    show.act("The network is back: the till delivers, the phone pulls")?;
    network.restore();
    shop.deliver().await?;
    show.fact("waiting in the till", &shop.waiting()?.to_string())?;
    let pulled = shopper.pull().await?;
    show.fact("receipts on the phone", &pulled.to_string())?;
    show.fact("points on the card", &shopper.points()?.to_string())?;

    show.act("The network is cut again: the history is on the phone")?;
    network.cut();
    show.receipts("no search", &shopper.newest(4)?, |_| true)?;
    for text in ["clock", "ＨＥＡＲＴ", "or"] {
        let sought = fold(text);
        show.receipts(&format!("search «{text}»"), &shopper.search(text, 3)?, |line| fold(&line.description).contains(&sought))?;
    }
    show.totals(&shopper.totals()?)?;

    network.restore();
    traveller::play(&show, folder.path(), &backend, &network, &clock, options.till_language).await?;
    stores::play(&show, folder.path(), &backend, &network, &clock).await?;
    diners::play(&show, folder.path(), &backend, &network, &clock, &sandbox).await?;
    chance::play(&show)?;
    backend.shutdown().await;
    show.end(&[
        "cargo run -- serve --stores   the backend for your own app, with the chain of stores",
        "cargo run -- enrol --help     a phone in a directory",
        "cargo run -- --help           all tools",
    ])
}
