//! Foursquare: nothing it says tells for which application a token is, so bare tokens are refused and only
//! our own redirect flow counts.

use super::{Bare, Endpoints, Network};

pub(super) static FOURSQUARE: Network = Network {
    id: "foursquare",
    name: "Foursquare",
    bare: Bare::CannotTell,
    id_tokens: None,
    scopes: &[],
    endpoints: Endpoints {
        authorization: Some("https://foursquare.com/oauth2/authenticate"),
        token: Some("https://foursquare.com/oauth2/access_token"),
        request_token: None,
        revocation: None,
        refreshes: false,
    },
};
