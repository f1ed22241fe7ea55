use super::*;
use crate::basket::{Slot, spread};
use proptest::prelude::*;

fn table() -> TaxTable {
    TaxTable::from_json(JAPAN).unwrap()
}

fn today() -> TaxRates {
    table().on("2026-11-22")
}

use TaxClass::{Alcohol, Bag, DeliveryFee, Food, Goods};
use TaxHandoff::{Delivery, EatIn, TakeOut};

/// Worked by hand from 国税庁「消費税の軽減税率制度に関するQ&A（個別事例編）」 and （制度概要編）, by the subject of the question: their numbers have moved
/// between the editions. The rules behind them: 平成28年法律15号 附則34条1項1号 (since October 2023 消費税法 2条1項9号の2 and 別表第一) for food, its イ for what is eaten
/// in, its ロ for catering; 軽減税率制度に関する取扱通達 8 and 9 (tables and chairs, those of others too), 11 (what the diner says when it is handed over
/// decides, not what the diner does then). Alcohol is that of 酒税法 2条1項 (1 % and more).
#[test]
fn the_cases_of_the_tax_agency() {
    let cases = [
        ("外食の範囲: ハンバーガー店の店内飲食", Food, EatIn, 100, false),
        ("ファストフードのテイクアウト", Food, TakeOut, 80, true),
        ("ドライブスルー: 飲食設備での提供ではない", Food, TakeOut, 80, true),
        ("フードコートでの飲食", Food, EatIn, 100, false),
        ("コンビニのイートインスペースでの飲食 (その意思を確認したとき)", Food, EatIn, 100, false),
        ("店内飲食の注文を受けた後の食べ残しの持ち帰り: 提供の時の意思による", Food, EatIn, 100, false),
        ("屋台・移動販売: 飲食設備のない場所での提供", Food, TakeOut, 80, true),
        ("飲食店のレジ前の菓子の販売: 食事の提供ではない", Food, TakeOut, 80, true),
        ("そばの出前・宅配ピザの配達", Food, Delivery, 80, true),
        ("ケータリング・出張料理: 相手方の指定した場所での役務を伴う", Food, EatIn, 100, false),
        ("セット商品のうち一部を店内飲食: 一の商品なので全体が食事の提供", Food, EatIn, 100, false),
        ("酒類の販売 (持ち帰り)", Alcohol, TakeOut, 100, false),
        ("みりん (酒税法の酒類)", Alcohol, TakeOut, 100, false),
        ("みりん風調味料 (アルコール分一度未満)", Food, TakeOut, 80, true),
        ("酒類を出前で", Alcohol, Delivery, 100, false),
        ("ノンアルコールビール・甘酒 (酒類でない)", Food, TakeOut, 80, true),
        ("医薬部外品の栄養ドリンク", Goods, TakeOut, 100, false),
        ("保冷剤に別途対価: 飲食料品でない", Goods, TakeOut, 100, false),
        ("レジ袋の有料提供", Bag, TakeOut, 100, false),
        ("飲食料品の送料を別に受け取るとき", DeliveryFee, Delivery, 100, false),
    ];
    for (question, class, handoff, permille, reduced) in cases {
        assert_eq!(today().rate(class, handoff), Ok(TaxRate { permille, reduced }), "{question}");
    }
}

/// 同 一体資産: 税抜価額が1万円以下で、食品に係る部分の価額の割合が3分の2以上.
#[test]
fn a_mixed_set_counts_by_its_price_and_its_food() {
    let class =
        |food_minor, whole_minor, price_minor, handoff| today().mixed_set_class(MixedSet { food_minor, whole_minor }, price_minor, handoff);
    // 菓子と玩具の食玩 (仕入れ 100 円のうち菓子 70 円).
    assert_eq!(class(70, 100, 216, TakeOut), Food);
    assert_eq!(class(66, 100, 216, TakeOut), Goods, "less than two thirds");
    assert_eq!(class(200, 300, 216, TakeOut), Food, "exactly two thirds");
    assert_eq!(class(199_999, 300_000, 216, TakeOut), Goods);
    // 10,800 yen at 8 % are 10,000 without tax.
    assert_eq!(class(9, 10, 10_800, TakeOut), Food);
    assert_eq!(class(9, 10, 10_801, TakeOut), Goods);
    // Eaten in, the rate of food is 10 %, and the set has the same one either way.
    let rates = today();
    let rate = |price| rates.rate(class(9, 10, price, EatIn), EatIn).unwrap().permille;
    assert_eq!((rate(1_100), rate(20_000)), (100, 100));
    for (food, whole) in [(1, 0), (0, 0), (-1, -1), (3, 2)] {
        assert_eq!(class(food, whole, 100, TakeOut), Goods, "{food} of {whole}");
    }
    assert_eq!(table().on("2018-01-01").mixed_set_class(MixedSet { food_minor: 1, whole_minor: 1 }, 1, TakeOut), Goods, "no rule yet");
}

/// インボイスQ&A「一括値引きがある場合の適格簡易請求書の記載」: 雑貨 3,300 円 (10 %), 牛肉 2,160 円 (8 %), 割引券 1,000 円. Spread by price that is 604 and 396 yen;
/// what is left is 2,696 yen with 245 of tax and 1,764 yen with 130 of tax.
#[test]
fn a_discount_on_both_rates_is_spread_before_the_tax() {
    let slot = |weight| Slot { weight, room: weight };
    let off = spread(1_000, &[slot(3_300), slot(2_160)]);
    assert_eq!(off, [604, 396]);
    let taxes = tax_lines([(100, 3_300 - 604), (80, 2_160 - 396)], TaxRounding::Down);
    assert_eq!(
        taxes,
        [
            TaxLine { tax_permille: 80, gross_minor: 1_764, tax_minor: 130 },
            TaxLine { tax_permille: 100, gross_minor: 2_696, tax_minor: 245 }
        ]
    );
}

/// インボイスQ&A「適格請求書に記載する消費税額等の端数処理」: once per rate per invoice, never per line; the way is the issuer's.
#[test]
fn tax_is_rounded_once_a_rate_and_as_the_issuer_says() {
    // Three onigiri of 150 yen hold 450 * 8 / 108 = 33.33 yen; by line it would be 3 * 11 = 33 down and 3 * 12 = 36 up.
    let by = |rounding| tax_lines([(80, 150), (80, 150), (80, 150)], rounding).first().unwrap().tax_minor;
    assert_eq!((by(TaxRounding::Down), by(TaxRounding::HalfUp), by(TaxRounding::Up)), (33, 33, 34));
    // 1,000 yen at 10 % hold 90.909; 121 hold 11 exactly; 297 at 8 % hold 22 exactly; 27 yen at 8 % hold 2 exactly.
    for (gross, permille, down, half_up, up) in
        [(1_000, 100, 90, 91, 91), (121, 100, 11, 11, 11), (297, 80, 22, 22, 22), (27, 80, 2, 2, 2), (0, 80, 0, 0, 0), (500, 0, 0, 0, 0)]
    {
        let found = [TaxRounding::Down, TaxRounding::HalfUp, TaxRounding::Up].map(|rounding| rounding.tax_in(gross, permille));
        assert_eq!(found, [down, half_up, up], "{gross} at {permille}");
        assert_eq!([TaxRounding::Down, TaxRounding::HalfUp, TaxRounding::Up].map(|r| r.tax_in(-gross, permille)), found.map(|tax| -tax));
    }
    assert_eq!(TaxRounding::Down.tax_in(110_000_000_000_000, 100), 10_000_000_000_000);
    assert!(TaxRounding::Up.tax_in(i64::MIN, 999) < 0 && TaxRounding::Up.tax_in(i64::MAX, 999) > 0);
}

#[test]
fn the_day_of_hand_over_decides_and_a_change_is_a_row() {
    let food = |date: &str, handoff| table().on(date).rate(Food, handoff);
    assert_eq!(food("2019-09-30", EatIn), Ok(TaxRate { permille: 80, reduced: false }));
    assert_eq!(food("2019-10-01", EatIn), Ok(TaxRate { permille: 100, reduced: false }));
    assert_eq!(food("2019-10-01", TakeOut), Ok(TaxRate { permille: 80, reduced: true }));
    assert_eq!(food("2014-03-31", EatIn), Err(TaxTableError::NoRate { class: Food, date: "2014-03-31".into() }));
    let mut changed = table();
    for handoff in [TakeOut, Delivery] {
        let from_date = "2030-04-01".to_owned();
        changed.rows.push(TaxRow { class: Food, handoff: Some(handoff), from_date, permille: 10, reduced: true });
    }
    assert_eq!(changed.check(), Ok(()));
    assert_eq!(changed.on("2030-03-31").rate(Food, TakeOut).unwrap().permille, 80);
    assert_eq!(changed.on("2030-04-01").rate(Food, TakeOut).unwrap().permille, 10);
    assert_eq!(changed.on("2030-04-01").rate(Food, EatIn).unwrap().permille, 100);
    assert_eq!(changed.on("2030-04-01").rate(Alcohol, TakeOut).unwrap().permille, 100);
    // 0 % is a rate too.
    changed.rows.push(TaxRow { class: Food, handoff: Some(TakeOut), from_date: "2031-04-01".into(), permille: 0, reduced: true });
    assert_eq!(changed.on("2031-04-01").rate(Food, TakeOut), Ok(TaxRate { permille: 0, reduced: true }));
}

#[test]
fn a_table_that_cannot_be_is_refused() {
    let row = |from_date: &str, permille| TaxRow { class: Food, handoff: None, from_date: from_date.into(), permille, reduced: false };
    let of = |rows| TaxTable { rows, mixed_sets: vec![] }.check();
    assert_eq!(of(vec![row("2026-02-30", 80)]), Err(TaxTableError::Date("2026-02-30".into())));
    assert_eq!(of(vec![row("2026-02-28", 1_000)]), Err(TaxTableError::Rate(1_000)));
    let twice = Err(TaxTableError::Twice { class: Food, from_date: "2026-01-01".into() });
    assert_eq!(of(vec![row("2026-01-01", 80), row("2026-01-01", 100)]), twice);
    assert_eq!(of(vec![row("2026-01-01", 80); MAX_TAX_ROWS + 1]), Err(TaxTableError::TooLarge));
    let rule = |food_parts, whole_parts| MixedSetRule { from_date: "2026-01-01".into(), most_net_minor: 1, food_parts, whole_parts };
    for wrong in [rule(0, 3), rule(4, 3)] {
        assert_eq!(TaxTable { rows: vec![], mixed_sets: vec![wrong] }.check(), Err(TaxTableError::MixedSet));
    }
    for form in
        ["", "{}", r#"{"rows":[],"rate":8}"#, r#"{"rows":[{"class":"food","from_date":"2026-01-01","permille":-1,"reduced":false}]}"#]
    {
        assert_eq!(TaxTable::from_json(form), Err(TaxTableError::Form), "{form}");
    }
}

fn paid(pieces: u32, gross_minor: i64, tax_permille: u32) -> PaidLine {
    PaidLine { pieces, gross_minor, points_paid_minor: 0, points: 0, tax_permille, refunded_pieces: 0 }
}

/// The sale of the agency's example, and the beef comes back: what was paid for it, not its price.
#[test]
fn a_line_returns_what_was_paid_for_it() {
    let sale = [paid(1, 2_696, 100), paid(1, 1_764, 80)];
    let back = refund(&sale, &[RefundLine { line: 1, pieces: 1 }], TaxRounding::Down).unwrap();
    assert_eq!((back.money_minor, back.taxes), (1_764, vec![TaxLine { tax_permille: 80, gross_minor: 1_764, tax_minor: 130 }]));
    // 100 points as payment on a line of three pieces of 1,000 yen in all: 333, 333 and 334 yen go back, 33, 33 and 34 of them in points.
    let mut line = PaidLine { points_paid_minor: 100, points: 100, ..paid(3, 1_000, 80) };
    let mut parts = Vec::new();
    for _ in 0..3 {
        let back = refund(&[line], &[RefundLine { line: 0, pieces: 1 }], TaxRounding::Down).unwrap();
        parts.push((back.money_minor, back.points));
        line.refunded_pieces += 1;
    }
    assert_eq!(parts, [(300, 33), (300, 33), (300, 34)]);
    let asked = |line, pieces| RefundLine { line, pieces };
    assert_eq!(refund(&[line], &[asked(0, 1)], TaxRounding::Down), Err(RefundError::TooMany { line: 0, left: 0 }));
    assert_eq!(refund(&sale, &[asked(2, 1)], TaxRounding::Down), Err(RefundError::NoLine(2)));
    assert_eq!(refund(&sale, &[asked(0, 1), asked(0, 1)], TaxRounding::Down), Err(RefundError::Twice(0)));
    assert_eq!(refund(&sale, &[asked(0, 0)], TaxRounding::Down), Err(RefundError::Nothing));
}

proptest! {
    /// However a sale is given back, in whatever parts: all money, all points, and exactly the tax that was in it; each part is one that a receipt
    /// may show.
    #[test]
    fn all_parts_together_are_the_sale(
        lines in prop::collection::vec((1u32..6, 0i64..50_000, 0i64..50_000, prop::sample::select(vec![80u32, 100])), 1..8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
        rounding in prop::sample::select(vec![TaxRounding::Down, TaxRounding::HalfUp, TaxRounding::Up]),
    ) {
        let mut sale: Vec<PaidLine> = lines
            .into_iter()
            .map(|(pieces, gross, points, rate)| {
                let points = points.min(gross);
                PaidLine { points_paid_minor: points, points, ..paid(pieces, gross, rate) }
            })
            .collect();
        let of_sale = tax_lines(sale.iter().map(|line| (line.tax_permille, line.gross_minor)), rounding);
        let (mut money, mut points, mut taxes) = (0, 0, std::collections::BTreeMap::<u32, (i64, i64)>::new());
        let mut order = order.into_iter();
        while sale.iter().any(|line| line.refunded_pieces < line.pieces) {
            let open: Vec<usize> = (0..sale.len()).filter(|at| sale[*at].refunded_pieces < sale[*at].pieces).collect();
            let line = order.next().map_or(open[0], |index| open[index.index(open.len())]);
            let back = refund(&sale, &[RefundLine { line, pieces: 1 }], rounding).unwrap();
            sale[line].refunded_pieces += 1;
            prop_assert!(back.money_minor >= 0 && back.points >= 0);
            money += back.money_minor;
            points += back.points;
            for tax in back.taxes {
                let rate = i128::from(tax.tax_permille);
                let off = (i128::from(tax.tax_minor) * (1000 + rate) - i128::from(tax.gross_minor) * rate).abs();
                prop_assert!(off < 1000 + rate);
                let sum = taxes.entry(tax.tax_permille).or_default();
                *sum = (sum.0 + tax.gross_minor, sum.1 + tax.tax_minor);
            }
        }
        prop_assert_eq!(money, sale.iter().map(|line| line.gross_minor - line.points_paid_minor).sum::<i64>());
        prop_assert_eq!(points, sale.iter().map(|line| line.points).sum::<i64>());
        for tax in of_sale {
            prop_assert_eq!(taxes.get(&tax.tax_permille), Some(&(tax.gross_minor, tax.tax_minor)));
        }
    }

    /// Tax and the rest are never more than the amount, and the three ways differ by at most one unit.
    #[test]
    fn the_three_ways_are_a_unit_apart(gross in 0i64..10_000_000, permille in 0u32..1_000) {
        let [down, half_up, up] = [TaxRounding::Down, TaxRounding::HalfUp, TaxRounding::Up].map(|way| way.tax_in(gross, permille));
        prop_assert!(0 <= down && down <= half_up && half_up <= up && up <= down + 1 && up <= gross);
    }
}
