//! The router: every path of the contract, and problem details for everything else.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use noren_rules::wire::{Reason, SERVER_TIME, paths};
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::fault::Refusal;
use crate::http::problem::{JSON, text};
use crate::http::{Answer, Call};
use crate::{
    add_ons, areas, cards, catalogue, check_ins, claims, conditions, credits, ec, enrolment, erasure, favourites, feed, funnel, holds,
    identify, leases, links, membership, menus, nonces, offers, openapi, order_report, orders, pages, place_codes, places, points, quotes,
    ranking, reactions, resolution, reviews, sales, seats, self_baskets, slots, stock, tills, tokens, wallet,
};

/// Every route with its handler.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<App>)> {
    vec![
        (paths::NONCE, get(nonces::get)),
        (paths::ENROLMENTS, post(enrolment::post)),
        (paths::TOKENS, post(tokens::post)),
        (paths::CREDENTIALS, post(enrolment::renew)),
        (paths::LINKS, post(links::post)),
        (paths::MEMBERSHIP, get(membership::get)),
        (paths::RECEIPTS, get(feed::get)),
        (paths::CLAIMS, post(claims::post)),
        (paths::POINTS, get(points::get)),
        (paths::EXPORT, get(membership::export)),
        (paths::ERASURES, post(erasure::post)),
        (paths::RESOLUTIONS, post(resolution::post)),
        (paths::TILL_KEYS, get(tills::keys)),
        (paths::TILL_IDENTIFICATIONS, post(identify::post)),
        (paths::TILL_SALES, post(sales::post)),
        (paths::TILL_VOIDS, post(sales::void)),
        (paths::TILL_CARDS, post(cards::post)),
        (paths::TILL_EC_CODES, post(ec::post)),
        (paths::TILL_REVOCATIONS, post(tills::revoke_device)),
        (paths::AREAS, get(areas::get)),
        (paths::LEASES, post(leases::post)),
        (paths::WALLET, get(wallet::get)),
        (paths::CHECK_INS, post(check_ins::post)),
        (paths::TILL_QUOTES, post(quotes::post)),
        (paths::OPERATOR_PLACES, post(places::put)),
        (paths::OPERATOR_OFFERS, post(offers::put)),
        (paths::OPERATOR_CONDITIONS, post(conditions::put)),
        (paths::OPERATOR_KILLS, post(offers::put_kills)),
        (paths::OPERATOR_PLACE_CODES, post(place_codes::post)),
        (paths::OPERATOR_FUNNEL, get(funnel::get)),
        (paths::PRODUCTS, get(catalogue::get)),
        (paths::RANKING, get(ranking::get)),
        (paths::REACTIONS, post(reactions::post)),
        (paths::STORE_REACTIONS, post(reactions::post_of_store)),
        (paths::OPERATOR_REACTIONS, get(reactions::counts)),
        (paths::OPERATOR_CREDITS, get(credits::get)),
        (paths::REVIEWS, get(reviews::page).post(reviews::post)),
        (paths::FAVOURITES, get(favourites::get).post(favourites::post)),
        (paths::OPERATOR_PRODUCTS, post(catalogue::put)),
        (paths::HOLDS, get(holds::get).post(holds::post)),
        (paths::HOLD_PROGRESS, post(holds::progress)),
        (paths::HOLD_RELEASES, post(holds::release)),
        (paths::STORE_TASKS, get(holds::get_tasks).post(holds::post_task)),
        (paths::STORE_PAGE, get(pages::store)),
        (paths::STOCK, get(stock::get)),
        (paths::STOCK_EVENTS, post(stock::post_events)),
        (paths::OPERATOR_STOCK, post(stock::put)),
        (paths::OPERATOR_STOCK_FLAGS, get(stock::flags)),
        (paths::SEATS, post(seats::post)),
        (paths::KITCHEN_SEATS, post(seats::work)),
        (paths::SELF_BASKETS, post(self_baskets::post)),
        (paths::TILL_SELF_BASKETS, get(self_baskets::get)),
        (paths::ORDER_ADD_ONS, get(add_ons::get)),
        (paths::OPERATOR_ORDER_REPORT, get(order_report::get)),
        (paths::KITCHEN_PAGE, get(pages::kitchen)),
        (paths::MENUS, get(menus::get)),
        (paths::MENU_STATUS, get(menus::get_status)),
        (paths::SLOT_HOLDS, post(slots::post)),
        (paths::SLOT_RELEASES, post(slots::post_release)),
        (paths::KITCHEN_MODES, post(menus::post_mode)),
        (paths::KITCHEN_SOLD_OUT, post(menus::post_sold_out)),
        (paths::KITCHEN_WALK_INS, post(slots::post_walk_in)),
        (paths::OPERATOR_MENUS, post(menus::put)),
        (paths::ORDERS, get(orders::get).post(orders::post)),
        (paths::ORDER_STEPS, post(orders::post_step)),
        (paths::ORDER_EVENTS, get(orders::listen)),
        (paths::ORDER_PASSES, post(orders::pass)),
        (paths::KITCHEN, get(orders::get_kitchen)),
        (paths::KITCHEN_STEPS, post(orders::post_kitchen_step)),
        (paths::KITCHEN_HAND_OVERS, post(orders::hand_over)),
        (paths::OPENAPI, get(openapi::get)),
        (paths::HEALTH, get(health)),
    ]
}

pub(crate) fn router(app: App) -> Router {
    let known = routes().into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
    known
        .fallback(async || Refusal::new(Reason::NotFound, "there is no such path: see /openapi.json"))
        .method_not_allowed_fallback(async || Refusal::new(Reason::MethodNotAllowed, "this path has another method: see /openapi.json"))
        .layer(middleware::from_fn_with_state(app.clone(), around))
        // Places shrink to a tenth: a phone in the hills pays for bytes.
        .layer(CompressionLayer::new())
        .with_state(app)
}

async fn health(_call: Call) -> Answer {
    Ok(text(200, JSON, r#"{"ok":true}"#.to_owned()))
}

/// The server's time on every answer, and one line in the log that names no one.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", |path| path.as_str()).to_owned();
    let mut response = next.run(request).await.into_response();
    response.headers_mut().insert(SERVER_TIME, HeaderValue::from(app.now_ms()));
    tracing::debug!(%method, route, status = response.status().as_u16(), took_us = began.elapsed().as_micros(), "answered");
    response
}
