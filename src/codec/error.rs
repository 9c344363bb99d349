//! standin
#[derive(Debug)]
pub(crate) struct CodecError {
    pub(crate) path: String,
    pub(crate) message: String,
}
