//! What the articles are called: the descriptions of the real sales log, and Japanese ones composed here.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::report::Outcome;

const SALES_LOG: &[u8] = include_bytes!("../../data/online_retail/slice.csv.gz");

const MAKERS: [&str; 12] =
    ["北海道", "信州", "京都", "九州産", "国産", "有機", "のれん特選", "ｺｺﾛ", "朝市", "Ｎブランド", "駅ナカ", "サービスエリア限定"];
const GOODS: [&str; 40] = [
    "牛乳",
    "納豆",
    "絹ごし豆腐",
    "食パン",
    "おにぎり 鮭",
    "おにぎり ツナマヨ",
    "サンドイッチ",
    "カレーパン",
    "緑茶",
    "麦茶",
    "ブレンドコーヒー",
    "カフェラテ",
    "生ビール",
    "ハイボール",
    "日本酒",
    "焼酎",
    "醤油ラーメン",
    "味噌ラーメン",
    "カツカレー",
    "天ぷらそば",
    "きつねうどん",
    "幕の内弁当",
    "唐揚げ弁当",
    "のり弁当",
    "ソフトクリーム",
    "プリン",
    "どら焼き",
    "羊羹",
    "せんべい",
    "ポテトチップス",
    "ﾁｮｺﾚｰﾄ",
    "ガム",
    "のど飴",
    "りんご",
    "みかん",
    "トマト",
    "きゅうり",
    "温泉まんじゅう",
    "たこ焼き",
    "肉まん",
];
const SIZES: [&str; 4] = ["", " 大盛", " 500ml", "（３個入）"];
const COLOURS: [&str; 10] = ["赤", "青", "緑", "白", "黒", "金", "銀", "桜色", "藍", "紫"];

/// What the shops sell.
#[derive(Debug)]
pub(crate) struct Words {
    /// Descriptions of the real sales log.
    pub(crate) real: Vec<String>,
    /// Japanese descriptions.
    pub(crate) japanese: Vec<String>,
    /// Sold in the first fifth of the time only: a text that many titles hold and no recent receipt has.
    pub(crate) once: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "Description", default)]
    description: String,
}

impl Words {
    /// Some 4,200 titles, as a chain of shops has them.
    pub(crate) fn shop() -> Outcome<Self> {
        let mut japanese = Vec::new();
        for maker in MAKERS {
            for goods in GOODS {
                japanese.extend(SIZES.map(|size| format!("{maker} {goods}{size}")));
            }
        }
        let once = (1..=40).flat_map(|number| COLOURS.map(|colour| format!("福袋 {colour} {number}番"))).collect();
        Ok(Self { real: real()?, japanese, once })
    }

    /// `count` titles, nearly every one sold once or a few times: marketplaces, not shops.
    pub(crate) fn marketplace(count: usize) -> Outcome<Self> {
        let shop = Self::shop()?;
        let vary = |base: &[String], count: usize| {
            base.iter().cycle().take(count).enumerate().map(|(number, title)| format!("{title} #{number}")).collect::<Vec<_>>()
        };
        Ok(Self { real: vary(&shop.real, count / 2), japanese: vary(&shop.japanese, count - count / 2), once: shop.once })
    }

    pub(crate) fn len(&self) -> usize {
        self.real.len() + self.japanese.len() + self.once.len()
    }
}

fn real() -> Outcome<Vec<String>> {
    let mut text = String::new();
    GzDecoder::new(SALES_LOG).read_to_string(&mut text)?;
    let mut titles = BTreeSet::new();
    for row in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let row: Row = row?;
        if !row.description.trim().is_empty() {
            titles.insert(row.description);
        }
    }
    Ok(titles.into_iter().collect())
}
