use super::support::*;
use noren_core::member::{CardStanding, MemberError, Symbology};
use noren_rules::code::MemberCode;
use noren_rules::one_dimensional;
use std::process::Command;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn the_card_is_read_by_a_till_that_asks_no_one() {
    let phone = Phone::new();
    phone.server.ahead_ms.store(7_200_000, Ordering::SeqCst);
    let noren = phone.enrolled().await;
    phone.offline(true);
    for _ in 0..4 {
        let view = noren.member().card(Symbology::Qr).unwrap();
        let read = MemberCode::read(view.text.as_bytes()).unwrap();
        let verified = read.verify(&phone.server.issuers(), phone.server.now_ms() / 1000).unwrap();
        assert_eq!(Some(verified.step), view.step);
        assert_eq!(view.standing, CardStanding::Good);
        assert!(view.valid_until_ms.unwrap() > view.time.now_ms);
        phone.clock.pass(20_000);
    }
}

#[tokio::test]
async fn a_code_made_ahead_is_shown_when_its_step_begins() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    let member = noren.member();
    let now = member.card(Symbology::Qr).unwrap();
    member.prepare_next().unwrap();
    let signatures = phone.safe.signatures.load(Ordering::SeqCst);
    phone.clock.pass(20_000);
    let next = member.card(Symbology::Qr).unwrap();
    assert_eq!(phone.safe.signatures.load(Ordering::SeqCst), signatures, "no signature was waited for");
    assert_eq!(next.step, now.step.map(|step| step + 1));
}

#[tokio::test]
async fn after_a_reboot_the_card_shows_and_says_that_the_clock_is_unproven() {
    let phone = Phone::new();
    drop(phone.enrolled().await);
    *phone.clock.id.lock().unwrap() = "boot-2".into();
    phone.clock.boot.store(5, Ordering::SeqCst);
    let view = phone.open().member().card(Symbology::Qr).unwrap();
    assert_eq!(view.standing, CardStanding::ClockUnproven);
    assert!(MemberCode::read(view.text.as_bytes()).unwrap().verify(&phone.server.issuers(), phone.server.now_ms() / 1000).is_ok());
}

#[tokio::test]
async fn an_expired_credential_shows_bars_and_asks_for_one_contact() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    phone.clock.pass(31 * 86_400_000);
    let view = noren.member().card(Symbology::Qr).unwrap();
    assert_eq!((view.symbology, view.standing), (Symbology::Code128, CardStanding::NeedsContact));
    noren.member().refresh().await.unwrap();
    assert_eq!(noren.member().card(Symbology::Qr).unwrap().standing, CardStanding::Good);
}

#[tokio::test]
async fn without_a_card_there_is_nothing_to_show() {
    let phone = Phone::new();
    assert_eq!(phone.open().member().card(Symbology::Qr).unwrap_err(), MemberError::NotEnrolled);
}

#[tokio::test]
async fn the_one_dimensional_codes_are_the_servers() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    let text = noren.member().card(Symbology::Code128).unwrap().text;
    let (_, otp) = one_dimensional::read_code128(&text).unwrap();
    assert!(one_dimensional::verify_otp(&[9; 20], otp, phone.server.now_ms() / 1000).is_some());
    let ean = noren.member().card(Symbology::Ean13).unwrap();
    assert!(one_dimensional::is_ean13(&ean.text));
    assert_eq!(ean.number.replace(' ', ""), ean.text);
    assert_eq!((ean.step, ean.valid_until_ms), (None, None));
}

#[tokio::test]
async fn showing_writes_nothing_and_needs_no_database() {
    let phone = Phone::new();
    drop(phone.enrolled().await);
    // Databases that cannot be opened at all: directories in their place.
    for name in ["outbox.db", "cache.db"] {
        for file in [name.to_owned(), format!("{name}-wal"), format!("{name}-shm")] {
            let _ = std::fs::remove_file(phone.files().join(file));
        }
        std::fs::create_dir(phone.files().join(name)).unwrap();
    }
    let before = bytes_below(&phone.files());
    let noren = phone.open();
    let view = noren.member().card(Symbology::Qr).unwrap();
    assert!(MemberCode::read(view.text.as_bytes()).unwrap().verify(&phone.server.issuers(), phone.server.now_ms() / 1000).is_ok());
    assert!(matches!(noren.member().state(), noren_core::member::MemberState::Enrolled { .. }));
    assert_eq!(bytes_below(&phone.files()), before);
    assert!(noren.purchases().page(None, 10).is_err());
    assert!(noren.outbox().send_due().await.is_err());
    noren.member().card(Symbology::Qr).unwrap();
}

#[tokio::test]
async fn every_symbology_is_read_back_by_zbarimg() {
    if Command::new("zbarimg").arg("--version").output().is_err() {
        eprintln!("SKIPPED: zbarimg is not installed (Debian: zbar-tools)");
        return;
    }
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    for symbology in [Symbology::Qr, Symbology::Code128, Symbology::Ean13, Symbology::Nw7] {
        let view = noren.member().card(symbology).unwrap();
        for scale in [2, 3, 4] {
            let path = phone.directory.path().join("card.png");
            std::fs::write(&path, view.png(scale).unwrap()).unwrap();
            let read = Command::new("zbarimg").args(["-q", "--raw", "-Scodabar.enable", "-Sean13.enable"]).arg(&path).output().unwrap();
            let text = String::from_utf8(read.stdout).unwrap();
            assert_eq!(text.trim_end_matches('\n'), view.text, "{symbology:?} at {scale}");
        }
    }
}

#[tokio::test]
async fn drawings_have_their_quiet_zone() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    let view = noren.member().card(Symbology::Qr).unwrap();
    let side = view.matrix.width + 8;
    assert!(view.svg().starts_with(&format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\"")));
    let text = view.terminal_text();
    let framed = text.lines().all(|line| {
        let edge = |edge: &str| line.starts_with(edge) && line.ends_with(edge);
        line.chars().count() <= 80 && (edge("████") || edge("▀▀▀▀"))
    });
    assert!(framed, "{text}");
    assert_eq!(text.lines().count(), side.div_ceil(2) as usize);
    let bars = noren.member().card(Symbology::Code128).unwrap();
    assert_eq!((bars.matrix.height, bars.matrix.quiet_zone), (1, 10));
    assert!(bars.terminal_text().lines().all(|line| line.starts_with(&"█".repeat(10)) || line.starts_with('▀')));
    let decoder = png::Decoder::new(std::io::Cursor::new(view.png(3).unwrap()));
    assert_eq!(decoder.read_info().unwrap().info().width, side * 3);
}
