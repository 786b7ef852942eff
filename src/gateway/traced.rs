//! A request as its trace has it: what is noted on the way, and handed over at the end.
//!
//! Guarantees: with traces off nothing is noted, read or changed; of a request that is not sampled nothing is handed over.
//! Does not do: make spans, send them; `traces` does.

use std::time::{Instant, SystemTime};

use http::{StatusCode, request};

use super::account::{Asked, Fault};
use super::alarm::now;
use super::policy::Policy;
use super::record::{ACCESS_LABELS, Outcome as Label};
use super::{Gateway, Visit};
use crate::client::Scheme;
use crate::session;
use crate::traces::{Attempt, Context, Finished, Routed, TraceId, Wait};
use crate::upstream::Target;

/// What is noted of a request for its trace.
#[derive(Debug)]
pub(super) struct Traced {
    context: Context,
    /// When a connection to the application was first asked for.
    attempted: Option<Instant>,
    /// The node that the last connection led to.
    node: Option<usize>,
    /// What the application answered.
    status: Option<StatusCode>,
}

impl Traced {
    /// Its place in its trace.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Its trace.
    pub(super) fn trace(&self) -> TraceId {
        self.context.trace()
    }

    /// Whether its spans are to be recorded.
    pub(super) fn is_sampled(&self) -> bool {
        self.context.is_sampled()
    }
}

impl Gateway {
    /// The trace of a request that has come; None when traces are off.
    pub(super) fn context(&self, policy: &Policy, head: &request::Parts) -> Option<Box<Traced>> {
        self.tracer.as_ref().map(|_| {
            Box::new(Traced {
                context: Context::of(&head.headers, &policy.sampling),
                attempted: None,
                node: None,
                status: None,
            })
        })
    }
}

impl Visit<'_> {
    /// The request is about to go to the application.
    pub(super) fn trace_attempt(&mut self) {
        if let Some(traced) = &mut self.notes.traced {
            traced.attempted = Some(now());
        }
    }

    /// There is a connection to this node.
    pub(super) fn trace_node(&mut self, node: usize) {
        if let Some(traced) = &mut self.notes.traced {
            traced.node = Some(node);
        }
    }

    /// The application has answered.
    pub(super) fn trace_answer(&mut self, status: StatusCode) {
        if let Some(traced) = &mut self.notes.traced {
            traced.status = Some(status);
        }
    }

    /// Hands over a sampled request that has ended.
    pub(super) fn trace(&self, asked: &Asked, label: Label, fault: Option<Fault>, ended: Instant) {
        let (Some(tracer), Some(traced)) = (&self.gateway.tracer, &self.notes.traced) else {
            return;
        };
        if !traced.is_sampled() {
            return;
        }
        let path = session::mask_path(asked.path());
        let session = self.notes.session.map(|session| session.to_string());
        tracer.record(&Finished {
            context: &traced.context,
            started: self.notes.started,
            ended,
            at: SystemTime::now(),
            client: String::from_utf8_lossy(&self.client_text()).into_owned(),
            method: &asked.method,
            version: self.version,
            scheme: match self.client.scheme {
                Scheme::Http => "http",
                Scheme::Https => "https",
            },
            host: asked.host(),
            path: &path,
            route: self.route,
            routed: match self.place {
                Some(_) => Routed::ByTable,
                None => Routed::ByDefault,
            },
            access: ACCESS_LABELS[self.terms.access as usize],
            outcome: label.label(),
            refusal: label.reason().map(|reason| reason.label()),
            fault: fault.map(Fault::label),
            status: self.status(),
            session,
            id: self.request_id.to_str().unwrap_or_default(),
            hold: self.entry.hold(),
            wait: self.waited(traced, label),
            attempt: self.attempt(traced),
        });
    }

    /// Its wait, if it had one.
    fn waited(&self, traced: &Traced, label: Label) -> Option<Wait<'_>> {
        let in_vain = traced.attempted.is_none();
        Some(Wait {
            began: self.notes.joined?,
            took: self.notes.waited?,
            position: self.notes.position,
            behind: self.notes.behind.as_deref().map(|note| &*note.route),
            failure: match label.reason() {
                Some(reason) if in_vain => Some(reason.label()),
                _ => None,
            },
        })
    }

    /// Its time in the application, if it got there.
    fn attempt(&self, traced: &Traced) -> Option<Attempt<'_>> {
        let node = traced.node.map(|node| self.gateway.upstream.node(node));
        let target = node.map(|(target, _)| target);
        Some(Attempt {
            began: traced.attempted?,
            answered: self.notes.answered,
            status: traced.status,
            server: match target {
                Some(Target::Tcp { host, port } | Target::Tls { host, port, .. }) => {
                    Some((host.as_str(), *port))
                }
                Some(Target::Unix(_)) | None => None,
            },
            scheme: match target {
                Some(Target::Tls { .. }) => "https",
                _ => "http",
            },
            node: node.and_then(|(_, name)| name),
        })
    }
}
