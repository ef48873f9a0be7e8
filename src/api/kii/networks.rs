//! What Kii calls networks (`api/kii.md` 5.1).
//!
//! What would surprise: one network may have two names here, and one client throws on a key of the listing that it
//! does not know.

/// A network, as Kii knows it.
#[derive(Debug)]
pub struct Network {
    /// Its key in the listing.
    pub key: &'static str,
    /// What we call it.
    pub provider: &'static str,
}

const fn network(key: &'static str, provider: &'static str) -> Network {
    Network { key, provider }
}

/// All of them.
static ALL: [Network; 12] = [
    network("twitter", "twitter"),
    network("facebook", "facebook"),
    network("googleplus", "google"),
    network("qq", "qq"),
    network("renren", "renren"),
    network("sina", "sina"),
    network("linkedin", "linkedin"),
    network("yahoo", "yahoo"),
    network("dropbox", "dropbox"),
    network("box", "box"),
    network("hotmail", "microsoft"),
    network("kii", "kii"),
];

/// The network that a provider of ours is.
pub fn of_provider(provider: &str) -> Option<&'static Network> {
    ALL.iter().find(|network| network.provider == provider)
}
