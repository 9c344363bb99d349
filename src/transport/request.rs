//! rusoto's signed request as hyper wants it, and hyper's answer as rusoto wants it.

use ::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request, Uri};
use bytes::Bytes;
use http_body_util::Full;
use rusoto_core::ByteStream;
use rusoto_core::request::HttpResponse;
use rusoto_core::signature::{SignedRequest, SignedRequestPayload};

use super::failure::WireFailure;

/// Sent when rusoto's request names no client of its own.
const USER_AGENT: &str = concat!("faraday-atom/", env!("CARGO_PKG_VERSION"));

/// Translates a signed request. Its URI is absolute; what goes on the wire is the pool's matter.
///
/// Host and path are what rusoto signed; they must not be changed here.
pub(super) fn from_signed(signed: SignedRequest) -> Result<Request<Full<Bytes>>, WireFailure> {
    let method = Method::from_bytes(signed.method().as_bytes())
        .map_err(|_| WireFailure::Unusable(format!("{:?} is no HTTP method", signed.method())))?;
    let mut address =
        format!("{}://{}{}", signed.scheme(), signed.hostname(), signed.canonical_path());
    if !signed.canonical_query_string().is_empty() {
        address.push('?');
        address.push_str(signed.canonical_query_string());
    }
    let uri: Uri = address
        .parse()
        .map_err(|error| WireFailure::Unusable(format!("{address:?} is no address: {error}")))?;
    // A port that is out of range would quietly become 80, and a password a part of `Host`.
    let plain = uri.authority().is_some_and(|authority| {
        let host = authority.host();
        match authority.port() {
            Some(port) => *authority == format!("{host}:{port}").as_str(),
            None => !host.is_empty() && *authority == host,
        }
    });
    if !plain {
        let message = format!("{:?} is no host, nor host and port", signed.hostname());
        return Err(WireFailure::Unusable(message));
    }
    let headers = headers(&signed)?;
    let body = match signed.payload {
        None => Bytes::new(),
        Some(SignedRequestPayload::Buffer(bytes)) => bytes,
        // DynamoDB has no operation that streams, and a stream could not be sent again.
        Some(SignedRequestPayload::Stream(_)) => {
            return Err(WireFailure::Unusable("the body is a stream".to_owned()));
        }
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

fn headers(signed: &SignedRequest) -> Result<HeaderMap, WireFailure> {
    let mut headers = HeaderMap::with_capacity(signed.headers().len() + 2);
    for (name, values) in signed.headers() {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| WireFailure::Unusable(format!("{name:?} is no header name")))?;
        for value in values {
            // The value itself is not repeated: it may be a secret.
            let mut value = HeaderValue::from_bytes(value).map_err(|_| {
                WireFailure::Unusable(format!("header {name}: a character HTTP does not allow"))
            })?;
            // Keeps it out of every `Debug` that hyper may print.
            value.set_sensitive(key == AUTHORIZATION || key == "x-amz-security-token");
            headers.append(key.clone(), value);
        }
    }
    // `sign` and `complement` set it. A request that went through neither still gets it.
    if !headers.contains_key(::http::header::HOST) {
        let host = HeaderValue::from_str(&signed.hostname())
            .map_err(|_| WireFailure::Unusable("the host name is not ASCII".to_owned()))?;
        headers.insert(::http::header::HOST, host);
    }
    headers.entry(::http::header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    Ok(headers)
}

/// The answer in rusoto's types, which belong to an older `http`. The names are left to
/// inference: naming them would make that version a dependency of ours.
///
/// A header value need not be ASCII, nor UTF-8: what is not is replaced, never a panic.
pub(super) fn to_rusoto(
    head: &::http::response::Parts,
    body: Vec<u8>,
) -> Result<HttpResponse, WireFailure> {
    let status = head
        .status
        .as_u16()
        .try_into()
        .map_err(|_| WireFailure::InDoubt(format!("status {} is out of range", head.status)))?;
    Ok(HttpResponse {
        status,
        body: ByteStream::from(body),
        headers: head
            .headers
            .iter()
            .filter_map(|(name, value)| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                Some((name.as_str().parse().ok()?, text))
            })
            .collect(),
    })
}
