//! Apple: by ID token alone. The subject `sub` is scoped to the developer's team.

use super::{Bare, Endpoints, IdTokens, Issuer, Network, standard_claims};

pub(super) static APPLE: Network = Network {
    id: "apple",
    name: "Apple",
    bare: Bare::IdTokenOnly,
    id_tokens: Some(IdTokens {
        issuer: Issuer::Fixed {
            issuer: "https://appleid.apple.com",
            discovery: "https://appleid.apple.com/.well-known/openid-configuration",
        },
        subject: super::sub,
        claims: |claims| standard_claims(&claims),
    }),
    scopes: &["name", "email"],
    endpoints: Endpoints {
        authorization: Some("https://appleid.apple.com/auth/authorize"),
        token: Some("https://appleid.apple.com/auth/token"),
        revocation: Some("https://appleid.apple.com/auth/revoke"),
        request_token: None,
        refreshes: true,
    },
};
