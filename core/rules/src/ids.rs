//! Identifiers: strings with a meaning, so that a store can never be passed where a till is expected.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        #[cfg(feature = "uniffi")]
        uniffi::custom_newtype!($name, String);
    };
}

id! {
    /// A person in the programme: 16 random characters of lower-case base32. Never a card number, never a name.
    MemberId
}
id! {
    /// A device, named by its key: the first 10 bytes of SHA-256 over the compressed public key, in lower-case base32.
    DeviceId
}
id! {
    /// A store, as the operator names it.
    StoreId
}
id! {
    /// A place: a store or a rest stop, as the operator names it. 上り and 下り are two.
    PlaceId
}
id! {
    /// A till, as the operator names it. Till and receipt number together are unique for ever.
    TillId
}
id! {
    /// One receipt on the backend.
    ReceiptId
}
id! {
    /// The number printed on a plastic or paper card.
    MemberNumber
}
id! {
    /// The key under which a write has its effect once: a UUID made before the first byte is sent.
    IdempotencyKey
}
id! {
    /// One check-in: made on the device, and the correlation id of everything that follows from it, up to the sale.
    CheckInId
}
id! {
    /// A stamp card, as the operator names it.
    StampCardId
}
id! {
    /// A product, as the operator names it; its variants have a [`Sku`] each.
    ProductId
}
id! {
    /// A variant, by the shop's own article code, as on receipts.
    Sku
}
id! {
    /// A hold.
    HoldId
}
id! {
    /// A member of staff, as the operator names them. Never a name.
    StaffId
}
id! {
    /// What a menu sells, as the operator names it.
    MenuItemId
}
id! {
    /// A group of modifiers on a menu (オプション群), as the operator names it.
    ModifierGroupId
}
id! {
    /// A modifier on a menu (トッピング), as the operator names it. The same modifier may stand in several groups.
    ModifierId
}
id! {
    /// A station of a kitchen, as the operator names it.
    StationId
}
id! {
    /// An order: made on the device before the first byte is sent.
    OrderId
}
id! {
    /// A session at a table: 16 random characters of lower-case base32.
    SeatSessionId
}
id! {
    /// A food that some must not eat (アレルゲン), as the allergen table names it: `egg`.
    AllergenId
}
