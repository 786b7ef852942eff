//! `refusals:`: what Onelane says to clients instead of the application.
//!
//! Guarantees: a page was read. Does not do: know what each refusal says by itself.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;

use super::problem::nearest;
use super::reader::{Keys, Section, Value};
use super::{Beside, file};
use crate::gateway::refusal::{Reason, RefusalPage};

/// `refusals`: `{<reason>: {status, page}}`.
pub(super) fn pages(top: &Section<'_>, beside: Beside<'_>) -> HashMap<Reason, RefusalPage> {
    let Some(refusals) = top.get("refusals") else {
        return HashMap::new();
    };
    let page = |(label, value): (&str, Value<'_>)| {
        let Some(reason) = Reason::from_label(label) else {
            let labels = Reason::ALL
                .iter()
                .map(|reason| reason.label())
                .filter(|label| Reason::from_label(label).is_some());
            let suggestion = match nearest(label, labels.clone()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("the reasons are {}", labels.collect::<Vec<_>>().join(", ")),
            };
            return value.refuse("there is no such reason", suggestion);
        };
        let section = value.section(&REFUSAL)?;
        let page = section.read("page", |page| read_page(page, beside));
        Some((
            reason,
            RefusalPage {
                status: section.read("status", status),
                page,
            },
        ))
    };
    refusals
        .named_values()
        .into_iter()
        .filter_map(page)
        .collect()
}

fn status(value: &Value<'_>) -> Option<StatusCode> {
    let number = value.whole(400..=599)?;
    u16::try_from(number)
        .ok()
        .and_then(|number| StatusCode::from_u16(number).ok())
}

fn read_page(value: &Value<'_>, beside: Beside<'_>) -> Option<Arc<str>> {
    let path = beside.folder.join(value.some_text()?);
    match file::read(&path) {
        Ok(page) => {
            beside.pages.add(path, &page);
            Some(page.into())
        }
        Err(problem) => value.refuse(
            format!("{}: {problem}", path.display()),
            "give the path of an HTML file, from the folder of the configuration",
        ),
    }
}

const REFUSAL: Keys = Keys {
    known: &["status", "page"],
    refused: &[],
};
