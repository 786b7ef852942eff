//! `tls:`: the certificates of a listener, and whom to believe that it is the application.
//!
//! Guarantees: what is read here can be served; each file that is wrong is reported at its key.
//! Does not do: handshakes.

use std::path::Path;

use super::Beside;
use super::reader::{Keys, Refused, Section, Value};
use crate::tls::{
    Certificate, CertificateError, Certificates, Connector, ConnectorError, Files, Problem, Trust,
    Validity,
};

/// `listen[].tls`: `{cert, key}`, or a list of them; the first is for clients that name no other.
pub(super) fn read(tls: &Value<'_>, beside: Beside<'_>) -> Option<Certificates> {
    let pairs = tls.one_or_more();
    if pairs.is_empty() {
        return tls.refuse(
            "an empty list: there is nothing to serve",
            "give a certificate, or remove the key for clear text",
        );
    }
    // All of them are read, so that all mistakes are reported.
    let list: Vec<_> = pairs.iter().map(|pair| certificate(pair, beside)).collect();
    Certificates::new(list.into_iter().collect::<Option<_>>()?)
}

fn certificate(pair: &Value<'_>, beside: Beside<'_>) -> Option<(Files, Certificate)> {
    let section = pair.section(&PAIR)?;
    let path = |key: &str, example: &str| match section.get(key) {
        Some(file) => Some(beside.folder.join(file.some_text()?)),
        None => pair.refuse(
            format!("{key} is missing"),
            format!("write {key}: {example}"),
        ),
    };
    let (cert, key) = (path("cert", "site.pem"), path("key", "site.key"));
    let files = Files {
        cert: cert?,
        key: key?,
    };
    match Certificate::load(&files) {
        Ok(certificate) => {
            warn_of_its_time(&section, &certificate, beside);
            Some((files, certificate))
        }
        Err(error) => {
            let key = if error.file == files.key {
                "key"
            } else {
                "cert"
            };
            refuse(&section.get(key)?, &error)
        }
    }
}

/// A warning, not an error: a site whose certificate has expired is no better off without Onelane.
fn warn_of_its_time(section: &Section<'_>, certificate: &Certificate, beside: Beside<'_>) {
    let message = match certificate.validity(beside.now) {
        Validity::Valid => return,
        Validity::Expired => Problem::Expired,
        Validity::NotYet => Problem::NotYetValid,
    };
    if let Some(cert) = section.get("cert") {
        cert.warn(format!(
            "{message}: clients will refuse it; {}",
            message.advice()
        ));
    }
}

/// Refuses a file with the reason of `error`.
pub(super) fn refuse<T>(value: &Value<'_>, error: &CertificateError) -> Option<T> {
    value.refuse(error.to_string(), error.problem.advice())
}

/// `upstream.tls`: `{ca, verify, server_name}`. None for `section` has the defaults; `host` is the one of the URL at `url`.
pub(super) fn of_application(
    section: Option<&Section<'_>>,
    host: &str,
    url: &Value<'_>,
    folder: &Path,
) -> Option<Connector> {
    let get = |key| section.and_then(|section| section.get(key));
    let (ca, verify, name) = (get("ca"), get("verify"), get("server_name"));
    let believes_anybody = verify.as_ref().and_then(Value::truth) == Some(false);
    let trust = match &ca {
        Some(ca) if believes_anybody => {
            return ca.refuse(
                "nothing is verified, so nobody asks this authority",
                "remove verify: false, or ca",
            );
        }
        Some(ca) => Trust::File(folder.join(ca.some_text()?)),
        None if believes_anybody => Trust::Anybody,
        None => Trust::PublicAuthorities,
    };
    if let Some(verify) = verify.filter(|_| believes_anybody) {
        verify.warn(
            "whoever answers is taken for the application, and sees all requests; give its certificate as ca",
        );
    }
    let named = match &name {
        Some(name) => name.some_text()?,
        None => host,
    };
    match Connector::new(named, trust) {
        Ok(connector) => Some(connector),
        Err(ConnectorError::Authorities(error)) => refuse(ca.as_ref()?, &error),
        Err(error @ ConnectorError::Name) => name.as_ref().unwrap_or(url).refuse(
            error.to_string(),
            "write the name that is in the application's certificate",
        ),
    }
}

/// The keys of `upstream.tls`.
pub(super) const APPLICATION: Keys = Keys {
    known: &["ca", "verify", "server_name"],
    refused: &[
        Refused::later(
            "cert",
            "remove it; Onelane shows the application no certificate",
        ),
        Refused::later(
            "key",
            "remove it; Onelane shows the application no certificate",
        ),
    ],
};

pub(super) const PAIR: Keys = Keys {
    known: &["cert", "key"],
    refused: &[],
};
