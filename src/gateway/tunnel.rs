//! Upgrades, of HTTP/2 extended CONNECT too: a 101 of the application, and then bytes both ways until one side ends.
//!
//! Guarantees: no byte of the client reaches the application before its 101; a tunnel holds no lane and does not count
//! in the drain. Does not do: look inside; time limits.

use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{Response, StatusCode, request, response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::alarm::now;
use super::delivery::Delivered;
use super::http2::WebSocketKey;
use super::pipe::ClientBody;
use super::refusal::Reason;
use super::upload::RequestBody;
use super::{Outcome, Visit, headers};
use crate::upstream::Connection;

/// A client's wish to change the protocol.
#[derive(Debug)]
pub(super) struct Switch {
    /// To what.
    pub(super) protocol: HeaderValue,
    /// The client's end, once its wish is granted.
    client: OnUpgrade,
    form: Form,
}

/// How the client asked.
#[derive(Clone, Debug)]
enum Form {
    /// By an extended CONNECT (RFC 8441), which we made into an upgrade with a key of our own.
    Connect(WebSocketKey),
    /// By `Upgrade`.
    Upgrade,
}

impl Switch {
    /// The wish of this request, if it may be granted.
    pub(super) fn asked(head: &mut request::Parts) -> Option<Self> {
        let protocol = headers::upgrade(head)?;
        let client = head.extensions.remove::<OnUpgrade>()?;
        let form = match head.extensions.remove::<WebSocketKey>() {
            Some(key) => Form::Connect(key),
            None => Form::Upgrade,
        };
        Some(Self {
            protocol,
            client,
            form,
        })
    }

    /// Makes the header of the application's 101 the one that this client waits for.
    fn grant(&self, head: &mut response::Parts, protocol: HeaderValue) -> Result<(), Reason> {
        match &self.form {
            Form::Upgrade => {
                head.headers
                    .insert(CONNECTION, HeaderValue::from_static("upgrade"));
                head.headers.insert(UPGRADE, protocol);
            }
            Form::Connect(key) => {
                // The client cannot check it, since the key is ours.
                let accepted = head.headers.remove(SEC_WEBSOCKET_ACCEPT);
                if accepted.is_none_or(|accepted| accepted != key.accept()) {
                    return Err(Reason::UpstreamInvalid);
                }
                head.status = StatusCode::OK; // RFC 8441 5
            }
        }
        Ok(())
    }
}

impl Visit<'_> {
    /// Passes a 101 on, lets the next in line go, and carries bytes until the tunnel ends.
    pub(super) async fn switch(
        &mut self,
        switch: Option<Switch>,
        connection: Connection<RequestBody>,
        mut response: Response<Incoming>,
    ) -> Outcome {
        // A 101 that nobody asked for cannot be passed on (RFC 9110 7.8).
        let switch = switch.ok_or(Reason::UpstreamInvalid)?;
        let application = hyper::upgrade::on(&mut response);
        let (mut head, _) = response.into_parts();
        let protocol = head
            .headers
            .get(UPGRADE)
            .cloned()
            .unwrap_or_else(|| switch.protocol.clone());
        self.prepare(&mut head, None);
        switch.grant(&mut head, protocol)?;
        self.entry.end(now());
        self.stay.end();
        self.in_flight = None;
        self.reply
            .give(Response::from_parts(head, ClientBody::Whole(None)));
        join(switch.client, application, connection).await;
        Ok(Delivered::Whole)
    }
}

async fn join(client: OnUpgrade, application: OnUpgrade, connection: Connection<RequestBody>) {
    let ends = async {
        let (client, application) = (client.await?, application.await?);
        Ok::<_, hyper::Error>((client, application))
    };
    // hyper hands the application's end over while its connection is driven to its own end.
    let (ends, ()) = futures_util::future::join(ends, connection.finish()).await;
    if let Ok((client, application)) = ends {
        let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
        // Either side may break off at any time; there is nobody left to tell.
        drop(copy_bidirectional(&mut client, &mut application).await);
    }
}
