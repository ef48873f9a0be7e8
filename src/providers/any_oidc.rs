//! Any OpenID provider, by configuration alone: its issuer, and our application there.
//!
//! Its ID tokens are verified here, by the keys that its metadata names. Where its metadata is elsewhere than
//! OpenID Connect Discovery 4 has it, the option `discovery_url` says where; with `jwks_uri` the keys are there and no
//! metadata is asked for. For access tokens it is asked by introspection (RFC 7662), if the option
//! `introspection_endpoint` says where.

use super::{Bare, Endpoints, IdTokens, Issuer, Network, any_oauth2, standard_claims};

pub(super) static OIDC: Network = Network {
    id: "oidc",
    name: "OpenID Connect",
    bare: Bare::Asked(any_oauth2::INQUIRIES),
    id_tokens: Some(IdTokens {
        issuer: Issuer::OfConnection,
        subject: super::sub,
        claims: |claims| standard_claims(&claims),
    }),
    scopes: &["openid", "profile", "email"],
    // Its metadata says where.
    endpoints: Endpoints {
        refreshes: true,
        ..Endpoints::OF_CONNECTION
    },
};
