//! The shopper who asks: is it on the shelf, in my size, when I get there?

mod hold;
mod later;
mod words;

use std::path::Path;
use std::sync::Arc;

use noren_backend::Backend as Server;
use noren_core::catalogue::{CatalogueError, ProductView};
use noren_core::net::Transport;
use noren_tour::stores::{CHAIN, ChainOperator, ChainStore, Feed, NOON_MIN, StoreShopper, StoreTill, StoryDays, TwoDays};
use noren_tour::travel::StoryClock;

use super::network::Network;
use super::show::Show;
use crate::output::Failure;

/// What is printed below the bars of the bottle on the shelf: soy sauce, 500 ml.
const SCANNED: &str = "4901515122217";
/// The same with a wrong check digit: a smudge.
const MISREAD: &str = "4901515122218";
/// What the shopper wants: the large one.
const WANTED: &str = "soy-1000";
/// The shopper's name in the online shop.
const ACCOUNT: &str = "hana@example.com";

/// What all acts of the stores share.
struct Scene<'a> {
    show: &'a Show,
    folder: &'a Path,
    server: &'a Server,
    network: &'a Network,
    clock: &'a StoryClock,
    operator: ChainOperator,
    tills: Vec<StoreTill>,
    two: TwoDays,
    days: StoryDays,
    hana: StoreShopper,
}

/// Plays the acts of the stores.
pub(super) async fn play(show: &Show, folder: &Path, server: &Server, network: &Network, clock: &StoryClock) -> Result<(), Failure> {
    let transport: Arc<dyn Transport> = network.transport();
    let days = StoryDays::before_next_noon(clock);
    clock.pass_until_ms(days.at_ms(NOON_MIN));
    let scene = Scene {
        show,
        folder,
        server,
        network,
        clock,
        operator: ChainOperator::new(&server.url(), noren_backend::DEMO_OPERATOR_TOKEN, transport.clone(), clock),
        tills: StoreTill::all(server, &transport, clock).await.map_err(Failure::failed)?,
        two: TwoDays::read().map_err(Failure::failed)?,
        days,
        hana: StoreShopper::enrol(&folder.join("hana"), &server.url(), transport.clone(), clock).await.map_err(Failure::failed)?,
    };
    scene.the_chain_opens().await?;
    let product = scene.in_the_store().await?;
    scene.the_last_bottle(&product).await?;
    scene.the_walk().await?;
    scene.the_afternoon(&product).await?;
    scene.three_days_later(&product).await
}

impl Scene<'_> {
    fn feed(&self) -> Feed<'_> {
        Feed::new(&self.two, self.days, &self.tills)
    }

    /// Passes the story's time until a minute since its first midnight.
    fn it_is(&self, minute: i64) {
        self.clock.pass_until_ms(self.days.at_ms(minute));
    }

    async fn the_chain_opens(&self) -> Result<(), Failure> {
        let show = self.show;
        show.act("A chain of four stores in Kurashiki (倉敷): two days of real sales are its stock")?;
        let products = self.operator.put().await.map_err(Failure::failed)?;
        let articles = self.two.articles.len();
        show.fact(
            "products",
            &format!("{products}, in {articles} sizes and flavours, each with its real JAN code (Open Food Facts, ODbL)"),
        )?;
        show.fact("made up", "the chain, where its stores stand, prices, shelves, what lies there in the morning")?;
        show.fact("sold", "UCI Online Retail at its times of day: its busiest articles are the chain's, by rank; a dozen is a piece")?;
        self.operator.open_the_books(&self.two, &self.days).await.map_err(Failure::failed)?;
        let fed = self.feed().until_noon().await.map_err(Failure::failed)?;
        let sales = format!("{} sales of six tills: {} came twice, {} late and in the wrong order", fed.sales, fed.doubled, fed.late);
        show.fact("heard until noon", &sales)?;
        show.fact("", &format!("{} stock events, two of them a count and a delivery; {} of a time to come waits", fed.events, fed.ahead))
    }

    async fn in_the_store(&self) -> Result<ProductView, Failure> {
        let (show, store) = (self.show, chain_store(0)?);
        show.act("In a store without a network, the shopper scans what is on the shelf")?;
        let here = store.position().map_err(Failure::failed)?;
        let code = self.ec_till()?.ec_code(ACCOUNT).await.map_err(Failure::failed)?;
        self.hana.link(&code.code).await.map_err(Failure::failed)?;
        self.hana.prepare(&here, "しょうゆ").await.map_err(Failure::failed)?;
        self.network.cut();
        self.it_is(NOON_MIN + 2);
        let catalogue = self.hana.noren().catalogue();
        let Err(CatalogueError::Unreadable { refusal }) = catalogue.scan(MISREAD.as_bytes(), Some(&store.store_id())) else {
            return Err(Failure::failed("a wrong check digit was read as a product"));
        };
        show.fact(MISREAD, &format!("{} · {} ({})", refusal.text_ja(), refusal.text_en(), refusal.reason()))?;
        let scan = catalogue.scan(SCANNED.as_bytes(), Some(&store.store_id())).map_err(Failure::failed)?;
        let product = scan.product.ok_or_else(|| Failure::failed("the scanned product is not on the phone"))?;
        show.fact(SCANNED, &words::described(&product))?;
        let matrix = self.hana.where_is(&product, &WANTED.into(), Some(&store.store_id()), &here).map_err(Failure::failed)?;
        for variant in &matrix.variants {
            let nearby = variant.stores.iter().chain(&variant.online).filter(|_| variant.sku.as_str() == WANTED);
            let here = variant.here.iter().map(|answer| ("here", answer));
            for (where_, answer) in here.chain(nearby.map(|answer| ("nearby", answer))) {
                show.fact(&format!("{} {where_}", words::size(&product, &variant.sku)), &words::answered(answer))?;
            }
        }
        let steps: Vec<String> = matrix.next_steps.iter().map(|step| words::step(&product, step)).collect();
        show.fact("next steps", &steps.join(", or "))?;
        let watched = vec![store.store_id()];
        catalogue.like(&WANTED.into(), true, watched).map_err(Failure::failed)?;
        show.fact("liked", "and watched in this store; both wait for a network")?;
        Ok(product)
    }

    /// The online shop's own till is the last.
    fn ec_till(&self) -> Result<&StoreTill, Failure> {
        self.tills.last().ok_or_else(|| Failure::failed("the online shop has no till"))
    }
}

fn chain_store(at: usize) -> Result<&'static ChainStore, Failure> {
    CHAIN.get(at).ok_or_else(|| Failure::failed(format!("the chain has no store {at}")))
}
