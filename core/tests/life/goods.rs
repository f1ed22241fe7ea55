//! The server's side of the catalogue, and what a shop sells.

use std::collections::BTreeMap;

use super::support::*;
use noren_core::net::Request;
use noren_rules::catalogue::{AssetInfo, AssetKind, Price, SizeMm, VariantInfo};
use noren_rules::fold::fold;
use noren_rules::ids::{ProductId, Sku};
use noren_rules::receipt::Channel;
use noren_rules::scan::Gtin;
use noren_rules::wire::*;

/// Green tea of the real JAN list's kind.
pub const TEA_JAN: &str = "4901777018686";

/// What the operator sells, and what members made of it.
#[derive(Default)]
pub struct Goods {
    pub products: Vec<ProductRecord>,
    pub ranking: Vec<(u32, u64, ProductId)>,
    pub reviews: BTreeMap<ProductId, Vec<Review>>,
    /// By device.
    pub favourites: BTreeMap<String, Vec<Favourite>>,
    pub back: Vec<BackInStock>,
    pub reactions: Vec<Reaction>,
    /// Reviews of one page.
    pub page: usize,
}

pub fn variant(sku: &str, gtin: Option<&str>, colour: Option<&str>, size: Option<&str>, yen: i64) -> VariantInfo {
    let price = Price { channel: None, from_ms: None, until_ms: None, amount_minor: yen, currency: "JPY".into() };
    VariantInfo {
        sku: sku.into(),
        gtin: gtin.map(|gtin| gtin.parse::<Gtin>().unwrap()),
        colour: colour.map(str::to_owned),
        size: size.map(str::to_owned),
        prices: vec![price],
    }
}

pub fn product(id: &str, ja: &str, en: &str, variants: Vec<VariantInfo>) -> ProductRecord {
    let product = ProductInfo {
        id: id.into(),
        title: [("ja".to_owned(), ja.to_owned()), ("en".to_owned(), en.to_owned())].into(),
        reading: None,
        brand: None,
        description: TextByLanguage::new(),
        variants,
        assets: Vec::new(),
        size_mm: None,
        tax_class: None,
        least_age: None,
    };
    ProductRecord { product, ratings: 0, stars: 0, version: 1 }
}

/// Tea by its JAN; a shirt in two colours and three sizes, one of them missing; a shelf with a picture and a size.
pub fn shelves(goods: &mut Goods) {
    let mut tea = product("tea", "おーいお茶", "Green tea", vec![variant("T-1", Some(TEA_JAN), None, None, 150)]);
    tea.product.reading = Some("おーいおちゃ".into());
    tea.product.brand = Some("伊藤園".into());
    tea.product.variants[0].prices.push(Price {
        channel: Some(Channel::Store),
        from_ms: Some(START_MS + 3_600_000),
        until_ms: Some(START_MS + 7_200_000),
        amount_minor: 99,
        currency: "JPY".into(),
    });
    (tea.ratings, tea.stars) = (4, 17);
    let shirt = ["赤/S", "赤/M", "赤/L", "青/S", "青/L"].iter().map(|name| {
        let (colour, size) = name.split_once('/').unwrap();
        variant(name, None, Some(colour), Some(size), if size == "L" { 2_490 } else { 1_990 })
    });
    let shirt = product("shirt", "Ｔシャツ", "T-shirt", shirt.collect());
    let mut shelf = product("shelf", "本棚", "Bookcase", vec![variant("55501", None, None, None, 9_900)]);
    shelf.product.size_mm = Some(SizeMm { width_mm: 800, depth_mm: 300, height_mm: 1_800 });
    let (url, sha256) = ("https://img.example.jp/shelf.glb".to_owned(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0".to_owned());
    shelf.product.assets = vec![AssetInfo { kind: AssetKind::Glb, url, sha256, size_bytes: 3, width_px: None, height_px: None, sku: None }];
    goods.products.extend([tea, shirt, shelf]);
    goods.page = 2;
}

pub fn review(id: &str, stars: u8, verified: bool) -> Review {
    Review { id: id.into(), stars, text: format!("感想 {id}"), language: "ja".into(), verified, at_ms: START_MS }
}

fn value(query: &str, name: &str) -> Option<String> {
    let text = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    Some(String::from_utf8(bytes).unwrap())
}

impl Server {
    pub fn stock_shelves(&self, change: impl FnOnce(&mut Goods)) {
        change(&mut self.world.lock().unwrap().goods);
    }

    pub fn goods<T>(&self, look: impl FnOnce(&Goods) -> T) -> T {
        look(&self.world.lock().unwrap().goods)
    }

    pub fn read_goods(
        &self,
        goods: &Goods,
        request: &Request,
        path: &str,
        query: &str,
        device: &str,
    ) -> Option<(u16, String, Option<String>)> {
        Some(match path {
            paths::PRODUCTS => ok(&ProductPage { products: asked(goods, query), as_of_ms: self.now_ms() }),
            paths::RANKING => {
                let record = |id: &ProductId| goods.products.iter().find(|record| record.product.id == *id).unwrap().clone();
                let ranked = goods.ranking.iter().map(|(rank, sold, id)| RankedProduct { rank: *rank, sold: *sold, record: record(id) });
                let ranking = Ranking { products: ranked.collect(), as_of_ms: self.now_ms() };
                tagged(request, &format!("{:?}", goods.ranking), &ranking)
            }
            paths::REVIEWS => {
                let all = goods.reviews.get(&ProductId(value(query, "product").unwrap())).cloned().unwrap_or_default();
                let from: usize = value(query, "cursor").map_or(0, |cursor| cursor.parse().unwrap());
                let to = (from + goods.page).min(all.len());
                ok(&ReviewPage {
                    reviews: all[from..to].to_vec(),
                    next: (to < all.len()).then(|| to.to_string()),
                    ratings: all.len() as u32,
                    stars: all.iter().map(|review| u32::from(review.stars)).sum(),
                    as_of_ms: self.now_ms(),
                })
            }
            paths::FAVOURITES => {
                let said = self.favourites(goods, device);
                tagged(request, &format!("{:?}{:?}", said.favourites, said.back_in_stock), &said)
            }
            _ => return None,
        })
    }

    fn favourites(&self, goods: &Goods, device: &str) -> Favourites {
        let favourites = goods.favourites.get(device).cloned().unwrap_or_default();
        Favourites { favourites, back_in_stock: goods.back.clone(), as_of_ms: self.now_ms() }
    }

    pub fn write_goods(&self, world: &mut World, request: &Request, path: &str, device: &str) -> (u16, String, Option<String>) {
        let goods = &mut world.goods;
        let knows = |goods: &Goods, sku: &Sku| goods.products.iter().any(|record| record.product.variants.iter().any(|v| v.sku == *sku));
        match path {
            paths::REVIEWS => {
                let body: ReviewRequest = serde_json::from_slice(&request.body).unwrap();
                if !goods.products.iter().any(|record| record.product.id == body.product) {
                    return problem(404, Reason::NotFound);
                }
                let mine = Review { text: body.text, language: body.language, ..review(&format!("of-{device}"), body.stars, false) };
                let all = goods.reviews.entry(body.product).or_default();
                all.retain(|known| known.id != mine.id);
                all.insert(0, mine.clone());
                ok(&mine)
            }
            paths::FAVOURITES => {
                let body: FavouriteRequest = serde_json::from_slice(&request.body).unwrap();
                if !knows(goods, &body.sku) {
                    return problem(404, Reason::NotFound);
                }
                let since_ms = self.now_ms();
                let liked = goods.favourites.entry(device.to_owned()).or_default();
                liked.retain(|known| known.sku != body.sku);
                if body.wanted {
                    liked.insert(0, Favourite { sku: body.sku, watch: body.watch, since_ms });
                }
                ok(&self.favourites(&world.goods, device))
            }
            _ => {
                let body: ReactionsRequest = serde_json::from_slice(&request.body).unwrap();
                let kept = body.reactions.iter().filter(|reaction| knows(goods, &reaction.sku)).count() as u32;
                goods.reactions.extend(body.reactions);
                ok(&ReactionsKept { kept })
            }
        }
    }
}

fn tagged<T: serde::Serialize>(request: &Request, state: &str, body: &T) -> (u16, String, Option<String>) {
    let etag = format!("\"{:x}\"", state.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))));
    if request.header("if-none-match") == Some(&etag) {
        return (304, String::new(), Some(etag));
    }
    let (status, body, _) = ok(body);
    (status, body, Some(etag))
}

fn asked(goods: &Goods, query: &str) -> Vec<ProductRecord> {
    if let Some(text) = value(query, "text") {
        let holds = |text: &str, needle: &str| fold(text).contains(&fold(needle));
        let found = goods.products.iter().filter(|record| record.product.title.values().any(|title| holds(title, &text)));
        return found.take(value(query, "limit").unwrap().parse().unwrap()).cloned().collect();
    }
    let list =
        |name: &str| -> Vec<String> { value(query, name).map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default() };
    let (ids, skus, gtins) = (list("ids"), list("skus"), list("gtins"));
    assert!(ids.len() + skus.len() + gtins.len() <= 200);
    let named = |record: &&ProductRecord| {
        let is_one = |variant: &VariantInfo| {
            skus.contains(&variant.sku.0) || variant.gtin.as_ref().is_some_and(|gtin| gtins.contains(&gtin.to_string()))
        };
        ids.contains(&record.product.id.0) || record.product.variants.iter().any(is_one)
    };
    goods.products.iter().filter(named).cloned().collect()
}
