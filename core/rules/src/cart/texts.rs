//! Problems and changes in words: what is wrong, and what to do.

use super::{CartChange, CartProblem, CartProblemKind};
use crate::eligibility::{amount_en, amount_ja};
use crate::ids::{MenuItemId, ModifierGroupId, ModifierId};
use crate::menu::{MenuBook, MenuThing};

/// Names of things in one language; what is not on the menu is called by its id.
struct Names<'a> {
    book: &'a MenuBook,
    language: &'a str,
}

impl<'a> Names<'a> {
    fn item(&self, id: &'a MenuItemId) -> &'a str {
        self.book.item(id).map_or(id.as_str(), |item| item.title.get(self.language))
    }

    fn group(&self, id: &'a ModifierGroupId) -> &'a str {
        self.book.group(id).map_or(id.as_str(), |group| group.title.get(self.language))
    }

    fn modifier(&self, id: &'a ModifierId) -> &'a str {
        let mut all = self.book.menu().groups.iter().flat_map(|group| &group.modifiers);
        all.find(|modifier| modifier.id == *id).map_or(id.as_str(), |modifier| modifier.title.get(self.language))
    }

    fn thing(&self, thing: &'a MenuThing) -> &'a str {
        match thing {
            MenuThing::Item(id) => self.item(id),
            MenuThing::Modifier(id) => self.modifier(id),
        }
    }
}

impl CartProblem {
    /// In Japanese, with the names of this menu.
    #[must_use]
    pub fn text_ja(&self, book: &MenuBook) -> String {
        let names = Names { book, language: "ja" };
        match &self.kind {
            CartProblemKind::Empty => "商品を選んでください".to_owned(),
            CartProblemKind::TooManyLines { most } => format!("商品は{most}行までです"),
            CartProblemKind::TooManyPieces { most } => format!("一度のご注文は{most}点までです"),
            CartProblemKind::Quantity { most, .. } => format!("数量は1から{most}までです"),
            CartProblemKind::ItemLimit { item, most, .. } => format!("{}は一度に{most}点までです", names.item(item)),
            CartProblemKind::NoteTooLong { most, .. } => format!("メモは{most}文字までです"),
            CartProblemKind::TaxHandoff { .. } => "この受け取り方法では店内・持ち帰りを選び直してください".to_owned(),
            CartProblemKind::UnknownItem { item } => format!("{}はメニューにありません", names.item(item)),
            CartProblemKind::NotForHandoff { item, .. } => format!("{}はこの受け取り方法では注文できません", names.item(item)),
            CartProblemKind::NotAtThisTime { item } => format!("{}はこの時間帯にありません", names.item(item)),
            CartProblemKind::SoldOut { thing, .. } => format!("{}は売り切れです", names.thing(thing)),
            CartProblemKind::UnknownGroup { group } => format!("「{}」は選べなくなりました", names.group(group)),
            CartProblemKind::UnknownModifier { modifier, .. } => format!("「{}」は選べなくなりました", names.modifier(modifier)),
            CartProblemKind::TooFew { group, missing, .. } => format!("「{}」をあと{missing}つ選んでください", names.group(group)),
            CartProblemKind::TooMany { group, max, .. } => format!("「{}」は{max}つまでです", names.group(group)),
            CartProblemKind::ModifierQuantity { modifier, most, .. } => format!("「{}」は1から{most}までです", names.modifier(modifier)),
            CartProblemKind::TooManyModifiers { most } => format!("オプションは{most}個までです"),
            CartProblemKind::AgeNotDeclared { least_age } => format!("{least_age}歳以上であることをご確認ください"),
            CartProblemKind::Unattended { .. } => "年齢確認が必要な商品はロッカーで受け取れません".to_owned(),
        }
    }

    /// In English, with the names of this menu.
    #[must_use]
    pub fn text_en(&self, book: &MenuBook) -> String {
        let names = Names { book, language: "en" };
        match &self.kind {
            CartProblemKind::Empty => "Choose something first".to_owned(),
            CartProblemKind::TooManyLines { most } => format!("At most {most} lines"),
            CartProblemKind::TooManyPieces { most } => format!("At most {most} pieces in one order"),
            CartProblemKind::Quantity { most, .. } => format!("Choose from 1 to {most}"),
            CartProblemKind::ItemLimit { item, most, .. } => format!("At most {most} of {}", names.item(item)),
            CartProblemKind::NoteTooLong { most, .. } => format!("Notes have at most {most} characters"),
            CartProblemKind::TaxHandoff { .. } => "Say again whether you eat in or take out".to_owned(),
            CartProblemKind::UnknownItem { item } => format!("{} is not on the menu", names.item(item)),
            CartProblemKind::NotForHandoff { item, .. } => format!("{} cannot be handed over so", names.item(item)),
            CartProblemKind::NotAtThisTime { item } => format!("{} is not served at that time", names.item(item)),
            CartProblemKind::SoldOut { thing, .. } => format!("{} is sold out", names.thing(thing)),
            CartProblemKind::UnknownGroup { group } => format!("{} can no longer be chosen", names.group(group)),
            CartProblemKind::UnknownModifier { modifier, .. } => format!("{} can no longer be chosen", names.modifier(modifier)),
            CartProblemKind::TooFew { group, missing, .. } => format!("Choose {missing} more of {}", names.group(group)),
            CartProblemKind::TooMany { group, max, .. } => format!("At most {max} of {}", names.group(group)),
            CartProblemKind::ModifierQuantity { modifier, most, .. } => format!("From 1 to {most} of {}", names.modifier(modifier)),
            CartProblemKind::TooManyModifiers { most } => format!("At most {most} options"),
            CartProblemKind::AgeNotDeclared { least_age } => format!("Confirm that you are {least_age} or older"),
            CartProblemKind::Unattended { .. } => "Not from a locker: an age must be checked".to_owned(),
        }
    }
}

impl CartChange {
    /// In Japanese, with the names of this menu.
    #[must_use]
    pub fn text_ja(&self, book: &MenuBook) -> String {
        let names = Names { book, language: "ja" };
        match self {
            Self::Vanished { item, .. } => format!("{}はメニューからなくなりました", names.item(item)),
            Self::ModifierVanished { group, modifier, .. } => {
                format!("「{}」はなくなりました", modifier.as_ref().map_or_else(|| names.group(group), |modifier| names.modifier(modifier)))
            }
            Self::SoldOut { thing, .. } => format!("{}は売り切れました", names.thing(thing)),
            Self::Costs { was_minor, is_minor, .. } => {
                let currency = &book.menu().currency;
                format!("価格が{}から{}に変わりました", amount_ja(*was_minor, currency), amount_ja(*is_minor, currency))
            }
            Self::Rule(problem) => problem.text_ja(book),
        }
    }

    /// In English, with the names of this menu.
    #[must_use]
    pub fn text_en(&self, book: &MenuBook) -> String {
        let names = Names { book, language: "en" };
        match self {
            Self::Vanished { item, .. } => format!("{} is no longer on the menu", names.item(item)),
            Self::ModifierVanished { group, modifier, .. } => {
                let name = modifier.as_ref().map_or_else(|| names.group(group), |modifier| names.modifier(modifier));
                format!("{name} is no longer offered")
            }
            Self::SoldOut { thing, .. } => format!("{} has sold out", names.thing(thing)),
            Self::Costs { was_minor, is_minor, .. } => {
                let currency = &book.menu().currency;
                format!("The price changed from {} to {}", amount_en(*was_minor, currency), amount_en(*is_minor, currency))
            }
            Self::Rule(problem) => problem.text_en(book),
        }
    }
}
