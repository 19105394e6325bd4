//! A certificate authority for tests, and what it signs, rightly and wrongly.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

/// An authority that signs the certificates of servers.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What a server shows behind its own certificate.
    chain: Vec<CertificateDer<'static>>,
}

/// A server's certificate with what it shows behind it, and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// What an authority's own certificate says.
fn of_authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What a server's certificate says.
fn of_server(hosts: &[&str]) -> CertificateParams {
    let names: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, hosts[0]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

impl Authority {
    /// One that is trusted if somebody trusts it.
    pub(crate) fn new(name: &str) -> Self {
        let issuer = CertifiedIssuer::self_signed(of_authority(name), key()).unwrap();
        Self { issuer, chain: Vec::new() }
    }

    /// Its own certificate, as a list of trusted ones has it.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate that nothing is wrong with.
    pub(crate) fn good(&self, hosts: &[&str]) -> Identity {
        self.signs(of_server(hosts))
    }

    /// The same, of an authority that this one has signed.
    pub(crate) fn good_at_second_hand(&self, host: &str) -> Identity {
        self.between(|_| {}).good(&[host])
    }

    fn signs(&self, params: CertificateParams) -> Identity {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![certificate.into()];
        chain.extend(self.chain.iter().cloned());
        Identity { chain, key }
    }

    fn signs_otherwise(&self, host: &str, change: impl Fn(&mut CertificateParams)) -> Identity {
        let mut params = of_server(&[host]);
        change(&mut params);
        self.signs(params)
    }

    /// An authority that this one has signed.
    fn between(&self, change: impl Fn(&mut CertificateParams)) -> Self {
        // Each has a name of its own: it is by that that a signer is found.
        let mut params = of_authority(&format!("authority {} between", self.chain.len() + 1));
        change(&mut params);
        let issuer = CertifiedIssuer::signed_by(params, key(), &self.issuer).unwrap();
        let mut chain = vec![issuer.der().clone()];
        chain.extend(self.chain.iter().cloned());
        Self { issuer, chain }
    }

    /// Certificates for a host, an IP address, each with one thing wrong, and what rustls calls that.
    pub(crate) fn bad(&self, host: &str) -> Vec<(&'static str, &'static str, Identity)> {
        let stranger = Self::new("an authority that nobody knows");
        let namesake = Self::new("the authority of a test");
        let own_signature = {
            let key = key();
            let certificate = of_server(&[host]).self_signed(&key).unwrap();
            Identity { chain: vec![certificate.into()], key }
        };
        let mut without_between = self.good_at_second_hand(host);
        without_between.chain.truncate(1);
        let mut altered = self.good(&[host]);
        altered.chain[0] = {
            let mut bytes = altered.chain[0].to_vec();
            // Within the signature, which stands last.
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            bytes.into()
        };
        let mut foreign_key = self.good(&[host]);
        foreign_key.key = key();
        vec![
            (
                "expired",
                "Expired",
                self.signs_otherwise(host, |params| params.not_after = date_time_ymd(2024, 1, 1)),
            ),
            (
                "not valid yet",
                "NotValidYet",
                self.signs_otherwise(host, |params| params.not_before = date_time_ymd(3024, 1, 1)),
            ),
            ("of another host", "NotValidForName", self.good(&["bill.example"])),
            ("of another address", "NotValidForName", self.good(&["127.0.0.9"])),
            (
                "with its host in the common name alone",
                "NotValidForName",
                self.signs_otherwise(host, |params| params.subject_alt_names.clear()),
            ),
            ("of an unknown authority", "UnknownIssuer", stranger.good(&[host])),
            ("of an authority with a trusted name", "BadSignature", namesake.good(&[host])),
            ("with its own signature", "UnknownIssuer", own_signature),
            (
                "that is an authority's",
                "CaUsedAsEndEntity",
                self.signs_otherwise(host, |params| {
                    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                }),
            ),
            (
                "for clients alone",
                "EkuError",
                self.signs_otherwise(host, |params| {
                    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                }),
            ),
            (
                "with a critical extension that nobody knows",
                "UnsupportedCriticalExtension",
                self.signs_otherwise(host, |params| {
                    let mut extension =
                        CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
                    extension.set_criticality(true);
                    params.custom_extensions.push(extension);
                }),
            ),
            ("whose authority between is missing", "UnknownIssuer", without_between),
            (
                "whose authority between is a server",
                "EndEntityUsedAsCa",
                self.between(|params| params.is_ca = IsCa::ExplicitNoCa).good(&[host]),
            ),
            (
                "whose authority between has expired",
                "Expired",
                self.between(|params| params.not_after = date_time_ymd(2024, 1, 1)).good(&[host]),
            ),
            (
                "whose authority between is for other addresses",
                "NameConstraintViolation",
                self.between(|params| {
                    let elsewhere = CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8);
                    params.name_constraints = Some(NameConstraints {
                        permitted_subtrees: vec![GeneralSubtree::IpAddress(elsewhere)],
                        excluded_subtrees: Vec::new(),
                    });
                })
                .good(&[host]),
            ),
            (
                "with more authorities between than allowed",
                "PathLenConstraintViolated",
                self.between(|params| {
                    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
                })
                .good_at_second_hand(host),
            ),
            ("that was altered", "BadSignature", altered),
            ("of another key", "BadSignature", foreign_key),
        ]
    }
}

impl Identity {
    /// A server that shows it, over TLS 1.2 and 1.3.
    pub(crate) fn served(self) -> Arc<ServerConfig> {
        self.served_over(&[&TLS12, &TLS13])
    }

    /// A server that shows it, over these versions of TLS.
    pub(crate) fn served_over(
        self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let key = ring::sign::any_supported_type(&key.into()).unwrap();
        // Not checked against each other, since one of them is not the other's.
        let shown = SingleCertAndKey::from(CertifiedKey::new(self.chain, key));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        Arc::new(config)
    }
}
