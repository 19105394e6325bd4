//! Where BILL is: its three environments, or an origin of one's own.

use core::net::IpAddr;
use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use http::Uri;

use crate::wire::Base;

/// The BILL environment that a client talks to; they share no accounts, keys or data.
///
/// ```
/// use bill_session_core::Environment;
///
/// assert_eq!(Environment::Stage.v2_base(), "https://api-stage.bill.com/api/v2");
/// let local: Environment = "http://127.0.0.1:8025".parse()?;
/// assert_eq!(local.v2_base(), "http://127.0.0.1:8025/api/v2");
/// assert!("http://example.com".parse::<Environment>().is_err());
/// # Ok::<(), bill_session_core::InvalidEnvironment>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Environment {
    /// `api-sandbox.bill.com`, the host of BILL's older documentation.
    ///
    /// BILL announced in July 2024 that [`Environment::Stage`] replaces it.
    Sandbox,
    /// `api-stage.bill.com`, where developers' sandbox accounts live today.
    Stage,
    /// `api.bill.com`: real money.
    Production,
    /// Another origin, such as a local imitation of BILL.
    Custom(Origin),
}

impl Environment {
    /// An origin of one's own, below which v2 lives at `/api/v2` and v3 at `/connect/v3`.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvironment`] unless it is `https://host[:port]`, or `http://` on loopback.
    pub fn custom(origin: &str) -> Result<Self, InvalidEnvironment> {
        Origin::new(origin).map(Self::Custom)
    }

    /// The URL below which the v2 API's operations live, without a slash at its end.
    pub fn v2_base(&self) -> &str {
        match self {
            Self::Sandbox => "https://api-sandbox.bill.com/api/v2",
            Self::Stage => "https://api-stage.bill.com/api/v2",
            Self::Production => "https://api.bill.com/api/v2",
            Self::Custom(origin) => &origin.v2_base,
        }
    }

    /// The URL below which the v3 API lives, without a slash at its end; its paths begin with `/v3/`.
    ///
    /// BILL's two test hosts of v2 share one of v3.
    pub fn v3_base(&self) -> &str {
        match self {
            Self::Sandbox | Self::Stage => "https://gateway.stage.bill.com/connect",
            Self::Production => "https://gateway.prod.bill.com/connect",
            Self::Custom(origin) => &origin.v3_base,
        }
    }

    /// Whether this environment is on this machine, where plain HTTP is allowed.
    pub fn is_loopback(&self) -> bool {
        matches!(self, Self::Custom(origin) if origin.loopback)
    }

    /// Whether calls travel over TLS.
    pub fn is_https(&self) -> bool {
        self.v2_base().starts_with("https://")
    }

    /// Scheme, host and port of this environment's v2 API.
    pub(crate) fn base(&self) -> Base {
        match self {
            Self::Sandbox => Base::https(SANDBOX),
            Self::Stage => Base::https(STAGE),
            Self::Production => Base::https(PRODUCTION),
            Self::Custom(origin) => origin.base.clone(),
        }
    }

    /// Scheme, host and port of this environment's v3 API.
    pub(crate) fn gateway(&self) -> Base {
        match self {
            Self::Sandbox | Self::Stage => Base::https(STAGE_GATEWAY),
            Self::Production => Base::https(PRODUCTION_GATEWAY),
            Self::Custom(origin) => origin.base.clone(),
        }
    }

    /// The API that an `apiEndPoint` names, when it is one that this environment may follow.
    ///
    /// The list is closed, and compared as text: a URL that needs interpretation to be recognised
    /// is not followed.
    pub(crate) fn followed(&self, api_end_point: &str) -> Option<Base> {
        let named = api_end_point.strip_suffix('/').unwrap_or(api_end_point);
        let named = named.replacen(".bill.com:443/", ".bill.com/", 1);
        if named == self.v2_base() {
            return Some(self.base());
        }
        let kin: &[Self] = match self {
            Self::Sandbox | Self::Stage => &[Self::Sandbox, Self::Stage],
            Self::Production | Self::Custom(_) => &[],
        };
        kin.iter().find(|other| named == other.v2_base()).map(Self::base)
    }
}

const SANDBOX: &str = "api-sandbox.bill.com";
const STAGE: &str = "api-stage.bill.com";
const PRODUCTION: &str = "api.bill.com";
const STAGE_GATEWAY: &str = "gateway.stage.bill.com";
const PRODUCTION_GATEWAY: &str = "gateway.prod.bill.com";

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sandbox => "sandbox",
            Self::Stage => "stage",
            Self::Production => "production",
            Self::Custom(origin) => &origin.origin,
        })
    }
}

impl FromStr for Environment {
    type Err = InvalidEnvironment;

    /// Reads `sandbox`, `stage`, `production` or an origin.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "sandbox" => Ok(Self::Sandbox),
            "stage" => Ok(Self::Stage),
            "production" => Ok(Self::Production),
            origin if origin.contains("://") => Self::custom(origin),
            _ => Err(InvalidEnvironment::UnknownName),
        }
    }
}

/// A checked origin: scheme, host and port, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    origin: String,
    v2_base: String,
    v3_base: String,
    base: Base,
    loopback: bool,
}

impl Origin {
    fn new(text: &str) -> Result<Self, InvalidEnvironment> {
        let uri: Uri = text.parse().map_err(|_| InvalidEnvironment::NotAnOrigin)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(InvalidEnvironment::NotAnOrigin);
        };
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('#');
        let host = authority.host();
        if !bare || authority.as_str().contains('@') || host.is_empty() {
            return Err(InvalidEnvironment::NotAnOrigin);
        }
        let loopback = is_loopback(host);
        match scheme.as_str() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(InvalidEnvironment::PlainHttp),
            _ => return Err(InvalidEnvironment::NotAnOrigin),
        }
        let base = Base::new(scheme.clone(), authority.clone());
        let origin = format!("{scheme}://{authority}");
        let v2_base = format!("{origin}/api/v2");
        let v3_base = format!("{origin}/connect");
        Ok(Self { v2_base, v3_base, origin, base, loopback })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A text that names no environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidEnvironment {
    /// Neither one of BILL's environments nor a URL.
    UnknownName,
    /// A URL with more, or less, than a scheme, a host and perhaps a port.
    NotAnOrigin,
    /// Plain HTTP to another machine: credentials would travel in the clear.
    PlainHttp,
}

impl fmt::Display for InvalidEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => {
                "the environment is sandbox, stage, production, or an origin such as https://host"
            }
            Self::NotAnOrigin => {
                "an origin is a scheme, a host and perhaps a port, such as http://127.0.0.1:8025"
            }
            Self::PlainHttp => "plain http is for loopback only: use https",
        })
    }
}

impl StdError for InvalidEnvironment {}
