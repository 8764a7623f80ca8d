//! The parts of a body (RFC 2046 section 5.1, RFC 5621).

use memchr::{memchr, memmem};

use super::field::{Fields, Params, Wanted};
use super::lines::{Lines, cut, trim};
use super::name::HeaderName;

/// One part of a multipart body, or a whole body that is not multipart.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The Content-Type of the part, parameters included; `None` if it has none.
    pub content_type: Option<&'a [u8]>,
    /// The content.
    pub body: &'a [u8],
    head: &'a [u8],
}

impl<'a> Part<'a> {
    /// True if the media type is this one (`application/sdp`), in any case.
    pub fn is(&self, media_type: &[u8]) -> bool {
        self.content_type.is_some_and(|found| media_type_of(found).eq_ignore_ascii_case(media_type))
    }

    /// True for a session description; one without a Content-Type is told by its first line.
    pub fn is_sdp(&self) -> bool {
        self.is(b"application/sdp") || (self.content_type.is_none() && self.body.starts_with(b"v=0"))
    }

    /// A header of this part, in any case (`Content-Disposition`, `Content-ID`); none for a whole body.
    pub fn named(&self, name: &[u8]) -> Option<&'a [u8]> {
        Fields::new(self.head, Wanted::Name(name)).next()
    }
}

/// The parts of a multipart body, up to its closing boundary.
#[derive(Clone, Copy, Debug)]
struct Parts<'a> {
    /// What follows the last boundary found; `None` after the last part.
    rest: Option<&'a [u8]>,
    boundary: &'a [u8],
}

pub(super) fn parts<'a>(
    content_type: Option<&'a [u8]>,
    body: &'a [u8],
) -> impl Iterator<Item = Part<'a>> + use<'a> {
    let multipart = content_type.filter(|found| is_multipart(found));
    let whole = (multipart.is_none() && !body.is_empty()).then_some(Part { content_type, body, head: &[] });
    let parts = match multipart {
        Some(content_type) => Parts::new(content_type, body),
        None => Parts { rest: None, boundary: &[] },
    };
    whole.into_iter().chain(parts)
}

impl<'a> Parts<'a> {
    /// Where the type names no boundary, the first line that begins with `--` shows it.
    fn new(content_type: &'a [u8], body: &'a [u8]) -> Parts<'a> {
        let named = Params::new(content_type).find(b"boundary").filter(|boundary| !boundary.is_empty());
        let boundary = named.or_else(|| first_dashes(body)).unwrap_or_default();
        let rest =
            if boundary.is_empty() { None } else { next_boundary(body, boundary).map(|(_, rest)| rest) };
        Parts { rest, boundary }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let rest = self.rest.take().filter(|rest| !rest.starts_with(b"--"))?;
        let (part, after) = match next_boundary(rest, self.boundary) {
            Some((part, after)) => (part, Some(after)),
            None => (rest, None),
        };
        self.rest = after;
        Some(read_part(part))
    }
}

/// What stands before the next boundary line, and what follows its name; the line end before a boundary is its.
fn next_boundary<'a>(text: &'a [u8], boundary: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut from = 0usize;
    loop {
        let at = from.saturating_add(memmem::find(text.get(from..)?, b"--")?);
        let (before, after) = cut(text, at);
        let after = after.get(2..).unwrap_or_default();
        if before.last().is_none_or(|b| *b == b'\n') && after.starts_with(boundary) {
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            return Some((before, after.get(boundary.len()..).unwrap_or_default()));
        }
        from = at.saturating_add(1);
    }
}

/// A part from what follows the name of its boundary: the rest of that line, header lines, a blank line, content.
fn read_part(text: &[u8]) -> Part<'_> {
    let head = memchr(b'\n', text).and_then(|lf| text.get(lf.saturating_add(1)..)).unwrap_or_default();
    let mut lines = Lines::new(head);
    lines.by_ref().for_each(drop);
    let body = if lines.blank() { lines.rest() } else { &[] };
    let content_type = Fields::new(head, Wanted::Known(HeaderName::ContentType)).next();
    Part { content_type, body, head }
}

fn first_dashes(body: &[u8]) -> Option<&[u8]> {
    let line = body.split(|b| *b == b'\n').find(|line| line.starts_with(b"--"))?;
    line.get(2..).map(trim)
}

fn is_multipart(content_type: &[u8]) -> bool {
    content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
}

fn media_type_of(content_type: &[u8]) -> &[u8] {
    trim(cut(content_type, memchr(b';', content_type).unwrap_or(content_type.len())).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"preamble\r\n--b1\r\nContent-Type: application/SDP\r\n\r\nv=0\r\ns=-\r\n--b1 \r\n\
        Content-Type: x/y\r\nContent-Disposition: recording-session\r\n\r\n\0\xff--b1\r\n\r\n--b1--\r\nepilogue";

    #[test]
    fn parts_are_cut_at_boundary_lines_only() {
        let found: Vec<_> = parts(Some(b"multipart/mixed;boundary=\"b1\""), BODY).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].is_sdp());
        assert_eq!(found[0].body, b"v=0\r\ns=-");
        assert_eq!(found[1].body, b"\0\xff--b1\r\n");
        assert_eq!(found[1].named(b"content-disposition"), Some(&b"recording-session"[..]));
    }

    #[test]
    fn a_missing_boundary_is_taken_from_the_body() {
        assert_eq!(parts(Some(b"Multipart/Mixed"), BODY).count(), 2);
        assert_eq!(parts(Some(b"multipart/mixed"), b"no dashes").count(), 0);
    }

    #[test]
    fn a_body_of_another_type_is_its_own_part() {
        let found: Vec<_> = parts(Some(b"application/sdp ; charset=x"), b"v=0").collect();
        assert!(found.len() == 1 && found[0].is_sdp());
        assert!(parts(None, b"v=0\r\n").all(|part| part.is_sdp()));
        assert!(!parts(Some(b"text/plain"), b"v=0").any(|part| part.is_sdp()));
        assert_eq!(parts(None, b"").count(), 0);
    }
}
