//! TLS around a connector, by the feature that is switched on.
//!
//! | features | `https://` goes through |
//! |---|---|
//! | `native-tls` | the system's own: OpenSSL on Linux, SChannel, Secure Transport |
//! | `rustls` | rustls with ring, trusting the system's certificates |
//! | both | rustls: who adds it to the default asked for it |
//! | neither | nothing: a clear error. `http://` works |
//!
//! No protocol but HTTP/1.1 is offered to the server. What the environment's `AWS_CA_BUNDLE`
//! names is trusted besides what the system trusts.

use std::path::Path;

/// Somebody meant something else to be trusted: not a thing to go on from.
#[cfg(any(feature = "native-tls", feature = "rustls"))]
const EMPTY_BUNDLE: &str = "CA bundle: there is no certificate in it";

/// Loaded once, by the first `https://`: reading the system's certificates takes some
/// milliseconds with rustls and up to 200 with OpenSSL 3, which a program that only ever talks
/// `http://` need not spend.
#[derive(Clone)]
pub(super) struct Tls {
    config: imp::Config,
}

impl Tls {
    /// Reads the system's certificates and the bundle's.
    pub(super) fn load(ca_bundle: Option<&Path>) -> Result<Tls, String> {
        let pem = match ca_bundle {
            None => None,
            Some(path) => {
                let pem = std::fs::read(path)
                    .map_err(|error| format!("CA bundle {}: {error}", path.display()))?;
                Some(pem)
            }
        };
        Ok(Tls { config: imp::load(pem.as_deref())? })
    }

    /// A connector that does a TLS handshake on what `inner` connects, if the URI is `https`.
    pub(super) fn wrap<C>(&self, inner: C) -> imp::Secure<C> {
        imp::wrap(&self.config, inner)
    }
}

#[cfg(feature = "rustls")]
mod imp {
    use std::sync::Arc;

    use rustls::crypto::ring;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::{ClientConfig, RootCertStore};

    pub(super) type Config = Arc<ClientConfig>;
    pub(super) type Secure<C> = hyper_rustls::HttpsConnector<C>;

    pub(super) fn load(pem: Option<&[u8]>) -> Result<Config, String> {
        let mut roots = RootCertStore::empty();
        // One unreadable file among the system's is no reason to trust none of them.
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(pem) = pem {
            let known = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                certificate
                    .map_err(|error| error.to_string())
                    .and_then(|certificate| roots.add(certificate).map_err(|e| e.to_string()))
                    .map_err(|error| format!("CA bundle: {error}"))?;
            }
            if roots.len() == known {
                return Err(super::EMPTY_BUNDLE.to_owned());
            }
        }
        if roots.is_empty() {
            let reasons: Vec<_> = system.errors.iter().map(ToString::to_string).collect();
            return Err(format!("no trusted certificates: {}", reasons.join("; ")));
        }
        // The provider is named, not taken from the process: that one may be set by anybody.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    pub(super) fn wrap<C>(config: &Config, inner: C) -> Secure<C> {
        Secure::from((inner, Arc::clone(config)))
    }
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
mod imp {
    use native_tls::{Certificate, Protocol, TlsConnector};

    pub(super) type Config = TlsConnector;
    pub(super) type Secure<C> = hyper_tls::HttpsConnector<C>;

    pub(super) fn load(pem: Option<&[u8]>) -> Result<Config, String> {
        let mut builder = TlsConnector::builder();
        builder.min_protocol_version(Some(Protocol::Tlsv12));
        if let Some(pem) = pem {
            let certificates =
                Certificate::stack_from_pem(pem).map_err(|error| format!("CA bundle: {error}"))?;
            if certificates.is_empty() {
                return Err(super::EMPTY_BUNDLE.to_owned());
            }
            for certificate in certificates {
                builder.add_root_certificate(certificate);
            }
        }
        builder.build().map_err(|error| error.to_string())
    }

    pub(super) fn wrap<C>(config: &Config, inner: C) -> Secure<C> {
        Secure::from((inner, config.clone().into()))
    }
}

#[cfg(not(any(feature = "native-tls", feature = "rustls")))]
mod imp {
    /// Has no value: without TLS nothing can be loaded, so nothing can be wrapped.
    #[derive(Clone)]
    pub(super) enum Config {}
    pub(super) type Secure<C> = C;

    pub(super) fn load(_pem: Option<&[u8]>) -> Result<Config, String> {
        Err("this build of faraday-atom has no TLS: enable its feature native-tls or rustls"
            .to_owned())
    }

    pub(super) fn wrap<C>(config: &Config, _inner: C) -> Secure<C> {
        match *config {}
    }
}
