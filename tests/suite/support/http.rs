//! HTTP/1.1, as much of it as the test server and its proxy speak.

use std::io::{BufRead, Write};
use std::net::TcpStream;

/// One answer, up to its end, from a connection that may bring more.
pub(super) fn read_answer(reader: &mut impl BufRead) -> std::io::Result<(u16, Vec<u8>)> {
    let odd = |what: &str| std::io::Error::other(format!("an odd answer from upstream: {what}"));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| odd(&line))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        match header.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok(),
            Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
            Some(_) => {}
            None if header.is_empty() => break,
            None => return Err(odd(&header)),
        }
    }
    let mut body = Vec::new();
    if !chunked {
        body.resize(length.ok_or_else(|| odd("no length"))?, 0);
        reader.read_exact(&mut body)?;
        return Ok((status, body));
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| odd(&line))?;
        let begin = body.len();
        body.resize(begin + size, 0);
        reader.read_exact(&mut body[begin..])?;
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok((status, body));
        }
    }
}

pub(super) fn read_request(
    reader: &mut impl BufRead,
) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (mut operation, mut length) = (String::new(), 0);
    let mut first = true;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() && !first {
            break;
        }
        first = false;
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "x-amz-target" => {
                    operation = value.trim().rsplit('.').next().unwrap_or_default().to_owned();
                }
                "content-length" => length = value.trim().parse().unwrap_or(0),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((operation, body)))
}

/// Header and body in one write: two would cost 40 ms each.
pub(super) fn write_answer(
    mut stream: &TcpStream,
    status: u16,
    headers: &str,
    body: &[u8],
    announced: usize,
) -> std::io::Result<()> {
    let mut answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amzn-requestid: TEST\r\n{headers}content-length: {announced}\r\n\r\n"
    )
    .into_bytes();
    answer.extend_from_slice(body);
    stream.write_all(&answer)
}

/// A request as another tool would send it. DynamoDB Local reads the access key and the region
/// and checks no signature.
pub(super) fn request(address: &str, operation: &str, body: &[u8], connection: &str) -> Vec<u8> {
    let mut request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: DynamoDB_20120810.{operation}\r\nconnection: {connection}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, \
         SignedHeaders=host, Signature=00\r\nx-amz-date: 20260101T000000Z\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}
