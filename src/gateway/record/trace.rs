//! Which trace a request belongs to, as W3C Trace Context says it in `traceparent`.
//!
//! Guarantees: a trace id is 32 lower-case hex digits, not all zero; what is malformed, or said twice, is none (W3C Trace
//! Context 3.2.2, 3.3). Does not do: start a trace; change the header, which the application gets as it is.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// The one `traceparent` of a request.
pub fn traceparent(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut all = headers.get_all(&TRACEPARENT).iter();
    let first = all.next();
    first.filter(|_| all.next().is_none())
}

/// The trace id in a valid `traceparent`: `version-trace-parent-flags`. Later versions may have more behind that.
pub fn trace_id(traceparent: &HeaderValue) -> Option<&str> {
    let text = traceparent.to_str().ok()?;
    let mut fields = text.splitn(5, '-');
    let mut field = |length| fields.next().filter(|field| is_hex(field, length));
    let (version, trace, parent) = (field(2)?, field(32)?, field(16)?);
    field(2)?;
    let no_more = fields.next().is_none() || version != "00";
    (no_more && version != "ff" && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

fn is_hex(text: &str, length: usize) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == length && text.bytes().all(hex)
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn id(text: &str) -> Option<String> {
        let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
        trace_id(&value).map(str::to_owned)
    }

    #[test]
    fn a_valid_header_has_its_trace() {
        for valid in [
            format!("00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-ff"),
            format!("cc-{TRACE}-{PARENT}-01"),
            format!("cc-{TRACE}-{PARENT}-01-what-the-future-brings"),
        ] {
            assert_eq!(id(&valid).as_deref(), Some(TRACE), "{valid}");
        }
    }

    #[test]
    fn what_is_malformed_has_none() {
        let (zeros, upper) = ("0".repeat(32), TRACE.to_uppercase());
        for wrong in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{upper}-{PARENT}-01"),
            format!("00-{zeros}-{PARENT}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}0-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("0-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-0x"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("00-{}\u{e9}-{PARENT}-01", &TRACE[2..]),
        ] {
            assert_eq!(id(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_headers_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(traceparent(&headers), None);
        headers.append("traceparent", HeaderValue::from_static("a"));
        assert_eq!(traceparent(&headers).unwrap(), "a");
        headers.append("traceparent", HeaderValue::from_static("a"));
        assert_eq!(traceparent(&headers), None);
    }
}
