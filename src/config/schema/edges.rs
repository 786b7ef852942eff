//! The sections at the edges: where bytes come from and go to, what bounds them, what is said of them.
//!
//! Guarantees: as the module above. Does not do: routes, sessions, lanes and throttle; that one does.

use serde_json::{Map, Value as Json, json};

use super::super::{
    admin, application, certificates, client, defaults, limits, listen, log::LOG, refusals, traces,
    upstreams,
};
use super::shape::{
    address, any_text, by_name, choice, either, fraction, list, named, none_or, off, one_or_more,
    size, text, text_like, timeout, truth, whole, words,
};
use super::{Properties, Sections, TOKEN, with};
use crate::gateway::refusal::Reason;

impl Sections {
    pub(super) fn listen(&self) -> Json {
        let pair = vec![("cert", text()), ("key", text())];
        let pair = self.section("listen.tls", &certificates::PAIR, pair);
        let properties = vec![
            ("address", address()),
            ("tls", one_or_more(&with(pair, &["cert", "key"]), 1)),
            ("proxy_protocol", choice(listen::PROXY_PROTOCOL)),
            ("http2", truth()),
        ];
        let section = self.section("listen", &listen::LISTENER, properties);
        one_or_more(&either(&address(), &with(section, &["address"])), 1)
    }

    /// The keys of `upstream`, and of each node.
    pub(super) fn upstream(&self) -> Properties {
        let tls = vec![("ca", text()), ("verify", truth()), ("server_name", text())];
        vec![
            ("url", url()),
            (
                "tls",
                self.section("upstream.tls", &certificates::APPLICATION, tls),
            ),
            ("connect_timeout", timeout()),
            ("response_timeout", timeout()),
            ("body_timeout", timeout()),
            ("keep_alive", timeout()),
            ("max_connections", none_or(&whole(1..=defaults::MOST))),
        ]
    }

    pub(super) fn upstreams(&self) -> Json {
        let path = || text_like("^/");
        let health = vec![
            ("path", path()),
            ("host", text()),
            ("interval", timeout()),
            ("timeout", timeout()),
            ("unhealthy_after", whole(1..=defaults::MOST_CHECKS)),
            ("healthy_after", whole(1..=defaults::MOST_CHECKS)),
        ];
        let health = self.section("upstreams.health", &upstreams::HEALTH, health);
        let mut node = self.upstream();
        node.extend([
            ("name", text()),
            ("health", either(&path(), &with(health, &["path"]))),
            ("fail_timeout", timeout()),
        ]);
        let node = self.section("upstreams", &upstreams::NODE, node);
        list(&with(node, &["name", "url"]), 1)
    }

    pub(super) fn affinity(&self) -> Json {
        let properties = vec![("cookie", text_like(TOKEN)), ("set", truth())];
        either(
            &off(),
            &self.section("affinity", &upstreams::AFFINITY, properties),
        )
    }

    pub(super) fn client(&self) -> Json {
        let networks = || one_or_more(&named("network"), 0);
        let properties = vec![
            ("trusted_proxies", networks()),
            ("header", choice(client::HEADERS)),
            ("ipv6_prefix", whole(1..=crate::client::Ipv6Prefix::MAX)),
            ("allow", networks()),
            ("deny", networks()),
        ];
        self.section("client", &client::CLIENT, properties)
    }

    pub(super) fn limits(&self) -> Json {
        let count = || whole(1..=defaults::MOST);
        let buffer = || size(0..=defaults::LARGEST_BUFFER);
        let any = || size(0..=usize::MAX);
        let url_length = defaults::SMALLEST_URL_LENGTH..=defaults::LARGEST_URL_LENGTH;
        let header_size = defaults::SMALLEST_HEADER_SIZE..=defaults::LARGEST_HEADER_SIZE;
        let properties = vec![
            ("connections", count()),
            ("connections_per_client", none_or(&count())),
            ("header_size", size(header_size)),
            ("headers", whole(1..=defaults::MOST_HEADERS)),
            ("url_length", size(url_length)),
            ("header_timeout", timeout()),
            ("idle_timeout", timeout()),
            ("http2_streams", whole(1..=defaults::MOST_STREAMS)),
            ("body_size", none_or(&any())),
            ("body_idle_timeout", timeout()),
            ("send_timeout", timeout()),
            ("min_rate", size(0..=defaults::FASTEST_MIN_RATE)),
            ("slow_client", timeout()),
            ("read_ahead", choice(limits::READ_AHEAD)),
            ("request_buffer", buffer()),
            ("request_spool", any()),
            ("response_buffer", buffer()),
            ("buffer_memory", any()),
            ("spool_disk", any()),
        ];
        self.section("limits", &limits::LIMITS, properties)
    }

    pub(super) fn application(&self) -> Json {
        let properties = vec![
            ("secret", any_text()),
            ("report", truth()),
            ("on_read_wrote", choice(application::ON_READ_WROTE)),
        ];
        self.section("application", &application::APPLICATION, properties)
    }

    pub(super) fn refusals(&self) -> Json {
        let properties = vec![("status", whole(400..=599)), ("page", text())];
        let refusal = self.section("refusals", &refusals::REFUSAL, properties);
        let labels = Reason::LABELS.into_iter();
        let labels = labels.filter(|label| Reason::from_label(label).is_some());
        let reasons = labels.map(|label| (label.to_owned(), refusal.clone()));
        json!({
            "type": "object",
            "properties": Json::Object(reasons.collect::<Map<_, _>>()),
            "additionalProperties": false,
        })
    }

    pub(super) fn admin(&self) -> Json {
        let listen = json!({ "anyOf": [address(), off()] });
        let token = text_like("^([A-Za-z0-9._~+/=-]{16,})?$");
        let properties = vec![("listen", listen), ("token", token)];
        let section = self.section("admin", &admin::ADMIN, properties);
        either(&off(), &section)
    }

    pub(super) fn tracing(&self) -> Json {
        let tls = vec![("ca", text()), ("server_name", text())];
        let properties = vec![
            ("endpoint", text_like("^https?://")),
            ("tls", self.section("tracing.tls", &traces::TLS, tls)),
            ("headers", by_name(&any_text())),
            ("service_name", text()),
            ("resource_attributes", by_name(&any_text())),
            ("sample_rate", fraction()),
            ("parent", choice(traces::PARENTS)),
            ("interval", timeout()),
            ("timeout", timeout()),
        ];
        let section = self.section("tracing", &traces::TRACING, properties);
        either(&off(), &with(section, &["endpoint"]))
    }

    pub(super) fn log(&self) -> Json {
        let properties = vec![("format", words(["text", "json"])), ("access", truth())];
        self.section("log", &LOG, properties)
    }
}

/// Where balancers ask; a path alone, and not the first page.
pub(super) fn ready_path() -> Json {
    json!({ "anyOf": [off(), text_like("^/[^?#\\s]+$")] })
}

/// Where the application is.
pub(super) fn url() -> Json {
    text_like("^(http://|https://|unix:)")
}
