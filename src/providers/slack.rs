//! Slack: Sign in with Slack, by ID token alone. No call says for which application an access token of a person
//! is.

use super::{Bare, Endpoints, IdTokens, Issuer, Network, standard_claims};

pub(super) static SLACK: Network = Network {
    id: "slack",
    name: "Slack",
    bare: Bare::IdTokenOnly,
    id_tokens: Some(IdTokens {
        issuer: Issuer::Fixed {
            issuer: "https://slack.com",
            discovery: "https://slack.com/.well-known/openid-configuration",
        },
        subject: super::sub,
        claims: |claims| standard_claims(&claims),
    }),
    scopes: &["openid", "profile", "email"],
    endpoints: Endpoints {
        authorization: Some("https://slack.com/openid/connect/authorize"),
        token: Some("https://slack.com/api/openid.connect.token"),
        revocation: Some("https://slack.com/api/auth.revoke"),
        request_token: None,
        refreshes: false,
    },
};
