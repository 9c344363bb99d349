//! Byte arrays in the frame that the Clojure library gave them: that of its
//! serializer, nippy 2.9.1.
//!
//! ```text
//! 4E 50 59 | 00 | 02 | length, 4 bytes big-endian | the bytes
//! 4E 50 59 | 08 | length of the rest before compression | LZ4 block of: 02, length, bytes
//! ```

const MAGIC: &[u8] = b"NPY";
const PLAIN: u8 = 0;
const LZ4: u8 = 8;
const BYTE_ARRAY: u8 = 2;

/// LZ4 makes at most 255 bytes of one; nothing longer is believed.
const LZ4_RATIO: usize = 255;

/// The bytes in their frame, not compressed.
pub(super) fn frame(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let length = i32::try_from(bytes.len()).map_err(|_| {
        format!("a byte array of {} bytes is longer than Java can hold", bytes.len())
    })?;
    Ok([MAGIC, &[PLAIN, BYTE_ARRAY], &length.to_be_bytes(), bytes].concat())
}

/// The bytes without their frame. What has no frame was written by somebody
/// else, and is taken as it is; a frame around anything but one byte array is
/// an error, for whoever wrote it meant something else than bytes.
pub(super) fn unframe(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return Ok(bytes) };
    match rest.split_first() {
        Some((&PLAIN, content)) => byte_array(content),
        Some((&LZ4, content)) => {
            let (length, block) = length(content).ok_or_else(cut_off)?;
            if length > block.len().saturating_mul(LZ4_RATIO) {
                return Err(
                    "a compressed byte array declares more bytes than it can hold".to_owned()
                );
            }
            let content = lz4_flex::block::decompress(block, length)
                .map_err(|error| format!("a compressed byte array is damaged: {error}"))?;
            if content.len() != length {
                return Err("a compressed byte array has not the length it declares".to_owned());
            }
            byte_array(&content)
        }
        Some((kind, _)) => Err(format!("a nippy frame of kind {kind}, which is not read here")),
        None => Err(cut_off()),
    }
}

fn byte_array(content: &[u8]) -> Result<Vec<u8>, String> {
    match content.split_first() {
        Some((&BYTE_ARRAY, content)) => match length(content) {
            Some((length, bytes)) if length == bytes.len() => Ok(bytes.to_vec()),
            Some((length, bytes)) => {
                Err(format!("a framed byte array declares {length} bytes and has {}", bytes.len()))
            }
            None => Err(cut_off()),
        },
        Some((kind, _)) => Err(format!("a nippy frame around type {kind}, which is no byte array")),
        None => Err(cut_off()),
    }
}

fn length(content: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = content.split_first_chunk::<4>()?;
    Some((usize::try_from(i32::from_be_bytes(*length)).ok()?, rest))
}

fn cut_off() -> String {
    "a framed byte array is cut off".to_owned()
}
