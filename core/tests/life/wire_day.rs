//! What leaves the phone in a day on the road: how often, how much, and never where it was.

use super::shop::*;
use super::support::*;
use noren_core::net::Request;
use noren_rules::b64;
use noren_rules::geo::Position;
use noren_rules::wire::PlaceInfo;

const STEP_MS: i64 = 10_000;

/// Every way in which a coordinate of the track could be written: degrees with two decimals or more, ten-millionths, thousandths.
fn written(position: &Position) -> Vec<String> {
    [position.lat_deg(), position.lon_deg()]
        .iter()
        .flat_map(|degrees| {
            let fixed = format!("{degrees:.7}");
            let whole = |per: f64| format!("{}", (degrees * per) as i64).chars().take(6).collect::<String>();
            [fixed.chars().take(fixed.find('.').unwrap() + 3).collect(), whole(1e7), whole(1e6)]
        })
        .collect()
}

/// Everything that somebody on the wire could read: addresses, headers, bodies, and what is wrapped in base64url in them.
fn readable(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let wrapped: Vec<String> = body
        .split('"')
        .filter_map(b64::decode)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned() + &bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect();
    let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{} {} {} {}", request.url, headers.join(" "), body, wrapped.join(" "))
}

#[tokio::test]
async fn a_day_on_the_road_costs_little_and_tells_no_position() {
    let phone = Phone::new();
    let stops: Vec<Position> = (1..=3).map(|n| miyajima().towards(63.0, 22_000.0 * f64::from(n))).collect();
    // What the server is told of places is the operator's; their coordinates come to the phone and do not go back.
    let along: Vec<PlaceInfo> = stops.iter().enumerate().map(|(n, at)| place(&format!("sa-{n}"), "SA", at)).collect();
    let noren = phone
        .at_miyajima(|shop| {
            shop.places.extend(along);
            // As dense as rest stops and the stores of one chain are.
            for n in 0..100 {
                let at = miyajima().towards(f64::from(n) * 7.0, 3_000.0 + 600.0 * f64::from(n));
                shop.places.push(place(&format!("pa-{n}"), "パーキングエリア", &at));
            }
            shop.offers = (0..15).map(|n| visitor_offer(20 + n, &format!("sa-{}", n % 3))).collect();
            shop.lease = leased(&(20..35).collect::<Vec<u32>>());
        })
        .await;
    let mut track = Vec::new();
    let (mut at, mut made, mut due) = (miyajima(), 0, 0);
    for stop in &stops {
        while at.distance_m(stop) > 300.0 {
            at = at.towards(at.bearing_deg(stop), 250.0);
            track.push(at);
            phone.clock.pass(STEP_MS);
            let report = noren.check_in().observe(vec![phone.fix(&at, Some(25.0))]).unwrap();
            made += report.check_ins.len();
            if report.area_due {
                due += 1;
                noren.places().refresh(&at).await.unwrap();
                noren.coupons().refresh().await.unwrap();
            }
        }
        let report = noren.check_in().observe(phone.stop_at(stop)).unwrap();
        made += report.check_ins.len();
        noren.outbox().send_due().await.unwrap();
        noren.coupons().begin_presentation();
        noren.coupons().end_presentation();
        at = *stop;
    }
    assert_eq!(made, 3);
    let world = phone.server.world.lock().unwrap();
    // Enrolment and its nonce come once in a phone's life.
    let day: Vec<&Request> = world.sent.iter().filter(|request| !request.url.ends_with("/v1/enrolments")).skip(1).collect();
    let bytes = world.received + day.iter().map(|request| request.url.len() + request.body.len()).sum::<usize>();
    let urls: Vec<&str> = day.iter().map(|request| request.url.as_str()).collect();
    assert!(day.len() <= 8, "{} requests, {due} areas: {urls:#?}", day.len());
    assert!(bytes <= 60_000, "{bytes} bytes");
    let texts: Vec<String> = world.sent.iter().map(readable).collect();
    let control = readable(&Request {
        method: noren_core::net::Method::Post,
        url: String::new(),
        headers: vec![],
        body: format!("{{\"at\":{:.4}}}", track[5].lat_deg()).into_bytes(),
    });
    assert!(written(&track[5]).iter().any(|number| control.contains(number)), "the recorder would find one");
    for position in track.iter().chain(&stops) {
        for number in written(position) {
            assert!(!texts.iter().any(|text| text.contains(&number)), "{number}");
        }
    }
}
