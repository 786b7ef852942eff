//! Where known applications keep their session id.
//!
//! Guarantees: each preset follows its application's own parser; the facts are named beside the rules.
//! Does not do: routes and limits; `route::preset` has those.

use std::sync::Arc;

use super::cookie::{CookieName, Spelling};
use super::lanes::LaneName;
use super::source::{Duplicates, IdPattern, OldId, Place, Source, Transform};

mod java;
mod microsoft;
mod php;
mod scripting;

/// A known kind of application (`session.preset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// ASP.NET on .NET Framework (System.Web).
    AspNet,
    /// ASP.NET Core's session middleware.
    AspNetCore,
    /// Active Server Pages.
    ClassicAsp,
    /// Adobe ColdFusion and Lucee.
    ColdFusion,
    /// Django with a store on the server.
    Django,
    /// Node.js with express-session.
    Express,
    /// Java servlet containers.
    Java,
    /// Laravel.
    Laravel,
    /// Magento 1 and 2, Adobe Commerce, OpenMage.
    Magento,
    /// Moodle.
    Moodle,
    /// PHP with its own session module.
    Php,
    /// Rails with a store on the server.
    Rails,
    /// Sitecore on .NET Framework.
    Sitecore,
    /// WordPress with WooCommerce.
    WooCommerce,
}

/// Whether a preset knows its application's cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnCookie {
    /// It does, also where a part of the name differs from site to site.
    Known,
    /// Each application has a name of its own, and the operator has to say it (`session.cookie`).
    Unknown,
}

impl Preset {
    /// Each preset.
    pub const ALL: [Self; 14] = [
        Self::AspNet,
        Self::Sitecore,
        Self::AspNetCore,
        Self::ClassicAsp,
        Self::Php,
        Self::Laravel,
        Self::WooCommerce,
        Self::Magento,
        Self::Moodle,
        Self::Java,
        Self::ColdFusion,
        Self::Django,
        Self::Rails,
        Self::Express,
    ];

    /// The word for it in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AspNet => "aspnet",
            Self::AspNetCore => "aspnetcore",
            Self::ClassicAsp => "classic-asp",
            Self::ColdFusion => "coldfusion",
            Self::Django => "django",
            Self::Express => "express",
            Self::Java => "java",
            Self::Laravel => "laravel",
            Self::Magento => "magento",
            Self::Moodle => "moodle",
            Self::Php => "php",
            Self::Rails => "rails",
            Self::Sitecore => "sitecore",
            Self::WooCommerce => "woocommerce",
        }
    }

    /// Where the id is looked for. `cookie` replaces the preset's cookie name (`session.cookie`).
    #[must_use]
    pub fn sources(self, cookie: Option<&str>) -> Vec<Source> {
        let mut sources = match self {
            Self::AspNet => microsoft::aspnet(cookie),
            Self::AspNetCore => microsoft::aspnetcore(cookie),
            Self::ClassicAsp => microsoft::classic_asp(cookie),
            Self::ColdFusion => java::coldfusion(cookie),
            Self::Django => scripting::django(cookie),
            Self::Express => scripting::express(cookie),
            Self::Java => java::java(cookie),
            Self::Laravel => php::laravel(cookie),
            Self::Magento => php::magento(cookie),
            Self::Moodle => php::moodle(cookie),
            Self::Php => php::php(cookie),
            Self::Rails => scripting::rails(cookie),
            Self::Sitecore => microsoft::sitecore(cookie),
            Self::WooCommerce => php::woocommerce(cookie),
        };
        for source in &mut sources {
            source.old_id = self.old_id();
        }
        sources
    }

    /// What a login does with the id that the session had: `changeSessionId` of servlet containers, Django's `cycle_key`,
    /// Rack's `renew`, `regenerate` of express-session and `session_regenerate_id(true)` let nobody in with it any more.
    /// Laravel's value changes with each response, and the old one decrypts to the same id.
    fn old_id(self) -> OldId {
        match self {
            Self::Django
            | Self::Express
            | Self::Java
            | Self::Magento
            | Self::Moodle
            | Self::Php
            | Self::Rails => OldId::Forgotten,
            Self::AspNet
            | Self::AspNetCore
            | Self::ClassicAsp
            | Self::ColdFusion
            | Self::Laravel
            | Self::Sitecore
            | Self::WooCommerce => OldId::Unknown,
        }
    }

    /// Where the id of the session that a user's browsers share is looked for, in the lane `shared`; None where the
    /// application has none.
    #[must_use]
    pub fn shared(self) -> Option<Source> {
        (self == Self::Sitecore).then(microsoft::sitecore_shared)
    }

    /// Whether the operator has to name the cookie.
    #[must_use]
    pub fn own_cookie(self) -> OwnCookie {
        match self {
            Self::Rails => OwnCookie::Unknown,
            _ => OwnCookie::Known,
        }
    }
}

/// A cookie of exactly this name.
fn named(name: &str, spelling: Spelling) -> Place {
    Place::Cookie(Arc::new(CookieName::exact(name, spelling)))
}

/// The cookie that the operator named, or else each whose name begins with the preset's; of those the first with a
/// valid id counts, since another one may be a neighbour's.
fn named_or_prefixed(
    name: Option<&str>,
    prefix: &str,
    spelling: Spelling,
) -> (String, Place, Duplicates) {
    match name {
        Some(name) => (name.to_owned(), named(name, spelling), Duplicates::First),
        None => {
            let cookie = CookieName::prefix(prefix, spelling);
            let place = Place::Cookie(Arc::new(cookie));
            (format!("{prefix}*"), place, Duplicates::FirstValid)
        }
    }
}

/// A source of the session's own lane: any UTF-8 text of up to 256 bytes, the first of several.
fn source(label: &str, place: Place) -> Source {
    Source {
        label: Arc::from(label),
        lane: LaneName::default(),
        place,
        transforms: Vec::new(),
        pattern: IdPattern::Any,
        max_length: 256,
        duplicates: Duplicates::First,
        old_id: OldId::Unknown,
    }
}

fn pattern(whole: &str) -> IdPattern {
    IdPattern::regex(whole).expect("the presets' patterns are valid")
}
