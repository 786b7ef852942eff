//! `application:`: what is said to the application, and what is asked of it.
//!
//! Guarantees: a secret can be sent; what needs one and has none is warned of.
//! Does not do: know how it is said; `gateway` does.

use super::defaults;
use super::reader::{Keys, Section, Value};
use crate::gateway::{Application, OnReadWrote, Reports};

/// `application`: `{secret, report, on_read_wrote}`.
pub(super) fn read(top: &Section<'_>) -> Application {
    let mut application = Application {
        secret: None,
        reports: defaults::REPORTS,
        on_read_wrote: defaults::ON_READ_WROTE,
    };
    let Some(section) = top.read("application", |value| value.section(&APPLICATION)) else {
        return application;
    };
    application.secret = section.read("secret", Value::secret_header);
    application.reports = match section.read("report", Value::truth) {
        Some(true) => Reports::On,
        Some(false) => Reports::Off,
        None => defaults::REPORTS,
    };
    application.on_read_wrote = section
        .read("on_read_wrote", |value| value.choice(ON_READ_WROTE))
        .unwrap_or(defaults::ON_READ_WROTE);
    if let (Some(idle), false) = (section.get("on_read_wrote"), application.is_asked())
        && application.on_read_wrote != defaults::ON_READ_WROTE
    {
        idle.warn(
            "on_read_wrote does nothing here: only an application that has the secret and reports is believed",
        );
    }
    application
}

pub(super) const ON_READ_WROTE: &[(&str, OnReadWrote)] =
    &[("write", OnReadWrote::Write), ("warn", OnReadWrote::Warn)];

pub(super) const APPLICATION: Keys = Keys {
    known: &["secret", "report", "on_read_wrote"],
    refused: &[],
};
