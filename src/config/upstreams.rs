//! `upstreams:` and `affinity:`: the nodes of a farm, how they are asked whether they are well, and how a session finds its
//! own.
//!
//! Guarantees: no two nodes have one name or one address; there is one way to say where the application is.
//! Does not do: the keys that a node has in common with `upstream:`; `upstream` reads them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use http::uri::PathAndQuery;

use super::defaults;
use super::reader::{Keys, Section, Value};
use super::upstream;
use super::yaml::Kind;
use crate::upstream::{Affinity, FarmSettings, Health, NodeSettings, Tag, Target};

/// `upstream`, or `upstreams` and `affinity`. `listen` is where clients connect; paths are relative to `folder`.
pub(super) fn read(top: &Section<'_>, listen: &[SocketAddr], folder: &Path) -> FarmSettings {
    let affinity = top.read("affinity", affinity);
    let several = top.get("upstreams");
    match (&several, top.get("affinity")) {
        (None, Some(affinity)) => {
            affinity.refuse::<()>(
                "there is one upstream, so that this does nothing",
                "write upstreams: with a list, or remove affinity",
            );
        }
        (Some(several), _) if top.get("upstream").is_some() => {
            several.refuse::<()>(
                "both upstream and upstreams say where the application is",
                "move the one of upstream: into the list, with a name, and remove upstream:",
            );
        }
        (Some(_) | None, _) => {}
    }
    let secret = secret(top);
    let nodes = several.as_ref().map_or_else(Vec::new, |several| {
        nodes(several, secret.as_deref(), listen, folder)
    });
    let affinity = affinity.unwrap_or_else(own_cookie);
    if let Some(several) = &several
        && nodes.len() > 1
        && secret.is_none()
        && affinity != Affinity::Off
    {
        several.warn(
            "session.secret is empty: after a restart, a session whose client sends no affinity cookie may go to another upstream; give one",
        );
    }
    if !nodes.is_empty() {
        return FarmSettings { nodes, affinity };
    }
    let connection = upstream::read(top, listen, folder);
    FarmSettings {
        nodes: vec![NodeSettings {
            name: None,
            tag: Tag::new(None, "", ""),
            connection,
            health: None,
            fail_timeout: defaults::FAIL_TIMEOUT,
        }],
        affinity,
    }
}

/// Which of the two keys was written that decide whether the client or the lane gives up first.
pub(super) fn timeout_said<'a>(top: &Section<'a>) -> Option<Value<'a>> {
    let several = top.get("upstreams").map(|several| several.one_or_more());
    let upstreams = top.get("upstream").into_iter();
    let mut upstreams = upstreams.chain(several.into_iter().flatten());
    let response_timeout = upstreams.find_map(|upstream| upstream.key("response_timeout"));
    response_timeout.or_else(|| top.get("queue").and_then(|queue| queue.key("hold_limit")))
}

/// What `session.secret` is; `session` reports what is wrong with it.
fn secret(top: &Section<'_>) -> Option<String> {
    let secret = top.get("session")?.key("secret")?;
    match secret.kind() {
        Kind::Text(text) if !text.value.is_empty() => Some(text.value.clone()),
        _ => None,
    }
}

fn nodes(
    several: &Value<'_>,
    secret: Option<&str>,
    listen: &[SocketAddr],
    folder: &Path,
) -> Vec<NodeSettings> {
    let items = several.items();
    if items.is_empty() && matches!(several.kind(), Kind::List(_)) {
        several.refuse::<()>(
            "an empty list: there is no application",
            "write - { name: a, url: http://HOST:PORT } for each node",
        );
    }
    if items.len() > defaults::MOST_UPSTREAMS {
        several.refuse::<()>(
            format!("more than {} upstreams", defaults::MOST_UPSTREAMS),
            "give each group of them an Onelane of its own",
        );
    }
    let mut nodes: Vec<NodeSettings> = Vec::with_capacity(items.len());
    for item in &items {
        let Some(section) = item.section(&NODE) else {
            continue;
        };
        let Some(node) = node(&section, secret, listen, folder) else {
            continue;
        };
        if nodes.iter().any(|earlier| earlier.name == node.name) {
            let name = node.name.as_deref().unwrap_or_default();
            let problem = format!("two upstreams are called {name}");
            section.read("name", |name| {
                name.refuse::<()>(problem, "rename one: the affinity cookie stands for it")
            });
        }
        if nodes.iter().any(|earlier| place(earlier) == place(&node)) {
            section.read("url", |url| {
                url.refuse::<()>(
                    "two upstreams are at this address",
                    "remove one: a node that is counted twice gets twice as much",
                )
            });
        }
        nodes.push(node);
    }
    nodes
}

fn place(node: &NodeSettings) -> String {
    match &node.connection.target {
        Target::Tcp { host, port } | Target::Tls { host, port, .. } => {
            format!("{}:{port}", host.to_ascii_lowercase())
        }
        Target::Unix(path) => path.display().to_string(),
    }
}

fn node(
    section: &Section<'_>,
    secret: Option<&str>,
    listen: &[SocketAddr],
    folder: &Path,
) -> Option<NodeSettings> {
    let name = section.read("name", name);
    for key in ["name", "url"] {
        if section.present(&[key]).is_empty() {
            section.value().refuse::<()>(
                format!("{key} is missing"),
                "write { name: a, url: http://HOST:PORT }",
            );
        }
    }
    let mut node = NodeSettings {
        name: Some(Arc::clone(name.as_ref()?)),
        tag: Tag::new(None, "", ""),
        connection: upstream::connection(section, listen, folder),
        health: section.read("health", health),
        fail_timeout: section
            .read("fail_timeout", Value::timeout)
            .unwrap_or(defaults::FAIL_TIMEOUT),
    };
    section.get("url")?;
    node.tag = Tag::new(secret, &name?, &place(&node));
    Some(node)
}

/// A name: it is a label in metrics, and stands in logs.
fn name(value: &Value<'_>) -> Option<Arc<str>> {
    let text = value.some_text()?;
    if text.len() > defaults::LONGEST_NAME || text.chars().any(char::is_control) {
        return value.refuse(
            "not a name",
            format!(
                "write at most {} letters and digits",
                defaults::LONGEST_NAME
            ),
        );
    }
    Some(Arc::from(text))
}

/// A path, or `{path, …}`.
fn health(value: &Value<'_>) -> Option<Health> {
    let count = |count: usize| u32::try_from(count).ok().and_then(NonZeroU32::new);
    let default = |count| NonZeroU32::new(count).expect("the defaults are not 0");
    let mut health = Health {
        path: PathAndQuery::from_static("/"),
        host: None,
        interval: defaults::HEALTH_INTERVAL,
        timeout: defaults::HEALTH_TIMEOUT,
        unhealthy_after: default(defaults::UNHEALTHY_AFTER),
        healthy_after: default(defaults::HEALTHY_AFTER),
    };
    if !value.is_section() {
        health.path = path(value)?;
        return Some(health);
    }
    let section = value.section(&HEALTH)?;
    let Some(said) = section.get("path") else {
        return value.refuse("path is missing", "write { path: /health }");
    };
    health.path = path(&said)?;
    health.host = section.read("host", host);
    health.interval = section
        .read("interval", |value| {
            value.duration(defaults::SHORTEST_HEALTH_INTERVAL)
        })
        .unwrap_or(health.interval);
    health.timeout = section
        .read("timeout", Value::timeout)
        .unwrap_or(health.timeout);
    let in_a_row = |key| {
        section.read(key, |value| {
            value.whole(1..=defaults::MOST_CHECKS).and_then(count)
        })
    };
    health.unhealthy_after = in_a_row("unhealthy_after").unwrap_or(health.unhealthy_after);
    health.healthy_after = in_a_row("healthy_after").unwrap_or(health.healthy_after);
    Some(health)
}

fn path(value: &Value<'_>) -> Option<PathAndQuery> {
    let text = value.some_text()?;
    match text.parse() {
        Ok(path) if text.starts_with('/') => Some(path),
        Ok(_) | Err(_) => value.refuse("not a path", "begin it with /, such as /health"),
    }
}

fn host(value: &Value<'_>) -> Option<HeaderValue> {
    let text = value.some_text()?;
    match text.parse::<http::uri::Authority>() {
        Ok(host) if !text.contains('@') => HeaderValue::from_str(host.as_str()).ok(),
        Ok(_) | Err(_) => value.refuse("not a host", "write HOST or HOST:PORT"),
    }
}

/// `off`, or `{cookie, set}`.
fn affinity(value: &Value<'_>) -> Option<Affinity> {
    if value.is_word("off") || value.is_word("false") {
        return Some(Affinity::Off);
    }
    let section = value.section(&AFFINITY)?;
    let cookie = section.read("cookie", cookie_name);
    let Some(false) = section.read("set", Value::truth) else {
        return cookie
            .map(|cookie| Affinity::Own { cookie })
            .or_else(|| Some(own_cookie()));
    };
    if section.present(&["cookie"]).is_empty() {
        return section.value().refuse(
            "cookie is missing: the upstreams set one of which name?",
            "write { cookie: ARRAffinity, set: false }",
        );
    }
    cookie.map(|cookie| Affinity::Learned { cookie })
}

fn own_cookie() -> Affinity {
    Affinity::Own {
        cookie: defaults::AFFINITY_COOKIE.to_owned(),
    }
}

/// A token of RFC 9110 5.6.2, as RFC 6265 4.1.1 wants it.
fn cookie_name(value: &Value<'_>) -> Option<String> {
    let text = value.some_text()?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.bytes().all(is_token) && text.len() <= defaults::LONGEST_NAME && !text.starts_with('$')
    {
        return Some(text.to_owned());
    }
    value.refuse("not the name of a cookie", "write letters, digits, - and _")
}

pub(super) const NODE: Keys = Keys {
    known: &[
        "name",
        "url",
        "tls",
        "connect_timeout",
        "response_timeout",
        "body_timeout",
        "keep_alive",
        "max_connections",
        "health",
        "fail_timeout",
    ],
    refused: &[],
};

pub(super) const HEALTH: Keys = Keys {
    known: &[
        "path",
        "host",
        "interval",
        "timeout",
        "unhealthy_after",
        "healthy_after",
    ],
    refused: &[],
};

pub(super) const AFFINITY: Keys = Keys {
    known: &["cookie", "set"],
    refused: &[],
};
