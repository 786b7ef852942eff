//! The way to the collector: one HTTP/1.1 POST on a connection of its own, for the thread that sends.
//!
//! Guarantees: it takes no longer than the timeout, and reads no more than a bounded answer; the operator's headers are sent
//! and no others from the environment; why it failed is remembered for the warning. Does not do: repeat (the exporter does);
//! follow redirects, which would show the headers to somebody else; use a proxy.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::Endpoint;

/// Sends to one collector.
pub(super) struct Collector {
    runtime: Runtime,
    endpoint: Endpoint,
    headers: HeaderMap,
    timeout: Duration,
    last: Mutex<Last>,
}

/// How the last request to the collector ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Last {
    /// Why it failed.
    pub(super) fault: Option<String>,
    /// Spans that the collector did not want, though it answered 200 (`partialSuccess`).
    pub(super) rejected: usize,
}

impl Collector {
    /// # Errors
    /// When there can be no runtime.
    pub(super) fn new(
        endpoint: Endpoint,
        headers: HeaderMap,
        timeout: Duration,
    ) -> io::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            endpoint,
            headers,
            timeout,
            last: Mutex::default(),
        })
    }

    /// The URL.
    pub(super) fn url(&self) -> &http::Uri {
        &self.endpoint.url
    }

    /// How the last request ended; forgotten then.
    pub(super) fn take_last(&self) -> Last {
        std::mem::take(&mut *self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Endpoint {
            host, port, tls, ..
        } = &self.endpoint;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        let request = self.complete(request);
        match tls {
            Some(tls) => exchange(tls.connect(stream).await?, request).await,
            None => exchange(stream, request).await,
        }
    }

    /// The request with the operator's headers, and of the exporter's own what names its body.
    fn complete(&self, request: Request<Bytes>) -> Request<Full<Bytes>> {
        let (mut head, body) = request.into_parts();
        let content_type = head.headers.remove(CONTENT_TYPE);
        head.headers = self.headers.clone();
        let url = &self.endpoint.url;
        let host = url.authority().map_or("", http::uri::Authority::as_str);
        let host = HeaderValue::from_str(host);
        let fields = [
            (HOST, host.ok()),
            (CONTENT_TYPE, content_type),
            (USER_AGENT, Some(HeaderValue::from_static(USER))),
            (CONNECTION, Some(HeaderValue::from_static("close"))),
            (ACCEPT_ENCODING, Some(HeaderValue::from_static("identity"))),
        ];
        for (name, value) in fields {
            head.headers.extend(value.map(|value| (name, value)));
        }
        head.uri = url
            .path_and_query()
            .cloned()
            .map_or_else(http::Uri::default, Into::into);
        Request::from_parts(head, Full::new(body))
    }

    fn remember(&self, result: &Result<Response<Bytes>, HttpError>) {
        let last = match result {
            Ok(response) if response.status().is_success() => Last {
                fault: None,
                rejected: rejected(response.body()),
            },
            Ok(response) => Last {
                fault: Some(format!("it answers {}", response.status())),
                rejected: 0,
            },
            Err(error) => Last {
                fault: Some(whole(&**error)),
                rejected: 0,
            },
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

#[async_trait]
impl HttpClient for Collector {
    /// Blocks: the thread that sends has nothing else to do.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = self
            .runtime
            .block_on(async { timeout(self.timeout, self.send(request)).await })
            .unwrap_or_else(|_| Err(Silent(self.timeout).into()));
        self.remember(&result);
        result
    }
}

/// One request and its answer on a fresh connection.
async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    // The connection's own end says nothing that the answer does not.
    let (answer, _) = futures_util::future::join(answer, connection).await;
    answer
}

/// The spans that the collector did not want. An answer that says nothing of it took them all.
fn rejected(answer: &[u8]) -> usize {
    let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
    match answer.partial_success.rejected_spans {
        Count::Number(number) => number,
        Count::Text(text) => text.parse().unwrap_or(0),
    }
}

/// `ExportTraceServiceResponse`, as far as it matters.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: PartialSuccess,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    rejected_spans: Count,
}

/// Protobuf's JSON writes 64-bit numbers as text, and takes both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(usize),
    Text(String),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// The collector does not answer.
#[derive(Debug, thiserror::Error)]
#[error("it does not answer within {}", humantime::format_duration(*.0))]
struct Silent(Duration);

/// An error with its causes, which say more than hyper's own words; each once.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

const USER: &str = concat!("onelane/", env!("CARGO_PKG_VERSION"));

/// An answer is a few words; a longer one is no collector's.
const LONGEST_ANSWER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_collector_did_not_want_is_counted() {
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":"7"}}"#), 7);
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":7}}"#), 7);
        for none in ["{}", "", "ok", r#"{"partialSuccess":{}}"#, "<html>"] {
            assert_eq!(rejected(none.as_bytes()), 0, "{none}");
        }
    }

    #[test]
    fn an_error_says_its_causes_once() {
        let error = io::Error::other(Silent(Duration::from_secs(2)));
        assert_eq!(whole(&error), "it does not answer within 2s");
    }
}
