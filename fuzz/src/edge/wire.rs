//! The characters of HTTP (RFC 9110 section 5.6, RFC 9112 section 2).
//!
//! Guarantees: written from the RFCs, without the product's parsers.

/// A field: its name in lower case, its value without the white space around it.
pub(super) type Field = (Vec<u8>, Vec<u8>);

/// Whether it is a token.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Whether it may be in a field's value: visible characters, space, tab, obs-text.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

/// A field line without its end; None when it is none.
pub(super) fn field(line: &[u8]) -> Option<Field> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..at], trimmed(&line[at + 1..]));
    (is_token(name) && is_value(value)).then(|| (name.to_ascii_lowercase(), value.to_vec()))
}

/// Without spaces and tabs around it.
pub(super) fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The values of a field's lines.
pub(super) fn values<'f>(fields: &'f [Field], name: &str) -> Vec<&'f [u8]> {
    let lines = fields.iter().filter(|(known, _)| known == name.as_bytes());
    lines.map(|(_, value)| &**value).collect()
}

/// The members of a list, in lower case.
pub(super) fn members(values: &[&[u8]]) -> Vec<Vec<u8>> {
    let members = values
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b','));
    members
        .map(trimmed)
        .filter(|member| !member.is_empty())
        .map(<[u8]>::to_ascii_lowercase)
        .collect()
}

/// A number in digits alone; None when it is none, or too large.
pub(super) fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        number.checked_mul(radix.into())?.checked_add(digit.into())
    })
}

/// The first line up to CRLF, and what is behind it.
pub(super) fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..at], &bytes[at + 2..]))
}

/// Bytes as text, for messages.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Fields as text, for messages.
pub(super) fn shown_fields(fields: &[Field]) -> Vec<String> {
    let line = |(name, value): &Field| format!("{}: {}", shown(name), shown(value));
    fields.iter().map(line).collect()
}
