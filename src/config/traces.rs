//! `tracing:`: where traces go, and which requests have one.
//!
//! Guarantees: the endpoint is a whole URL; a header can be sent, and its value is never shown.
//! Does not do: connect; resolve names.

use std::path::Path;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Uri;

use super::reader::{Keys, Refused, Section, Value};
use super::{admin, certificates, defaults, upstream};
use crate::tls::{Connector, ConnectorError, Trust};
use crate::traces::{Endpoint, OnParent, SERVICE_NAME, Sampling, Settings};

/// `tracing`: `{endpoint, …}`, or `off`: then there are no settings, and the sampling means nothing. Paths are relative to
/// `folder`.
pub(super) fn read(top: &Section<'_>, folder: &Path) -> (Option<Settings>, Sampling) {
    let mut sampling = Sampling {
        rate: defaults::SAMPLE_RATE,
        parent: defaults::ON_PARENT,
    };
    let value = top.get("tracing").filter(|value| !admin::is_off(value));
    let Some(section) = value.and_then(|value| value.section(&TRACING)) else {
        return (None, sampling);
    };
    if let Some(rate) = section.read("sample_rate", Value::fraction) {
        sampling.rate = rate;
    }
    if let Some(parent) = section.read("parent", |value| value.choice(PARENTS)) {
        sampling.parent = parent;
    }
    (settings(&section, folder), sampling)
}

/// All keys are read, so that all mistakes are reported.
fn settings(section: &Section<'_>, folder: &Path) -> Option<Settings> {
    let endpoint = match section.get("endpoint") {
        Some(url) => endpoint(&url, section, folder),
        None => section.value().refuse(
            "endpoint is missing",
            format!("write endpoint: {USUAL_ENDPOINT}, or tracing: off"),
        ),
    };
    let headers = section.get("headers");
    let attributes = section.get("resource_attributes");
    let service_name = section.read("service_name", |name| name.some_text().map(str::to_owned));
    let interval = section.read("interval", |value| {
        let interval = value.timeout()?;
        if interval <= defaults::LONGEST_TRACE_INTERVAL {
            return Some(interval);
        }
        value.refuse("out of range", "the range is 1ms to 1m")
    });
    let timeout = section.read("timeout", Value::timeout);
    let headers = headers.map_or_else(HeaderMap::new, |headers| self::headers(&headers));
    let resource_attributes = attributes.map_or_else(Vec::new, |all| self::attributes(&all));
    Some(Settings {
        endpoint: endpoint?,
        headers,
        service_name: service_name.unwrap_or_else(|| SERVICE_NAME.to_owned()),
        resource_attributes,
        interval: interval.unwrap_or(defaults::TRACE_INTERVAL),
        timeout: timeout.unwrap_or(defaults::TRACE_TIMEOUT),
    })
}

fn endpoint(value: &Value<'_>, section: &Section<'_>, folder: &Path) -> Option<Endpoint> {
    let text = value.some_text()?;
    let url: Uri = match text.parse() {
        Ok(url) => url,
        Err(_) => return value.refuse("not a URL", format!("write {USUAL_ENDPOINT}")),
    };
    let scheme = url.scheme_str().unwrap_or_default();
    let authority = url
        .authority()
        .filter(|_| matches!(scheme, "http" | "https"));
    let Some(authority) = authority else {
        return value.refuse(
            "not an http:// or https:// URL",
            format!("write the whole URL, such as {USUAL_ENDPOINT}"),
        );
    };
    if authority.as_str().contains('@') || url.query().is_some() {
        return value.refuse(
            "a user name, a password or a query in the URL: it is shown in the log",
            "send what is secret as headers: { authorization: \"${OTLP_AUTHORIZATION}\" }",
        );
    }
    if url.path() == "/" {
        return value.refuse(
            "a URL without a path: spans go to this very URL",
            format!("write {scheme}://{authority}/v1/traces"),
        );
    }
    let usual = if scheme == "https" { 443 } else { 80 };
    let (Some(port), host) = (upstream::port(authority, usual), host(authority.host())) else {
        return value.refuse("not a port", format!("write {USUAL_ENDPOINT}"));
    };
    if host.is_empty() {
        return value.refuse("no host in the URL", format!("write {USUAL_ENDPOINT}"));
    }
    if port == GRPC {
        value.warn(
            "4317 is the usual port of OTLP over gRPC; over HTTP, which is spoken here, it is 4318",
        );
    }
    let tls = section.get("tls");
    if let ("http", Some(tls)) = (scheme, &tls) {
        return tls.refuse(
            "the collector is spoken to in clear text: this does nothing",
            "write https:// in the endpoint, or remove tls",
        );
    }
    let host = host.to_owned();
    let tls = match scheme {
        "https" => Some(connector(tls.as_ref(), &host, value, folder)?),
        _ => None,
    };
    Some(Endpoint {
        url,
        host,
        port,
        tls,
    })
}

/// Without the brackets of IPv6.
fn host(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// `tls`: `{ca, server_name}`. The certificate is always verified: the headers are secrets.
fn connector(
    tls: Option<&Value<'_>>,
    host: &str,
    url: &Value<'_>,
    folder: &Path,
) -> Option<Connector> {
    let section = match tls {
        Some(tls) => Some(tls.section(&TLS)?),
        None => None,
    };
    let get = |key| section.as_ref().and_then(|section| section.get(key));
    let (ca, name) = (get("ca"), get("server_name"));
    let trust = match &ca {
        Some(ca) => Trust::File(folder.join(ca.some_text()?)),
        None => Trust::PublicAuthorities,
    };
    let named = match &name {
        Some(name) => name.some_text()?,
        None => host,
    };
    match Connector::new(named, trust) {
        Ok(connector) => Some(connector),
        Err(ConnectorError::Authorities(error)) => certificates::refuse(ca.as_ref()?, &error),
        Err(error @ ConnectorError::Name) => name.as_ref().unwrap_or(url).refuse(
            error.to_string(),
            "write the name that is in the collector's certificate",
        ),
    }
}

/// Names and values; an empty value is none, so that `${NAME:-}` may stand in every file.
fn headers(section: &Value<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in section.named_values() {
        let Some((name, value)) = header(name, &value) else {
            continue;
        };
        headers.insert(name, value);
    }
    headers
}

fn header(name: &str, value: &Value<'_>) -> Option<(HeaderName, HeaderValue)> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return value.refuse("not the name of a header", "write one such as x-api-key");
    };
    if OURS.contains(&name) {
        return value.refuse(
            "this header is not yours to set: it follows from the request",
            "remove it",
        );
    }
    Some((name, value.secret_header()?))
}

fn attributes(section: &Value<'_>) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    for (name, value) in section.named_values() {
        if name == "service.name" {
            value.refuse::<()>("this has a key of its own", "write service_name instead");
        } else if let Some(text) = value.text().filter(|text| !text.is_empty()) {
            attributes.push((name.to_owned(), text.to_owned()));
        }
    }
    attributes
}

pub(super) const TRACING: Keys = Keys {
    known: &[
        "endpoint",
        "tls",
        "headers",
        "service_name",
        "resource_attributes",
        "sample_rate",
        "parent",
        "interval",
        "timeout",
    ],
    refused: &[
        Refused::because(
            "protocol",
            "there is one: OTLP over HTTP, in JSON (http/json)",
            "remove it; a collector takes that at the same endpoint as protobuf",
        ),
        Refused::because(
            "sample",
            "it is called otherwise here",
            "write sample_rate: 0.01",
        ),
    ],
};

pub(super) const TLS: Keys = Keys {
    known: &["ca", "server_name"],
    refused: &[Refused::because(
        "verify",
        "a collector's certificate is always verified, since secrets are sent to it",
        "give its authority, or the certificate itself, as ca",
    )],
};

pub(super) const PARENTS: &[(&str, OnParent)] =
    &[("follow", OnParent::Follow), ("ignore", OnParent::Ignore)];

/// Said of the names that others have for it.
pub(super) const OTHERWISE: &str = "it is called otherwise here";
/// What to write in their place.
pub(super) const EXAMPLE: &str = "write tracing: { endpoint: http://127.0.0.1:4318/v1/traces }";

const USUAL_ENDPOINT: &str = "http://127.0.0.1:4318/v1/traces";

const GRPC: u16 = 4317;

/// What the request says of itself.
static OURS: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TRANSFER_ENCODING,
];
