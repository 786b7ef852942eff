//! What only a restart changes, compared with what a reload would make of it.
//!
//! Guarantees: a field that is added to [`Startup`] has to be named here. Does not do: say what the values are; one may
//! be a secret.

use super::{Admin, Edge, Listener, Log, Startup};
use crate::tls::{Certificates, Connector, Renewed};
use crate::traces;
use crate::upstream::{FarmSettings, NodeSettings, Settings, Target};

/// The keys whose values differ.
type Keys = Vec<String>;

impl Startup {
    /// The keys whose values `other` has otherwise; empty when nothing differs.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Vec<String> {
        let Self {
            listen,
            upstream,
            edge,
            admin,
            log,
            tracing,
            buffer_memory,
            spool_disk,
            drain_delay,
            drain_timeout,
        } = self;
        let mut keys = Keys::new();
        let same = listen.len() == other.listen.len()
            && listen.iter().zip(&other.listen).all(|(a, b)| is_same(a, b));
        name(&mut keys, "", &[("listen", same)]);
        upstreams(&mut keys, upstream, &other.upstream);
        limits(&mut keys, edge, &other.edge);
        self::tracing(&mut keys, tracing.as_ref(), other.tracing.as_ref());
        let Admin { listen, token } = admin;
        let Log { format, access } = log;
        name(
            &mut keys,
            "",
            &[
                (
                    "limits.buffer_memory",
                    *buffer_memory == other.buffer_memory,
                ),
                ("limits.spool_disk", *spool_disk == other.spool_disk),
                ("admin.listen", *listen == other.admin.listen),
                ("admin.token", *token == other.admin.token),
                ("log.format", *format == other.log.format),
                ("log.access", *access == other.log.access),
                ("drain_delay", *drain_delay == other.drain_delay),
                ("drain_timeout", *drain_timeout == other.drain_timeout),
            ],
        );
        keys
    }

    /// What speaks TLS to the application, in the order of its nodes.
    pub(super) fn connectors(&self) -> impl Iterator<Item = &Connector> {
        let targets = self
            .upstream
            .nodes
            .iter()
            .map(|node| &node.connection.target);
        targets.filter_map(|target| match target {
            Target::Tls { connector, .. } => Some(connector),
            Target::Tcp { .. } | Target::Unix(_) => None,
        })
    }

    /// Takes over what `newer`, which differs in no key, has read of the files that are named: whom to believe that it is
    /// the application. Clones of `self` have it, too. Gives the key whose file has changed.
    pub fn renew(&self, newer: &Self) -> Option<&'static str> {
        let both = self.connectors().zip(newer.connectors());
        let renewed: Vec<_> = both
            .map(|(connector, newer)| connector.renew(newer))
            .collect();
        renewed
            .contains(&Renewed::Replaced)
            .then_some("upstream.tls.ca")
    }
}

/// Names those that are not the same.
fn name(keys: &mut Keys, section: &str, all: &[(&str, bool)]) {
    let differing = all.iter().filter(|(_, same)| !same);
    keys.extend(differing.map(|(key, _)| format!("{section}{key}")));
}

/// The certificates themselves may differ: they are replaced when their files are.
fn is_same(one: &Listener, other: &Listener) -> bool {
    let Listener {
        address,
        tls,
        proxy_protocol,
        http2,
    } = one;
    *address == other.address
        && tls.as_ref().map(Certificates::files) == other.tls.as_ref().map(Certificates::files)
        && *proxy_protocol == other.proxy_protocol
        && *http2 == other.http2
}

fn upstreams(keys: &mut Keys, farm: &FarmSettings, other: &FarmSettings) {
    let FarmSettings { nodes, affinity } = farm;
    name(keys, "", &[("affinity", *affinity == other.affinity)]);
    let names =
        |nodes: &[NodeSettings]| -> Vec<_> { nodes.iter().map(|node| node.name.clone()).collect() };
    if names(nodes) != names(&other.nodes) {
        let one = |nodes: &[NodeSettings]| nodes.iter().all(|node| node.name.is_none());
        let key = if one(nodes) && one(&other.nodes) {
            "upstream"
        } else {
            "upstreams"
        };
        keys.push(key.to_owned());
        return;
    }
    for (index, (node, other)) in nodes.iter().zip(&other.nodes).enumerate() {
        let section = match node.name {
            Some(_) => format!("upstreams[{index}]."),
            None => "upstream.".to_owned(),
        };
        self::node(keys, &section, node, other);
    }
}

fn node(keys: &mut Keys, section: &str, node: &NodeSettings, other: &NodeSettings) {
    let NodeSettings {
        name: _,
        tag: _, // from the name, the address and session.secret
        connection,
        health,
        fail_timeout,
    } = node;
    let Settings {
        target,
        connect_timeout,
        response_timeout,
        body_timeout,
        keep_alive,
        max_connections,
    } = connection;
    let to = &other.connection;
    name(
        keys,
        section,
        &[
            ("url", is_same_url(target, &to.target)),
            ("tls", is_same_tls(target, &to.target)),
            ("connect_timeout", *connect_timeout == to.connect_timeout),
            ("response_timeout", *response_timeout == to.response_timeout),
            ("body_timeout", *body_timeout == to.body_timeout),
            ("keep_alive", *keep_alive == to.keep_alive),
            ("max_connections", *max_connections == to.max_connections),
            ("health", *health == other.health),
            ("fail_timeout", *fail_timeout == other.fail_timeout),
        ],
    );
}

fn is_same_url(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (
            Target::Tls { host, port, .. },
            Target::Tls {
                host: other_host,
                port: other_port,
                ..
            },
        ) => (host, port) == (other_host, other_port),
        (Target::Tcp { .. } | Target::Tls { .. } | Target::Unix(_), _) => one == other,
    }
}

/// Where only one of them has TLS, the URL says it. What is in the file of authorities may differ: it is taken over.
fn is_same_tls(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (
            Target::Tls { connector, .. },
            Target::Tls {
                connector: other, ..
            },
        ) => connector == other,
        (Target::Tcp { .. } | Target::Tls { .. } | Target::Unix(_), _) => true,
    }
}

/// What `tracing` says of which requests have traces may change.
fn tracing(keys: &mut Keys, one: Option<&traces::Settings>, other: Option<&traces::Settings>) {
    let (Some(one), Some(other)) = (one, other) else {
        name(keys, "", &[("tracing", one == other)]);
        return;
    };
    let traces::Settings {
        endpoint,
        headers,
        service_name,
        resource_attributes,
        interval,
        timeout,
    } = one;
    name(
        keys,
        "tracing.",
        &[
            ("endpoint", endpoint.url == other.endpoint.url),
            ("tls", endpoint.tls == other.endpoint.tls),
            ("headers", *headers == other.headers),
            ("service_name", *service_name == other.service_name),
            (
                "resource_attributes",
                *resource_attributes == other.resource_attributes,
            ),
            ("interval", *interval == other.interval),
            ("timeout", *timeout == other.timeout),
        ],
    );
}

fn limits(keys: &mut Keys, edge: &Edge, other: &Edge) {
    let Edge {
        connections,
        connections_per_client,
        header_size,
        headers,
        header_timeout,
        idle_timeout,
        send_timeout,
        min_rate,
        http2_streams,
    } = edge;
    name(
        keys,
        "limits.",
        &[
            ("connections", *connections == other.connections),
            (
                "connections_per_client",
                *connections_per_client == other.connections_per_client,
            ),
            ("header_size", *header_size == other.header_size),
            ("headers", *headers == other.headers),
            ("header_timeout", *header_timeout == other.header_timeout),
            ("idle_timeout", *idle_timeout == other.idle_timeout),
            ("send_timeout", *send_timeout == other.send_timeout),
            ("min_rate", *min_rate == other.min_rate),
            ("http2_streams", *http2_streams == other.http2_streams),
        ],
    );
}
