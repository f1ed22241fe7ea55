//! A sales log with the columns of UCI Online Retail, read into the sales that a till posts.
//!
//! One InvoiceNo is one receipt. An amount is quantity x decimal price, rounded once a line, half away from zero. Times without a zone are the
//! store's. Invoices beginning with C are returns that name no sale. A customer `17850.0` is member number `17850`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use noren_rules::ids::{MemberNumber, StoreId};
use noren_rules::receipt::{Channel, ReceiptKind, ReceiptLine};
use noren_rules::wire::{Customer, SaleRequest};
use serde::Deserialize;

/// The slice of UCI Online Retail that comes with the project, gzipped (tests/data/README.md).
pub const SLICE: &[u8] = include_bytes!("../../data/online_retail/slice.csv.gz");

/// Why a file is no sales log: it is not there, or has not the columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogError(String);

/// What the log does not say.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Where everything was sold.
    pub store_id: StoreId,
    /// As printed on receipts.
    pub store_name: String,
    /// Online or in the store.
    pub channel: Channel,
    /// ISO 4217.
    pub currency: String,
    /// The store's, for times without a zone.
    pub time_zone: TimeZone,
}

/// The sales of a log, in the order in which they begin, and how many invoices were left out, by reason.
#[derive(Debug, Default)]
pub struct SalesLog {
    /// The sales.
    pub sales: Vec<SaleRequest>,
    /// Invoices that are not among them, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    invoice_no: String,
    stock_code: String,
    #[serde(default)]
    description: String,
    quantity: String,
    invoice_date: String,
    unit_price: String,
    #[serde(rename = "CustomerID", default)]
    customer_id: String,
}

/// Reads a log, plain or gzipped by its first bytes.
///
/// # Errors
/// When the file is not there or is no such log. An invoice that cannot be read is skipped and counted.
pub fn read(path: &Path, shop: &Shop) -> Result<SalesLog, LogError> {
    let unusable = |error: &dyn std::fmt::Display| LogError(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(|e| unusable(&e))?;
    read_bytes(&bytes, shop).map_err(|error| unusable(&error))
}

/// Reads a log that is in memory already.
///
/// # Errors
/// As for [`read`].
pub fn read_bytes(bytes: &[u8], shop: &Shop) -> Result<SalesLog, LogError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut plain).map_err(|e| LogError(e.to_string()))?;
        return parse(&plain, shop).map_err(LogError);
    }
    parse(bytes, shop).map_err(LogError)
}

fn parse(bytes: &[u8], shop: &Shop) -> Result<SalesLog, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    let headers = reader.headers().map_err(|e| e.to_string())?.clone();
    for column in ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"] {
        if !headers.iter().any(|header| header == column) {
            return Err(format!("no column {column}: this is not a sales log with the columns of UCI Online Retail"));
        }
    }
    let mut invoices: Vec<(String, Vec<Row>)> = Vec::new();
    let mut place: HashMap<String, usize> = HashMap::new();
    let mut log = SalesLog::default();
    for record in reader.records() {
        // A record of the wrong length or not in UTF-8 names no invoice that it could be counted with.
        let Some(row) = record.ok().and_then(|record| record.deserialize::<Row>(Some(&headers)).ok()) else {
            log.skip("unreadable_record");
            continue;
        };
        let at = *place.entry(row.invoice_no.clone()).or_insert(invoices.len());
        match invoices.get_mut(at) {
            Some((_, rows)) => rows.push(row),
            None => invoices.push((row.invoice_no.clone(), vec![row])),
        }
    }
    for (number, rows) in invoices {
        match sale(number, &rows, shop) {
            Ok(sale) => log.sales.push(sale),
            Err(reason) => log.skip(reason),
        }
    }
    Ok(log)
}

impl SalesLog {
    fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }
}

fn sale(number: String, rows: &[Row], shop: &Shop) -> Result<SaleRequest, &'static str> {
    let first = rows.first().ok_or("unreadable_line")?;
    let kind = match number.chars().next() {
        Some('C') => ReceiptKind::Return,
        Some('0'..='9') => ReceiptKind::Sale,
        _ => return Err("not_a_sale"),
    };
    let sold_at = moment(&first.invoice_date, &shop.time_zone).ok_or("unreadable_time")?;
    let lines: Vec<ReceiptLine> = rows.iter().map(|row| line(row, &shop.currency)).collect::<Result<_, _>>()?;
    let customer = customer(&first.customer_id)?;
    if customer == Customer::Anonymous && lines.iter().all(|line| line.amount_minor == 0) {
        // Stock written off or found again: the log books it like an invoice without a price and without a customer.
        return Err("no_amount");
    }
    let total_minor = lines.iter().try_fold(0i64, |sum, line| sum.checked_add(line.amount_minor)).ok_or("unreadable_line")?;
    if (kind == ReceiptKind::Sale && total_minor < 0) || (kind == ReceiptKind::Return && total_minor > 0) {
        return Err("unexpected_sign");
    }
    Ok(SaleRequest {
        number,
        channel: shop.channel,
        kind,
        of: None,
        sold_at_ms: sold_at.timestamp().as_millisecond(),
        business_date: sold_at.date().to_string(),
        store_id: shop.store_id.clone(),
        store_name: shop.store_name.clone(),
        issuer: None,
        currency: shop.currency.clone(),
        lines,
        total_minor,
        taxes: None,
        customer,
        coupons: None,
    })
}

/// A moment in the store's zone: as written when it names an offset, the store's own time when it does not.
fn moment(text: &str, store: &TimeZone) -> Option<Zoned> {
    let text = text.trim().replacen(' ', "T", 1);
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.to_zoned(store.clone()));
    }
    text.parse::<DateTime>().ok()?.to_zoned(store.clone()).ok()
}

fn customer(id: &str) -> Result<Customer, &'static str> {
    let digits = id.trim().strip_suffix(".0").unwrap_or(id.trim());
    if digits.is_empty() {
        return Ok(Customer::Anonymous);
    }
    let is_number = digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| Customer::Number { number: MemberNumber(digits.to_owned()) }).ok_or("unreadable_customer")
}

fn line(row: &Row, currency: &str) -> Result<ReceiptLine, &'static str> {
    let quantity: i64 = row.quantity.trim().parse().map_err(|_| "unreadable_line")?;
    Ok(ReceiptLine {
        sku: row.stock_code.trim().to_owned(),
        description: row.description.trim().to_owned(),
        quantity,
        amount_minor: amount_minor(quantity, row.unit_price.trim(), currency).ok_or("unreadable_line")?,
        tax_permille: None,
        reduced_rate: false,
    })
}

/// Quantity x decimal price in minor units, exact until the one rounding, half away from zero.
fn amount_minor(quantity: i64, price: &str, currency: &str) -> Option<i64> {
    let (sign, digits) = price.strip_prefix('-').map_or((1, price), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || fraction.len() > 9 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    let exact = sign * unscaled * i128::from(quantity) * 10i128.pow(minor_digits(currency));
    let rounded = (exact.abs() * 2 + scale) / (scale * 2) * exact.signum();
    i64::try_from(rounded).ok()
}

/// Digits after the point (ISO 4217); two, but for the currencies without minor units that retail here meets.
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "JPY" | "KRW" | "VND" => 0,
        _ => 2,
    }
}

/// An amount for people to read: `£1,234.56` has its currency in front, as in the store.
#[must_use]
pub fn money(minor: i64, currency: &str) -> String {
    let digits = minor_digits(currency);
    let unit = 10u64.pow(digits);
    let (sign, absolute) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    let whole = (absolute / unit).to_string();
    let grouped = whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
    let symbol = match currency {
        "GBP" => "£".to_owned(),
        "JPY" => "¥".to_owned(),
        other => format!("{other} "),
    };
    if digits == 0 { format!("{sign}{symbol}{grouped}") } else { format!("{sign}{symbol}{grouped}.{:02}", absolute % unit) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shop() -> Shop {
        Shop {
            store_id: "s".into(),
            store_name: "S".into(),
            channel: Channel::Store,
            currency: "GBP".into(),
            time_zone: TimeZone::get("Asia/Tokyo").unwrap(),
        }
    }

    const HEAD: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

    fn log(rows: &str) -> SalesLog {
        parse(format!("{HEAD}{rows}").as_bytes(), &shop()).unwrap()
    }

    #[test]
    fn one_invoice_is_one_receipt() {
        let log = log("536365,85123A,\"HOLDER, WHITE\",6,2010-12-01 08:26:00,2.55,17850.0,UK\n\
                       536366,22633,WARMER,6,2010-12-01 08:28:00,1.85,,UK\n\
                       536365,71053,LANTERN,6,2010-12-01 08:27:00,3.39,17850.0,UK\n");
        assert_eq!(log.sales.len(), 2);
        let sale = &log.sales[0];
        assert_eq!((sale.lines.len(), sale.total_minor), (2, 1530 + 2034));
        assert_eq!(sale.lines[0].description, "HOLDER, WHITE");
        assert_eq!(sale.business_date, "2010-12-01");
        assert_eq!(sale.sold_at_ms, 1_291_159_560_000, "08:26 in Tokyo is 23:26 UTC of the day before");
        assert_eq!(sale.customer, Customer::Number { number: "17850".into() });
        assert_eq!(log.sales[1].customer, Customer::Anonymous);
    }

    #[test]
    fn a_time_without_a_zone_is_the_stores() {
        let at = |time: &str| {
            let log = log(&format!("1,X,x,1,{time},1,,UK\n"));
            (log.sales[0].sold_at_ms, log.sales[0].business_date.clone())
        };
        let midnight = (1_293_807_600_000, "2011-01-01".to_owned());
        assert_eq!(at("2011-01-01 00:00:00"), midnight);
        assert_eq!(at("2011-01-01 00:00"), midnight);
        assert_eq!(at("2010-12-31T15:00:00Z"), midnight, "the day is still the store's");
        assert_eq!(at("2010-12-31T10:00:00-05:00"), midnight);
    }

    #[test]
    fn what_is_no_sale_is_counted_by_reason() {
        let log = log("C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527.0,UK\n\
                       A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,UK\n\
                       536589,21777,,-10,2010-12-01 16:50:00,0.0,,UK\n\
                       536590,X,x,1,yesterday,1,,UK\n\
                       536591,X,x,one,2010-12-01 16:50:00,1,,UK\n\
                       536592,X,x,-1,2010-12-01 16:50:00,1,,UK\n\
                       too,short\n");
        assert_eq!(log.sales.len(), 1);
        assert_eq!((log.sales[0].kind, log.sales[0].total_minor, &log.sales[0].of), (ReceiptKind::Return, -2750, &None));
        let expected = [
            ("no_amount", 1),
            ("not_a_sale", 1),
            ("unexpected_sign", 1),
            ("unreadable_line", 1),
            ("unreadable_record", 1),
            ("unreadable_time", 1),
        ];
        assert_eq!(log.skipped, BTreeMap::from(expected));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_column() {
        let text = format!("\u{feff}{HEAD}1,X,x,1,2011-01-01 00:00,1,,UK\n");
        assert_eq!(parse(text.as_bytes(), &shop()).unwrap().sales.len(), 1);
    }

    #[test]
    fn a_file_of_another_kind_is_unusable() {
        assert!(parse(b"a,b\n1,2\n", &shop()).unwrap_err().contains("InvoiceNo"));
        assert!(parse(b"", &shop()).is_err());
    }

    #[test]
    fn amounts_are_rounded_once_a_line() {
        for (quantity, price, minor) in
            [(3, "0.335", 101), (-3, "0.335", -101), (1, "0.005", 1), (1, "0.0049", 0), (7, "2", 1400), (2, "-1.5", -300)]
        {
            assert_eq!(amount_minor(quantity, price, "GBP"), Some(minor), "{quantity} x {price}");
        }
        assert_eq!(amount_minor(3, "100", "JPY"), Some(300));
        for wrong in ["", ".", "1e3", "1,5", "١", "+1", "0.0000000001", "9999999999999999"] {
            assert_eq!(amount_minor(1, wrong, "GBP"), None, "{wrong}");
        }
        assert_eq!(amount_minor(i64::MAX, "999999999999999", "GBP"), None);
    }

    #[test]
    fn money_reads_as_in_the_store() {
        assert_eq!(money(123_456_789, "GBP"), "£1,234,567.89");
        assert_eq!(money(-5, "GBP"), "-£0.05");
        assert_eq!(money(1_200, "JPY"), "¥1,200");
    }

    proptest! {
        #[test]
        fn any_text_is_a_log_or_an_error(text in "(?s).{0,400}") {
            let _ = parse(text.as_bytes(), &shop());
            let _ = parse(format!("{HEAD}{text}").as_bytes(), &shop());
        }

        #[test]
        fn amounts_agree_with_exact_pence(quantity in -10_000i64..10_000, pounds in 0i64..10_000, pence in 0i64..100) {
            let price = format!("{pounds}.{pence:02}");
            prop_assert_eq!(amount_minor(quantity, &price, "GBP"), Some(quantity * (pounds * 100 + pence)));
        }
    }
}
